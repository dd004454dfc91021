// rm/forecast_run.cpp - when neighbouring nodes will have room together.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "rm/forecast.hpp"

namespace drover::rm {
namespace {

constexpr int kRounds = 256;

}  // namespace

// The first time from `from` on at which all nodes of the run have room: each may push it back.
std::optional<Time> Forecast::settle_run(const RoomAsk& ask, std::span<const NodeId> run,
                                         Duration length, Time from, Time not_after) const {
  Time start = from;
  for (int round = 0; round < kRounds; ++round) {
    const Time before = start;
    for (const NodeId id : run) {
      const auto at = earliest_on(node(id), ask, length, start, not_after);
      if (!at || *at > not_after) return std::nullopt;
      start = *at;
    }
    if (start == before) return start;
  }
  return std::nullopt;
}

// Runs by the time before which they cannot start; one is looked at in earnest only while it could
// beat the best.
std::optional<Slot> Forecast::earliest_run(const RoomAsk& ask, Duration length, Time from,
                                           Time not_after) const {
  const std::vector<NodeId>& order = *ask.order;
  std::vector<std::optional<Time>> times(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    const NodeId id = order[i];
    if (raw(id) >= nodes_.size() || !offering_.contains(id)) continue;
    if (ask.allowed != nullptr && !ask.allowed->contains(id)) continue;
    if (!node(id).capacity.covers(ask.want)) continue;
    ++looked_at_;
    times[i] = earliest_on(node(id), ask, length, from, not_after);
  }
  std::vector<std::pair<Time, std::size_t>> runs;  // not before, first node
  for (std::size_t first = 0; first + ask.nodes <= order.size(); ++first) {
    if (ask.starts != nullptr && !ask.starts->contains(order[first])) continue;
    Time not_before = from;
    std::size_t i = first;
    for (; i < first + ask.nodes && times[i]; ++i) not_before = std::max(not_before, *times[i]);
    if (i == first + ask.nodes) runs.emplace_back(not_before, first);
  }
  std::ranges::sort(runs);
  std::optional<Slot> best;
  for (const auto& [not_before, first] : runs) {
    if (best && not_before >= best->start) break;
    const std::span run(order.begin() + std::ptrdiff_t(first), ask.nodes);
    const auto start = settle_run(ask, run, length, not_before, best ? best->start : not_after);
    if (!start || (best && *start >= best->start)) continue;
    best = Slot{*start, {run.begin(), run.end()}};
  }
  if (best) std::ranges::sort(best->nodes);
  return best;
}

}  // namespace drover::rm
