// rm/whole_runs.cpp - whole nodes that are neighbours, and within quotas together.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "rm/whole_nodes.hpp"

namespace drover::rm {

NodeBits keep_runs(std::span<const NodeId> order, std::size_t count, std::vector<WholeSize>& sizes,
                   const std::function<bool(const Amounts&)>& is_within) {
  std::vector<const Amounts*> charges;  // along `order`; null: the node does not suit
  for (const NodeId id : order) {
    const auto suits = [&](const WholeSize& size) { return size.nodes.contains(id); };
    const auto size = std::ranges::find_if(sizes, suits);
    charges.push_back(size == sizes.end() ? nullptr : &size->charge);
  }
  NodeBits starts, kept;
  Amounts total, asked;
  std::size_t length = 0, kept_to = 0;  // of the run up to here
  bool answer = false, has_asked = false;
  for (std::size_t i = 0; i < order.size(); ++i) {
    length = charges[i] == nullptr ? 0 : length + 1;
    if (length == 0) total = {};
    if (length == 0) continue;
    total += *charges[i];
    if (length > count) total -= *charges[i - count];
    if (length < count) continue;
    if (!has_asked || total != asked) answer = is_within(total);  // most are as the one before
    has_asked = true;
    asked = total;
    if (!answer) continue;
    const std::size_t first = i + 1 - count;
    starts.insert(order[first]);
    for (std::size_t k = std::max(first, kept_to); k <= i; ++k) kept.insert(order[k]);
    kept_to = i + 1;
  }
  for (WholeSize& size : sizes) size.nodes.intersect(kept);
  std::erase_if(sizes, [](const WholeSize& size) { return size.nodes.empty(); });
  return starts;
}

}  // namespace drover::rm
