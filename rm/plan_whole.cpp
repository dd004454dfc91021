// rm/plan_whole.cpp - where and when there will be whole nodes that the quotas allow.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "rm/resource_manager_state.hpp"

namespace drover::rm {

// Each size of whole nodes is charged something else, so each has a time of its own: the first
// counts, of equal ones the cheapest. For several nodes those of one size and of all cheaper ones.
std::optional<Slot> ResourceManager::State::first_place(const Class& asked,
                                                        std::optional<Payer> payer,
                                                        const When& when,
                                                        const Place& place) const {
  const auto whole = payer ? whole_nodes(asked, payer->path) : std::nullopt;
  if (!whole) return beside_nodes(asked, asked.least, payer, when, nullptr, place);
  if (whole->starts && is_elastic(asked.request)) return place_range(asked, *payer, when, place);
  if (whole->starts) return place_run(asked, *whole, *payer, when, place);
  std::optional<Slot> best;
  Among among;
  const bool is_one = asked.request.nodes == 1 && !is_elastic(asked.request);
  for (const WholeSize& size : whole->sizes) {
    if (whole->beyond) break;
    if (is_one) among.nodes = {};
    among.nodes.unite(size.nodes);
    if (among.nodes.count() < std::uint32_t(asked.request.nodes)) continue;
    auto slot = place_whole(asked, whole->least, among, *payer, when, place);
    if (slot && (!best || slot->start < best->start)) best = std::move(slot);
  }
  return best;
}

std::optional<Slot> ResourceManager::State::place_range(const Class& range, Payer payer, When when,
                                                        const Place& place) const {
  std::optional<Slot> best;
  for (const auto& [one, runs] : runs_of_range(range, payer.path)) {
    auto slot = place_run(one, runs, payer, when, place);
    if (slot && (!best || slot->start < best->start)) best = std::move(slot);
    if (best) when.not_after = best->start;
  }
  return best;
}

// What it will be charged is known with its nodes only, and may put the time back.
std::optional<Slot> ResourceManager::State::place_whole(const Class& asked, Amounts want,
                                                        const Among& among, Payer payer,
                                                        const When& when,
                                                        const Place& place) const {
  constexpr int kRounds = 8;
  for (int round = 0; round < kRounds; ++round) {
    auto slot = beside_nodes(asked, want, payer, when, &among, place);
    if (!slot) return std::nullopt;
    const Amounts total = most_of(want, total_on(asked, slot->nodes));
    if (beyond(payer.path, total)) return std::nullopt;
    if (!payer.foresees || total == want) return slot;
    want = total;
  }
  return std::nullopt;
}

std::optional<WholeNodes> ResourceManager::whole_nodes(ClassId what, PathId path) const {
  const State::Class& asked = state_->class_at(what);
  return asked.countable ? state_->whole_nodes(asked, path) : std::nullopt;
}

}  // namespace drover::rm
