// tests/unit/rm/reserved_room_test.cpp - timelines with reservations against a model by the second.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "base/prng.hpp"
#include "rm/forecast.hpp"

namespace drover::rm {
namespace {

constexpr std::int64_t kEnd = 40;
constexpr NodeId kNode{3};

Time at(std::int64_t s) { return Time{} + seconds(s); }
Room cpus(std::int64_t n) { return {n, 0, 0, 1}; }

// What is set aside and who holds what, second by second; asked again each time.
struct Model {
  struct Use {
    std::int64_t from, until, cpus;
    ReservedId by;
  };
  std::int64_t capacity = 8;
  std::map<ReservedId, std::pair<std::vector<ReservedSpan>, std::int64_t>> reserved;  // 0 = whole
  std::map<int, Use> uses;

  std::int64_t aside(ReservedId id, std::int64_t s) const {
    const auto& [spans, amount] = reserved.at(id);
    for (const ReservedSpan& span : spans)
      if (span.from <= at(s) && at(s) < span.until) return amount == 0 ? capacity : amount;
    return 0;
  }
  std::int64_t used(std::int64_t s, const ReservedId* by) const {
    std::int64_t sum = 0;
    for (const auto& [key, use] : uses)
      if (use.from <= s && s < use.until && (by == nullptr || use.by == *by)) sum += use.cpus;
    return sum;
  }
  std::int64_t free(ReservedId by, std::int64_t s) const {
    std::int64_t own = by == kUnreserved ? capacity : aside(by, s);
    if (by == kUnreserved)
      for (const auto& [id, what] : reserved) own -= aside(id, s);
    return std::min(own - used(s, &by), capacity - used(s, nullptr));
  }
  bool fits(ReservedId by, std::int64_t want, std::int64_t from, std::int64_t length) const {
    for (std::int64_t s = from; s < std::min(from + length, kEnd); ++s)
      if (free(by, s) < want) return false;
    return true;
  }
};

TEST(ReservedRoom, AgreesWithAModelBySeconds) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    Prng prng(seed);
    Model model;
    Forecast forecast;
    const auto room = [](std::int64_t n) { return Room{n, 0, 0, Room::kSeats}; };
    forecast.set_capacity(kNode, room(model.capacity));
    forecast.set_offering(kNode, true);
    std::map<int, HoldId> holds;
    int next = 0;
    for (int step = 0; step < 30; ++step) {
      const ReservedId by{std::uint32_t(prng.below(3))};
      const bool known = by == kUnreserved || model.reserved.contains(by);
      const bool in_use = std::ranges::any_of(
          model.uses, [&](const auto& use) { return by != kUnreserved && use.second.by == by; });
      if (!known) {
        const std::int64_t from = std::int64_t(prng.below(20));
        const std::int64_t length = 1 + std::int64_t(prng.below(8));
        std::vector<ReservedSpan> spans{{at(from), at(from + length)}};
        if (prng.chance(50)) spans.push_back({at(from + 12), at(from + 12 + length)});
        const std::int64_t amount = prng.chance(40) ? 0 : 1 + std::int64_t(prng.below(4));
        model.reserved[by] = {spans, amount};
        forecast.reserve(by, spans, {{kNode, amount == 0, {amount, 0, 0, amount}}});
      } else if (in_use || by == kUnreserved || prng.chance(60)) {
        const std::int64_t from = std::int64_t(prng.below(20));
        const std::int64_t until = from + 1 + std::int64_t(prng.below(8));
        const std::int64_t n = 1 + std::int64_t(prng.below(3));
        model.uses[next] = {from, until, n, by};
        holds[next++] = forecast.hold({at(from), {kNode}}, cpus(n), at(until), by);
      } else {
        model.reserved.erase(by);
        forecast.unreserve(by);
      }
      if (!holds.empty() && prng.chance(30)) {
        const auto gone = std::next(holds.begin(), std::ptrdiff_t(prng.below(holds.size())));
        forecast.drop(gone->second);
        model.uses.erase(gone->first);
        holds.erase(gone);
      }
      if (prng.chance(10)) {
        model.capacity = 4 + std::int64_t(prng.below(8));
        forecast.set_capacity(kNode, room(model.capacity));
      }
      for (std::uint32_t id = 0; id < 3; ++id) {
        const ReservedId asks{id};
        if (asks != kUnreserved && !model.reserved.contains(asks)) {
          EXPECT_FALSE(forecast.allows(kNode, cpus(1), at(0), at(1), asks));
          continue;
        }
        const std::int64_t want = 1 + std::int64_t(prng.below(4));
        const std::int64_t from = std::int64_t(prng.below(20));
        const std::int64_t length = 1 + std::int64_t(prng.below(6));
        const bool asked = asks != kUnreserved || !model.reserved.empty() || !holds.empty();
        if (asked) {
          ASSERT_EQ(forecast.allows(kNode, cpus(want), at(from), at(from + length), asks),
                    model.fits(asks, want, from, length))
              << "seed " << seed << " step " << step << " id " << id;
        }
        const auto slot = forecast.earliest({.want = cpus(want), .by = asks}, seconds(length),
                                            at(from), at(kEnd - 10));
        std::int64_t first = from;
        while (first <= kEnd - 10 && !model.fits(asks, want, first, length)) ++first;
        ASSERT_EQ(slot.has_value(), first <= kEnd - 10) << "seed " << seed << " step " << step;
        if (slot) {
          ASSERT_EQ(slot->start, at(first)) << "seed " << seed << " step " << step;
        }
      }
    }
  }
}

TEST(ReservedRoom, WithoutReservationsNothingIsKept) {
  Forecast forecast;
  forecast.set_capacity(kNode, {8, 0, 0, Room::kSeats});
  EXPECT_TRUE(forecast.allows(kNode, cpus(8), at(0), kEver));
  forecast.reserve(ReservedId{1}, {{at(5), at(9)}, {at(50), kEver}}, {{kNode, true, {}}});
  EXPECT_FALSE(forecast.allows(kNode, cpus(1), at(0), kEver));
  EXPECT_TRUE(forecast.allows(kNode, cpus(1), at(9), at(50)));
  EXPECT_FALSE(forecast.allows(kNode, cpus(1), at(60), at(61), ReservedId{1})) << "not yet";
  EXPECT_EQ(forecast.in_the_way(kNode, cpus(1), at(0), at(6))->span.from, at(5));
  EXPECT_FALSE(forecast.in_the_way(kNode, cpus(1), at(0), at(5)));
  forecast.unreserve(ReservedId{1});
  EXPECT_TRUE(forecast.allows(kNode, cpus(8), at(0), kEver));
  EXPECT_EQ(forecast.nodes_of(ReservedId{1}), nullptr);
}

}  // namespace
}  // namespace drover::rm
