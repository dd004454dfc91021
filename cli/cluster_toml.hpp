// cli/cluster_toml.hpp - the nodes that a server knows, as a cluster file for `drover sim`.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "cli/json.hpp"

namespace drover::cli {

// `nodes`: the list of GET /api/v1/nodes?topology=1. One [[nodes]] table for nodes that are alike
// in everything but their names, in the order in which they first come. What the file cannot say (a
// node with cores of several kinds) is simplified and said in a comment. Nodes that are down are
// left out, with a comment.
std::string cluster_toml(const Json& nodes);

}  // namespace drover::cli
