// rm/elastic.hpp - requests whose number of nodes is settled when they start.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <optional>

#include "rm/node_inventory.hpp"

namespace drover::rm {

inline bool is_elastic(const Request& request) { return request.nodes_max > request.nodes; }

// Each of its nodes has something else to do on another number of them.
inline bool has_other_asks(const Request& request) {
  return is_elastic(request) && request.tasks > 0;
}

// The first number of nodes after `count` on which each has less to do; O(1).
std::optional<std::int64_t> next_number(const Request& request, std::int64_t count);

// On all nodes together, whatever their number.
std::int64_t least_cpus(const Request& request);

// `ask`, which is of `request`, on so many nodes: a number of tasks means fewer CPUs on each when
// there are more nodes.
NodeAsk ask_on(NodeAsk ask, const Request& request, std::int64_t count);

// The same request on so many nodes, no more and no fewer.
Request fixed(Request request, std::int64_t count);

// Of `one`, a copy of the request that is fixed.
void set_number(Request& one, const Request& request, std::int64_t count);

// NodeInventory::can_ever_fit with any of the numbers of nodes.
Result<void> could_fit(const NodeInventory& nodes, const Request& request);

}  // namespace drover::rm
