// rm/inventory_node.hpp - one node, as the inventory keeps it.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <boost/container/deque.hpp>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "rm/node_ask.hpp"
#include "rm/node_group.hpp"
#include "rm/node_units.hpp"
#include "rm/node_view.hpp"

namespace drover::rm {

struct InventoryKey {  // free amounts in the order of best fit
  std::uint32_t gpus = 0, cpus = 0;
  std::int64_t mem_mib = 0;
  friend auto operator<=>(const InventoryKey&, const InventoryKey&) = default;
};

// May change where it stands, as long as the order of the keys beside it stays the same.
struct InventoryPlace {
  mutable InventoryKey key;
  friend bool operator<(const InventoryPlace& a, const InventoryPlace& b) { return a.key < b.key; }
};

using InventoryBuckets = std::map<InventoryPlace, NodeGroup>;  // nodes with equal amounts free

// What every start and end looks at comes first, so that it lies together.
struct InventoryNode {
  bool known = false;  // false: leases were restored before the node registered
  NodeState state = NodeState::Up;
  bool in_maintenance = false;
  std::uint32_t leases = 0, exclusive = 0;
  std::uint32_t ahead = 0;         // leases that an engine takes beyond its seats
  std::int64_t sole_user = 0;      // of all its leases
  std::int64_t listed_for = 0;     // the user under whom it is indexed
  std::int64_t cpu_percent = 100;  // how often its CPUs are given out
  Amounts held, capacity;
  NodeUnits units;
  std::optional<InventoryBuckets::iterator> bucket;  // where it is indexed
  std::optional<InventoryKey> size;                  // by what was built in
  std::vector<std::int64_t> levels;                  // of shared GPUs, where it is indexed
  std::string reason, defect;                        // defect: why the topology cannot be used
  std::string reservation;                           // that goes on here
  NodeSpec spec;

  // Given out more than once, CPUs are counted, and nobody is bound to any.
  bool binds() const { return units.bindable() && cpu_percent == 100; }
  bool has_seat() const { return leases < spec.seats + ahead; }  // of an engine
  bool is_shared() const { return leases == 0 || sole_user == 0; }
  bool may_join(const NodeAsk& ask) const { return leases == 0 || sole_user == ask.sole_user; }
};

// Side by side, since each would lie on pages of its own otherwise. They keep their addresses.
using InventoryNodes =
    boost::container::deque<InventoryNode, void,
                            boost::container::deque_options_t<boost::container::block_size<16>>>;

}  // namespace drover::rm
