// sched/check.cpp - every invariant, recomputed from the jobs themselves.
// SPDX-License-Identifier: Apache-2.0
//
// Run by tests after each turn, and online.
#include <algorithm>
#include <bit>

#include "sched/reserving.hpp"

namespace drover::sched {
namespace {

using Problems = std::vector<std::string>;

void require(bool holds, const std::string& what, Problems& problems) {
  if (!holds) problems.push_back(what);
}

std::size_t edges_of(const JobExtra& more) {
  std::set<JobId> targets;
  for (const Dependency& wait : more.waits_for) targets.insert(wait.job);
  return targets.size();
}

std::string name_of(const Job& job) { return "job " + std::to_string(raw(job.id)); }

}  // namespace

void Controller::State::check_tasks(const Job& job, Problems& problems) const {
  std::uint32_t active = 0;
  std::uint32_t waiting = 0;
  std::size_t ready = 0, sleeping = 0;
  for (const auto& [index, task] : job.more->tasks) {
    const TaskRecord& record = task.record;
    const std::string name = name_of(job) + "." + std::to_string(index);
    require(record.id == TaskId{job.id, TaskIndex{index}}, name + " has another id", problems);
    require(!is_final(record.state), name + " is final and still in memory", problems);
    require(!is_untouched(job, index), name + " has a record and counts as untouched", problems);
    const bool waits = record.state == TaskState::Waiting;
    require(record.lease.has_value() == !waits, name + " has a lease just when it waits", problems);
    ++(waits ? waiting : active);
    const bool is_ready = may_be_placed(job, task);
    ready += is_ready;
    require(job.more->ready.contains(index) == is_ready, name + " is wrongly ready or not",
            problems);
    const bool ends = record.lease && record.lease->until != rm::kEver;
    require(ends ? limits.knows(task, record.lease->until) : task.limit_seat == kNoSeat,
            name + " is watched for another time limit than its lease's", problems);
    if (!record.lease) continue;
    rm::for_each_part(*record.lease, [&](const rm::NodePart& part) {
      const auto node = nodes.find(part.node);
      require(node != nodes.end() && node->second.tasks.contains(record.id),
              name + " is not listed on its node", problems);
    });
    const bool asleep = record.state == TaskState::Suspended;
    sleeping += asleep;
    require(asleep == sleepers.contains(record.id) && asleep == !record.asleep.empty() &&
                asleep == record.suspended.is_set(),
            name + " stands still in one book and runs in another", problems);
    require(raw(record.epoch) > 0 && raw(record.epoch) < next_epoch && raw(record.attempt) > 0,
            name + " has an attempt without number or epoch", problems);
    require(!record.started.is_set() || record.lease->used, name + " started, its lease is locked",
            problems);
  }
  require(sleeping == job.more->asleep, name_of(job) + " counts its suspended tasks wrongly",
          problems);
  require((job.state == JobState::Suspended) == (sleeping > 0 && sleeping == active),
          name_of(job) + " is suspended, or its tasks are", problems);
  require(active == job.active, name_of(job) + " counts its active tasks wrongly", problems);
  require(waiting + job.untouched == job.waiting(),
          name_of(job) + " counts its waiting tasks wrongly", problems);
  require(ready == job.more->ready.size(), name_of(job) + " lists a ready task that is none",
          problems);
}

// What a job inside holds is charged to its reservation as long as that goes on.
void Controller::State::Reserved::audit(const Job& job, Problems& problems) const {
  const rm::ReservedId by = job.reservation();
  const bool goes_on = by != rm::kUnreserved && is_open(by);
  require(by == rm::kUnreserved || s.reserved[std::size_t(by)].jobs.contains(job.id),
          name_of(job) + " is in a reservation that does not know it", problems);
  require((job.gates & kReservationGate) == 0 || !goes_on,
          name_of(job) + " waits for a reservation that goes on", problems);
  if (job.more == nullptr || !s.clock_seen) return;
  for (const auto& [index, task] : job.more->tasks) {
    if (!task.record.lease) continue;
    const rm::ReservedId charged = task.record.lease->by;
    const bool drawn = by == rm::kUnreserved && charged != rm::kUnreserved &&
                       s.reserved[std::size_t(charged)].goes_on &&
                       s.reserved[std::size_t(charged)].drawn.contains(task.record.id);
    require(drawn || charged == (goes_on ? by : rm::kUnreserved),
            name_of(job) + " is charged to another reservation", problems);
  }
}

void Controller::State::check_job(const Job& job, Problems& problems) const {
  const std::string name = name_of(job);
  const Group& group = group_of(job);
  const bool held = (job.gates & kHeldGate) != 0;
  require(!is_final(job.state), name + " is final and still in memory", problems);
  require(job.active > 0 || job.waiting() > 0, name + " has nothing left to do and is open",
          problems);
  require(job.state != JobState::Held || held, name + " is held by nobody", problems);
  require(job.state != JobState::Inited || !held, name + " is held and queued", problems);
  require(counts_in_group(job) == job.counted_active, name + " is counted in its group wrongly",
          problems);
  require(job.is_active() || job.active == 0, name + " has attempts before its FIFO", problems);
  require(!job.is_active() || (job.gates & ~kHeldGate) == 0, name + " passed a closed gate",
          problems);
  require(job.state != JobState::Running || job.started.is_set(), name + " runs without a start",
          problems);
  const bool queued = job.state == JobState::Inited && job.gates == 0;
  require(group.fifo.contains(job.place()) == queued, name + " is wrongly in its FIFO or not",
          problems);
  const bool wants = job.is_active() && next_ready(job) != kNoElement;
  require((job.lane != kNoLane) == (wants && job.planned), name + " is wrongly in a lane or not",
          problems);
  if (job.lane != kNoLane) {
    const JobQueue& queue = partition_of(job).queue;
    require(queue.lane(job.lane) == JobQueue::Lane{job.group, job.shape, job.path, job.standing} &&
                queue.jobs_of(job.lane).contains(job.place()),
            name + " waits in a lane that is not its own", problems);
  }
  require(!wants || job.planned || group.compiling.contains(job.id) ||
              group.unplanned.contains(job.place()),
          name + " waits for a plan that nobody makes", problems);
  const bool waits_for = job.more != nullptr && !job.more->waits_for.empty();
  const bool shut = job.more != nullptr && job.more->counterparts && job.more->counterparts->shut;
  require(((job.gates & kDependencyGate) != 0) == (waits_for || shut || job.dependencies_never),
          name + " waits for no job", problems);
  check_elements(job, problems);
  const bool in_time = job.more != nullptr && job.more->too_late.is_set() && job.waiting() > 0;
  require(!in_time || deadlines.contains({job.more->too_late, job.id}),
          name + " forgot its deadline", problems);
  require((job.gates & kSingletonGate) == 0 || !names.is_first(job),
          name + " waits as the first of its name", problems);
  require((job.gates & kBeginGate) == 0 || begins.contains({job.more->begin, job.id}),
          name + " has no timer", problems);
  Reserved{*this}.audit(job, problems);
  if (waits_for)
    for (const Dependency& wait : job.more->waits_for)
      require(find(wait.job) != nullptr && dependencies.contains(job.id, wait.job),
              name + " waits for a job that will not wake it", problems);
  if (job.more != nullptr)
    check_tasks(job, problems);
  else
    require(job.active == 0 && job.untouched == job.waiting(), name + " lost its tasks", problems);
}

void Controller::State::check_groups(Problems& problems) const {
  std::vector<std::uint64_t> open(groups.size()), active(groups.size());
  for (const Job& job : jobs) {
    ++open[raw(job.group)];
    active[raw(job.group)] += counts_in_group(job);
  }
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const Group& group = groups[i];
    if (!group.exists) continue;
    require(group.open == open[i] && group.active == active[i], group.name + " counts wrongly",
            problems);
    require(group.open > 0 || !group.compiling.empty(), group.name + " is empty and stays",
            problems);
    const auto expect_open = [&](const Place& place) {
      require(find(place.job) != nullptr, group.name + " lists a job that is gone", problems);
    };
    std::ranges::for_each(group.fifo, expect_open);
    std::ranges::for_each(group.unplanned, expect_open);
  }
}

void Controller::State::check_nodes(Problems& problems) const {
  for (const auto& [id, node] : nodes) {
    for (const TaskId& task : node.tasks) {
      const Job* job = find(task.job);
      const bool there = job != nullptr && job->more != nullptr &&
                         job->more->tasks.contains(raw(task.index)) &&
                         job->more->tasks.at(raw(task.index)).record.lease &&
                         job->more->tasks.at(raw(task.index)).record.lease->is_on(id);
      require(there, "node " + node.name + " lists an attempt that is gone", problems);
    }
    for (const TaskId& task : node.missing)
      require(node.tasks.contains(task), "node " + node.name + " misses a stranger", problems);
    require(node.missing.empty() || node.deadline.is_set(),
            "node " + node.name + " misses attempts without a deadline", problems);
  }
}

void Controller::State::check_partitions(Problems& problems) const {
  std::size_t holds = 0;
  for (const Partition& partition : partitions) {
    partition.queue.check(problems);
    for (const auto& [id, hold] : partition.holds) {
      const Job* job = find(id);
      require(job != nullptr && (job->lane != kNoLane || restored.contains(id)),
              "job " + std::to_string(raw(id)) + " holds a place and does not wait", problems);
      require(due.contains({rm.slot_of(hold).start, id}), "a hold has no timer", problems);
      ++holds;
    }
  }
  std::size_t promised = 0;
  for (const auto& [id, clearing] : clearings) {
    const Job* job = find(id);
    require(job != nullptr && job->is_active() && job->waiting() > 0,
            "room is made for job " + std::to_string(raw(id)) + ", which does not wait", problems);
    promised += clearing.hold.has_value();
  }
  require(holds == due.size() && holds + promised == rm.holds(), "a hold belongs to nobody",
          problems);
}

std::vector<std::string> Controller::State::check() const {
  Problems problems;
  std::vector<const rm::Lease*> live;
  std::uint64_t by_state[kJobStates] = {};
  std::uint64_t active = 0;
  std::vector<rm::PathId> paths;
  for (const Job& job : jobs) {
    paths.push_back(job.path);
    check_job(job, problems);
    ++by_state[std::size_t(job.state)];
    active += job.active;
    if (job.more == nullptr) continue;
    for (const auto& [index, task] : job.more->tasks)
      if (task.record.lease) live.push_back(&*task.record.lease);
  }
  for (std::size_t s = 0; s < kJobStates; ++s)
    if (!is_final(JobState(s)))
      require(by_state[s] == stats.jobs_by_state[s], "the number of jobs by state is wrong",
              problems);
  require(active == stats.tasks_active, "the number of active tasks is wrong", problems);
  std::size_t edges = 0;
  for (const Job& job : jobs) edges += job.more != nullptr ? edges_of(*job.more) : 0;
  require(edges == dependencies.size(), "a dependency edge outlived its wait", problems);
  std::size_t followed = 0;
  for (const Job& job : jobs)
    if (job.more != nullptr && job.more->counterparts != nullptr)
      followed += std::size_t(std::popcount(job.more->counterparts->open));
  require(followed == followers.size(), "an array is told of elements it does not wait for",
          problems);
  check_groups(problems);
  check_retries(problems);
  check_shares(problems);
  check_nodes(problems);
  check_partitions(problems);
  std::ranges::sort(problems);  // jobs are visited in no order
  for (std::string& problem : rm.check(live, &paths)) problems.push_back(std::move(problem));
  return problems;
}

}  // namespace drover::sched
