// rm/engine_seats.cpp - which engine takes a statement.
// SPDX-License-Identifier: Apache-2.0
#include "base/check.hpp"
#include "rm/node_inventory.hpp"

namespace drover::rm {

// The engines of one pool are few. The first that has a seat free by id, so that those of high
// numbers fall idle, and end; else, where some may wait, the one with fewest. O(engines there)
std::optional<NodeId> NodeInventory::free_engine(const NodeBits* allowed) const {
  std::optional<NodeId> best;
  if (allowed == nullptr) return best;
  for (auto id = allowed->first_common(&up_); id; id = allowed->first_common(&up_, raw(*id) + 1)) {
    ++probes_;
    const Node& node = *nodes_[raw(*id)];
    if (node.leases < node.spec.seats) return id;
    if (node.has_seat() && (!best || node.leases < nodes_[raw(*best)]->leases)) best = id;
  }
  return best;
}

void NodeInventory::set_ahead(NodeId id, std::uint32_t more) {
  Node& node = at(id);
  DROVER_CHECK(node.spec.seats > 0, "statements wait in engines");
  node.ahead = more;
}

}  // namespace drover::rm
