// rm/node_view.hpp - a node as it was described, and as it stands now.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "rm/amounts.hpp"
#include "rm/request.hpp"
#include "rm/topology.hpp"

namespace drover::rm {

enum class NodeState : std::uint8_t {
  Up,
  Draining,  // keeps running work, takes no new; so do the next two
  Lost,      // out of contact
  Down,      // an operator says that it does not work
  Maintenance
};
inline constexpr std::size_t kNodeStates = 5;

struct NodeSpec {
  std::string name;
  Labels labels;
  Topology topology;
  // Above 0: no machine but an engine on one. It has no cores and takes so many statements at once.
  std::uint32_t seats = 0;
};

struct NodeView {
  NodeId id{};
  const NodeSpec* spec = nullptr;
  NodeState state{};
  std::string reason;  // why draining
  Amounts capacity, free;
  std::uint32_t leases = 0;
  std::string reservation;      // that goes on here now
  bool in_maintenance = false;  // by that reservation
  std::int64_t sole_user = 0;   // whose jobs alone may join those here; a user's id and 1
};

// As people see it: idle, mixed, allocated, draining, drained, lost, down or maintenance.
std::string_view state_word(const NodeView& node);
inline constexpr std::string_view kNodeStateWords[] = {
    "idle", "mixed", "allocated", "draining", "drained", "lost", "down", "maintenance"};

}  // namespace drover::rm
