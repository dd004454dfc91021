// rm/state_word.cpp - a node's state in one word, from what was said about it and what it holds.
// SPDX-License-Identifier: Apache-2.0
#include "rm/resource_manager.hpp"

namespace drover::rm {

std::string_view state_word(const NodeView& node) {
  switch (node.state) {
    case NodeState::Up: break;
    case NodeState::Draining: return node.leases > 0 ? "draining" : "drained";
    case NodeState::Lost: return "lost";
    case NodeState::Down: return "down";
    case NodeState::Maintenance: return "maintenance";
  }
  if (node.in_maintenance) return "maintenance";
  if (node.leases == 0) return "idle";
  return node.free[Kind::CpuMilli] == 0 || node.free[Kind::Nodes] == 0 ? "allocated" : "mixed";
}

}  // namespace drover::rm
