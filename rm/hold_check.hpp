// rm/hold_check.hpp - whether a task may have a node, for all that others hold or have reserved.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "rm/forecast.hpp"

namespace drover::rm {

// Asked for each node that a task could take now.
struct HoldCheck {
  const Forecast* forecast = nullptr;  // null: nobody holds anything
  Room room;
  Time from, until;
  ReservedId by = kUnreserved;
  const NodeBits *within = nullptr, *starts = nullptr;  // what quotas allow: see WholeNodes
  bool held = false;  // a node was refused for the sake of those who hold it
  bool allows(NodeId id) {
    if (within != nullptr && !within->contains(id)) return false;
    if (forecast == nullptr || forecast->allows(id, room, from, until, by)) return true;
    held = true;
    return false;
  }
};

}  // namespace drover::rm
