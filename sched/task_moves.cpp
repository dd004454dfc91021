// sched/task_moves.cpp - the only code that changes the state of a task.
// SPDX-License-Identifier: Apache-2.0
//
// And what its attempt holds.
#include <algorithm>
#include <memory>
#include <utility>

#include "base/check.hpp"
#include "base/counted_words.hpp"
#include "sched/controller_state.hpp"

namespace drover::sched {

// The waiting element that would be placed next. None when a person holds the job or its throttle
// is reached.
std::uint32_t Controller::State::next_ready(const Job& job) const {
  if ((job.gates & kHeldGate) != 0) return kNoElement;
  std::uint32_t next = kNoElement;
  const JobExtra* const more = job.more.get();
  if (more != nullptr) {
    if (more->throttle > 0 && job.active >= more->throttle) return kNoElement;
    if (!more->ready.empty()) next = *more->ready.begin();
  }
  if (more != nullptr && more->counterparts != nullptr) {
    const auto& met = more->counterparts->met;
    if (!met.empty()) next = std::min(next, *met.begin());
  } else if (job.untouched > 0) {
    next = std::min(next, job.is_array ? more->cursor->next().value() : 0);
  }
  return next;
}

bool Controller::State::is_untouched(const Job& job, std::uint32_t index) const {
  if (job.untouched == 0) return false;
  if (job.more != nullptr && job.more->counterparts != nullptr &&
      job.more->counterparts->rest_gone && job.more->counterparts->bits_of(index) == 0)
    return false;
  return job.is_array ? job.more->cursor->is_untouched(index) : index == 0;
}

Task* Controller::State::find_task(Job& job, std::uint32_t index) {
  if (job.more == nullptr) return nullptr;
  const auto found = job.more->tasks.find(index);
  return found == job.more->tasks.end() ? nullptr : &found->second;
}

// The element's record; made when nobody has touched the element yet.
Task& Controller::State::materialise(Job& job, std::uint32_t index, bool is_ready) {
  if (job.more == nullptr) job.more = spare_extras.take();
  auto& tasks = job.extra().tasks;
  auto place = tasks.lower_bound(index);
  if (place == tasks.end() || place->first != index) {
    if (auto part = spare_tasks.take()) {
      part.key() = index;
      place = tasks.insert(place, std::move(part));
    } else {
      place = tasks.try_emplace(place, index);
    }
  }
  Task& task = place->second;
  if (is_untouched(job, index)) {
    --job.untouched;
    if (job.is_array) job.more->cursor->touch(index);
    task.record.id = {job.id, TaskIndex{index}};
    if (Counterparts* counterparts = job.more->counterparts.get()) {
      task.record.counterparts = counterparts->take(index);
      if (!counterparts->has_all(task.record.counterparts)) counterparts->unmet.insert(index);
    }
    if (is_ready) refresh_ready(job, task);
    touch(job);
  }
  touch(task);
  return task;
}

void Controller::State::move(Task& task, TaskEvent on) {
  const auto to = find_move(task.record.state, on);
  DROVER_CHECK(to.has_value(), "a task made a move that its table does not have");
  task.record.state = *to;
  touch(task);
}

// Gives back what the attempt holds: exactly once, because the lease leaves the record here.
void Controller::State::drop_attempt(Job& job, Task& task) {
  rm::Lease& lease = *task.record.lease;
  limits.erase(task);
  if (lease.by != rm::kUnreserved) reserved[std::size_t(lease.by)].drawn.erase(task.record.id);
  rm.release(lease);
  ranking.release(job.standing, rm::LeaseTotal(lease), clock.wall);
  ended_since = true;
  freed_early |= lease.until > clock.mono;
  if (lease.until == rm::kEver && rm.plans()) wake_those_aside();  // it stood still
  task.record.last_pus = std::move(lease.pus);
  task.record.last_gpus = std::move(lease.gpus);
  rm::for_each_part(lease, [&](const rm::NodePart& part) {
    Node& node = node_of(part.node);
    node.tasks.erase(task.record.id);
    node.missing.erase(task.record.id);
  });
  task.record.lease.reset();
  victim_gone(task.record.id);
  leave_sleep(job, task);
  --job.active;
  --stats.tasks_active;
  touch(job);
}

void Controller::State::close_task(Job& job, Task& task, TaskEvent on, Reason reason, Now now) {
  const bool had_attempt = task.record.lease.has_value();
  if (had_attempt) drop_attempt(job, task);
  forget_retry(task.record);
  move(task, on);
  task.record.reason = reason;
  if (!task.record.ended.is_set()) task.record.ended = now.wall;
  switch (task.record.state) {
    case TaskState::Succeeded: ++job.succeeded; break;
    case TaskState::Failed: ++job.failed; break;
    case TaskState::TimedOut: ++job.timed_out; break;
    case TaskState::Cancelled: ++job.cancelled; break;
    case TaskState::Waiting:
    case TaskState::Placed:
    case TaskState::Running:
    case TaskState::Suspended:
    case TaskState::Ending: DROVER_CHECK(false, "an end led to a state that is open"); break;
  }
  const std::int32_t status =
      task.record.term_signal > 0 ? 128 + task.record.term_signal : task.record.exit_code;
  job.exit_code = std::max(job.exit_code, status);
  touch(job);
  emit(had_attempt ? EventKind::AttemptEnded : EventKind::TaskCancelled, job, &task, now);
  const std::uint32_t index = raw(task.record.id.index);
  const bool succeeded = task.record.state == TaskState::Succeeded;
  if (job.is_array && !succeeded) job.more->unsuccessful.push_back(index);
  if (job.is_followed) element_ends.push_back({job.id, index, succeeded});
  if (job.more->counterparts != nullptr) job.more->counterparts->unmet.erase(index);
  if (config.keep_records) out.changes.tasks.push_back(std::move(task.record));
  if (!job.more->ready.empty()) job.more->ready.erase(index);
  auto part = job.more->tasks.extract(index);
  std::destroy_at(&part.mapped());  // less work than to assign a new one
  std::construct_at(&part.mapped());
  spare_tasks.put(std::move(part));
}

void Controller::State::end_attempt(Job& job, Task& task, TaskEvent how, Reason reason, Now now) {
  ++stats.ended;
  close_task(job, task, how, reason, now);
  const bool stops = job.more->max_failures > 0 && job.waiting() > 0 &&
                     job.failed + job.timed_out >= job.more->max_failures;
  if (stops) {  // what runs goes on to its end
    cancel_waiting(job, Reason::MaxFailures, now);
    set_reason(job, Reason::MaxFailures,
               counted(job.failed + job.timed_out, "element") + " failed");
  }
  if (close_if_done(job, reason, now)) return;
  if (job.active == 0 && waits_for_retries(job))
    wait_for_retry(job, now);
  else
    follow_sleep(job);
  update_queues(job);
}

void Controller::State::requeue_task(Job& job, Task& task, Now now) {
  drop_attempt(job, task);
  move(task, TaskEvent::Requeue);
  task.record.reason = Reason::None;
  task.record.placed = task.record.started = task.record.ended = {};
  refresh_ready(job, task);
  if (job.more->too_late.is_set()) deadlines.insert({job.more->too_late, job.id});
  ++stats.requeued;
  task.record.suspended_for = {};
  emit(EventKind::JobRequeued, job, &task, now);
  if (job.active == 0)
    return_to_fifo(job, now);
  else
    follow_sleep(job);
  update_queues(job);
}

// An Ending task with no reason is to wait again; with one, it ends for good.
void Controller::State::kill(Job& job, Task& task, TaskEvent how, Reason reason) {
  leave_sleep(job, task);
  move(task, how);
  task.record.reason = reason;
  follow_sleep(job);
  const Node& node = node_of(task.record.lease->node);
  if (raw(node.session) == 0) return;  // sent when the node registers again
  const TaskRecord& record = task.record;
  out.actions.emplace_back(
      Kill{record.lease->node, node.session, {record.id, record.attempt, record.epoch}, 0});
  touch(job);
}

// Nothing of an Ending attempt runs any more.
void Controller::State::end_as_asked(Job& job, Task& task, Now now) {
  const Reason reason = task.record.reason;
  if (reason == Reason::None) return requeue_task(job, task, now);
  const bool lost = reason == Reason::NodeLost;
  end_attempt(job, task, lost ? TaskEvent::EndFailed : TaskEvent::EndCancelled, reason, now);
}

void Controller::State::mark_started(Job& job, Task& task, Time at, Now now) {
  TaskRecord& record = task.record;
  const bool first = !record.started.is_set();
  move(task, TaskEvent::Start);
  if (first) {
    record.started = at.is_set() ? at : now.wall;
    ++stats.started;
    emit(EventKind::AttemptStarted, job, &task, now);
  }
  rm.mark_used(*record.lease);
  if (job.state == JobState::Running) return;
  if (job.state == JobState::Suspended) return follow_sleep(job);
  move(job, JobEvent::TaskStarted);
  job.started = record.started;
  emit(EventKind::JobStarted, job, nullptr, now);
  note_milestone({job.id, JobState::Running, job.started});
}

}  // namespace drover::sched
