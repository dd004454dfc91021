// rm/reserved_nodes.cpp - what reservations are to the inventory: in the way, and shown.
// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "rm/node_inventory.hpp"

namespace drover::rm {

std::optional<ReservedRoom::InTheWay> NodeInventory::in_the_way(const NodeAsk& ask,
                                                                const HoldCheck& of) const {
  constexpr std::uint32_t kLooked = 64;
  std::optional<ReservedRoom::InTheWay> last;
  std::uint32_t looked = 0, clear = 0;
  for (std::uint32_t id = 0; id < nodes_.size() && looked < kLooked; ++id) {
    if (!has_room(NodeId(id), ask)) continue;
    ++looked;
    const auto way = of.forecast->in_the_way(NodeId(id), of.room, of.from, of.until);
    clear += !way;
    if (way && (!last || last->span.from < way->span.from)) last = way;
  }
  return clear < ask.nodes ? last : std::nullopt;
}

void NodeInventory::show_reservation(NodeId id, std::string name, bool maintenance) {
  Node& node = at(id);
  node.reservation = std::move(name);
  node.in_maintenance = maintenance;
}

}  // namespace drover::rm
