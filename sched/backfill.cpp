// sched/backfill.cpp - what starts although the first in order cannot, and delays nobody who holds
// a place.
// SPDX-License-Identifier: Apache-2.0
//
// A hold keeps room free on certain nodes from a certain time on. A job starts now only where what
// it needs stays free of holds for as long as its limit allows it to run. EASY is one hold, for the
// first job; conservative one for every job; so one rule serves all.
#include <algorithm>
#include <set>
#include <utility>

#include "base/check.hpp"
#include "rm/quota_ledger.hpp"
#include "sched/keep_promises.hpp"
#include "sched/keep_quotas.hpp"

namespace drover::sched {
void Controller::State::drop_hold(Partition& partition, JobId job) {
  const auto hold = partition.holds.find(job);
  if (hold == partition.holds.end()) return;
  take_back(partition, hold);
  partition.give_up_precedence(job);
  partition.is_stale = ended_since = true;
}

// A quota stops all jobs of a lane: a place that one of them kept would lie idle.
void Controller::State::drop_holds_of(Partition& partition, LaneId lane) {
  std::vector<JobId> stopped;
  for (const auto& [job, hold] : partition.holds)
    if (jobs.at(job).lane == lane) stopped.push_back(job);
  for (const JobId job : stopped) drop_hold(partition, job);
}

// Returns where the place was. Those whom it held up are tried again at the next wake_unheld().
rm::Slot Controller::State::take_back(Partition& partition, HoldMap::iterator hold) {
  rm::Slot slot = rm.slot_of(hold->second);
  due.erase({slot.start, hold->first});
  unheld.insert(unheld.end(), slot.nodes.begin(), slot.nodes.end());
  unheld_licences |= rm.drop(hold->second);
  if (config.keep_records && keeps_promises(partition.policy)) touch(jobs.at(hold->first));
  if (!restored.empty()) restored.erase(hold->first);
  partition.holds.erase(hold);
  return slot;
}

// As taken back and put there, but that it stays what it is.
void Controller::State::move_hold(Partition& partition, HoldMap::iterator hold, const Job& job,
                                  const rm::Slot& slot) {
  const rm::Slot& before = rm.slot_of(hold->second);
  auto when = due.extract({before.start, job.id});
  DROVER_CHECK(!when.empty(), "a place without its time");
  when.value().first = slot.start;
  due.insert(std::move(when));
  unheld.insert(unheld.end(), before.nodes.begin(), before.nodes.end());
  unheld_licences |= shapes[job.shape].licensed;
  rm.hold(job.what, slot, shapes[job.shape].length, partition.by, partition.planned(job.path),
          hold->second);
  if (config.keep_records && keeps_promises(partition.policy)) touch(jobs.at(job.id));
  KeepPromises{*this}.note(partition, job, slot.start);
}

// Who was held up can only start where a hold has gone: the room there tells who.
void Controller::State::wake_unheld() {
  unheld.erase(std::unique(unheld.begin(), unheld.end()), unheld.end());  // neighbours
  for (const NodeId node : unheld) {
    const rm::Room room = rm.free_room(node);
    for (Partition& partition : partitions) {
      if (partition.queue.lanes() == 0) continue;
      if (partition.queue.knows_room(node))
        partition.queue.update_room(node, [&] { return room_for(partition, node); });
      partition.queue.wake_held(room);
    }
  }
  unheld.clear();
  if (const auto pool = std::exchange(unheld_licences, false) ? rm.licence_pool() : std::nullopt)
    for (Partition& partition : partitions) {
      partition.queue.wake_quota(*pool);
      partition.queue.wake_licensed();
    }
}

void Controller::State::put_hold(Partition& partition, const Job& job, const rm::Slot& slot) {
  partition.holds.emplace(job.id, rm.hold(job.what, slot, shapes[job.shape].length, partition.by,
                                          partition.planned(job.path)));
  due.insert({slot.start, job.id});
  if (config.keep_records && keeps_promises(partition.policy)) touch(jobs.at(job.id));
  KeepPromises{*this}.note(partition, job, slot.start);
}

// A hold may move forward when its nodes changed, or when another node could now be ready earlier.
void Controller::State::mark_stale(Partition& partition, const rm::Freed& freed) {
  if (freed.everything) ended_since = true;
  if (partition.is_stale || partition.holds.empty()) return;
  if (freed.nodes.empty() && !freed.everything) return;
  if (freed.everything || freed_early) partition.is_stale = true;
  if (!partition.holds_for_first() || freed.everything) return;
  const auto& first = *partition.holds.begin();  // clang 14 captures no structured binding
  const Shape& shape = shapes[jobs.at(first.first).shape];
  const auto is_pool = [&](std::uint32_t quota) { return rm.is_licence_pool(quota); };
  partition.is_stale = std::ranges::any_of(freed.nodes, [&](NodeId node) {
    return rm.could_improve(first.second, node, shape.what, shape.length, clock.mono, partition.by);
  });
  partition.is_stale |= shape.licensed && std::ranges::any_of(freed.quotas, is_pool);
  partition.is_stale |= partition.waits_for_quota && !freed.quotas.empty();
}

// Sees to it that the first job, and only it, holds the earliest place it can get. Jobs that cannot
// start at any time known stand aside, save where nobody may start before them.
void Controller::State::hold_for_head(Partition& partition) {
  if (!partition.is_stale && partition.holds.size() == 1 && clearings.empty()) {
    const auto& [job, hold] = *partition.holds.begin();  // as after most events: no look at the job
    if (partition.queue.is_head(job) && rm.slot_of(hold).start > clock.mono) return;
  }
  JobId tried{};
  while (true) {
    const auto head = partition.queue.head();
    if (head && clearings.contains(head->place.job)) {  // its room is promised in another way
      while (!partition.holds.empty()) drop_hold(partition, partition.holds.begin()->first);
      return;
    }
    const bool same = head && partition.holds.contains(head->place.job);
    if (same && !partition.is_stale &&
        rm.slot_of(partition.holds.begin()->second).start > clock.mono)
      return;
    partition.is_stale = false;
    if (!same && !partition.holds.empty()) {  // without that hold the new first may start now
      drop_hold(partition, partition.holds.begin()->first);
      serve_heads(partition);
      continue;
    }
    std::optional<rm::Slot> before;
    if (same) before = take_back(partition, partition.holds.begin());
    std::optional<rm::Slot> slot;
    if (head) {
      const Job& job = jobs.at(head->place.job);
      std::set<Partition*> others;
      KeepQuotas::Place place = KeepPromises{*this}.first_place(
          partition, job, others, [&] { return KeepQuotas{*this}.place_on_nodes(partition, job); });
      slot = std::move(place.slot);
      partition.waits_for_quota = place.waits;
      // What quotas put off nothing may have woken: nodes had room for it all the time.
      const bool is_due = slot && slot->start <= clock.mono && rm.ledger().is_limited(job.path);
      if (is_due && std::exchange(tried, job.id) != job.id) {
        partition.queue.unblock(head->shape);
        serve_heads(partition);
        continue;
      }
      if (slot) put_hold(partition, job, *slot);
      if (slot) partition.placed = job.id;
      if (!place.is_promise) partition.give_up_precedence(job.id);
      KeepQuotas{*this}.lay_anew(place.behind);
      KeepPromises{*this}.make_way(others);
    }
    if (before && slot == before) {
      unheld.clear();
      unheld_licences = false;
    }
    if (!head || slot || partition.keeps_place) return;
    partition.queue.block(head->shape, JobQueue::Block::Hopeless);
    serve_heads(partition);  // who is first now has not been tried yet
  }
}

void Controller::State::fill_behind(Partition& partition) {
  JobQueue& queue = partition.queue;
  if (has_unheld()) wake_unheld();
  while (const auto candidate = queue.candidate()) {
    const Try tried = try_to_start(partition, *candidate);
    if (tried == Try::Started) ++stats.backfilled;
    if (tried == Try::Started) queue.unblock(candidate->shape);
    if (tried == Try::Held) queue.block(candidate->shape, JobQueue::Block::Held);
    if (tried == Try::NoRoom) queue.block(candidate->shape, JobQueue::Block::NoRoom);
  }
}

// A task that started a little late has as much left when its place ends. One that outlives its
// limit is still being ended: its room counts as taken for a while longer. One without a limit goes
// on: it may run for another year.
void Controller::State::extend_overdue() {
  constexpr Duration kGrace = seconds(60);
  while (!limits.empty() && limits.next() <= clock.mono) {
    Task& task = limits.next_task();
    rm::Lease& lease = *task.record.lease;
    const Job& job = jobs.at(task.record.id.job);
    Duration more = kGrace;
    if (is_unlimited(shapes[job.shape].length))
      more = kUnlimited;
    else if (const Duration left = time_left(job, task.record); left > Duration{})
      more = std::min(left, kGrace);
    rm.extend(lease, rm::after(clock.mono, more));
    KeepQuotas{*this}.put_off(lease.path);
    limits.follow(task);
    ended_since = true;
    for (Partition& partition : partitions) partition.is_stale = true;
  }
}

}  // namespace drover::sched
