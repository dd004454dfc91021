// sched/retry.cpp - failed attempts that are followed by another one, after a while.
// SPDX-License-Identifier: Apache-2.0
//
// The failure counts for nothing: the task has not ended. Its attempts are numbered on, and the
// number of retries is stored with it. A job of which nothing else may start meanwhile gives its
// place past the FIFO back.
#include <algorithm>
#include <utility>

#include "base/units.hpp"
#include "sched/controller_state.hpp"

namespace drover::sched {

bool RetryVerbs::try_again(Job& job, Task& task, Reason reason, Now now) {
  TaskRecord& record = task.record;
  const RetryRule& rule = retries[job.retry];
  if (!rule.covers(reason, record.exit_code, record.retries)) return false;
  const Duration delay = rule.delay_after(record.retries);
  ++stats.ended;
  ++stats.retried;
  self().drop_attempt(job, task);
  self().move(task, TaskEvent::Requeue);
  ++record.retries;
  record.reason = reason;
  self().emit(EventKind::AttemptRetried, job, &task, now);
  record.reason = Reason::None;
  record.placed = record.started = record.ended = {};
  record.exit_code = record.term_signal = 0;
  record.suspended_for = {};
  if (delay.us > 0) {
    record.reason = Reason::RetryDelay;
    record.retry_at = now.wall + delay;
    retry_times.insert({record.retry_at, record.id});
  }
  refresh_ready(job, task);
  if (job.more->too_late.is_set()) deadlines.insert({job.more->too_late, job.id});
  if (job.active == 0 && (!job.is_array || self().next_ready(job) == kNoElement))
    wait_for_retry(job, now);
  else
    self().follow_sleep(job);
  self().update_queues(job);
  return true;
}

// Back to the FIFO, where it waits behind its gate until one of its elements may start again.
void RetryVerbs::wait_for_retry(Job& job, Now now) {
  if (!has_startable(job)) job.gates |= kRetryGate;
  self().return_to_fifo(job, now);
}

// It has passed its FIFO, and nothing but retries is left of it.
bool RetryVerbs::waits_for_retries(const Job& job) {
  return job.is_active() && !has_startable(job) &&
         std::ranges::any_of(job.more->tasks, [](const auto& entry) {
           return entry.second.record.retry_at.is_set();
         });
}

void RetryVerbs::fire_retries() {
  while (!retry_times.empty() && retry_times.begin()->first <= clock.wall) {
    const TaskId id = retry_times.begin()->second;
    Job& job = *self().find(id.job);
    Task& task = *self().find_task(job, raw(id.index));
    forget_retry(task.record);
    if (task.record.reason == Reason::RetryDelay) task.record.reason = Reason::None;
    self().touch(task);
    refresh_ready(job, task);
    self().update_queues(job);
  }
}

void RetryVerbs::erase_retry(TaskRecord& record) {
  retry_times.erase({record.retry_at, record.id});
  record.retry_at = {};
}

void RetryVerbs::restore_retries(Job& job) {
  if (job.more == nullptr) return;
  bool waits = false;
  for (const auto& [index, task] : job.more->tasks) {
    if (!task.record.retry_at.is_set()) continue;
    waits = true;
    retry_times.insert({task.record.retry_at, task.record.id});
  }
  if (waits && !job.is_active() && !has_startable(job)) job.gates |= kRetryGate;
}

bool RetryVerbs::has_startable(const Job& job) {
  if (job.more == nullptr) return job.untouched > 0;
  if (!job.more->ready.empty()) return true;
  return job.more->counterparts != nullptr ? !job.more->counterparts->met.empty()
                                           : job.untouched > 0;
}

void RetryVerbs::open_retry_gate(Job& job) {
  job.gates = Gates(job.gates & ~kRetryGate);
  if (job.state == JobState::Inited) self().explain_wait(job);
  self().touch(job);
}

Why RetryVerbs::why_retry(const Job& job, const TaskRecord& task) const {
  const std::string attempt = std::to_string(raw(task.attempt));
  return {job.state, Reason::RetryDelay,
          "attempt " + attempt + " failed, the next one starts not before " +
              format_utc(task.retry_at) + ": retry " + std::to_string(task.retries) + " of " +
              std::to_string(retries[job.retry].max),
          "drover events --job " + std::to_string(raw(job.id)) + " shows how it failed"};
}

Time RetryVerbs::next_retry(const Job& job) {
  Time next;
  for (const auto& [index, task] : job.more->tasks) {
    const Time at = task.record.retry_at;
    if (at.is_set() && (!next.is_set() || at < next)) next = at;
  }
  return next;
}

// The first of its elements that will be tried again.
Why RetryVerbs::why_retry(const Job& job) const {
  const TaskRecord* first = nullptr;
  std::size_t count = 0;
  for (const auto& [index, task] : job.more->tasks) {
    if (!task.record.retry_at.is_set()) continue;
    ++count;
    if (first == nullptr || task.record.retry_at < first->retry_at) first = &task.record;
  }
  if (first == nullptr)
    return {job.state, Reason::HeldByUser, "all its waiting elements are held",
            "drover release " + std::to_string(raw(job.id))};
  Why why = why_retry(job, *first);
  if (job.is_array)
    why.text = "element " + std::to_string(raw(first->id.index)) + ": " + why.text +
               (count > 1 ? "; " + std::to_string(count - 1) + " more wait likewise" : "");
  return why;
}

void RetryVerbs::check_retries(std::vector<std::string>& problems) const {
  std::size_t waiting = 0;
  for (const Job& job : jobs) {
    const std::string name = "job " + std::to_string(raw(job.id));
    if ((job.gates & kRetryGate) != 0 && has_startable(job))
      problems.push_back(name + " waits for a retry and could start");
    if (job.more == nullptr) continue;
    for (const auto& [index, task] : job.more->tasks) {
      if (!task.record.retry_at.is_set()) continue;
      ++waiting;
      if (task.record.state != TaskState::Waiting ||
          !retry_times.contains({task.record.retry_at, task.record.id}))
        problems.push_back(name + " has a retry without a timer");
    }
  }
  if (waiting != retry_times.size()) problems.push_back("a retry has a timer and no task");
}

}  // namespace drover::sched
