// rm/manager_sleep.cpp - what a task gives back while it stands still, and takes again.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "rm/resource_manager_state.hpp"

namespace drover::rm {
namespace {

// What the parts add up to, in the shape that the books want.
Lease lease_of(const Lease& like, std::span<const NodePart> parts) {
  return {parts.front(), {parts.begin() + 1, parts.end()}, like.path, like.used};
}

}  // namespace

std::vector<NodePart> ResourceManager::put_to_sleep(Lease& lease) {
  state_->forecast_end(lease);
  std::vector<NodePart> asleep;
  for_each_part(lease, [&](NodePart& part) {
    asleep.push_back(state_->nodes.give_cpus(part));
    state_->freed.insert(part.node);
  });
  lease.until = kEver;  // nobody knows
  state_->forecast_start(lease);
  const Lease cpus = lease_of(lease, asleep);
  state_->audit.on_released(state_->ledger, cpus);
  state_->ledger.release(cpus.path, cpus.total(), cpus.used);
  return asleep;
}

bool ResourceManager::has_room_to_wake(std::span<const NodePart> asleep) const {
  return std::ranges::all_of(asleep,
                             [&](const NodePart& part) { return state_->nodes.has_cpus(part); });
}

bool ResourceManager::wake_up(Lease& lease, std::span<const NodePart> asleep, const Window& window,
                              bool heeds_claims) {
  if (asleep.size() != lease.node_count() || !has_room_to_wake(asleep)) return false;
  for (const NodePart& part : asleep) {
    const Room room{part.amounts[Kind::CpuMilli], 0, 0, 0};
    if (state_->plans_ahead &&
        !state_->forecast.allows(part.node, room, window.from, window.until, window.by))
      return false;
  }
  const Lease cpus = lease_of(lease, asleep);
  if (state_->ledger.first_short(lease.path, cpus.total(), heeds_claims)) return false;
  if (state_->quotas_short(lease.path, cpus.total(), window)) return false;
  state_->forecast_end(lease);
  auto given = asleep.begin();
  for_each_part(lease, [&](NodePart& part) { state_->nodes.take_cpus_back(*given++, part); });
  if (state_->plans_ahead) lease.until = window.until;
  state_->forecast_start(lease);
  state_->ledger.lock(lease.path, cpus.total());
  state_->audit.on_locked(state_->ledger, cpus);
  if (!lease.used) return true;
  state_->audit.on_used(state_->ledger, cpus);
  state_->ledger.mark_used(lease.path, cpus.total());
  return true;
}

}  // namespace drover::rm
