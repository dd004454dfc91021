// rm/whole_nodes.hpp - what nodes that somebody has alone come to, for who pays.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <optional>
#include <span>
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

struct Among {  // these nodes a place is looked for
  NodeBits nodes;
  std::optional<NodeBits> starts;  // of neighbours: the first of each run that may be taken
  const NodeBits* starts_if_any() const { return starts ? &*starts : nullptr; }
};

// Of the nodes in service that suit a request for whole ones, those that quotas ever allow.
struct WholeNodes {
  std::vector<WholeSize> sizes;      // the cheapest first, by CPUs and GPUs
  NodeBits within;                   // all of them
  std::optional<NodeBits> starts;    // of neighbours: the first of each run that is within together
  Amounts least;                     // what it comes to at least
  std::optional<QuotaShort> beyond;  // there would be nodes enough, but for this limit
};

// Leaves what lies in a run of `count` neighbours in `order` whose charges together are within, and
// returns the first of each such run. O(nodes x sizes); runs that come to the same ask once.
NodeBits keep_runs(std::span<const NodeId> order, std::size_t count, std::vector<WholeSize>& sizes,
                   const std::function<bool(const Amounts&)>& is_within);

}  // namespace drover::rm
