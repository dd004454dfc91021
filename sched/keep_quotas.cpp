// sched/keep_quotas.cpp - what comes free of a quota is kept for the first in line for it.
// SPDX-License-Identifier: Apache-2.0
#include "sched/keep_quotas.hpp"

#include <algorithm>
#include <set>
#include <vector>

#include "rm/licence.hpp"
#include "rm/quota_ledger.hpp"

namespace drover::sched {
namespace {

bool is_kept_for_others(const rm::QuotaShort& shortage) {
  return shortage.set_aside > 0 && !rm::is_licence(shortage);
}

}  // namespace

template <class Do>
auto Controller::State::KeepQuotas::without(const std::set<JobId>& heads,
                                            const std::vector<HeldPlace>& places, Do act) {
  for (const JobId head : heads) s.rm.lift(s.quota_heads.find(head)->kept);
  for (const HeldPlace& place : places) s.rm.lift(place.hold);
  auto result = act();
  for (const HeldPlace& place : places) s.rm.lay(place.hold);
  for (const JobId head : heads) s.rm.lay(s.quota_heads.find(head)->kept);
  return result;
}

bool Controller::State::KeepQuotas::goes_before(const Partition& partition, const Job& job,
                                                JobId head) const {
  const Job& other = s.jobs.at(head);
  const Partition& elsewhere = s.partition_of(other);
  // In a lane the number counts: of all its jobs only the first has a key.
  if (&partition == &elsewhere && job.lane == other.lane) return job.place() < other.place();
  if (partition.priority != elsewhere.priority) return partition.priority > elsewhere.priority;
  if (partition.policy.order != elsewhere.policy.order)
    return s.quota_heads.is_before(partition.policy.order, elsewhere.policy.order);
  const auto key = [&](const Partition& in, const Job& of) {  // who runs has no lane
    return s.key_of(in, {of.group, of.shape, of.path, of.standing}, of.place());
  };
  return key(partition, job) < key(elsewhere, other);
}

// What those who stand still hold of its quotas leaves too little for it, and nobody knows for how
// long. Where somebody plans, their leases say so: see QuotaForecast.
bool Controller::State::KeepQuotas::is_behind_sleepers(const Job& job) const {
  if (s.sleepers.empty() || s.rm.plans()) return false;
  const rm::QuotaLedger& ledger = s.rm.ledger();
  const rm::Amounts want = s.rm.least_charge(job.what, job.path);
  bool behind = false;
  ledger.visit_limits(job.path, want, [&](std::uint32_t limit, rm::Kind kind, std::int64_t max) {
    std::int64_t left = max;
    for (const TaskId& id : s.sleepers) {
      const rm::Lease& lease = *s.jobs.at(id.job).more->tasks.at(raw(id.index)).record.lease;
      if (ledger.is_on(lease.path, limit)) left -= lease.total()[kind];
    }
    behind = want[kind] > left;
    return !behind;
  });
  return behind;
}

// It was tried and a quota stopped it. What it keeps is laid anew each time: it may come earlier.
void Controller::State::KeepQuotas::ask(const Partition& partition, const Job& job,
                                        const rm::QuotaShort& shortage) {
  const std::vector<std::uint32_t> limits = s.rm.limits_on(job.what, job.path);
  std::set<JobId> behind;
  for (const std::uint32_t limit : limits)
    if (const auto head = s.quota_heads.at(limit); head && *head != job.id) {
      if (!goes_before(partition, job, *head)) return;
      behind.insert(*head);
    }
  std::vector<HeldPlace> places = places_behind(partition, job, limits);
  auto kept = is_never_within(job) || is_behind_sleepers(job) ? std::nullopt
                                                              : keep_before(places, job, shortage);
  if (!kept) return drop(job.id, true);
  const QuotaHeads::Head* const known = s.quota_heads.find(job.id);
  if (!behind.empty() || known != nullptr) {
    const bool is_put_off = known != nullptr && known->is_put_off;
    const Time since = is_put_off ? s.rm.slot_of(known->kept).start : rm::kEver;
    // What they and it kept put its own time off.
    s.rm.drop_quotas(*kept, false);
    drop(job.id, false);
    for (const JobId other : behind) drop(other, keeps_more(other, job, limits));
    kept = keep_again(partition, job, limits, shortage, since, places);
  }
  s.quota_heads.put(job.id, {*kept, {partition.index, job.lane}, limits});
  for (const HeldPlace& place : places) find_another(place);
}

std::optional<rm::HoldId> Controller::State::KeepQuotas::keep_before(
    const std::vector<HeldPlace>& places, const Job& job, const rm::QuotaShort& shortage) {
  return without({}, places, [&] {
    return s.rm.keep_quotas(job.what, job.path, s.shapes[job.shape].length, s.clock.mono, shortage);
  });
}

// Where it is put off, since somebody outlives his limit, so are those whose places were planned
// around it: they would overtake it otherwise, and others after them each time this happens.
std::optional<rm::HoldId> Controller::State::KeepQuotas::keep_again(
    const Partition& partition, const Job& job, const std::vector<std::uint32_t>& limits,
    const rm::QuotaShort& shortage, Time since, std::vector<HeldPlace>& places) {
  const auto kept = keep_before(places, job, shortage);
  if (!kept || s.rm.slot_of(*kept).start <= since) return kept;
  const std::size_t known = places.size();
  add_planned_behind(partition, job, limits, since, places);
  if (places.size() == known) return kept;
  s.rm.drop_quotas(*kept, false);
  return keep_before(places, job, shortage);
}

// Of those who alone hold one in their partition: where each has one, nobody's is put off.
std::vector<Controller::State::KeepQuotas::HeldPlace> Controller::State::KeepQuotas::places_behind(
    const Partition& partition, const Job& job, const std::vector<std::uint32_t>& limits) const {
  std::vector<HeldPlace> places;
  for (Partition& other : s.partitions) {
    if (!other.holds_for_first() || !foresees_quotas(other.policy)) continue;
    for (const auto& [id, hold] : other.holds)
      if (id != job.id && goes_before(partition, job, id) && shares(limits, id))
        places.push_back({&other, id, hold});
  }
  return places;
}

// Of those who hold one for everybody, or for the first few: from that time on.
void Controller::State::KeepQuotas::add_planned_behind(const Partition& partition, const Job& job,
                                                       const std::vector<std::uint32_t>& limits,
                                                       Time since, std::vector<HeldPlace>& places) {
  for (Partition& other : s.partitions) {
    if (other.holds_for_first() || !foresees_quotas(other.policy)) continue;
    for (const auto& [id, hold] : other.holds)
      if (id != job.id && s.rm.slot_of(hold).start >= since && goes_before(partition, job, id) &&
          shares(limits, id))
        places.push_back({&other, id, hold});
  }
}

bool Controller::State::KeepQuotas::shares(const std::vector<std::uint32_t>& limits,
                                           JobId other) const {
  const rm::PathId path = s.jobs.at(other).path;
  return std::ranges::any_of(limits,
                             [&](std::uint32_t limit) { return s.rm.ledger().is_on(path, limit); });
}

// Where it has room no more beside what is kept: for now the first that is known, so that nobody
// else is in its way or takes its room; in the next round of the pass it is looked at again.
void Controller::State::KeepQuotas::find_another(const HeldPlace& place) {
  const Job& job = s.jobs.at(place.job);
  Partition& partition = *place.partition;
  if (s.round >= kRoundsWithWays) {
    s.left_at = s.clock.mono;
    return;
  }
  const Duration length = s.shapes[job.shape].length;
  const auto payer = partition.planned(job.path);
  if (s.rm.best_for(place.hold, job.what, length, s.clock.mono, partition.by, payer)) return;
  if (partition.holds_for_first()) {
    s.take_back(partition, partition.holds.find(place.job));
    if (const auto slot =
            s.rm.earliest(job.what, length, s.clock.mono, partition.by, rm::kEver, payer))
      s.put_hold(partition, job, *slot);
  }
  partition.give_up_precedence(place.job);
  partition.is_stale = s.ended_since = s.serve_again = true;
}

// Else nothing comes free for others when `next` keeps it instead.
bool Controller::State::KeepQuotas::keeps_more(JobId head, const Job& next,
                                               const std::vector<std::uint32_t>& limits) const {
  const Job& first = s.jobs.at(head);
  const rm::Amounts of_head = s.rm.least_charge(first.what, first.path);
  const rm::Amounts of_next = s.rm.least_charge(next.what, next.path);
  for (std::size_t k = 0; k < rm::kKinds; ++k)
    if (of_head.of[k] > of_next.of[k]) return true;
  return std::ranges::any_of(s.quota_heads.find(head)->limits, [&](std::uint32_t limit) {
    return std::ranges::find(limits, limit) == limits.end();
  });
}

bool Controller::State::KeepQuotas::is_never_within(const Job& job) const {
  if (!s.shapes[job.shape].whole_node) return false;
  const auto whole = s.rm.whole_nodes(job.what, job.path);
  return whole && whole->beyond;
}

bool Controller::State::KeepQuotas::is_foreseen(const Partition& partition, const Job& job,
                                                const rm::QuotaShort& shortage) const {
  if (rm::is_licence(shortage) || !foresees_quotas(partition.policy)) return false;
  if (is_never_within(job)) return false;
  const bool had_place = partition.placed == job.id;  // taken back to try it
  const bool is_first = partition.holds_for_first();
  if (!had_place && (shortage.set_aside == 0 || !is_first)) return false;
  const Duration length = s.shapes[job.shape].length;
  return s.rm
      .earliest(job.what, length, s.clock.mono, partition.by, rm::kEver,
                partition.planned(job.path))
      .has_value();
}

std::set<JobId> Controller::State::KeepQuotas::heads_behind(const Partition& partition,
                                                            const Job& job) const {
  std::set<JobId> behind;
  if (s.quota_heads.empty()) return behind;
  for (const std::uint32_t limit : s.rm.limits_on(job.what, job.path))
    if (const auto head = s.quota_heads.at(limit);
        head && *head != job.id && goes_before(partition, job, *head))
      behind.insert(*head);
  return behind;
}

Controller::State::KeepQuotas::Place Controller::State::KeepQuotas::first_place(
    const Partition& partition, const Job& job, Time from, Time not_after) {
  const auto earliest = [&] {
    return s.rm.earliest(job.what, s.shapes[job.shape].length, from, partition.by, not_after,
                         partition.planned(job.path));
  };
  Place place;
  place.slot = earliest();
  if (s.quota_heads.empty() || (place.slot && place.slot->start <= from)) return place;
  std::set<JobId> behind = heads_behind(partition, job);
  if (behind.empty()) return place;
  auto sooner = without(behind, {}, earliest);
  if (!sooner || (place.slot && sooner->start >= place.slot->start)) return place;
  place.slot = std::move(sooner);
  place.behind = std::move(behind);
  return place;
}

Controller::State::KeepQuotas::Place Controller::State::KeepQuotas::place_on_nodes(
    const Partition& partition, const Job& job) {
  Place place;
  place.slot = s.rm.earliest(job.what, s.shapes[job.shape].length, s.clock.mono, partition.by,
                             rm::kEver, rm::Payer{job.path, false});
  if (!place.slot || !s.rm.ledger().is_limited(job.path)) return place;
  Place within = first_place(partition, job, place.slot->start, rm::kEver);
  within.waits = !within.slot || within.slot->start != place.slot->start;
  within.is_promise = within.slot.has_value();
  if (!within.slot) within.slot = std::move(place.slot);
  return within;
}

void Controller::State::KeepQuotas::try_before(const Partition& partition, const Job& job,
                                               const rm::Window& window, rm::Acquired& answer) {
  const auto* shortage = std::get_if<rm::QuotaShort>(&answer);
  if (shortage == nullptr || !is_kept_for_others(*shortage)) return;
  const std::set<JobId> behind = heads_behind(partition, job);
  if (behind.empty()) return;
  answer = without(behind, {}, [&] { return s.rm.acquire(job.what, job.path, window); });
  if (!std::holds_alternative<rm::Lease>(answer)) return;
  s.quota_heads.count_turn(partition.policy.order);
  lay_anew(behind);
}

bool Controller::State::KeepQuotas::wake_up(const Job& job, Task& task, const rm::Window& window,
                                            bool heeds_claims) {
  const auto wakes = [&] {
    return s.rm.wake_up(*task.record.lease, task.record.asleep, window, heeds_claims);
  };
  if (wakes()) return true;
  const std::set<JobId> behind = heads_behind(s.partition_of(job), job);
  if (behind.empty() || !without(behind, {}, wakes)) return false;
  s.quota_heads.count_turn(s.partition_of(job).policy.order);
  lay_anew(behind);
  return true;
}

// Whoever is not parked is being tried and asks by himself; until then, too, what is kept for him
// must leave others the places that they have. Who is put off must still know what he had.
void Controller::State::KeepQuotas::lay_anew(const std::set<JobId>& heads) {
  for (const JobId id : heads) {
    const Job& job = s.jobs.at(id);
    const rm::QuotaShort* shortage = s.partition_of(job).queue.parked(job.lane);
    QuotaHeads::Head head = *s.quota_heads.find(id);
    if (shortage == nullptr && head.is_put_off) continue;
    const Partition& partition = s.partition_of(job);
    const auto places = places_behind(partition, job, head.limits);
    s.rm.lift(head.kept);
    const auto kept = keep_before(places, job, shortage != nullptr ? *shortage : rm::QuotaShort{});
    s.rm.lay(head.kept);
    if (!kept) {
      drop_head(id, true);
      continue;
    }
    s.rm.drop_quotas(head.kept, false);
    s.quota_heads.remove(id);
    head.kept = *kept;
    s.quota_heads.put(id, std::move(head));
    for (const HeldPlace& place : places) find_another(place);
  }
}

// A lease on that path will be held for longer than was foreseen.
void Controller::State::KeepQuotas::put_off(rm::PathId path) {
  if (s.quota_heads.empty()) return;
  for (const std::uint32_t limit : s.rm.ledger().counters_of(path))
    if (const auto head = s.quota_heads.at(limit)) {
      s.heads_to_try.push_back(*head);
      s.quota_heads.put_off(*head);
    }
}

void Controller::State::KeepQuotas::drop_head(JobId job, bool wakes) {
  const auto kept = s.quota_heads.remove(job);
  if (!kept) return;
  s.rm.drop_quotas(*kept, wakes);
  // Places that were laid around it may come forward.
  for (Partition& partition : s.partitions)
    partition.is_stale |=
        partition.holds_for_first() ? partition.waits_for_quota : !partition.holds.empty();
  s.ended_since = true;
  if (wakes && s.round >= kRoundsWithWays)
    s.left_at = s.clock.mono;
  else
    s.serve_again |= wakes;
}

void Controller::State::KeepQuotas::drop_all() {
  for (const JobId job : s.quota_heads.jobs()) drop(job, true);
}

void Controller::State::KeepQuotas::wake_heads(const std::vector<std::uint32_t>& freed) {
  for (const std::uint32_t limit : freed)
    if (const auto head = s.quota_heads.at(limit)) s.heads_to_try.push_back(*head);
  for (const JobId head : s.heads_to_try) {
    if (s.quota_heads.find(head) == nullptr) continue;
    Job& job = s.jobs.at(head);
    s.partition_of(job).queue.let_go(job.lane);
  }
  s.heads_to_try.clear();
}

void Controller::State::KeepQuotas::settle() {
  for (Partition& partition : s.partitions) {
    JobQueue& queue = partition.queue;
    for (const LaneId lane : queue.those_let_go()) {  // its head may not be its first any more
      const auto head = s.quota_heads.in({partition.index, lane});
      if (head && queue.parked(lane) == nullptr) drop(*head, true);
    }
    queue.forget_let_go();
  }
}

}  // namespace drover::sched
