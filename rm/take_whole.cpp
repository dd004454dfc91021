// rm/take_whole.cpp - whole nodes of sizes that the quotas allow.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "rm/resource_manager_state.hpp"

namespace drover::rm {
namespace {

// Of each kind as many of the smallest as are asked for.
Amounts least_of(std::vector<WholeSize>& sizes, std::uint32_t nodes) {
  Amounts least;
  for (std::size_t k = 0; k < kKinds && nodes > 0; ++k) {
    std::ranges::sort(sizes, {}, [&](const WholeSize& size) { return size.charge.of[k]; });
    std::uint32_t left = nodes;
    for (const WholeSize& size : sizes) {
      const std::uint32_t taken = std::min(left, size.nodes.count());
      least.of[k] += std::int64_t(taken) * size.charge.of[k];
      left -= taken;
    }
  }
  return least;
}

}  // namespace

std::vector<WholeSize> NodeInventory::whole_sizes(const NodeAsk& ask) const {
  const NodeBits* allowed = constraint_bits(ask);
  std::vector<WholeSize> found;
  const auto add = [&](const NodeBits& nodes) {
    const auto any = nodes.first_common(nullptr);
    if (!any) return;
    WholeSize one{nodes, {}};
    add_charge(*any, ask, false, one.charge);
    const auto same = std::ranges::find(found, one.charge, &WholeSize::charge);
    if (same != found.end())
      same->nodes.unite(one.nodes);
    else
      found.push_back(std::move(one));
  };
  for (const auto& [size, nodes] : sizes_) {
    if (!fits_empty(ask, size)) continue;
    NodeBits here = nodes;
    here.intersect(up_);
    if (allowed != nullptr) here.intersect(*allowed);
    // Equal nodes are charged the same, but those that are told to have more CPUs than they have.
    while (const auto id = here.first_common(&oversubscribed_)) {
      here.erase(*id);
      NodeBits alone;
      alone.insert(*id);
      add(alone);
    }
    add(here);
  }
  return found;
}

// A node is within when it is beside the smallest of the others that are asked for.
std::optional<WholeNodes> ResourceManager::State::whole_nodes(const Class& asked,
                                                              PathId path) const {
  if (!asked.ask.exclusive || !asked.more.empty() || !ledger.is_limited(path)) return std::nullopt;
  if (asked.ask.contiguous && is_elastic(asked.request)) return whole_range(asked, path);
  const auto count = std::uint32_t(asked.request.nodes);
  // On as many nodes as there may be each has the least to do.
  std::vector<WholeSize> sizes =
      is_elastic(asked.request)
          ? nodes.whole_sizes(ask_on(asked.ask, asked.request, asked.request.nodes_max))
          : nodes.whole_sizes(asked.ask);
  if (asked.ask.contiguous) return whole_runs(asked, path, sizes);
  const Amounts beside = least_of(sizes, count - 1);
  std::ranges::sort(sizes, {}, [](const WholeSize& size) {
    return std::pair(size.charge[Kind::CpuMilli], size.charge[Kind::GpuMilli]);
  });
  WholeNodes whole;
  whole.least = asked.least;
  whole.beyond = beyond(path, asked.least);
  std::uint32_t found = 0;
  for (WholeSize& size : sizes) {
    found += size.nodes.count();
    Amounts want = size.charge;
    want += beside;
    if (auto shortage = beyond(path, want)) {
      if (!whole.beyond) whole.beyond = std::move(shortage);
      continue;
    }
    whole.within.unite(size.nodes);
    whole.sizes.push_back(std::move(size));
  }
  const bool are_enough = whole.within.count() >= count;
  if (are_enough) whole.least = most_of(asked.least, least_of(whole.sizes, count));
  if (are_enough || found < count) whole.beyond = beyond(path, whole.least);
  std::ranges::sort(whole.sizes, {}, [](const WholeSize& size) {
    return std::pair(size.charge[Kind::CpuMilli], size.charge[Kind::GpuMilli]);
  });
  return whole;
}

// Never mind what is in use.
std::optional<QuotaShort> ResourceManager::State::beyond(PathId path, const Amounts& want) const {
  std::optional<QuotaShort> found;
  ledger.visit_limits(path, want, [&](std::uint32_t counter, Kind kind, std::int64_t max) {
    if (want[kind] <= max) return true;
    const std::int64_t held = ledger.counter_sums(counter).held(std::size_t(kind));
    found = QuotaShort{ledger.counter_name(counter), kind, max, held, want[kind], counter};
    return false;
  });
  return found;
}

Amounts ResourceManager::State::total_on(const Class& asked, std::span<const NodeId> on) const {
  Amounts total;
  for (const NodeId node : on) nodes.add_charge(node, asked.ask, node == on.front(), total);
  return most_of(asked.least, total);
}

// The best idle nodes that `holds` lets through, if all quotas have room for them.
Acquired ResourceManager::State::take_chosen(const Class& asked, PathId path, const Window& window,
                                             HoldCheck& holds) {
  if (!choose_nodes(asked.ask, &holds)) return NoFit{};
  return take_gang(asked, asked.ask, path, window);
}

// The best that are idle first, then by sizes: few GPUs come before few CPUs, so that those need
// not be the cheapest for the quota that is short; and of several each may be within while all
// together are not.
Acquired ResourceManager::State::take_whole(const Class& asked, PathId path, const Window& window) {
  const WholeNodes whole = *whole_nodes(asked, path);
  if (whole.beyond) return *whole.beyond;
  if (auto shortage = ledger.first_short(path, whole.least))
    return refuse(path, *std::move(shortage), whole.least);
  if (auto shortage = kept_from(asked, whole.least, path, window)) return *std::move(shortage);
  if (is_elastic(asked.request))
    return whole.starts ? take_range(asked, path, window)
                        : take_most(asked, path, window, &whole.within);
  if (whole.starts) return take_run(asked, path, window, whole);
  HoldCheck holds{plans_ahead ? &forecast : nullptr,
                  planned(asked, asked.ask),
                  window.from,
                  window.until,
                  window.by,
                  &whole.within};
  std::optional<QuotaShort> shortage;
  NodeBits among;
  for (std::size_t tried = 0; tried <= whole.sizes.size(); ++tried) {
    if (tried > 0) {
      if (whole.sizes.size() == 1 || !shortage) break;
      if (asked.request.nodes == 1) among = {};
      among.unite(whole.sizes[tried - 1].nodes);
      holds.within = &among;
    }
    Acquired answer = take_chosen(asked, path, window, holds);
    if (std::holds_alternative<Lease>(answer)) return answer;
    auto* refused = std::get_if<QuotaShort>(&answer);
    if (refused != nullptr && (!shortage || shortage->asked > shortage->limit))
      shortage = std::move(*refused);
  }
  // Together they are more than is ever allowed: others will be idle.
  if (shortage && shortage->asked <= shortage->limit) return *std::move(shortage);
  Acquired none(std::in_place_type<NoFit>);
  std::get<NoFit>(none).held = holds.held;
  return none;
}

}  // namespace drover::rm
