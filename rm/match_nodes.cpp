// rm/match_nodes.cpp - the best free one first; where none is left, somebody else moves over.
// SPDX-License-Identifier: Apache-2.0
#include "rm/match_nodes.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <utility>

namespace drover::rm {
namespace {

// Paths of changes, as in bipartite matching: whoever is short takes a node from a part that can
// take one from another, and so on, until one takes a free node. When there is no such path, no
// other dealing gives more.
class Dealer {
 public:
  explicit Dealer(std::span<const NodeWish> wishes) : wishes_(wishes), has_(wishes.size()) {}

  std::vector<std::vector<NodeId>> deal() {
    std::vector<std::size_t> order(wishes_.size());
    std::iota(order.begin(), order.end(), std::size_t(0));
    std::ranges::stable_sort(order, {}, [&](std::size_t part) {
      return std::int64_t(wishes_[part].candidates.size()) - wishes_[part].nodes;
    });
    for (const std::size_t part : order) {
      for (const NodeId node : wishes_[part].candidates) {
        if (has_[part] == wishes_[part].nodes) break;
        if (owner_.emplace(node, part).second) ++has_[part];
      }
      while (has_[part] < wishes_[part].nodes && give_one_more(part)) ++has_[part];
    }
    std::vector<std::vector<NodeId>> dealt(wishes_.size());
    for (const auto& [node, part] : owner_) dealt[part].push_back(node);
    return dealt;
  }

 private:
  struct Step {  // this part would give `node` to `taker`
    std::size_t taker = 0;
    NodeId node{};
  };

  bool give_one_more(std::size_t start) {
    std::vector<std::optional<Step>> steps(wishes_.size());
    std::vector<std::size_t> reached{start};
    for (std::size_t at = 0; at < reached.size(); ++at) {
      const std::size_t part = reached[at];
      for (const NodeId node : wishes_[part].candidates) {
        const auto owner = owner_.find(node);
        if (owner == owner_.end()) {
          move_over(start, part, node, steps);
          return true;
        }
        const std::size_t other = owner->second;
        if (other == start || steps[other]) continue;
        steps[other] = Step{part, node};
        reached.push_back(other);
      }
    }
    return false;
  }

  // `part` takes the free node and gives its own to the next, back to `start`.
  void move_over(std::size_t start, std::size_t part, NodeId node,
                 const std::vector<std::optional<Step>>& steps) {
    owner_[node] = part;
    while (part != start) {
      const Step& step = *steps[part];
      owner_[step.node] = step.taker;
      part = step.taker;
    }
  }

  std::span<const NodeWish> wishes_;
  std::vector<std::uint32_t> has_;
  std::map<NodeId, std::size_t> owner_;
};

}  // namespace

std::vector<std::vector<NodeId>> match_nodes(std::span<const NodeWish> wishes) {
  return Dealer(wishes).deal();
}

bool is_complete(std::span<const NodeWish> wishes, std::span<const std::vector<NodeId>> dealt) {
  for (std::size_t part = 0; part < wishes.size(); ++part)
    if (dealt[part].size() < wishes[part].nodes) return false;
  return true;
}

}  // namespace drover::rm
