// rm/asleep.cpp - CPUs that a task gives back for a while, and the same CPUs again.
// SPDX-License-Identifier: Apache-2.0
//
// The processes stay where they are and stay bound: only the same threads will do. Memory, GPUs
// and licences stay with the task; a node that it had alone is shared meanwhile.
#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "rm/node_inventory.hpp"

namespace drover::rm {

NodePart NodeInventory::give_cpus(NodePart& part) {
  Node& node = at(part.node);
  DROVER_CHECK(node.leases > 0, "CPUs of a lease were given back that nobody has");
  NodePart given;
  given.node = part.node;
  for (const Kind kind : {Kind::CpuMilli, Kind::Nodes})
    given.amounts[kind] = std::exchange(part.amounts[kind], 0);
  given.pus = std::exchange(part.pus, {});
  node.held -= given.amounts;
  for (const std::int64_t rest : node.held.of)
    DROVER_CHECK(rest >= 0, "more was given back on a node than it held");
  if (given.amounts[Kind::Nodes] > 0) --node.exclusive;
  node.units.drop(given.pus, {});
  reindex(part.node, node);
  return given;
}

bool NodeInventory::has_cpus(const NodePart& given) const {
  const Node* node = find(given.node);
  if (node == nullptr || !node->known || node->exclusive > 0) return false;
  if (given.amounts[Kind::Nodes] > 0 && node->leases != 1) return false;
  const std::int64_t free = node->capacity[Kind::CpuMilli] - node->held[Kind::CpuMilli];
  return free >= given.amounts[Kind::CpuMilli] &&
         std::ranges::all_of(given.pus, [&](std::uint16_t pu) { return node->units.is_free(pu); });
}

void NodeInventory::take_cpus_back(const NodePart& given, NodePart& part) {
  Node& node = at(given.node);
  node.held += given.amounts;
  if (given.amounts[Kind::Nodes] > 0) ++node.exclusive;
  node.units.hold(given.pus, {});
  part.amounts += given.amounts;
  part.pus = given.pus;
  reindex(given.node, node);
}

}  // namespace drover::rm
