// rm/whole_runs.hpp - runs of neighbouring whole nodes, by what they come to.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <span>
#include <vector>

#include "rm/whole_nodes.hpp"

namespace drover::rm {

struct RunsAt {
  Amounts total;    // of the nodes of each; of the cheapest, where the last are of several totals
  NodeBits starts;  // the first node of each
};

// The runs of `count` neighbours that begin with `starts`, all of whose nodes are among `sizes`:
// the cheapest first, by CPUs and GPUs. O(nodes x (sizes + totals)). At most 32: whoever tries one
// after the other looks at every node each time, so what is dearer than the rest stands together.
std::vector<RunsAt> runs_by_charge(std::span<const NodeId> order, std::size_t count,
                                   const std::vector<WholeSize>& sizes, const NodeBits& starts);

}  // namespace drover::rm
