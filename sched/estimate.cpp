// sched/estimate.cpp - when a waiting job is likely to start, from the timelines that decide it.
// SPDX-License-Identifier: Apache-2.0
//
// Every job before it gets a place for a moment, in order, as a conservative plan would give it.
// Jobs usually end before their limit, so the answer is a late one; what its error was is measured
// when the job starts (StartEstimate). Who is short of a quota, or may not start before some time,
// is told a bound instead: who else will ask by then nobody knows.
#include <algorithm>
#include <utility>

#include "base/units.hpp"
#include "rm/amount_timeline.hpp"
#include "rm/quota_ledger.hpp"
#include "sched/counted_words.hpp"
#include "sched/prospects.hpp"
#include "sched/reserving.hpp"

namespace drover::sched {
namespace {

constexpr std::size_t kPlannedMax = 2'000;  // behind more jobs than these there is no estimate

}  // namespace

Estimate Controller::State::Prospects::unknown(std::string because) const {
  Estimate estimate;
  estimate.because = std::move(because);
  estimate.made = s.clock.wall;
  return estimate;
}

Estimate Controller::State::Prospects::at(Time mono, std::uint32_t before) const {
  Estimate estimate;
  estimate.start = s.clock.wall + std::max(mono - s.clock.mono, Duration{});
  estimate.before = before;
  estimate.made = s.clock.wall;
  return estimate;
}

Estimate Controller::State::Prospects::from(Time wall, std::string because) const {
  Estimate estimate = unknown(std::move(because));
  estimate.start = std::max(wall, s.clock.wall);
  estimate.is_least = true;
  return estimate;
}

std::optional<Estimate> Controller::State::Prospects::when(JobId id,
                                                           std::optional<TaskIndex> index) {
  const Job* job = s.find(id);
  if (job == nullptr || is_final(job->state)) return std::nullopt;
  if (job->active > 0 && job->waiting() == 0) return std::nullopt;
  if (index && is_element_held(*job, raw(*index))) return unknown("it is held");
  if (job->gates != 0 || job->state == JobState::Held || job->state == JobState::Inited)
    return when_gated(*job);
  if (index && job->is_array) return when_element(*job, raw(*index));
  if (const auto clearing = s.clearings.find(id); clearing != s.clearings.end())
    return at(clearing->second.until);
  const std::uint32_t next = s.next_ready(*job);
  const bool throttled = job->more != nullptr && job->more->throttle > 0 &&
                         job->active >= job->more->throttle;  // after a restart it has no plan yet
  if (job->lane == kNoLane && !(throttled && next == kNoElement))
    return unknown(s.why_unplaced(*job).text);
  return when(s.asker(*job));
}

// Whatever the rest of its array waits for.
bool Controller::State::Prospects::is_element_held(const Job& job, std::uint32_t index) const {
  if (job.more == nullptr) return false;
  const auto task = job.more->tasks.find(index);
  if (task == job.more->tasks.end() || task->second.record.state != TaskState::Waiting)
    return false;
  const Reason reason = task->second.record.reason;
  return reason == Reason::HeldByUser || reason == Reason::HeldByOperator;
}

// Not in the partition's queue.
std::optional<Estimate> Controller::State::Prospects::when_gated(const Job& job) {
  const Gates gates = job.gates;
  if ((gates & kHeldGate) != 0) return unknown("it is held");
  if ((gates & (kDependencyGate | kSingletonGate)) != 0)
    return unknown("it depends on the ends of other jobs");
  Asker asker = s.asker(job);
  if ((gates & (kBeginGate | kRetryGate)) != 0) {
    const Time retry = (gates & kRetryGate) != 0 ? s.next_retry(job) : Time{};
    const Time begin = (gates & kBeginGate) != 0 ? job.more->begin : Time{};
    asker.from = s.clock.mono + (std::max(begin, retry) - s.clock.wall);
    return when(asker);
  }
  if ((gates & kReservationGate) != 0) {
    const std::string& name = s.reserved[std::size_t(job.reservation())].name;
    return Reserved{s}.when(name, job.id);
  }
  return unknown("jobs of its group go first");
}

// The same of one element of an array. Nothing: it does not wait.
std::optional<Estimate> Controller::State::Prospects::when_element(const Job& job,
                                                                   std::uint32_t index) {
  const auto task = job.more->tasks.find(index);
  const bool touched = task != job.more->tasks.end();
  if (touched && task->second.record.state != TaskState::Waiting) return std::nullopt;
  if (!touched && !s.is_untouched(job, index)) return std::nullopt;
  if (touched && task->second.record.retry_at.is_set()) {
    Asker later = s.asker(job);
    later.from = s.clock.mono + (task->second.record.retry_at - s.clock.wall);
    return when(later);
  }
  if (touched && !job.more->ready.contains(index))
    return unknown("it is held, or waits for others");
  if (s.why_element(job, index)) return unknown("it waits for elements of other jobs");
  if (!job.planned && job.active == 0) return unknown("its plan is being made");
  return when(s.asker(job), elements_before(job, index));
}

// Those that are placed first; counting stops where there is no telling any more.
std::uint32_t Controller::State::Prospects::elements_before(const Job& job,
                                                            std::uint32_t index) const {
  const JobExtra& more = *job.more;
  std::uint32_t before = 0;
  for (const std::uint32_t ready : more.ready)
    if (ready < index && ++before > kPlannedMax) return before;
  if (more.counterparts != nullptr) {
    for (const std::uint32_t met : more.counterparts->met)
      if (met < index && ++before > kPlannedMax) return before;
    return before;
  }
  if (job.untouched == 0) return before;
  const IndexSet& all = more.cursor->elements();
  for (auto at = more.cursor->next(); at && *at < index; at = all.next_after(*at))
    if (more.cursor->is_untouched(*at) && ++before > kPlannedMax) return before;
  return before;
}

Estimate Controller::State::Prospects::when(const Asker& asker, std::uint32_t elements) {
  if (asker.partition == s.statements) return unknown("engines have no plan");
  if (asker.from > s.clock.mono) {
    const Time begin = s.clock.wall + (asker.from - s.clock.mono);
    return not_before(asker, from(begin, "who else will ask by then is not known"));
  }
  if (const rm::Request& asked = s.rm.request(asker.what); asked.exclusive)
    if (const std::string most = never_allowed(asker); !most.empty())
      return unknown((asked.contiguous ? "whole neighbouring nodes are more than the "
                                       : "a whole node is more than the ") +
                     most);
  if (const auto now = s.rm.quota_short(asker.what, asker.path, {s.clock.mono, s.clock.mono});
      now && !rm::is_licence(*now)) {
    const bool has_place = asker.job != nullptr && asker.partition->holds.contains(asker.job->id);
    if (!has_place) return when_short(asker, *now);
  }
  if (!s.rm.plans()) return unknown("the policy of its partition plans nothing ahead");
  auto rehearsal = rehearse(asker);
  if (!rehearsal || elements + rehearsal->before > kPlannedMax) {
    if (rehearsal)
      for (const rm::HoldId hold : rehearsal->holds) s.rm.drop(hold);
    return unknown("more than " + std::to_string(kPlannedMax) + " go first");
  }
  const auto start = after_elements(asker, elements, *rehearsal);
  for (const rm::HoldId hold : rehearsal->holds) s.rm.drop(hold);
  if (!start || *start - s.clock.mono >= kUnlimited)
    return unknown(start ? "jobs before it have no time limit, or one of about a year or more"
                         : "no time is known at which it fits");
  return at(*start, rehearsal->before);
}

// Gives temporary places to the jobs before it; all of them when it is nobody. Nothing when there
// are too many.
std::optional<Controller::State::Prospects::Rehearsal> Controller::State::Prospects::rehearse(
    const Asker& asker) {
  Rehearsal rehearsal;
  rehearsal.from = s.clock.mono;
  const Partition& partition = *asker.partition;
  const bool strict = partition.policy.backfill == Backfill::None;
  if (asker.job != nullptr && partition.holds.contains(asker.job->id)) return rehearsal;
  const auto& in_order = partition.queue.in_order(kPlannedMax + 1);
  for (const JobQueue::Candidate& candidate : in_order) {
    if (asker.job != nullptr && candidate.place.job == asker.job->id) return rehearsal;
    if (rehearsal.before == kPlannedMax) {
      for (const rm::HoldId hold : rehearsal.holds) s.rm.drop(hold);
      return std::nullopt;
    }
    ++rehearsal.before;
    if (rehearsal.from == rm::kEver) continue;
    if (const auto hold = partition.holds.find(candidate.place.job);
        hold != partition.holds.end()) {
      if (strict) rehearsal.from = std::max(rehearsal.from, s.rm.slot_of(hold->second).start);
      continue;
    }
    if (s.clearings.contains(candidate.place.job)) continue;
    const Shape& shape = s.shapes[candidate.shape];
    const auto path = partition.planned(partition.queue.lane(candidate.lane).path);
    const auto slot =
        s.rm.earliest(shape.what, shape.length, rehearsal.from, partition.by, rm::kEver, path);
    if (slot)
      rehearsal.holds.push_back(s.rm.hold(shape.what, *slot, shape.length, partition.by, path));
    if (strict) rehearsal.from = slot ? slot->start : rm::kEver;
  }
  return rehearsal;
}

std::optional<Time> Controller::State::Prospects::after_elements(const Asker& asker,
                                                                 std::uint32_t elements,
                                                                 Rehearsal& rehearsal) {
  const Partition& partition = *asker.partition;
  const rm::ReservedId by = asker.job == nullptr ? asker.by : partition.by;
  // What others keep of quotas stops it, whether its partition plans with them or not.
  const bool is_head = asker.job != nullptr && s.quota_heads.find(asker.job->id) != nullptr;
  const rm::Payer path{asker.path, !is_head || foresees_quotas(partition.policy)};
  if (rehearsal.from == rm::kEver) return std::nullopt;
  rm::AmountTimeline free;  // of what its throttle allows
  const bool throttled = asker.job != nullptr && asker.job->more && asker.job->more->throttle > 0;
  if (throttled) {
    free.add(rm::kAlways, rm::kEver, asker.job->more->throttle);
    for (const auto& [index, task] : asker.job->more->tasks)
      if (task.record.lease) free.add(rm::kAlways, task.record.lease->until, -1);
  }
  const auto held =
      asker.job == nullptr ? partition.holds.end() : partition.holds.find(asker.job->id);
  bool has_place = asker.job != nullptr && held != partition.holds.end();
  for (;; --elements, ++rehearsal.before) {
    std::optional<rm::Slot> slot;
    if (std::exchange(has_place, false)) {  // of the next element, planned for already
      slot = s.rm.slot_of(held->second);
      if (elements == 0) return slot->start;
      if (throttled) free.add(slot->start, rm::after(slot->start, asker.length), -1);
      continue;
    }
    std::optional<Time> from = rehearsal.from;
    if (throttled) from = free.earliest(1, asker.length, *from);
    if (from) slot = s.rm.earliest(asker.what, asker.length, *from, by, rm::kEver, path);
    if (!slot) return std::nullopt;
    if (elements == 0) return slot->start;
    rehearsal.holds.push_back(s.rm.hold(asker.what, *slot, asker.length, by, path));
    if (partition.policy.backfill == Backfill::None) rehearsal.from = slot->start;
    if (throttled) free.add(slot->start, rm::after(slot->start, asker.length), -1);
  }
}

Estimate Controller::State::Prospects::when_short(const Asker& asker,
                                                  const rm::QuotaShort& shortage) {
  Estimate bound = from(s.clock.wall, {});
  const rm::QuotaLedger& ledger = s.rm.ledger();
  const rm::Amounts want = s.rm.least_charge(asker.what, asker.path);
  ledger.visit_limits(asker.path, want, [&](std::uint32_t quota, rm::Kind kind, std::int64_t max) {
    std::int64_t missing = ledger.counter_sums(quota).held(std::size_t(kind)) + want[kind] - max;
    if (quota == shortage.quota_index && kind == shortage.kind) missing += shortage.kept;
    if (missing <= 0) return true;
    const Ease ease = ease_of(quota, kind, missing);
    const std::string name = "quota " + ledger.counter_name(quota);
    if (!ease.is_enough) {
      bound = unknown("the ends of all jobs under " + name + " would not make room for it");
    } else if (!ease.at.is_set()) {
      bound = unknown("job " + number(ease.holders.back().job) + " under " + name +
                      " has no time limit, or stands still");
    } else if (ease.at >= bound.start) {
      bound = from(ease.at, "then " + name + " has room by the limits of job " +
                                number(ease.holders.back().job) +
                                (ease.holders.size() > 1 ? " and those that end before it" : "") +
                                "; others who wait for it may go first");
    }
    return bound.start.is_set();
  });
  return bound.start.is_set() ? not_before(asker, std::move(bound)) : bound;
}

// Moved on to when nodes have room, as far as their timelines know.
Estimate Controller::State::Prospects::not_before(const Asker& asker, Estimate bound) {
  if (!s.rm.plans()) return bound;
  const Time from = s.clock.mono + (bound.start - s.clock.wall);
  const rm::ReservedId by = asker.job == nullptr ? asker.by : asker.partition->by;
  // What the first in line keeps of its quotas itself is not in its way.
  const bool is_head = asker.job != nullptr && s.quota_heads.find(asker.job->id) != nullptr;
  const rm::Payer path{asker.path, !is_head && foresees_quotas(asker.partition->policy)};
  const auto slot = s.rm.earliest(asker.what, asker.length, from, by, rm::kEver, path);
  if (slot && slot->start - s.clock.mono < kUnlimited)
    bound.start = s.clock.wall + (slot->start - s.clock.mono);
  return bound;
}

void Controller::State::note_start(Partition& partition, const Job& job) {
  partition.give_up_precedence(job.id);
  const auto promise = partition.promised.find(job.id);
  if (promise == partition.promised.end()) return;
  if (config.keep_records) out.estimates.push_back({promise->second, clock.mono});
  partition.promised.erase(promise);
}

}  // namespace drover::sched
