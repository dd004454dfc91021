// rm/elastic.hpp - requests whose number of nodes is settled when they start.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>

#include "rm/node_inventory.hpp"

namespace drover::rm {

inline bool is_elastic(const Request& request) { return request.nodes_max > request.nodes; }

// On all nodes together, whatever their number.
std::int64_t least_cpus(const Request& request);

// `ask`, which is of `request`, on so many nodes: a number of tasks means fewer CPUs on each when
// there are more nodes.
NodeAsk ask_on(NodeAsk ask, const Request& request, std::int64_t count);

// The same request on so many nodes, no more and no fewer.
Request fixed(Request request, std::int64_t count);

// Plans are made for the least number of nodes that could ever do.
NodeAsk planned_ask(const NodeInventory& nodes, const NodeAsk& ask, const Request& request);

// NodeInventory::can_ever_fit with any of the numbers of nodes.
Result<void> could_fit(const NodeInventory& nodes, const Request& request);

}  // namespace drover::rm
