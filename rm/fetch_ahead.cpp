// rm/fetch_ahead.cpp - a node is brought into the cache before it is changed.
// SPDX-License-Identifier: Apache-2.0
#include "rm/node_inventory.hpp"

namespace drover::rm {

// On a large cluster a node has left the cache since its last lease began or ended.
void NodeInventory::fetch_ahead(NodeId id) const {
  constexpr std::size_t kFew = 64;  // these stay there
  if (nodes_.size() <= kFew) return;
  const Node* node = find(id);
  if (node == nullptr) return;
  const auto* const end = reinterpret_cast<const char*>(&node->levels);  // what comes first is used
  for (auto* at = reinterpret_cast<const char*>(node); at < end; at += 64)
    __builtin_prefetch(at, 1);
}

}  // namespace drover::rm
