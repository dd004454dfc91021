// sched/magnets.cpp - jobs that run in a reservation without naming it, since it is magnetic.
// SPDX-License-Identifier: Apache-2.0
//
// At the end of a pass, so that those who name it went first, and in what their holds leave. Such a
// job stays in its queue, holds no place inside, and runs there only if it ends before the
// reservation does. O(lanes + tries) a pass while one goes on; nothing while none does.
#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "rm/quota_ledger.hpp"
#include "sched/reserving.hpp"

namespace drover::sched {

bool Controller::State::Reserved::may_draw(rm::ReservedId id, rm::PathId path) const {
  const Reservation* known = s.calendar.find(s.reserved[std::size_t(id)].name);
  if (known == nullptr || !known->magnetic) return false;
  const rm::Labels& labels = s.rm.ledger().labels_of(path);
  const auto value = [&](const char* label) {
    const auto found = labels.find(label);
    return found == labels.end() ? std::string_view() : std::string_view(found->second);
  };
  return may_use(*known, value("user"), value("account"));
}

// Where nobody holds a place those who name it would be overtaken, and so would be who has no plan
// yet, as when it has just begun.
bool Controller::State::Reserving::lets_in(rm::ReservedId id, const Partition& partition) const {
  for (const JobId known : s.reserved[std::size_t(id)].jobs) {
    const Job& job = s.jobs.at(known);
    if (job.lane == kNoLane && s.group_of(job).compiling.contains(known)) return false;
  }
  const auto& queues = s.reserved[std::size_t(id)].queues;
  const auto own = queues.find(partition.index);
  return partition.policy.backfill != Backfill::None || own == queues.end() ||
         !own->second->queue.head();
}

// The first job of the lane, and those behind it, as long as they start.
bool Controller::State::Reserving::draw_from(rm::ReservedId id, Partition& partition, LaneId lane) {
  while (!partition.queue.jobs_of(lane).empty()) {
    Job& job = s.jobs.at(partition.queue.jobs_of(lane).front().job);
    if (job.lane != lane || s.clearings.contains(job.id)) return false;
    ++s.stats.placements_tried;
    rm::Window window = s.window_of(partition, job);
    window.by = id;
    rm::Acquired answer = s.rm.acquire(job.what, job.path, window);
    if (std::holds_alternative<rm::NoFit>(answer)) return false;
    if (std::holds_alternative<rm::QuotaShort>(answer)) return true;  // others may be luckier
    const TaskId task{job.id, TaskIndex{s.next_ready(job)}};
    s.settle_try(partition, job, std::move(answer));
    ++s.stats.backfilled;
    s.reserved[std::size_t(id)].drawn.insert(task);
  }
  return true;
}

void Controller::State::Reserving::draw_in() {
  for (const rm::ReservedId id : s.magnets) {
    const Span span = *s.reserved[std::size_t(id)].span;
    const bool flexible = Reserved{s}.is_flexible(id);
    for (Partition& partition : s.partitions) {
      if (partition.by != rm::kUnreserved || &partition == s.statements) continue;
      if (!lets_in(id, partition)) continue;
      std::set<ShapeId> no_room;
      for (const auto& [key, lane] : partition.queue.all_lanes()) {
        const JobQueue::Lane common = partition.queue.lane(lane);
        const bool in_time = s.clock.wall + s.shapes[common.shape].length <= span.until;
        if ((!in_time && !flexible) || no_room.contains(common.shape)) continue;
        if (!Reserved{s}.may_draw(id, common.path)) continue;
        if (!draw_from(id, partition, lane)) no_room.insert(common.shape);
      }
    }
  }
}

}  // namespace drover::sched
