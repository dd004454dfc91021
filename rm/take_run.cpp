// rm/take_run.cpp - whole nodes that are neighbours: which runs quotas allow, now and in a plan.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "rm/resource_manager_state.hpp"
#include "rm/whole_runs.hpp"

namespace drover::rm {
namespace {

void put_together(std::vector<WholeSize>& all, std::vector<WholeSize> more) {
  for (WholeSize& one : more) {
    const auto same = std::ranges::find(all, one.charge, &WholeSize::charge);
    if (same != all.end())
      same->nodes.unite(one.nodes);
    else
      all.push_back(std::move(one));
  }
}

Amounts least_of(Amounts a, const Amounts& b) {  // of each kind
  for (std::size_t k = 0; k < kKinds; ++k) a.of[k] = std::min(a.of[k], b.of[k]);
  return a;
}

}  // namespace

// `sizes`: of the nodes that suit. A run lies within one of the constraint's alternatives.
WholeNodes ResourceManager::State::whole_runs(const Class& asked, PathId path,
                                              const std::vector<WholeSize>& sizes) const {
  WholeNodes whole;
  std::optional<Amounts> least, refused;  // of the runs that are within; the cheapest that is not
  const auto is_within = [&](const Amounts& total) {
    const Amounts want = most_of(asked.least, total);
    auto shortage = beyond(path, want);
    if (!shortage) {
      least = least ? least_of(*least, want) : want;
    } else if (!refused || want[Kind::CpuMilli] < (*refused)[Kind::CpuMilli]) {
      refused = want;
      whole.beyond = std::move(shortage);
    }
    return !shortage;
  };
  whole.starts.emplace();
  const auto keep = [&](std::vector<WholeSize> some) {
    whole.starts->unite(keep_runs(nodes.in_order(), asked.ask.nodes, some, is_within));
    put_together(whole.sizes, std::move(some));
  };
  const std::vector<NodeBits>& alternatives = nodes.alternatives(asked.ask);
  if (alternatives.empty()) keep(sizes);
  for (const NodeBits& one : alternatives) {
    std::vector<WholeSize> some = sizes;
    for (WholeSize& size : some) size.nodes.intersect(one);
    keep(std::move(some));
  }
  for (const WholeSize& size : whole.sizes) whole.within.unite(size.nodes);
  if (least) whole.beyond.reset();
  whole.least = least ? *least : refused.value_or(asked.least);
  if (!least && !refused) whole.beyond = beyond(path, whole.least);
  return whole;
}

// On so many nodes, no more and no fewer.
ResourceManager::State::Class ResourceManager::State::class_of(const Class& range,
                                                               std::int64_t count) const {
  Class one = range;
  one.ask = ask_on(range.ask, range.request, count);
  one.request = fixed(range.request, count);
  return one;
}

// By the numbers of nodes of which runs are within: without tasks the least one, with tasks those
// on which each node has less to do than with the number before, at most 8 of 64. Where there are
// none, what the first is beyond.
std::vector<std::pair<ResourceManager::State::Class, WholeNodes>>
ResourceManager::State::runs_of_range(const Class& range, PathId path) const {
  constexpr std::size_t kWithinMax = 8, kLookedAtMax = 64;
  std::vector<std::pair<Class, WholeNodes>> within, beyond;
  std::size_t looked_at = 0;
  for (auto count = std::optional(range.request.nodes);
       count && within.size() < kWithinMax && looked_at < kLookedAtMax;
       count = next_number(range.request, *count)) {
    Class one = class_of(range, *count);
    if (std::vector<WholeSize> sizes = nodes.whole_sizes(one.ask); !sizes.empty()) {
      ++looked_at;
      WholeNodes runs = whole_runs(one, path, sizes);
      if (runs.beyond && beyond.empty()) beyond.emplace_back(one, runs);
      if (!runs.beyond && !runs.starts->empty())
        within.emplace_back(std::move(one), std::move(runs));
    }
  }
  return within.empty() ? beyond : within;
}

WholeNodes ResourceManager::State::whole_range(const Class& range, PathId path) const {
  auto all = runs_of_range(range, path);
  if (all.empty()) return whole_runs(range, path, {});  // no node is large enough
  WholeNodes whole = std::move(all.front().second);
  for (const auto& [one, runs] : std::span(all).subspan(1)) {
    whole.least = least_of(whole.least, runs.least);
    whole.within.unite(runs.within);
  }
  return whole;
}

// On as many nodes as lie idle side by side, if quotas have room for those; on no other number.
Acquired ResourceManager::State::take_idle_run(const Class& range, PathId path,
                                               const Window& window) {
  std::optional<Amounts> each;
  for (const WholeSize& size : nodes.whole_sizes(range.ask))
    each = each ? least_of(*each, size.charge) : size.charge;
  Amounts cheapest;
  for (std::int64_t i = 0; each && i < range.request.nodes; ++i) cheapest += *each;
  std::int64_t count = range.request.nodes;
  while (each && count < range.request.nodes_max) {
    cheapest += *each;
    if (ledger.first_short(path, cheapest)) break;
    ++count;
  }
  if (!choose_nodes(class_of(range, count).ask, nullptr)) count = std::int64_t(gang.size());
  if (count <= range.request.nodes) return NoFit{};
  const Class one = class_of(range, count);
  HoldCheck holds{plans_ahead ? &forecast : nullptr, planned(one, one.ask), window.from,
                  window.until, window.by};
  return take_chosen(one, path, window, holds);
}

// Of as many nodes as may be, else on the cheapest that are within.
Acquired ResourceManager::State::take_range(const Class& range, PathId path, const Window& window) {
  if (range.request.tasks == 0)
    if (Acquired most = take_idle_run(range, path, window); std::holds_alternative<Lease>(most))
      return most;
  std::optional<QuotaShort> shortage;
  std::optional<NoFit> none;
  auto numbers = runs_of_range(range, path);
  std::ranges::reverse(numbers);
  for (const auto& [one, runs] : numbers) {
    if (runs.beyond) continue;
    Acquired answer(std::in_place_type<NoFit>);
    if (auto refused = ledger.first_short(path, runs.least))
      answer = refuse(path, *std::move(refused), runs.least);
    else
      answer = take_run(one, path, window, runs);
    if (std::holds_alternative<Lease>(answer)) return answer;
    if (const auto* no_fit = std::get_if<NoFit>(&answer)) {
      const bool held = none && none->held;
      none = *no_fit;
      none->held |= held;
    } else {
      shortage = std::get<QuotaShort>(std::move(answer));  // of the least number, in the end
    }
  }
  if (none || !shortage) return none.value_or(NoFit{});  // it waits for nodes, not for a quota
  return *std::move(shortage);
}

// The cheapest that are idle.
Acquired ResourceManager::State::take_run(const Class& asked, PathId path, const Window& window,
                                          const WholeNodes& whole) {
  HoldCheck holds{plans_ahead ? &forecast : nullptr,
                  planned(asked, asked.ask),
                  window.from,
                  window.until,
                  window.by,
                  &whole.within};
  std::optional<QuotaShort> shortage;
  for (const RunsAt& runs :
       runs_by_charge(nodes.in_order(), asked.ask.nodes, whole.sizes, *whole.starts)) {
    holds.starts = &runs.starts;
    Acquired answer = take_chosen(asked, path, window, holds);
    if (std::holds_alternative<Lease>(answer)) return answer;
    if (auto* refused = std::get_if<QuotaShort>(&answer); refused != nullptr && !shortage)
      shortage = std::move(*refused);
  }
  if (shortage) return *std::move(shortage);
  Acquired none(std::in_place_type<NoFit>);
  std::get<NoFit>(none).held = holds.held;
  return none;
}

std::optional<Slot> ResourceManager::State::place_run(const Class& asked, const WholeNodes& whole,
                                                      Payer payer, const When& when,
                                                      const Place& place) const {
  if (whole.beyond) return std::nullopt;
  std::optional<Slot> best;
  When sooner = when;
  for (RunsAt& runs :
       runs_by_charge(nodes.in_order(), asked.ask.nodes, whole.sizes, *whole.starts)) {
    Among among{whole.within, std::move(runs.starts)};
    if (asked.ask.nodes == 1) among.nodes = *among.starts;
    auto slot = place_whole(asked, most_of(whole.least, runs.total), among, payer, sooner, place);
    if (slot && (!best || slot->start < best->start)) best = std::move(slot);
    if (best) sooner.not_after = best->start;
  }
  return best;
}

}  // namespace drover::rm
