// sched/suspend.cpp - work that stands still: by preemption until its CPUs are free, or as long as
// an operator says.
// SPDX-License-Identifier: Apache-2.0
//
// A suspended attempt keeps memory, GPUs, licences and its place among running jobs, and gives its
// CPUs back; its time limit stops. It goes on with exactly those CPUs: before every job that comes
// after it in order, and behind the others only where that delays nobody who holds a place.
#include <algorithm>
#include <utility>

#include "sched/keep_quotas.hpp"

namespace drover::sched {

void PreemptVerbs::suspend_task(Job& job, Task& task, Reason reason) {
  TaskRecord& record = task.record;
  self().move(task, TaskEvent::Suspend);
  record.reason = reason;
  record.suspended = clock.wall;
  record.asleep = rm.put_to_sleep(*record.lease);
  limits.follow(task);
  for (const rm::NodePart& part : record.asleep)
    ranking.release(job.standing, part.amounts, clock.wall);
  sleepers.insert(record.id);
  ++job.extra().asleep;
  ended_since = freed_early = true;
  for (Partition& partition : partitions) partition.is_stale = true;  // it ends later than planned
  ++stats.suspended;
  order_pause(record, true);
  self().emit(EventKind::AttemptSuspended, job, &task, clock);
  follow_sleep(job);
}

void PreemptVerbs::order_pause(const TaskRecord& record, bool suspended) {
  const Node& node = nodes.at(record.lease->node);
  if (raw(node.session) == 0) return;  // said when the node registers again
  out.actions.emplace_back(Pause{
      record.lease->node, node.session, {record.id, record.attempt, record.epoch}, suspended});
}

// The job stands still when everything of it that is on nodes does.
void PreemptVerbs::follow_sleep(Job& job) {
  const std::uint32_t asleep = job.more != nullptr ? job.more->asleep : 0;
  if (job.state == JobState::Running && asleep > 0 && asleep == job.active)
    self().move(job, JobEvent::AllSuspended);
  else if (job.state == JobState::Suspended && (asleep == 0 || asleep < job.active))
    self().move(job, JobEvent::SomeResumed);
}

// How much of its time limit is left.
Duration PreemptVerbs::time_left(const Job& job, const TaskRecord& record) const {
  const Time from = record.started.is_set() ? record.started : record.placed;
  const Time until = record.suspended.is_set() ? record.suspended : clock.wall;
  const Duration ran{std::max<std::int64_t>(0, (until - from).us - record.suspended_for.us)};
  return std::max(Duration{shapes[job.shape].length.us - ran.us}, Duration{});
}

bool PreemptVerbs::resume_task(Job& job, Task& task, bool heeds_claims) {
  TaskRecord& record = task.record;
  const Time until = rm::after(clock.mono, time_left(job, record));
  const rm::Window window{clock.mono, until, record.lease->by};
  if (!Controller::State::KeepQuotas{self()}.wake_up(job, task, window, heeds_claims)) return false;
  for (const rm::NodePart& part : record.asleep)
    ranking.hold(job.standing, part.amounts, clock.wall);
  leave_sleep(job, task);
  wake_those_aside();
  self().move(task, TaskEvent::Resume);
  record.reason = Reason::None;
  record.preempted_by = {};
  limits.follow(task);
  order_pause(record, false);
  self().emit(EventKind::AttemptResumed, job, &task, clock);
  follow_sleep(job);
  self().update_queues(job);
  return true;
}

// The attempt goes on or ends: either way it is no sleeper any more.
void PreemptVerbs::end_sleep(Job& job, Task& task) {
  TaskRecord& record = task.record;
  if (sleepers.erase(record.id) == 0) return;
  --job.more->asleep;
  record.suspended_for = Duration{record.suspended_for.us +
                                  std::max<std::int64_t>(1, (clock.wall - record.suspended).us)};
  record.suspended = {};
  record.asleep.clear();
  self().touch(task);
}

// Who stood aside since nobody knew when a sleeper would end can be planned for.
void PreemptVerbs::wake_those_aside() {
  for (Partition& partition : partitions) partition.queue.wake_all();
}

OrderKey PreemptVerbs::key_of_job(const Partition& partition, const Job& job) const {
  return self().key_of(partition, {job.group, job.shape, job.path, job.standing}, job.place());
}

// Ahead: those who come before the first job that waits; no hold of a later one is in their way.
// Last: when everybody has been served. Guarantees that are still owed then could not be used, be
// it because of what the sleepers themselves have on the nodes: they would wait for each other.
void PreemptVerbs::resume_sleepers(Partition& partition, Waking whom) {
  std::vector<std::pair<OrderKey, TaskId>> order;
  for (const TaskId& id : sleepers) {
    const Job& job = jobs.at(id.job);
    const TaskRecord& record = job.more->tasks.at(raw(id.index)).record;
    const bool may = record.reason != Reason::SuspendedByOperator &&
                     &self().partition_of(job) == &partition &&
                     !clearings.contains(record.preempted_by) && rm.has_room_to_wake(record.asleep);
    if (may) order.emplace_back(key_of_job(partition, job), id);
  }
  if (order.empty()) return;
  std::ranges::sort(order);
  const auto head = partition.queue.head();
  const bool ahead_only = whom == Waking::Ahead;
  for (const auto& [key, id] : order) {
    if (ahead_only && head && !(key < key_of_job(partition, jobs.at(head->place.job)))) return;
    if (ahead_only)
      while (!partition.holds.empty()) self().drop_hold(partition, partition.holds.rbegin()->first);
    Job& job = *self().find(id.job);
    (void)resume_task(job, *self().find_task(job, raw(id.index)), whom != Waking::Last);
  }
}

// ---- as operators say

Result<std::uint64_t> PreemptVerbs::suspend(Job& job, const Command& in) {
  if (!in.actor.is_operator)
    return fail(Errc::Denied, "only operators may suspend jobs",
                "drover cancel --signal=STOP stops your own job; its CPUs stay with it");
  const auto attempts = self().attempts_of(job, in.target);
  if (!attempts) return fail(attempts.error());
  std::uint64_t touched = 0, asleep = 0;
  for (const std::uint32_t index : *attempts) {
    Task& task = *self().find_task(job, index);
    const bool in_reach = raw(nodes.at(task.record.lease->node).session) != 0;
    asleep += task.record.state == TaskState::Suspended;
    if (task.record.state == TaskState::Suspended &&
        std::exchange(task.record.reason, Reason::SuspendedByOperator) !=
            Reason::SuspendedByOperator) {
      self().touch(task);
      ++touched;
    }
    if (task.record.state != TaskState::Running || !in_reach) continue;
    suspend_task(job, task, Reason::SuspendedByOperator);
    ++touched;
  }
  if (touched == 0 && asleep == 0)
    return fail(Errc::Conflict,
                "job " + std::to_string(raw(job.id)) + " is not running within reach",
                "drover hold keeps a pending job from starting");
  self().update_queues(job);
  return touched;
}

Result<std::uint64_t> PreemptVerbs::resume(Job& job, const Command& in) {
  if (!in.actor.is_operator)
    return fail(Errc::Denied, "only operators may resume jobs", "ask an operator");
  const auto attempts = self().attempts_of(job, in.target);
  if (!attempts) return fail(attempts.error());
  std::uint64_t touched = 0;
  for (const std::uint32_t index : *attempts) {
    Task& task = *self().find_task(job, index);
    if (task.record.state != TaskState::Suspended) continue;
    task.record.reason = Reason::Resources;  // until its CPUs are free: see the next pass
    self().touch(task);
    ++touched;
  }
  if (touched == 0)
    return fail(Errc::Conflict, "job " + std::to_string(raw(job.id)) + " is not suspended",
                "drover release lets a held job go");
  return touched;
}

}  // namespace drover::sched
