// rm/take_whole.cpp - a whole node of a size that the quotas allow.
// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "rm/resource_manager_state.hpp"

namespace drover::rm {

std::vector<NodeId> NodeInventory::idle_by_size(const NodeAsk& ask, HoldCheck& holds) const {
  const NodeBits* allowed = constraint_bits(ask);
  std::vector<NodeId> found;
  for (const auto& [size, nodes] : sizes_) {
    ++probes_;
    if (!fits_empty(ask, size)) continue;
    for (auto id = nodes.first_common(&idle_); id; id = nodes.first_common(&idle_, raw(*id) + 1)) {
      ++probes_;
      if ((allowed != nullptr && !allowed->contains(*id)) || !holds.allows(*id)) continue;
      found.push_back(*id);
      break;
    }
  }
  return found;
}

// Few GPUs come before few CPUs in the order of sizes: the first one need not be the cheapest for
// the quota that is short.
Acquired ResourceManager::State::take_other_size(const Class& asked, PathId path,
                                                 const Window& window, Acquired best) {
  HoldCheck holds{plans_ahead ? &forecast : nullptr, planned(asked, asked.ask), window.from,
                  window.until, window.by};
  for (const NodeId node : nodes.idle_by_size(asked.ask, holds)) {
    Amounts whole;
    nodes.add_charge(node, asked.ask, true, whole);
    if (ledger.first_short(path, whole)) continue;
    gang.assign(1, node);
    Acquired answer = take_gang(asked, asked.ask, path, window);
    if (!std::holds_alternative<QuotaShort>(answer)) return answer;
  }
  return best;
}

}  // namespace drover::rm
