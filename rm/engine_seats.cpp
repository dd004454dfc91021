// rm/engine_seats.cpp - which engine takes a statement.
// SPDX-License-Identifier: Apache-2.0
#include "rm/node_inventory.hpp"

namespace drover::rm {

// The engines of one pool are few. The first free one by id, so that those of high numbers fall
// idle, and end. O(engines of the pool)
std::optional<NodeId> NodeInventory::free_engine(const NodeBits* allowed) const {
  if (allowed == nullptr) return std::nullopt;
  for (auto id = allowed->first_common(&up_); id; id = allowed->first_common(&up_, raw(*id) + 1)) {
    ++probes_;
    if (nodes_[raw(*id)]->has_seat()) return id;
  }
  return std::nullopt;
}

}  // namespace drover::rm
