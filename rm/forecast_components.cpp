// rm/forecast_components.cpp - when several asks will have room together, each on nodes of its own.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "rm/forecast.hpp"
#include "rm/match_nodes.hpp"

namespace drover::rm {
namespace {

constexpr int kRounds = 256;

using NodeTimes = std::vector<std::pair<Time, NodeId>>;

// Before that there are too few nodes for one of the asks, whatever the others get.
std::optional<Time> not_before(std::span<const RoomAsk> asks, std::vector<NodeTimes>& times,
                               Time from) {
  for (std::size_t i = 0; i < asks.size(); ++i) {
    if (times[i].size() < asks[i].nodes) return std::nullopt;
    std::ranges::sort(times[i]);
    from = std::max(from, times[i][asks[i].nodes - 1].first);
  }
  return from;
}

}  // namespace

// As for a gang: each node's first time for each ask that is not known to be too early. The
// start is the first time at which all can be dealt nodes; where a hold has taken a node away by
// then, its next time counts.
std::optional<Slot> Forecast::earliest_of_all(std::span<const RoomAsk> asks, Duration length,
                                              Time from, Time not_after) const {
  std::vector<NodeTimes> times(asks.size());
  std::size_t wanted = 0;
  for (std::size_t i = 0; i < asks.size(); ++i) {
    wanted += asks[i].nodes;
    for (auto id = next_asked(asks[i], 0); id; id = next_asked(asks[i], raw(*id) + 1)) {
      if (!node(*id).capacity.covers(asks[i].want)) continue;
      ++looked_at_;
      if (const auto at = earliest_on(node(*id), asks[i], length, from, not_after))
        times[i].emplace_back(*at, *id);
    }
  }
  for (int round = 0; round < kRounds; ++round) {
    const auto start = not_before(asks, times, from);
    if (!start || *start > not_after) return std::nullopt;
    Time next = kEver;
    std::vector<NodeWish> wishes;
    for (std::size_t i = 0; i < asks.size(); ++i) {
      NodeWish& wish = wishes.emplace_back(NodeWish{asks[i].nodes, {}});
      NodeTimes kept;
      for (auto [time, id] : times[i]) {
        const bool is_enough = wish.candidates.size() == wanted;
        if (time < *start && !is_enough) {
          if (!fits(node(id), asks[i].by, asks[i].want, *start, after(*start, length))) {
            const auto at = earliest_on(node(id), asks[i], length, *start, not_after);
            if (!at) continue;
            time = *at;
          } else {
            time = *start;
          }
        }
        kept.emplace_back(time, id);
        if (time > *start)
          next = std::min(next, time);
        else if (!is_enough)
          wish.candidates.push_back(id);
      }
      times[i] = std::move(kept);
    }
    const auto dealt = match_nodes(wishes);
    if (is_complete(wishes, dealt)) {
      Slot slot{*start, {}};
      for (const auto& nodes : dealt)
        slot.nodes.insert(slot.nodes.end(), nodes.begin(), nodes.end());
      return slot;
    }
    if (next == kEver) return std::nullopt;
    from = next;
  }
  return std::nullopt;
}

HoldId Forecast::hold(const Slot& slot, std::vector<Room> rooms, Time until, ReservedId by) {
  const HoldId id = hold(Slot{slot.start, {}}, Room{}, until, by);
  Hold& made = holds_[raw(id)];
  made.slot = slot;
  made.rooms = std::make_unique<std::vector<Room>>(std::move(rooms));
  settle(id);
  forget_if_overbooked(made);
  return id;
}

void Forecast::move(HoldId id, const Slot& slot, std::vector<Room> rooms, Time until) {
  leave(id);
  Hold& hold = holds_[raw(id)];
  hold.slot = slot;
  *hold.rooms = std::move(rooms);
  hold.until = until;
  settle(id);
}

std::optional<Slot> Forecast::best_for_all(HoldId id, std::span<const RoomAsk> asks,
                                           Duration length, Time from) {
  lift(id);
  auto slot = earliest_of_all(asks, length, from, holds_[raw(id)].slot.start);
  lay(id);
  return slot;
}

}  // namespace drover::rm
