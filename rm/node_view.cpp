// rm/node_view.cpp - the inventory as others see it.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "rm/node_inventory.hpp"

namespace drover::rm {

NodeView NodeInventory::view_of(NodeId id, const Node& node) const {
  NodeView view{id, &node.spec, node.state, node.reason, node.capacity, {}, node.leases, {}, false};
  view.reservation = node.reservation;
  view.in_maintenance = node.in_maintenance;
  view.sole_user = node.sole_user;
  if (view.reason.empty()) view.reason = node.defect;
  const Key free = free_of(node);
  view.free[Kind::CpuMilli] =  // of CPUs given out more than once also those that no one job gets
      node.cpu_percent == 100
          ? free.cpus * 1000
          : std::max<std::int64_t>(node.capacity[Kind::CpuMilli] - node.held[Kind::CpuMilli], 0);
  view.free[Kind::MemMib] = free.mem_mib;
  view.free[Kind::GpuMilli] = free.gpus * kWholeGpu + node.units.left_of_shared();
  for (std::size_t k = kFixedKinds; k < kKinds; ++k)
    view.free.of[k] = std::max<std::int64_t>(node.capacity.of[k] - node.held.of[k], 0);
  view.free[Kind::Nodes] = node.exclusive > 0 ? 0 : node.capacity[Kind::Nodes];
  return view;
}

std::optional<NodeView> NodeInventory::view(NodeId id) const {
  const Node* node = find(id);
  if (node == nullptr || !node->known) return std::nullopt;
  return view_of(id, *node);
}

std::vector<NodeView> NodeInventory::views() const {
  std::vector<NodeView> views;
  for (std::uint32_t id = 0; id < nodes_.size(); ++id)
    if (nodes_[id] != nullptr && nodes_[id]->known)
      views.push_back(view_of(NodeId(id), *nodes_[id]));
  return views;
}

}  // namespace drover::rm
