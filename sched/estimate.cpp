// sched/estimate.cpp - when a waiting job is likely to start, from the timelines that decide it.
// SPDX-License-Identifier: Apache-2.0
//
// Every job before it gets a place for a moment, in order, as a conservative plan would give it.
// Jobs usually end before their limit, so the answer is a late one; what its error was is measured
// when the job starts (StartEstimate).
#include <utility>

#include "sched/reserving.hpp"

namespace drover::sched {
namespace {

constexpr std::size_t kPlannedMax = 2'000;  // behind more jobs than these there is no estimate

}  // namespace

// Gives temporary places to the jobs before `until`; all of them when it is nobody. Nothing when
// there are too many.
std::optional<Rehearsal> Controller::State::rehearse(const Partition& partition,
                                                     std::optional<JobId> until) {
  Rehearsal rehearsal;
  const auto& in_order = partition.queue.in_order(kPlannedMax + 1);
  for (const JobQueue::Candidate& candidate : in_order) {
    if (candidate.place.job == until) return rehearsal;
    if (rehearsal.before == kPlannedMax) break;
    ++rehearsal.before;
    if (partition.holds.contains(candidate.place.job)) continue;
    if (clearings.contains(candidate.place.job)) continue;
    const Shape& shape = shapes[candidate.shape];
    const auto path = partition.planned(partition.queue.lane(candidate.lane).path);
    if (const auto slot =
            rm.earliest(shape.what, shape.length, clock.mono, partition.by, rm::kEver, path))
      rehearsal.holds.push_back(rm.hold(shape.what, *slot, shape.length, partition.by, path));
  }
  if (!until && rehearsal.before < kPlannedMax) return rehearsal;
  for (const rm::HoldId hold : rehearsal.holds) rm.drop(hold);
  return std::nullopt;
}

std::optional<Estimate> Controller::State::finish_rehearsal(const Rehearsal& rehearsal,
                                                            rm::ClassId what, Duration length,
                                                            rm::ReservedId by,
                                                            std::optional<rm::PathId> path) {
  const auto slot = rm.earliest(what, length, clock.mono, by, rm::kEver, path);
  for (const rm::HoldId hold : rehearsal.holds) rm.drop(hold);
  if (!slot || slot->start - clock.mono >= kUnlimited) return std::nullopt;
  return Estimate{clock.wall + (slot->start - clock.mono), rehearsal.before};
}

std::optional<Estimate> Controller::State::when(JobId id) {
  const Job* job = find(id);
  if (job == nullptr || !plans_ahead()) return std::nullopt;
  if (job->reservation() != rm::kUnreserved && !Reserved{*this}.is_open(job->reservation()) &&
      (job->gates & ~kReservationGate) == 0)
    return Reserved{*this}.when(reserved[std::size_t(job->reservation())].name, id);
  if (job->lane == kNoLane) return std::nullopt;
  const Partition& partition = partition_of(*job);
  if (const auto clearing = clearings.find(id); clearing != clearings.end())
    return Estimate{clock.wall + std::max(clearing->second.until - clock.mono, Duration{}), 0};
  if (partition.queue.parked(job->lane) != nullptr) return std::nullopt;
  const auto hold = partition.holds.find(id);
  if (hold != partition.holds.end()) {
    const Duration away = rm.slot_of(hold->second).start - clock.mono;
    if (away >= kUnlimited) return std::nullopt;
    return Estimate{clock.wall + away, 0};
  }
  const auto rehearsal = rehearse(partition, id);
  if (!rehearsal) return std::nullopt;
  return finish_rehearsal(*rehearsal, job->what, shapes[job->shape].length, partition.by,
                          partition.planned(job->path));
}

std::optional<Estimate> Controller::State::when(const JobSpec& spec) {
  if (!plans_ahead() || spec.hold) return std::nullopt;
  const auto by = reserved_ids.find(spec.reservation);
  const bool inside = !spec.reservation.empty() && by != reserved_ids.end();
  if (inside && !Reserved{*this}.is_open(by->second))
    return Reserved{*this}.when(spec.reservation, std::nullopt);
  const rm::ClassId what = rm.intern(spec.request);
  rm.hold(what);
  std::optional<Estimate> estimate;
  const Partition& partition = partition_for(spec);
  const Origin* const known = known_origin(spec);  // whose quotas are known
  const auto path = known != nullptr ? partition.planned(known->path) : std::nullopt;
  if (const auto rehearsal = rehearse(partition, std::nullopt))
    estimate =
        finish_rehearsal(*rehearsal, what, spec.time_limit.us > 0 ? spec.time_limit : kUnlimited,
                         inside ? by->second : rm::kUnreserved, path);
  rm.drop(what);
  return estimate;
}

// The first promise counts: later ones know more.
void Controller::State::note_promise(Partition& partition, const Job& job, Time start) {
  if (start - clock.mono < kUnlimited) partition.promised.emplace(job.id, start);
}

void Controller::State::note_start(Partition& partition, const Job& job) {
  const auto promise = partition.promised.find(job.id);
  if (promise == partition.promised.end()) return;
  if (config.keep_records) out.estimates.push_back({promise->second, clock.mono});
  partition.promised.erase(promise);
}

}  // namespace drover::sched
