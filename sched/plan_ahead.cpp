// sched/plan_ahead.cpp - a place for every job, or for the first few, in order of the queue.
// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <set>
#include <utility>

#include "rm/quota_ledger.hpp"
#include "sched/keep_promises.hpp"
#include "sched/keep_quotas.hpp"
#include "sched/restoring.hpp"

namespace drover::sched {
namespace {

// More jobs than this are not planned for: they start when they delay none of those that are.
constexpr std::size_t kPlannedMax = 10'000;
constexpr std::size_t kGivenUp = SIZE_MAX;  // a lane that quotas stop

// Finds what the jobs of a list hold: mostly in the order in which they came.
class HoldsInOrder {
 public:
  explicit HoldsInOrder(HoldMap& holds) : holds_(holds) {}
  HoldMap::iterator find(JobId job) {
    const bool is_next = next_ < holds_.size() && holds_.nth(next_)->first == job;
    const auto found = is_next ? holds_.nth(next_) : holds_.find(job);
    if (found != holds_.end()) next_ = holds_.index_of(found) + 1;
    return found;
  }

 private:
  HoldMap& holds_;
  std::size_t next_ = 0;
};

}  // namespace

// The jobs that are planned for, in order. Every job holds a place before any of them starts, so
// that nobody overtakes at somebody's cost. False: there are more jobs than that.
bool Controller::State::follow_plan(Partition& partition) {
  if (!restored.empty()) Restoring{*this}.settle(partition);
  const bool all = partition.policy.backfill == Backfill::Conservative;
  const std::size_t depth = all ? kPlannedMax : partition.policy.depth;
  JobQueue& queue = partition.queue;
  bool moved = false, is_cut = false;
  for (bool again = true; again;) {
    const std::vector<JobQueue::Candidate>& jobs_in_order = queue.in_order(depth);
    is_cut = jobs_in_order.size() == depth;
    if (is_cut || queue.has_parked()) drop_holds_except(partition, jobs_in_order);
    if (ended_since && std::exchange(partition.is_stale, false))
      moved = move_forward(partition, jobs_in_order);
    again = hold_places(partition, jobs_in_order);
    const std::uint64_t quota_moves = queue.quota_moves();
    again |= start_due(partition, jobs_in_order);
    again |= queue.quota_moves() != quota_moves;
  }
  partition.is_stale |= moved;
  if (all && has_unheld()) wake_unheld();
  return !is_cut;
}

// Of the first few, those who can start at no time known stand aside: others take their turn, and
// true is returned. Where everyone is planned for, they are in nobody's way.
bool Controller::State::hold_places(Partition& partition,
                                    const std::vector<JobQueue::Candidate>& in_order) {
  bool stood_aside = false;
  const bool foresees = foresees_quotas(partition.policy) && !rm.ledger().book().rules().empty();
  std::vector<JobId> stopped;
  std::map<LaneId, std::size_t> held;  // kGivenUp, or 0; asked only where there are quotas
  bool is_first = true;                // of those who have a place, or get one
  HoldsInOrder holds(partition.holds);
  for (const JobQueue::Candidate& candidate : in_order) {
    const bool has_place = holds.find(candidate.place.job) != partition.holds.end();
    is_first &= !has_place;
    if (has_place) continue;
    if (foresees && held[candidate.lane] == kGivenUp) continue;
    Job& job = jobs.at(candidate.place.job);
    // Room is made for it: it plans with no other, unless there is some right now.
    const bool is_promised = clearings.contains(job.id);
    const Time not_after = is_promised ? clock.mono : rm::kEver;
    const bool is_beyond = foresees && KeepQuotas{*this}.is_never_within(job);
    KeepQuotas::Place place;
    std::set<Partition*> others;
    const auto look = [&] {
      return KeepQuotas{*this}.first_place(partition, job, clock.mono, not_after);
    };
    if (!is_beyond)
      place = is_first ? KeepPromises{*this}.first_place(partition, job, others, look) : look();
    std::optional<rm::Slot>& slot = place.slot;
    const auto is_short_now = [&] {
      return rm.quota_short(job.what, job.path, {clock.mono, clock.mono}).has_value();
    };
    bool of_quota =
        is_beyond || (!slot && foresees && is_short_of_quota(partition, job, not_after));
    // What it is owed by others the ledger only learns from a refusal.
    of_quota |= slot && foresees && rm.ledger().is_guarded(job.path) && is_short_now();
    if (of_quota) {
      slot.reset();
      if (job.active == 0) set_reason(job, Reason::Quota);
      held[candidate.lane] = kGivenUp;
      const bool first = candidate.place == partition.queue.jobs_of(candidate.lane).front();
      if (first && (is_beyond || is_short_now())) stopped.push_back(job.id);
    }
    is_first &= !slot && !is_promised;
    if (is_promised && (!slot || slot->start > clock.mono)) continue;
    if (slot) {
      put_hold(partition, job, *slot);
      KeepQuotas{*this}.lay_anew(place.behind);
      KeepPromises{*this}.make_way(others);
    } else if (!of_quota && partition.policy.backfill == Backfill::DepthK) {
      partition.queue.block(job.shape, JobQueue::Block::Hopeless);
      stood_aside = true;
    }
  }
  std::set<LaneId> holders;
  if (!stopped.empty())
    for (const auto& [id, hold] : partition.holds) holders.insert(jobs.at(id).lane);
  for (const JobId id : stopped) {  // tried as if their time had come, and parked with their lanes
    Job& job = jobs.at(id);
    if (holders.contains(job.lane)) continue;  // somebody of it was promised something
    const rm::Window window = window_of(partition, job);
    rm::Acquired answer = rm.acquire(job.what, job.path, window);
    KeepQuotas{*this}.try_before(partition, job, window, answer);
    settle_try(partition, job, std::move(answer));
    stood_aside = true;
  }
  return stood_aside;
}

// There is a place on nodes, and none of the times known has room in its quotas as well: somebody
// without a limit holds them. Whom they stop holds no place: his room serves others.
bool Controller::State::is_short_of_quota(const Partition& partition, const Job& job,
                                          Time not_after) const {
  return rm.ledger().is_limited(job.path) &&
         rm.earliest(job.what, shapes[job.shape].length, clock.mono, partition.by, not_after,
                     rm::Payer{job.path, false});
}

void Controller::State::drop_holds_except(Partition& partition,
                                          const std::vector<JobQueue::Candidate>& kept) {
  std::set<JobId> keep = restored;
  for (const JobQueue::Candidate& candidate : kept) keep.insert(candidate.place.job);
  std::vector<JobId> gone;
  for (const auto& [job, hold] : partition.holds)
    if (!keep.contains(job)) gone.push_back(job);
  for (const JobId job : gone) drop_hold(partition, job);
}

// Places the holders one by one anew, in order, never later than before (Mu'alem and Feitelson
// 2001). When a round moved nobody and nothing was freed since, another would move nobody either.
// Where one cannot keep its place, since a node was lost or somebody outlives his limit, those
// behind it give theirs up as well: they would overtake it otherwise.
bool Controller::State::move_forward(Partition& partition,
                                     const std::vector<JobQueue::Candidate>& in_order) {
  bool moved = false, is_broken = false;
  HoldsInOrder holds(partition.holds);
  for (const JobQueue::Candidate& candidate : in_order) {
    const auto held = holds.find(candidate.place.job);
    if (held == partition.holds.end() || restored.contains(candidate.place.job)) continue;
    const Job& job = jobs.at(candidate.place.job);
    const Duration length = shapes[job.shape].length;
    std::optional<rm::Slot> slot;
    if (!is_broken)
      slot = rm.best_for(held->second, job.what, length, clock.mono, partition.by,
                         partition.planned(job.path));
    if (slot && *slot == rm.slot_of(held->second)) continue;
    moved = true;
    is_broken |= !slot;
    if (slot)
      move_hold(partition, held, job, *slot);
    else
      take_back(partition, held);
  }
  return moved;
}

// Starts whose time has come, in order. True when a job started that has more tasks to place.
bool Controller::State::start_due(Partition& partition,
                                  const std::vector<JobQueue::Candidate>& in_order) {
  bool more = false;
  HoldsInOrder holds(partition.holds);
  for (const JobQueue::Candidate& candidate : in_order) {
    if (due.empty() || due.begin()->first > clock.mono) break;  // mostly one, or none
    const auto held = holds.find(candidate.place.job);
    if (held == partition.holds.end() || restored.contains(candidate.place.job)) continue;
    if (rm.slot_of(held->second).start > clock.mono) continue;
    Job& job = jobs.at(candidate.place.job);
    const JobId id = job.id;
    const rm::Slot slot = take_back(partition, held);
    ++stats.placements_tried;
    const rm::Window window = window_of(partition, job, slot.start);
    rm::Acquired answer = rm.acquire_on(job.what, job.path, slot.nodes, window);
    // The forecast counts amounts only; on other nodes there may be what it did not promise, and a
    // smaller node than the one promised may be within a quota that is charged the whole of it.
    if (std::holds_alternative<rm::NoFit>(answer) ||
        (std::holds_alternative<rm::QuotaShort>(answer) && shapes[job.shape].whole_node))
      answer = rm.acquire(job.what, job.path, window);
    KeepQuotas{*this}.try_before(partition, job, window, answer);
    const Try tried = settle_try(partition, job, std::move(answer), true);
    // Its place is free for the others, now.
    if (tried == Try::Parked) partition.is_stale = ended_since = true;
    if (tried == Try::Started && in_order.front().place.job != id) ++stats.backfilled;
    if (tried == Try::Started) {
      const Job* left = find(id);
      more |= left != nullptr && left->lane != kNoLane;
    }
  }
  return more;
}

}  // namespace drover::sched
