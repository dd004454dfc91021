// rm/slot.hpp - a place in the future, and what is asked for when one is looked for.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <vector>

#include "base/ids.hpp"
#include "rm/node_bits.hpp"
#include "rm/node_timeline.hpp"
#include "rm/reserved_room.hpp"

namespace drover::rm {

// A place in the future.
struct Slot {
  Time start;
  std::vector<NodeId> nodes;
  friend bool operator==(const Slot&, const Slot&) = default;
};

struct RoomAsk {  // the same room on each of `nodes` nodes
  Room want;
  std::uint32_t nodes = 1;
  const NodeBits* allowed = nullptr;           // null = any that offers
  const std::vector<NodeId>* order = nullptr;  // not null: neighbours in it
  ReservedId by = kUnreserved;                 // of a job in a reservation: only there
  const NodeBits* starts = nullptr;            // not null: neighbours begin with one of these
};

}  // namespace drover::rm
