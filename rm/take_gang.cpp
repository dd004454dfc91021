// rm/take_gang.cpp - a lease of the nodes that were chosen.
// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "rm/resource_manager_state.hpp"

namespace drover::rm {

std::optional<QuotaShort> ResourceManager::State::total_short(const Class& asked, PathId path,
                                                              const Amounts& total,
                                                              const Window& window) {
  if (auto shortage = ledger.first_short(path, total))
    return refuse(path, *std::move(shortage), total);
  // Plans count the least of their number of nodes, of whole ones what those are charged. Two whose
  // places are beside each other, and who take more in any case, would wait for each other.
  const bool takes_more =
      is_elastic(asked.request) && gang.size() > std::size_t(asked.request.nodes);
  return takes_more || asked.ask.exclusive ? quotas_short(path, total, window) : std::nullopt;
}

Acquired ResourceManager::State::take_gang(const Class& asked, const NodeAsk& ask, PathId path,
                                           const Window& window) {
  if (ask.exclusive) {  // charged the whole nodes, known only now
    Amounts whole;
    for (const NodeId node : gang) nodes.add_charge(node, ask, node == gang.front(), whole);
    if (auto shortage = total_short(asked, path, whole, window)) return *std::move(shortage);
  }
  return lease_gang(asked, ask, path, window);
}

void ResourceManager::State::lock(Lease& lease, const Amounts& total, const Window& window) {
  ledger.lock(lease.path, total);
  audit.on_locked(ledger, lease);
  if (plans_ahead) {
    lease.until = window.until;
    lease.by = window.by;
  }
  forecast_start(lease);
}

Acquired ResourceManager::State::lease_gang(const Class& asked, const NodeAsk& ask, PathId path,
                                            const Window& window) {
  Acquired acquired(std::in_place_type<Lease>);  // returned in any case: a lease is long
  Lease& lease = std::get<Lease>(acquired);
  nodes.take(gang.front(), ask, true, lease);
  lease.more.resize(gang.size() - 1);
  for (std::size_t i = 1; i < gang.size(); ++i) nodes.take(gang[i], ask, false, lease.more[i - 1]);
  lease.path = path;
  const LeaseTotal total(lease);
  // The models of GPUs that were asked for without one are known only once they are chosen; so
  // are the threads of whole cores, and the number of nodes where it may vary.
  if ((names.has_gpus() && !lease.gpus.empty()) || asked.request.cores.whole_cores() ||
      is_elastic(asked.request)) {
    if (auto shortage = total_short(asked, path, total, window)) {
      for_each_part(lease, [&](const NodePart& part) { nodes.give(part); });
      acquired = *std::move(shortage);
      return acquired;
    }
  }
  lock(lease, total, window);
  return acquired;
}

}  // namespace drover::rm
