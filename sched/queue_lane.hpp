// sched/queue_lane.hpp - what jobs that wait in one row of a JobQueue have in common.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>

#include "base/ids.hpp"
#include "rm/resource_manager.hpp"
#include "sched/live_job.hpp"

namespace drover::sched {

struct QueueLane {
  GroupId group{};
  ShapeId shape{};
  rm::PathId path{};
  StandingId standing{};
  friend bool operator==(const QueueLane&, const QueueLane&) = default;
};

struct QueueLaneHash {
  std::size_t operator()(const QueueLane& lane) const noexcept {
    return ((std::size_t(lane.group) * 0x9e3779b97f4a7c15u) ^ std::size_t(lane.shape)) *
               0xbf58476d1ce4e5b9u ^
           std::size_t(lane.path) ^ std::size_t(lane.standing) << 32;
  }
};

}  // namespace drover::sched
