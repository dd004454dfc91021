// rm/whole_runs.cpp - whole nodes that are neighbours, and within quotas together.
// SPDX-License-Identifier: Apache-2.0
#include "rm/whole_runs.hpp"

#include <algorithm>
#include <utility>

namespace drover::rm {
namespace {

constexpr std::size_t kTotalsMax = 32;

// Along `order`; null: the node is not among them.
std::vector<const Amounts*> charges_along(std::span<const NodeId> order,
                                          const std::vector<WholeSize>& sizes) {
  std::vector<const Amounts*> charges;
  charges.reserve(order.size());
  for (const NodeId id : order) {
    const auto size =
        std::ranges::find_if(sizes, [&](const WholeSize& one) { return one.nodes.contains(id); });
    charges.push_back(size == sizes.end() ? nullptr : &size->charge);
  }
  return charges;
}

}  // namespace

NodeBits keep_runs(std::span<const NodeId> order, std::size_t count, std::vector<WholeSize>& sizes,
                   const std::function<bool(const Amounts&)>& is_within) {
  const std::vector<const Amounts*> charges = charges_along(order, sizes);
  std::vector<std::pair<Amounts, bool>> answers;  // few: nodes are of few sizes
  const auto ask = [&](const Amounts& total) {
    const auto known = std::ranges::find(answers, total, &std::pair<Amounts, bool>::first);
    if (known != answers.end()) return known->second;
    return answers.emplace_back(total, is_within(total)).second;
  };
  NodeBits starts, kept;
  Amounts total;
  std::size_t length = 0, kept_to = 0;  // of the run up to here
  for (std::size_t i = 0; i < order.size(); ++i) {
    length = charges[i] == nullptr ? 0 : length + 1;
    if (length == 0) total = {};
    if (length == 0) continue;
    total += *charges[i];
    if (length > count) total -= *charges[i - count];
    if (length < count || !ask(total)) continue;
    const std::size_t first = i + 1 - count;
    starts.insert(order[first]);
    for (std::size_t k = std::max(first, kept_to); k <= i; ++k) kept.insert(order[k]);
    kept_to = i + 1;
  }
  for (WholeSize& size : sizes) size.nodes.intersect(kept);
  std::erase_if(sizes, [](const WholeSize& size) { return size.nodes.empty(); });
  return starts;
}

std::vector<RunsAt> runs_by_charge(std::span<const NodeId> order, std::size_t count,
                                   const std::vector<WholeSize>& sizes, const NodeBits& starts) {
  const std::vector<const Amounts*> charges = charges_along(order, sizes);
  std::vector<RunsAt> runs;
  Amounts total;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (charges[i] != nullptr) total += *charges[i];
    if (i >= count && charges[i - count] != nullptr) total -= *charges[i - count];
    if (i + 1 < count || !starts.contains(order[i + 1 - count])) continue;
    auto at = std::ranges::find(runs, total, &RunsAt::total);
    if (at == runs.end()) at = runs.insert(runs.end(), {total, {}});
    at->starts.insert(order[i + 1 - count]);
  }
  std::ranges::sort(runs, {}, [](const RunsAt& at) {
    return std::pair(at.total[Kind::CpuMilli], at.total[Kind::GpuMilli]);
  });
  for (; runs.size() > kTotalsMax; runs.pop_back())
    runs[kTotalsMax - 1].starts.unite(runs.back().starts);
  return runs;
}

}  // namespace drover::rm
