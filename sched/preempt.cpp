// sched/preempt.cpp - makes room for the first job of a partition by ending work that gives way.
// SPDX-License-Identifier: Apache-2.0
//
// Only the first job preempts, and only for itself: it waits until everybody it asked to go has
// gone before it looks again. Whoever would stand before it once requeued is left alone, or the two
// would chase each other for ever.
#include <algorithm>
#include <utility>

#include "sched/controller_state.hpp"
#include "sched/preemption.hpp"

namespace drover::sched {
namespace {

constexpr std::size_t kNodesLooked = 512;  // with work that gives way; more are not compared
constexpr Duration kGoing = seconds(60);   // in which victims are expected to be gone

bool has_labels(const rm::NodeView& node, const rm::Request& request) {
  return std::ranges::all_of(request.node_labels, [&](const auto& label) {
    const auto found = node.spec->labels.find(label.first);
    return found != node.spec->labels.end() && found->second == label.second;
  });
}

rm::Amounts amounts_of(const rm::Request& request) {
  rm::Amounts want;
  want[rm::Kind::CpuMilli] = request.cpus * 1000;
  want[rm::Kind::MemMib] = request.mem_mib;
  want[rm::Kind::GpuMilli] = request.gpus * 1000;
  return want;
}

}  // namespace

// How the attempt would give way; Off when it does not.
PreemptMode Controller::State::gives_way(const Job& winner, const Job& loser,
                                         const TaskRecord& attempt) const {
  if (attempt.state == TaskState::Ending) return PreemptMode::Off;
  PreemptMode mode = ranking.mode(winner.standing, loser.standing);
  if (mode == PreemptMode::Requeue && !loser.requeue) mode = PreemptMode::Cancel;
  if (mode != PreemptMode::Requeue || &partition_of(winner) != &partition_of(loser)) return mode;
  const Partition& partition = partition_of(winner);
  const auto key = [&](const Job& job) {
    return key_of(partition, {job.group, job.shape, job.path, job.standing}, job.place());
  };
  return key(winner) < key(loser) ? mode : PreemptMode::Off;
}

PreemptProblem Controller::State::problem_for(const Job& winner) const {
  const rm::Request& request = rm.request(winner.what);
  PreemptProblem problem;
  problem.want = amounts_of(request);
  problem.nodes = std::uint32_t(request.nodes);
  problem.whole_node = request.exclusive;
  std::map<TaskId, std::uint32_t> index;
  for (const auto& [id, node] : nodes) {
    if (node.tasks.empty() || problem.loads.size() == kNodesLooked) continue;
    const auto view = rm.node(id);
    if (!view || view->state != rm::NodeState::Up || !has_labels(*view, request)) continue;
    if (rm::first_shortage(view->capacity, problem.want)) continue;
    PreemptProblem::Load load{id, view->free, false, {}};
    for (const TaskId& task : node.tasks) {
      const Job& loser = *find(task.job);
      const TaskRecord& record = loser.more->tasks.at(raw(task.index)).record;
      rm::Amounts here;
      rm::for_each_part(*record.lease, [&](const rm::NodePart& part) {
        if (part.node == id) here = part.amounts;
      });
      if (gives_way(winner, loser, record) == PreemptMode::Off) {
        load.others = true;
        continue;
      }
      const auto [at, is_new] = index.emplace(task, std::uint32_t(problem.victims.size()));
      if (is_new) {
        const Time start = record.started.is_set() ? record.started : record.placed;
        const Duration age{std::max<std::int64_t>(0, clock.wall.us - start.us)};
        problem.victims.push_back({task, lost_work(record.lease->total(), age), age});
      }
      load.held.push_back({at->second, here});
    }
    if (!load.held.empty() || request.nodes > 1) problem.loads.push_back(std::move(load));
  }
  return problem;
}

void Controller::State::preempt_for_head(Partition& partition) {
  if (!ranking.anybody_preempts()) return;
  const auto head = partition.queue.head();
  if (!head || partition.queue.block_of(head->shape) == JobQueue::Block::No) return;
  const Job& winner = jobs.at(head->place.job);
  if (making_room.contains(winner.id)) return;
  const std::pair<JobId, std::uint64_t> asked{winner.id, stats.launched + stats.ended};
  if (std::exchange(partition.looked_for_victims, asked) == asked) return;
  const rm::Request& request = rm.request(winner.what);
  // What else the nodes must have is not weighed here: such a job waits.
  if (!request.constraint.empty() || !request.gpu_model.empty()) return;
  const PreemptProblem problem = problem_for(winner);
  const auto choice = choose_victims(problem);
  if (!choice) return;
  for (const std::uint32_t victim : choice->victims) preempt(winner, problem.victims[victim].task);
}

void Controller::State::preempt(const Job& winner, const TaskId& victim) {
  Job& loser = *find(victim.job);
  Task& task = *find_task(loser, raw(victim.index));
  const PreemptMode mode = gives_way(winner, loser, task.record);
  making_room[winner.id].insert(victim);
  victims.emplace(victim, winner.id);
  if (mode == PreemptMode::Requeue)
    kill(loser, task, TaskEvent::Kill, Reason::None);
  else
    kill(loser, task, TaskEvent::Cancel, Reason::Preempted);
  if (plans_ahead()) {
    rm.extend(*task.record.lease, clock.mono + kGoing);
    limits.push({clock.mono + kGoing, victim});
    partition_of(winner).is_stale = true;
  }
  ++stats.preempted;
  emit(EventKind::AttemptPreempted, loser, &task, clock);
}

// A victim has gone, by whatever end.
void Controller::State::victim_gone(const TaskId& task) {
  const auto found = victims.find(task);
  if (found == victims.end()) return;
  const auto waiting = making_room.find(found->second);
  waiting->second.erase(task);
  if (waiting->second.empty()) making_room.erase(waiting);
  victims.erase(found);
}

}  // namespace drover::sched
