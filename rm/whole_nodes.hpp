// rm/whole_nodes.hpp - what nodes that somebody has alone come to, for who pays.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <vector>

#include "rm/lease.hpp"
#include "rm/node_bits.hpp"
#include "rm/quota_view.hpp"
#include "rm/reserved_room.hpp"

namespace drover::rm {

// Whose quotas count in a plan: a whole node that is more than they ever allow is no place, and
// where they are foreseen, nor is a time at which they have no room.
struct Payer {
  PathId path{};
  bool foresees = true;
};

struct When {  // a place is looked for
  Duration length;
  Time from, not_after;
  ReservedId by{};
};

struct WholeSize {
  NodeBits nodes;
  Amounts charge;  // of one of them
};

// Of the nodes in service that suit a request for whole ones, those that quotas ever allow.
struct WholeNodes {
  std::vector<WholeSize> sizes;      // the cheapest first, by CPUs and GPUs
  NodeBits within;                   // all of them
  Amounts least;                     // what it comes to at least
  std::optional<QuotaShort> beyond;  // there would be nodes enough, but for this limit
};

}  // namespace drover::rm
