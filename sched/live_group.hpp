// sched/live_group.hpp - what the controller keeps of a group with open jobs.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <set>
#include <string>

#include "base/ids.hpp"
#include "sched/live_job.hpp"

namespace drover::sched {

struct Group {
  std::string name;
  PlaceList fifo;             // Inited and free to go
  std::set<Place> unplanned;  // past the FIFO, with waiting tasks, their plan lost by a restart
  std::set<JobId> compiling;  // asked of the consumer, not answered
  std::uint64_t open = 0, active = 0;
  std::uint64_t made = 0;  // which group of this id it is; see Origin
  bool exists = false;     // false: the id is free for the next new group
};

}  // namespace drover::sched
