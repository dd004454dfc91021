// sched/restore_places.cpp - promised places after a restart.
// SPDX-License-Identifier: Apache-2.0
//
// Jobs are compiled anew and nodes register one by one, while time goes on. Until a job is back in
// its queue and the nodes of its place are in contact, or overdue, it keeps that place and is not
// planned for; nobody else gets it.
#include <algorithm>
#include <utility>
#include <vector>

#include "sched/keep_promises.hpp"
#include "sched/restoring.hpp"

namespace drover::sched {
namespace {

// Two clocks are read one after the other, when something starts and when a place is stored. What
// that comes to must not make a place that begins with an end begin before it.
constexpr Duration kBetweenClocks{10'000};

}  // namespace

void Controller::State::Restoring::write(const State& s, const Job& job, JobRecord& record) {
  if (const auto stored = s.stored_places.find(job.id); stored != s.stored_places.end()) {
    record.place_from = stored->second.from;
    record.place_on = stored->second.nodes;
    return;
  }
  if (job.lane == kNoLane && !s.restored.contains(job.id)) return;
  const Partition& partition = s.partition_of(job);
  if (!keeps_promises(partition.policy)) return;
  const auto hold = partition.holds.find(job.id);
  if (hold == partition.holds.end()) return;
  const rm::Slot& slot = s.rm.slot_of(hold->second);
  record.place_from = s.clock.wall + (slot.start - s.clock.mono);
  record.place_on = slot.nodes;
}

void Controller::State::Restoring::note(const Job& job, const JobRecord& record) {
  if (record.place_from.is_set()) s.stored_places[job.id] = {record.place_from, record.place_on};
}

// All of them together, as they were: whether there is room for one is then no question of order.
void Controller::State::Restoring::lay_places(Now now) {
  for (const auto& [id, place] : std::exchange(s.stored_places, {})) {
    Job* job = s.find(id);
    if (job == nullptr) continue;
    s.touch(*job);
    if (!is_still_right(*job, place)) continue;
    lay(s.partition_of(*job), *job,
        {now.mono + (place.from - now.wall) + kBetweenClocks, place.nodes});
    s.restored.insert(id);
  }
}

// It waits as it did, and what it asks for, the policy and the nodes are those of then.
bool Controller::State::Restoring::is_still_right(const Job& job, const StoredPlace& place) const {
  if (!job.is_active() || s.next_ready(job) == kNoElement || s.clearings.contains(job.id))
    return false;
  if (!keeps_promises(s.partition_of(job).policy)) return false;
  const bool has_nodes = std::ranges::all_of(place.nodes, [&](NodeId node) {
    const auto known = s.nodes.find(node);
    return known != s.nodes.end() && !known->second.is_engine;
  });
  return has_nodes && place.nodes.size() == s.rm.nodes_of(job.what);
}

void Controller::State::Restoring::lay(Partition& partition, const Job& job, const rm::Slot& slot) {
  partition.holds.emplace(job.id, s.rm.hold(job.what, slot, s.shapes[job.shape].length,
                                            partition.by, partition.planned(job.path)));
  s.due.insert({slot.start, job.id});
  s.touch(s.jobs.at(job.id));
}

void Controller::State::Restoring::forget(Job& job) {
  s.stored_places.erase(job.id);
  if (s.restored.contains(job.id)) s.drop_hold(s.partition_of(job), job.id);
}

bool Controller::State::Restoring::is_back(const Job& job, const rm::Slot& slot) const {
  return job.lane != kNoLane && std::ranges::none_of(slot.nodes, [&](NodeId id) {
           const Node& node = s.node_of(id);
           return !node.seen && node.deadline.is_set();
         });
}

void Controller::State::Restoring::settle(Partition& partition) {
  std::vector<JobId> back;
  Duration late{};
  for (const JobId id : s.restored) {
    const auto hold = partition.holds.find(id);
    if (hold == partition.holds.end()) continue;  // in another one
    const rm::Slot& slot = s.rm.slot_of(hold->second);
    if (!is_back(s.jobs.at(id), slot)) continue;
    back.push_back(id);
    late = std::max(late, s.clock.mono - slot.start);
  }
  if (back.empty()) return;
  if (late.us > 0) postpone(partition, late);
  for (const JobId id : back) {
    s.restored.erase(id);
    KeepPromises{s}.note(partition, s.jobs.at(id), s.rm.slot_of(partition.holds.at(id)).start);
  }
  std::vector<std::pair<Time, JobQueue::Candidate>> by_start;
  for (const auto& [id, hold] : partition.holds) {
    const Job& job = s.jobs.at(id);
    by_start.push_back({s.rm.slot_of(hold).start, {job.lane, job.shape, job.place()}});
  }
  std::ranges::stable_sort(by_start, {}, [](const auto& one) { return one.first; });
  std::vector<JobQueue::Candidate> in_order;
  for (const auto& [start, candidate] : by_start) in_order.push_back(candidate);
  s.move_forward(partition, in_order);
  partition.is_stale = s.ended_since = true;
}

// Together they fit as they did before, and each moves forward again as far as there is room.
void Controller::State::Restoring::postpone(Partition& partition, Duration late) {
  std::vector<std::pair<JobId, rm::Slot>> places;
  for (const auto& [id, hold] : partition.holds) places.emplace_back(id, s.rm.slot_of(hold));
  const std::set<JobId> away = s.restored;
  for (const auto& [id, slot] : places) s.take_back(partition, partition.holds.find(id));
  for (auto& [id, slot] : places) {
    if (slot.start < rm::kEver) slot.start = slot.start + late;
    lay(partition, s.jobs.at(id), slot);
  }
  s.restored = away;
}

}  // namespace drover::sched
