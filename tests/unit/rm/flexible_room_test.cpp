// tests/unit/rm/flexible_room_test.cpp - a flexible reservation beside another one, against a model
// by the second.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "base/prng.hpp"
#include "rm/forecast.hpp"

namespace drover::rm {
namespace {

constexpr std::int64_t kEnd = 50;
constexpr NodeId kNode{0}, kOther{1};  // nothing is set aside on the other
constexpr ReservedId kFlexible{1}, kStrict{2};

Time at(std::int64_t s) { return Time{} + seconds(s); }

struct Model {
  struct Use {
    NodeId node;
    std::int64_t from, until, cpus;
    ReservedId by;
  };
  struct Aside {
    std::int64_t from, until, cpus;
  };
  std::int64_t capacity = 8;
  std::map<ReservedId, Aside> reserved;
  std::map<int, Use> uses;

  std::int64_t aside(ReservedId id, NodeId node, std::int64_t s) const {
    const auto what = reserved.find(id);
    if (what == reserved.end() || node != kNode) return 0;
    return what->second.from <= s && s < what->second.until ? what->second.cpus : 0;
  }
  std::int64_t used(NodeId node, ReservedId by, std::int64_t s) const {
    std::int64_t sum = 0;
    for (const auto& [key, use] : uses)
      if (use.node == node && use.by == by && use.from <= s && s < use.until) sum += use.cpus;
    return sum;
  }
  // Everybody's: the flexible one's jobs take of it except where they are inside.
  std::int64_t others(NodeId node, std::int64_t s) const {
    const bool inside = aside(kFlexible, node, s) > 0;
    return capacity - aside(kFlexible, node, s) - aside(kStrict, node, s) -
           used(node, kUnreserved, s) - (inside ? 0 : used(node, kFlexible, s));
  }
  std::int64_t free(NodeId node, ReservedId by, std::int64_t s) const {
    std::int64_t own = others(node, s);
    const std::int64_t flexible = aside(kFlexible, node, s);
    if (by == kFlexible && flexible > 0) own += flexible - used(node, kFlexible, s);
    if (by == kStrict) own = aside(kStrict, node, s) - used(node, kStrict, s);
    const std::int64_t physical =
        capacity - used(node, kUnreserved, s) - used(node, kFlexible, s) - used(node, kStrict, s);
    return std::min(own, physical);
  }
  bool fits(NodeId node, ReservedId by, std::int64_t want, std::int64_t from,
            std::int64_t until) const {
    for (std::int64_t s = from; s < std::min(until, kEnd); ++s)
      if (free(node, by, s) < want) return false;
    return true;
  }
};

void compare(const Forecast& forecast, const Model& model, Prng& prng) {
  for (const ReservedId by : {kUnreserved, kFlexible, kStrict}) {
    if (by != kUnreserved && !model.reserved.contains(by)) continue;
    const std::int64_t want = 1 + std::int64_t(prng.below(5));
    const std::int64_t from = std::int64_t(prng.below(30));
    const std::int64_t length = 1 + std::int64_t(prng.below(12));
    const Room room{want, 0, 0, 1};
    std::int64_t first = kEnd;
    for (const NodeId node : {kNode, kOther}) {
      if (by == kStrict && node == kOther) continue;
      EXPECT_EQ(forecast.allows(node, room, at(from), at(from + length), by),
                model.fits(node, by, want, from, from + length))
          << "node " << raw(node) << " by " << std::uint32_t(by) << " from " << from;
      for (std::int64_t s = from; s < first; ++s)
        if (model.fits(node, by, want, s, s + length)) first = s;
    }
    const auto slot = forecast.earliest({room, 1, nullptr, nullptr, by}, seconds(length), at(from));
    if (first == kEnd)
      EXPECT_TRUE(!slot || slot->start >= at(kEnd));
    else
      EXPECT_TRUE(slot && slot->start == at(first));
  }
}

TEST(FlexibleRoom, AgreesWithAModelBySeconds) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Prng prng(seed);
    Model model;
    Forecast forecast;
    for (const NodeId node : {kNode, kOther}) {
      forecast.set_capacity(node, {model.capacity, 0, 0, Room::kSeats});
      forecast.set_offering(node, true);
    }
    std::map<int, HoldId> holds;
    int next = 0;
    for (int step = 0; step < 40; ++step) {
      const ReservedId by{std::uint32_t(prng.below(3))};
      const bool known = by == kUnreserved || model.reserved.contains(by);
      const bool in_use = std::ranges::any_of(
          model.uses, [&](const auto& use) { return by != kUnreserved && use.second.by == by; });
      if (!known) {
        const std::int64_t from = std::int64_t(prng.below(25));
        const std::int64_t until = from + 1 + std::int64_t(prng.below(10));
        const std::int64_t cpus = 1 + std::int64_t(prng.below(4));
        model.reserved[by] = {from, until, cpus};
        forecast.reserve(by, {{at(from), at(until)}}, {{kNode, false, {cpus, 0, 0, cpus}}},
                         by == kFlexible);
      } else if (in_use || by == kUnreserved || prng.chance(70)) {
        const NodeId node = by != kStrict && prng.chance(30) ? kOther : kNode;
        const std::int64_t from = std::int64_t(prng.below(30));
        const std::int64_t until = from + 1 + std::int64_t(prng.below(12));
        const std::int64_t n = 1 + std::int64_t(prng.below(3));
        model.uses[next] = {node, from, until, n, by};
        holds[next++] = forecast.hold({at(from), {node}}, Room{n, 0, 0, 1}, at(until), by);
      } else {
        model.reserved.erase(by);
        forecast.unreserve(by);
      }
      if (!holds.empty() && prng.chance(35)) {
        const auto gone = std::next(holds.begin(), std::ptrdiff_t(prng.below(holds.size())));
        forecast.drop(gone->second);
        model.uses.erase(gone->first);
        holds.erase(gone);
      }
      compare(forecast, model, prng);
    }
  }
}

}  // namespace
}  // namespace drover::rm
