// sched/preempt.cpp - makes room for the first job of a partition at the cost of work that gives
// way.
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

// All that one leaves that only stands still.
rm::Amounts cpus_of(const rm::Amounts& amounts) {
  rm::Amounts cpus;
  cpus[rm::Kind::CpuMilli] = amounts[rm::Kind::CpuMilli];
  return cpus;
}

}  // namespace

Controller::State& PreemptVerbs::self() { return static_cast<Controller::State&>(*this); }
const Controller::State& PreemptVerbs::self() const {
  return static_cast<const Controller::State&>(*this);
}

// How the attempt would give way, where `mode` is what the policy says; Off when it does not.
PreemptMode PreemptVerbs::way_out(PreemptMode mode, bool whole_node, const Job& loser,
                                  const TaskRecord& attempt) const {
  const bool is_going = attempt.state == TaskState::Ending ||
                        attempt.state == TaskState::Suspended || raw(attempt.preempted_by) != 0;
  if (is_going) return PreemptMode::Off;
  // A suspended one stays on its node, so it makes no room for who wants that node alone.
  if (mode == PreemptMode::Suspend && whole_node) mode = PreemptMode::Requeue;
  if (mode == PreemptMode::Suspend)
    return attempt.state == TaskState::Running && is_in_reach(attempt) ? mode : PreemptMode::Off;
  return mode == PreemptMode::Requeue && !loser.requeue ? PreemptMode::Cancel : mode;
}

PreemptMode PreemptVerbs::gives_way(const Job& winner, const Job& loser,
                                    const TaskRecord& attempt) const {
  const PreemptMode mode = way_out(ranking.mode(winner.standing, loser.standing),
                                   rm.request(winner.what).exclusive, loser, attempt);
  if (mode != PreemptMode::Requeue || &self().partition_of(winner) != &self().partition_of(loser))
    return mode;
  const Partition& partition = self().partition_of(winner);
  const auto key = [&](const Job& job) {
    return self().key_of(partition, {job.group, job.shape, job.path, job.standing}, job.place());
  };
  return key(winner) < key(loser) ? mode : PreemptMode::Off;
}

bool PreemptVerbs::is_in_reach(const TaskRecord& attempt) const {
  return raw(nodes.at(attempt.lease->node).session) != 0;
}

// The nodes on which the winner could run, and whose end would leave how much there.
PreemptProblem PreemptVerbs::problem_for(rm::ClassId what, rm::PathId path, Duration length,
                                         const GivesWay& goes) const {
  const rm::Request& request = rm.request(what);
  PreemptProblem problem;
  problem.nodes = std::uint32_t(request.nodes);
  problem.whole_node = request.exclusive;
  problem.counted = rm.counted_parts(what);
  const auto whole = rm.whole_nodes(what, path);
  std::map<TaskId, std::uint32_t> index;
  for (const auto& [id, node] : nodes) {
    if (problem.loads.size() == kNodesLooked) break;
    const bool may_be_part = request.nodes > 1 || !problem.counted.empty();
    if (node.tasks.empty() && !may_be_part) continue;
    if (whole && !whole->within.contains(id)) continue;  // more than its quotas allow
    // What is set aside there, and who runs in it, is left alone.
    if (rm.is_reserved(id, {clock.mono, rm::after(clock.mono, length)})) continue;
    const auto need = rm.need_on(id, what);
    if (!need) continue;
    problem.want = need->want;
    problem.alternatives |= need->alternatives;
    PreemptProblem::Load load{id, need->free, false, {}, need->counts_for, need->alternatives};
    for (const TaskId& task : node.tasks) {
      const Job& loser = *self().find(task.job);
      const TaskRecord& record = loser.more->tasks.at(raw(task.index)).record;
      const PreemptMode mode = goes(loser, record);
      if (mode == PreemptMode::Off) {
        load.others = true;
        continue;
      }
      rm::Amounts here;
      rm::for_each_part(*record.lease, [&](const rm::NodePart& part) {
        if (part.node == load.node) here = rm.frees(part, what);
      });
      if (mode == PreemptMode::Suspend) here = cpus_of(here);
      const auto [at, is_new] = index.emplace(task, std::uint32_t(problem.victims.size()));
      if (is_new) problem.victims.push_back(victim_of(record));
      if (is_new && mode == PreemptMode::Suspend) problem.victims.back().lost_milli_cpu_s = 0;
      load.held.push_back({at->second, here});
    }
    if (!load.held.empty() || may_be_part) problem.loads.push_back(std::move(load));
  }
  return problem;
}

Victim PreemptVerbs::victim_of(const TaskRecord& attempt) const {
  const Time start = attempt.started.is_set() ? attempt.started : attempt.placed;
  const Duration age{std::max<std::int64_t>(0, clock.wall.us - start.us)};
  return {attempt.id, lost_work(attempt.lease->total(), age), age};
}

void PreemptVerbs::preempt_for_head(Partition& partition) {
  if (!ranking.anybody_preempts() || partition.by != rm::kUnreserved) return;
  const auto head = partition.queue.head();
  if (!head || !may_clear_for(head->place.job)) return;
  const auto hold = partition.holds.find(head->place.job);  // where everybody is planned for
  const bool waits = hold != partition.holds.end() && rm.slot_of(hold->second).start > clock.mono;
  if (!waits && partition.queue.block_of(head->shape) == JobQueue::Block::No) return;
  Job& winner = jobs.at(head->place.job);
  if (rm.request(winner.what).contiguous) return;  // victims are chosen node by node
  if (rm.licences_short(winner.what, winner.path, self().window_of(partition, winner))) return;
  if (rm.quota_short(winner.what, winner.path, {clock.mono, clock.mono}))
    return;  // room is no help
  const std::pair<JobId, std::uint64_t> asked{winner.id,
                                              stats.launched + stats.started + stats.ended};
  if (std::exchange(partition.looked_for_victims, asked) == asked) return;
  const PreemptProblem problem = problem_for(
      winner.what, winner.path, shapes[winner.shape].length,
      [&](const Job& job, const TaskRecord& task) { return gives_way(winner, job, task); });
  const auto choice = choose_victims(problem);
  if (!choice || choice->victims.empty()) return;
  std::vector<std::pair<TaskId, PreemptMode>> going;
  for (const std::uint32_t victim : choice->victims) {
    const TaskId& id = problem.victims[victim].task;
    const Job& loser = *self().find(id.job);
    going.emplace_back(id, gives_way(winner, loser, loser.more->tasks.at(raw(id.index)).record));
  }
  clear_for(winner, choice->nodes, going, false);
  serve_clearings(partition);  // where all of them only had to stop, it starts now
}

}  // namespace drover::sched
