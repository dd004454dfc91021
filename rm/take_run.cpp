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

// Those of the least number of which any run is within, else of the least number.
std::pair<ResourceManager::State::Class, WholeNodes> ResourceManager::State::runs_of_range(
    const Class& range, PathId path) const {
  const auto runs_of = [&](std::int64_t count) {
    Class one = class_of(range, count);
    WholeNodes runs = whole_runs(one, path, nodes.whole_sizes(one.ask));
    return std::pair(std::move(one), std::move(runs));
  };
  auto least = runs_of(range.request.nodes);
  if (range.request.tasks == 0) return least;  // of each node the same: more of them cost more
  const auto are_within = [](const WholeNodes& runs) {
    return !runs.beyond && !runs.starts->empty();
  };
  const std::int64_t most = std::min<std::int64_t>(range.request.nodes_max, range.request.tasks);
  for (std::int64_t count = range.request.nodes + 1; count <= most && !are_within(least.second);
       ++count)
    if (auto more = runs_of(count); are_within(more.second)) return more;
  return least;
}

// Of as many nodes as are idle and within. O(numbers of nodes x nodes x sizes).
Acquired ResourceManager::State::take_longest_run(const Class& range, PathId path,
                                                  const Window& window) {
  Acquired best(std::in_place_type<NoFit>);  // of what was refused
  for (std::int64_t count = range.request.nodes_max; count >= range.request.nodes; --count) {
    if (range.request.tasks > 0 && count > range.request.tasks) continue;
    const Class one = class_of(range, count);
    if (!choose_nodes(one.ask, nullptr)) {
      // Without a number of tasks fewer nodes ask the same of each: no need to count down.
      if (range.request.tasks == 0)
        count = std::min<std::int64_t>(count, std::int64_t(gang.size()) + 1);
      continue;
    }
    const WholeNodes whole = whole_runs(one, path, nodes.whole_sizes(one.ask));
    if (whole.beyond) continue;
    Acquired answer = take_run(one, path, window, whole);
    if (std::holds_alternative<Lease>(answer)) return answer;
    const auto* none = std::get_if<NoFit>(&best);
    if (none != nullptr && !none->held) best = std::move(answer);
  }
  return best;
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
    const Among among{whole.within, std::move(runs.starts)};
    auto slot = place_whole(asked, most_of(whole.least, runs.total), among, payer, sooner, place);
    if (slot && (!best || slot->start < best->start)) best = std::move(slot);
    if (best) sooner.not_after = best->start;
  }
  return best;
}

}  // namespace drover::rm
