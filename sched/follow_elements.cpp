// sched/follow_elements.cpp - elements that wait for the success of others, one by one.
// SPDX-License-Identifier: Apache-2.0
//
// The end of an element costs O(log n) for each array that follows it, and nothing is looked
// through. Those that no report will ever name are settled when their target ends, as a number.
#include <algorithm>
#include <memory>
#include <utility>

#include "base/check.hpp"
#include "sched/controller_state.hpp"

namespace drover::sched {

// A new job, or one from the store, is told of its targets from now on.
void FollowVerbs::follow_elements(Job& job, Conditions& conditions) {
  auto counterparts = std::make_unique<Counterparts>(std::move(*conditions.elements));
  counterparts->shut = counterparts->met.empty();
  for (std::size_t i = 0; i < counterparts->targets.size(); ++i) {
    if ((counterparts->open >> i & 1) == 0) continue;
    followers.add(job.id, counterparts->targets[i]);
    self().find(counterparts->targets[i])->is_followed = true;
  }
  if (counterparts->shut) job.gates |= kDependencyGate;
  for (const std::uint32_t index : counterparts->met) touch_counterparts(job, index);
  for (const auto& [index, bits] : counterparts->partly) touch_counterparts(job, index);
  job.extra().counterparts = std::move(counterparts);
  self().lengthen_paths(job);
}

void FollowVerbs::lose_known(Job& job, const Conditions& conditions, Now now) {
  for (const std::uint32_t index : conditions.lost) lose_element(job, index, now);
  if (conditions.ended != 0) lose_rest(job, conditions.ended, now);
  if (!self().close_if_done(job, Reason::DependencyNever, now)) self().update_queues(job);
}

void FollowVerbs::tell_followers(const ElementEnd& end, Now now) {
  for (const JobId id : followers.dependents(end.job)) {
    Job& job = *self().find(id);
    if (end.succeeded) {
      element_succeeded(job, job.more->counterparts->bit_of(end.job), end.index, now);
      self().update_queues(job);
      continue;
    }
    lose_element(job, end.index, now);
    if (!self().close_if_done(job, Reason::DependencyNever, now)) self().update_queues(job);
  }
}

void FollowVerbs::element_succeeded(Job& job, std::uint32_t bit, std::uint32_t index, Now now) {
  Counterparts& counterparts = *job.more->counterparts;
  bool complete = true;
  if (self().is_untouched(job, index)) {
    complete = counterparts.add(index, bit);
    touch_counterparts(job, index);
  } else if (counterparts.unmet.contains(index)) {
    Task& task = *self().find_task(job, index);
    task.record.counterparts |= bit;
    self().touch(task);
    if (!counterparts.has_all(task.record.counterparts)) return;
    counterparts.unmet.erase(index);
    refresh_ready(job, task);
  } else {
    return;  // cancelled by name meanwhile
  }
  if (!counterparts.shut || !complete) return;
  counterparts.shut = false;
  if (job.more->waits_for.empty() && !job.dependencies_never)
    self().open_gate(job, kDependencyGate, now);
}

// Its counterpart ended otherwise.
void FollowVerbs::lose_element(Job& job, std::uint32_t index, Now now) {
  Task* known = self().find_task(job, index);
  if (known == nullptr ? !self().is_untouched(job, index)
                       : !job.more->counterparts->unmet.contains(index))
    return;
  Task& task = self().materialise(job, index);
  job.more->counterparts->lost = true;
  if (!job.keep_invalid)
    return self().close_task(job, task, TaskEvent::Cancel, Reason::DependencyNever, now);
  if (!task.is_held()) task.record.reason = Reason::DependencyNever;
}

// Jobs have ended of which nothing more is to be heard: elements without their bits are lost. Those
// that nobody has a record of go as a number.
void FollowVerbs::lose_rest(Job& job, std::uint32_t bits, Now now) {
  Counterparts& counterparts = *job.more->counterparts;
  std::vector<std::uint32_t> lost;
  for (const auto& [index, has] : counterparts.partly)
    if ((has & bits) != bits) lost.push_back(index);
  for (const std::uint32_t index : counterparts.unmet)
    if ((self().find_task(job, index)->record.counterparts & bits) != bits) lost.push_back(index);
  for (const std::uint32_t index : lost) lose_element(job, index, now);
  if (job.keep_invalid) {
    const bool hopeless = counterparts.shut && counterparts.open == 0 && !job.dependencies_never;
    if (hopeless) self().never_met(job, "no element can start any more", now);
    return;
  }
  const auto rest = job.untouched - static_cast<std::uint32_t>(counterparts.known());
  counterparts.rest_gone = true;
  counterparts.lost = counterparts.lost || rest > 0;
  job.cancelled += rest;
  job.untouched -= rest;
  self().touch(job);
}

void FollowVerbs::target_ended(Job& job, const Milestone& news, Now now) {
  Counterparts& counterparts = *job.more->counterparts;
  const std::uint32_t bit = counterparts.bit_of(news.job);
  counterparts.open &= ~bit;
  followers.remove(job.id, news.job);
  if (news.state == JobState::Succeeded) {  // each of its elements has said so
    counterparts.done |= bit;
    self().touch(job);
    return self().update_queues(job);
  }
  lose_rest(job, bit, now);
  if (!self().close_if_done(job, Reason::DependencyNever, now)) self().update_queues(job);
}

void FollowVerbs::forget_targets(Job& job) {
  if (job.more == nullptr || job.more->counterparts == nullptr) return;
  for (const JobId target : job.more->counterparts->targets) followers.remove(job.id, target);
}

void FollowVerbs::touch_counterparts(const Job& job, std::uint32_t index) {
  if (config.keep_records) dirty_counterparts.push_back({job.id, TaskIndex{index}});
}

// A record for each, which is all that a restart has to go by. One that was touched since has put
// its own.
void FollowVerbs::collect_counterparts() {
  std::ranges::sort(dirty_counterparts);
  dirty_counterparts.erase(std::unique(dirty_counterparts.begin(), dirty_counterparts.end()),
                           dirty_counterparts.end());
  for (const TaskId& id : dirty_counterparts) {
    const Job* job = self().find(id.job);
    if (job == nullptr || job->more == nullptr || job->more->counterparts == nullptr) continue;
    TaskRecord record;
    record.id = id;
    record.counterparts = job->more->counterparts->bits_of(raw(id.index));
    if (record.counterparts != 0) out.changes.tasks.push_back(std::move(record));
  }
  dirty_counterparts.clear();
}

bool FollowVerbs::may_be_placed(const Job& job, const Task& task) {
  const Counterparts* counterparts = job.more->counterparts.get();
  return task.record.state == TaskState::Waiting && !task.is_held() &&
         !task.record.retry_at.is_set() &&
         (counterparts == nullptr || !counterparts->unmet.contains(raw(task.record.id.index)));
}

void FollowVerbs::refresh_ready(Job& job, Task& task) {
  const std::uint32_t index = raw(task.record.id.index);
  if (may_be_placed(job, task))
    job.more->ready.insert(index);
  else
    job.more->ready.erase(index);
}

void FollowVerbs::let_go(Job& job, Task& task) {
  task.record.reason = task.record.retry_at.is_set() ? Reason::RetryDelay : Reason::None;
  refresh_ready(job, task);
  self().touch(task);
}

bool FollowVerbs::counts_in_group(const Job& job) const {
  if (!job.is_active()) return false;
  if (job.active > 0 || job.more == nullptr || job.more->counterparts == nullptr) return true;
  return self().next_ready(job) != kNoElement;
}

// Marks of its elements are restored with its tasks; see restore_mark.
void FollowVerbs::restore_elements(Job& job, const JobSpec& spec, const JobRecord& record) {
  if (!waits_for_elements(spec) || record.dependencies_never) return;
  job.elements_met = record.counterparts == kAllCounterparts;
  if (job.elements_met) return;
  Conditions conditions;
  conditions.elements.emplace(spec.dependencies);
  Counterparts& counterparts = *conditions.elements;
  counterparts.done = record.counterparts;
  for (const JobId target : counterparts.targets)
    if (self().find(target) != nullptr) counterparts.open |= counterparts.bit_of(target);
  follow_elements(job, conditions);
}

// Once its marks are known. The gate of one that has passed its FIFO stays open.
void FollowVerbs::restore_gate(Job& job) {
  if (job.more == nullptr || job.more->counterparts == nullptr) return;
  Counterparts& counterparts = *job.more->counterparts;
  counterparts.rest_gone = counterparts.known() == job.untouched;
  counterparts.lost = job.cancelled > 0;
  counterparts.shut = counterparts.met.empty() && !job.is_active();
  for (const auto& [index, task] : job.more->tasks)
    if (!counterparts.unmet.contains(index)) counterparts.shut = false;
  job.gates = Gates(job.gates & ~kDependencyGate);
  if (counterparts.shut) job.gates |= kDependencyGate;
}

// True: it is one that nobody has touched, and its record is there for its bits alone.
bool FollowVerbs::restore_mark(Job& job, const TaskRecord& record) {
  if (job.more == nullptr || job.more->counterparts == nullptr) return false;
  Counterparts& counterparts = *job.more->counterparts;
  const std::uint32_t index = raw(record.id.index);
  const bool is_mark = record.state == TaskState::Waiting && raw(record.attempt) == 0 &&
                       record.reason == Reason::None && job.more->cursor->is_untouched(index);
  if (is_mark) {
    counterparts.add(index, record.counterparts);
    return true;
  }
  if (record.state == TaskState::Waiting && raw(record.attempt) == 0 &&
      !counterparts.has_all(record.counterparts))
    counterparts.unmet.insert(index);
  return false;
}

// Against the targets themselves, as long as they are here.
void FollowVerbs::check_elements(const Job& job, std::vector<std::string>& problems) const {
  if (job.more == nullptr || job.more->counterparts == nullptr) return;
  const std::string name = "job " + std::to_string(raw(job.id));
  const auto expect = [&](bool holds, const char* what) {
    if (!holds) problems.push_back(name + what);
  };
  const Counterparts& counterparts = *job.more->counterparts;
  expect(!counterparts.shut || counterparts.met.empty(), " is shut, and an element may start");
  for (const std::uint32_t index : counterparts.unmet)
    expect(job.more->tasks.contains(index), " waits with an element that is gone");
  std::uint64_t untouched = 0;
  const IndexSet& elements = job.more->cursor->elements();
  for (auto index = elements.first(); index; index = elements.next_after(*index)) {
    const bool is_untouched = self().is_untouched(job, *index);
    untouched += is_untouched;
    const std::uint32_t bits = counterparts.bits_of(*index);
    expect(is_untouched || bits == 0, " counts an element as untouched and not");
    if (!is_untouched) continue;
    for (const JobId id : counterparts.targets) {
      const Job* target = self().find(id);
      if (target == nullptr || target->more == nullptr) continue;
      const bool ended =
          !self().is_untouched(*target, *index) && !target->more->tasks.contains(*index);
      const bool well = ended && std::ranges::find(target->more->unsuccessful, *index) ==
                                     target->more->unsuccessful.end();
      // One of many that were cancelled as a number.
      const bool gone = ended && target->more->cursor->is_untouched(*index);
      expect(((bits & counterparts.bit_of(id)) != 0) == (well && !gone),
             " knows wrongly whether a counterpart succeeded");
    }
  }
  expect(untouched == job.untouched, " counts its untouched elements wrongly");
}

}  // namespace drover::sched
