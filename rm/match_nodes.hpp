// rm/match_nodes.hpp - gives each of several parts of a job nodes of its own.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "base/ids.hpp"

namespace drover::rm {

struct NodeWish {
  std::uint32_t nodes = 1;
  // Those that would do, best first. As many as all wishes want together are enough: with more
  // nobody can be served who cannot be with these.
  std::vector<NodeId> candidates;
};

// The nodes of each wish, by id: all that it wants, if there is any way to deal them so. Otherwise
// as many as can be. Parts with few candidates choose first. O(nodes wanted * candidates) at worst.
std::vector<std::vector<NodeId>> match_nodes(std::span<const NodeWish> wishes);

// Whether nobody is short.
bool is_complete(std::span<const NodeWish> wishes, std::span<const std::vector<NodeId>> dealt);

}  // namespace drover::rm
