// sched/clearing.hpp - room that is being made for a job.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <set>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "rm/resource_manager.hpp"

namespace drover::sched {

// From the choice of victims until the job has started, needs it no more, or all have gone in vain.
// Where victims go for a guarantee, the quota keeps what they leave: then no nodes are promised.
struct Clearing {
  std::vector<NodeId> nodes;       // ascending
  std::optional<rm::HoldId> hold;  // keeps everybody else away from them
  std::set<TaskId> victims;        // not gone yet
  Time until;                      // mono; by when they should have gone
  bool is_fresh = true;            // somebody has gone since the last try
  bool for_quota = false;          // a guarantee is given back: until then the quota refuses
};

}  // namespace drover::sched
