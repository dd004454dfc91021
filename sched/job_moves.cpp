// sched/job_moves.cpp - the only code that changes the state of a job.
// SPDX-License-Identifier: Apache-2.0
//
// And the indexes that follow from it.
#include <memory>
#include <utility>

#include "base/check.hpp"
#include "sched/keep_quotas.hpp"
#include "sched/reserving.hpp"
#include "sched/restoring.hpp"

namespace drover::sched {

void Controller::State::move(Job& job, JobEvent on) {
  const auto to = find_move(job.state, on);
  DROVER_CHECK(to.has_value(), "a job made a move that its table does not have");
  --stats.jobs_by_state[std::size_t(job.state)];
  ++stats.jobs_by_state[std::size_t(*to)];
  job.state = *to;
  touch(job);
}

void Controller::State::explain_wait(Job& job) {
  if ((job.gates & kHeldGate) != 0) return;  // the reason says who holds it
  if ((job.gates & kBeginGate) != 0)
    set_reason(job, Reason::BeginTime);
  else if ((job.gates & kRetryGate) != 0)
    set_reason(job, Reason::RetryDelay);
  else if (job.dependencies_never)
    set_reason(job, Reason::DependencyNever);
  else if ((job.gates & (kDependencyGate | kSingletonGate)) != 0)
    set_reason(job, Reason::Dependency);
  else if ((job.gates & kReservationGate) != 0)
    set_reason(job, Reason::Reservation);
  else
    set_reason(job, Reason::GroupOrder);
}

void Controller::State::open_gate(Job& job, Gates gate, Now) {
  if ((job.gates & gate) == 0) return;
  job.gates = Gates(job.gates & ~gate);
  if (job.state == JobState::Inited) explain_wait(job);
  touch(job);
  update_queues(job);
}

// The later of what it has and this.
void Controller::State::begin_later(Job& job, Time begin) {
  JobExtra& more = job.extra();
  if (begin <= more.begin && (job.gates & kBeginGate) != 0) return;
  if ((job.gates & kBeginGate) != 0) begins.erase({more.begin, job.id});
  more.begin = begin;
  job.gates |= kBeginGate;
  begins.insert({begin, job.id});
  touch(job);
}

// A condition of the job can no longer be met.
void Controller::State::never_met(Job& job, std::string detail, Now now) {
  if (!job.keep_invalid) {
    cancel_waiting(job, Reason::DependencyNever, now);
    close(job, JobEvent::DependencyNever, Reason::DependencyNever, std::move(detail), now);
    return;
  }
  for (const Dependency& left : job.extra().waits_for) dependencies.remove(job.id, left.job);
  job.more->waits_for.clear();
  job.dependencies_never = true;
  job.gates |= kDependencyGate;
  if ((job.gates & kHeldGate) == 0) set_reason(job, Reason::DependencyNever, std::move(detail));
  touch(job);
  update_queues(job);
}

void Controller::State::return_to_fifo(Job& job, Now now) {
  const bool held = (job.gates & kHeldGate) != 0;
  move(job, held ? JobEvent::RequeuedHeld : JobEvent::Requeued);
  job.planned = false;
  job.started = {};
  explain_wait(job);
  emit(EventKind::JobRequeued, job, nullptr, now);
}

void Controller::State::update_queues(Job& job) {
  leave_retry_gate(job);
  const bool active = job.is_active();
  // Apart: looked at as one word, they would have to wait for what was written to one of them.
  bool free_to_go = job.state == JobState::Inited;
  if (job.gates != 0) free_to_go = false;
  const bool wants = active && next_ready(job) != kNoElement;
  const bool counts = counts_in_group(job);
  const bool lacks_plan = wants && !job.planned && !group_of(job).compiling.contains(job.id);
  if (!wants) drop_clearing(job.id);
  if (!wants && !restored.empty()) Restoring{*this}.forget(job);
  const bool waits = wants && job.planned;
  if (free_to_go != job.in_fifo || counts != job.counted_active || lacks_plan != job.in_unplanned)
    follow_group(job, free_to_go, counts, lacks_plan);
  if (waits == (job.lane != kNoLane)) return;
  Partition& partition = partition_of(job);
  if (waits) {
    job.lane = partition.queue.put({job.group, job.shape, job.path, job.standing},
                                   shapes[job.shape], job.place());
    note_lane(job);
  } else {
    KeepQuotas{*this}.drop(job.id, true);
    partition.queue.remove(std::exchange(job.lane, kNoLane), job.place());
    if (!partition.holds.empty()) drop_hold(partition, job.id);
    partition.promised.erase(job.id);
    partition.give_up_precedence(job.id);
  }
}

// What has changed of how it stands in its group.
void Controller::State::follow_group(Job& job, bool free_to_go, bool counts, bool lacks_plan) {
  Group& group = group_of(job);
  const auto keep = [&](auto& in, bool is_in, bool wanted) {
    if (is_in == wanted) return false;
    if (wanted)
      in.insert(job.place());
    else
      in.erase(job.place());
    return true;
  };
  bool changed = keep(group.fifo, job.in_fifo, free_to_go);
  job.in_fifo = free_to_go;
  if (counts != job.counted_active) {
    job.counted_active = counts;
    group.active = counts ? group.active + 1 : group.active - 1;
    changed = true;
  }
  changed |= keep(group.unplanned, job.in_unplanned, lacks_plan);
  job.in_unplanned = lacks_plan;
  if (changed && (!group.fifo.empty() || !group.unplanned.empty())) takeable.insert(job.group);
}

void Controller::State::cancel_waiting(Job& job, Reason reason, Now now) {
  if (job.more != nullptr && job.more->counterparts != nullptr) {  // these have a record
    const Counterparts& marked = *job.more->counterparts;
    while (marked.known() > 0) {
      const std::uint32_t index =
          marked.met.empty() ? marked.partly.begin()->first : *marked.met.begin();
      close_task(job, materialise(job, index), TaskEvent::Cancel, reason, now);
    }
  }
  job.cancelled += job.untouched;
  job.untouched = 0;
  touch(job);
  if (job.more == nullptr) return;
  std::vector<std::uint32_t> waiting;
  for (const auto& [index, task] : job.more->tasks)
    if (task.record.state == TaskState::Waiting) waiting.push_back(index);
  for (const std::uint32_t index : waiting)
    close_task(job, *find_task(job, index), TaskEvent::Cancel, reason, now);
}

// The worst end of its tasks is the end of the job. A plan of one step ends with that step.
bool Controller::State::close_if_done(Job& job, Reason reason, Now now) {
  if (job.active > 0 || job.waiting() > 0) return false;
  JobEvent on = JobEvent::AllSucceeded;
  std::string detail = job.more != nullptr ? job.more->detail : std::string();
  if (job.failed > 0 || (job.is_array && job.timed_out > 0)) {
    on = JobEvent::SomeFailed;
    if (job.is_array) {
      reason = job.reason == Reason::MaxFailures ? job.reason
               : job.failed > 0                  ? Reason::ExitCode
                                                 : Reason::TimeLimit;
      detail = std::to_string(job.failed) + " of " + std::to_string(job.total) +
               " elements failed, " + std::to_string(job.timed_out) + " ran out of time, " +
               std::to_string(job.cancelled) + " were cancelled";
    }
  } else if (job.timed_out > 0) {
    on = JobEvent::SomeTimedOut;
  } else if (job.cancelled > 0) {
    // A statement that had been tried before: it fails as one that was not.
    on = reason == Reason::EngineFailed ? JobEvent::SomeFailed : JobEvent::SomeCancelled;
    if (job.reason == Reason::CancelledByOperator || job.reason == Reason::Deadline)
      reason = job.reason;
    const bool lost = job.more != nullptr && job.more->counterparts && job.more->counterparts->lost;
    if (lost && reason != Reason::CancelledByUser) reason = Reason::DependencyNever;
    if (reason != Reason::PlanRefused && reason != Reason::CancelledByOperator &&
        reason != Reason::Deadline && reason != Reason::Preempted &&
        reason != Reason::DependencyNever && reason != Reason::EngineFailed)
      reason = Reason::CancelledByUser;
  } else {
    reason = Reason::None;
  }
  close(job, on, reason, std::move(detail), now);
  return true;
}

void Controller::State::close(Job& job, JobEvent on, Reason reason, std::string detail, Now now) {
  move(job, on);
  job.gates = 0;
  set_reason(job, reason, std::move(detail));
  update_queues(job);
  emit(EventKind::JobEnded, job, nullptr, now);
  if (config.keep_records) {
    JobRecord record = record_of(job);
    record.ended = now.wall;
    out.changes.jobs.push_back(std::move(record));
  }
  if (job.more != nullptr) {
    if (job.more->begin.is_set()) begins.erase({job.more->begin, job.id});
    if (job.more->too_late.is_set()) deadlines.erase({job.more->too_late, job.id});
    for (const Dependency& wait : job.more->waits_for) dependencies.remove(job.id, wait.job);
    forget_targets(job);
  }
  drop_clearing(job.id);
  owed.erase(job.id);
  Job* const first = names.unlink(job);
  note_milestone({job.id, job.state, job.started});
  recent.add(job.id, job.state);
  rm.leave(job.path);
  rm.drop(job.what);
  const GroupId group = job.group;
  --groups[raw(group)].open;
  shapes.release(job.shape);
  retries.release(job.retry);
  Reserving{*this}.leave(job, job.reservation());
  if (std::unique_ptr<JobExtra> extra = std::move(job.more)) {
    if (job.is_array && job.state != JobState::Succeeded)
      ended_arrays.add({job.id, *std::move(extra->cursor), std::move(extra->unsuccessful)});
    std::destroy_at(extra.get());
    std::construct_at(extra.get());
    spare_extras.put(std::move(extra));
  }
  jobs.remove(job);
  drop_group_if_empty(group);
  if (first != nullptr) open_gate(*first, kSingletonGate, now);
}

// Names of groups come from users' labels: an empty group must not stay, or they would pile up.
void Controller::State::drop_group_if_empty(GroupId id) {
  Group& group = groups[raw(id)];
  if (!group.exists || group.open > 0 || !group.compiling.empty()) return;
  takeable.erase(id);
  group_ids.erase(group.name);
  group = Group{};
  free_groups.push_back(id);
}

}  // namespace drover::sched
