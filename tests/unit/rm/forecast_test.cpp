// tests/unit/rm/forecast_test.cpp - timelines and searches against models that are obviously right.
// SPDX-License-Identifier: Apache-2.0
#include "rm/forecast.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/prng.hpp"

namespace drover::rm {
namespace {

constexpr Duration kMinute = seconds(60);

Room cpus(std::int64_t n) { return {n * 1000, 0, 0, n == 0 ? 0 : 1}; }
Room machine(std::int64_t n) { return {n * 1000, 1 << 20, 0, Room::kSeats}; }
Time at(std::int64_t second) { return {second * 1'000'000}; }

// One number per second.
struct SlowTimeline {
  std::vector<Room> free = std::vector<Room>(400);
  void add(std::int64_t from, std::int64_t until, const Room& room) {
    for (std::int64_t t = std::max<std::int64_t>(from, 0); t < std::min<std::int64_t>(until, 400);
         ++t)
      free[std::size_t(t)] += room;
  }
  bool fits(const Room& want, std::int64_t from, std::int64_t until) const {
    for (std::int64_t t = from; t < until; ++t)
      if (!free[std::size_t(t)].covers(want)) return false;
    return true;
  }
};

TEST(NodeTimeline, AgreesWithAModelBySeconds) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Prng random(seed);
    NodeTimeline timeline;
    SlowTimeline slow;
    timeline.add(kAlways, kEver, machine(8));
    slow.add(0, 400, machine(8));
    std::vector<std::array<std::int64_t, 3>> taken;
    for (int step = 0; step < 60; ++step) {
      if (!taken.empty() && random.chance(40)) {
        const std::size_t i = random.below(taken.size());
        const auto [from, until, n] = taken[i];
        timeline.add(at(from), at(until), cpus(n));
        slow.add(from, until, cpus(n));
        taken.erase(taken.begin() + std::ptrdiff_t(i));
      } else {
        const auto from = std::int64_t(random.below(200));
        const auto until = from + 1 + std::int64_t(random.below(100));
        const auto n = 1 + std::int64_t(random.below(5));
        timeline.add(at(from), at(until), -cpus(n));
        slow.add(from, until, -cpus(n));
        taken.push_back({from, until, n});
      }
      const Room want = cpus(1 + std::int64_t(random.below(8)));
      const auto from = std::int64_t(random.below(200));
      const auto length = 1 + std::int64_t(random.below(50));
      ASSERT_EQ(timeline.fits(want, at(from), at(from + length)),
                slow.fits(want, from, from + length))
          << "seed " << seed;
      std::int64_t first = from;
      while (!slow.fits(want, first, first + length)) ++first;
      ASSERT_EQ(timeline.earliest(want, seconds(length), at(from)), at(first)) << "seed " << seed;
      ASSERT_EQ(timeline.earliest(want, seconds(length), at(from), at(first)), at(first));
      if (first > from) {
        ASSERT_FALSE(timeline.earliest(want, seconds(length), at(from), at(first - 1)));
      }
      const auto bound = at(from + std::int64_t(random.below(std::uint64_t(first - from) + 2)));
      if (!taken.empty()) {  // as if one of them were given back
        const auto [own_from, own_until, n] = taken[random.below(taken.size())];
        const NodeTimeline::Taken own{at(own_from), at(own_until), cpus(n)};
        timeline.add(own.from, own.until, own.room);
        const auto without = timeline.earliest(want, seconds(length), at(from), bound);
        timeline.add(own.from, own.until, -own.room);
        ASSERT_EQ(timeline.earliest_without(own, want, seconds(length), at(from), bound), without)
            << "seed " << seed;
      }
      // And as if what takes nothing, or never ends, were not there.
      const Time begin = at(std::int64_t(random.below(300)));
      const Time ends[] = {begin, kEver};
      for (const Time end : ends) {
        const NodeTimeline::Taken own{begin, end, cpus(2)};
        const auto without = timeline.earliest(want, seconds(length), at(from), bound);
        timeline.add(own.from, own.until, -own.room);
        ASSERT_EQ(timeline.earliest_without(own, want, seconds(length), at(from), bound), without)
            << "seed " << seed;
        timeline.add(own.from, own.until, own.room);
      }
      ASSERT_LE(timeline.steps(), 2 * taken.size() + 1) << "steps that say nothing pile up";
    }
  }
}

TEST(NodeTimeline, WhatNeverEndsAndWhatNeverFits) {
  NodeTimeline timeline;
  timeline.add(kAlways, kEver, machine(4));
  timeline.add(kAlways, kEver, -cpus(2));
  EXPECT_FALSE(timeline.earliest(cpus(3), kMinute, at(0)));
  EXPECT_EQ(timeline.earliest(cpus(2), seconds(1'000'000'000), at(5)), at(5));
  timeline.add(kAlways, at(100), -cpus(2));
  timeline.forget_before(at(50));
  EXPECT_EQ(timeline.earliest(cpus(1), kMinute, at(60)), at(100));
  timeline.forget_before(at(150));
  EXPECT_EQ(timeline.steps(), 1u);
}

TEST(Forecast, FindsTheNodeThatIsReadyFirst) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Prng random(seed);
    const auto nodes = std::uint32_t(random.chance(50) ? 5 : 200);  // both ways to search
    Forecast forecast;
    std::map<std::uint32_t, std::map<std::int64_t, std::int64_t>> ends;  // node -> end -> CPUs
    std::map<std::uint32_t, std::int64_t> used;
    for (std::uint32_t n = 0; n < nodes; ++n) {
      forecast.set_capacity(NodeId{n}, machine(8));
      forecast.set_offering(NodeId{n}, !random.chance(10));
      for (int lease = 0; lease < 4; ++lease) {
        const auto until = 100 + std::int64_t(random.below(5'000));
        forecast.lease_starts(NodeId{n}, cpus(2), at(until));
        ends[n][until] += 2;
      }
    }
    NodeBits allowed;
    for (std::uint32_t n = 0; n < nodes; ++n) allowed.set(NodeId{n}, !random.chance(20));
    const std::int64_t want = 1 + std::int64_t(random.below(8));
    const auto gang = std::uint32_t(1 + random.below(3));
    std::vector<std::pair<std::int64_t, std::uint32_t>> ready;
    for (std::uint32_t n = 0; n < nodes; ++n) {
      RoomAsk probe{cpus(want), 1, nullptr};
      NodeBits only;
      only.insert(NodeId{n});
      probe.allowed = &only;
      if (!allowed.contains(NodeId{n}) || !forecast.earliest(probe, kMinute, at(0))) continue;
      std::int64_t free = 0;
      for (const auto& [until, n_cpus] : ends[n])
        if ((free += n_cpus) >= want) {
          ready.emplace_back(until, n);
          break;
        }
    }
    std::ranges::sort(ready);
    const auto slot = forecast.earliest({cpus(want), gang, &allowed}, kMinute, at(0));
    ASSERT_EQ(slot.has_value(), ready.size() >= gang) << "seed " << seed;
    if (!slot) continue;
    EXPECT_EQ(slot->start, at(ready[gang - 1].first)) << "seed " << seed;
    EXPECT_EQ(slot->nodes.size(), gang);
    if (gang == 1) {
      EXPECT_EQ(raw(slot->nodes.front()), ready.front().second);
    }
  }
}

TEST(Forecast, AHoldIsInTheWayUntilItIsDropped) {
  Forecast forecast;
  for (std::uint32_t n = 0; n < 2; ++n) {
    forecast.set_capacity(NodeId{n}, machine(4));
    forecast.set_offering(NodeId{n}, true);
    forecast.lease_starts(NodeId{n}, cpus(3), at(100 + 50 * n));
  }
  const RoomAsk four{cpus(4), 1, nullptr}, both{cpus(4), 2, nullptr};
  const auto slot = forecast.earliest(four, kMinute, at(0));
  ASSERT_EQ(slot, (Slot{at(100), {NodeId{0}}}));
  const HoldId hold = forecast.hold(*slot, four.want, at(160));
  EXPECT_TRUE(forecast.allows(NodeId{0}, cpus(1), at(0), at(100)));
  EXPECT_FALSE(forecast.allows(NodeId{0}, cpus(1), at(0), at(101)));
  EXPECT_TRUE(forecast.allows(NodeId{1}, cpus(1), at(0), at(1'000)));
  EXPECT_EQ(forecast.earliest(both, kMinute, at(0))->start, at(160));
  EXPECT_FALSE(forecast.could_improve(hold, NodeId{1}, four, kMinute, at(0)));
  forecast.lease_ends(NodeId{1}, cpus(3), at(150));
  EXPECT_TRUE(forecast.could_improve(hold, NodeId{1}, four, kMinute, at(0)));
  forecast.drop(hold);
  EXPECT_EQ(forecast.holds(), 0u);
  EXPECT_EQ(forecast.earliest(both, kMinute, at(0))->start, at(100));
}

TEST(Forecast, LooksOnlyAtNodesOnWhichSomethingEndsSoon) {
  Forecast forecast;
  for (std::uint32_t n = 0; n < 10'000; ++n) {
    forecast.set_capacity(NodeId{n}, machine(4));
    forecast.set_offering(NodeId{n}, true);
    forecast.lease_starts(NodeId{n}, cpus(4), at(200 + 10 * std::int64_t(n)));
  }
  const std::uint64_t before = forecast.looked_at();
  EXPECT_EQ(forecast.earliest({cpus(2), 1, nullptr}, kMinute, at(0)), (Slot{at(200), {NodeId{0}}}));
  EXPECT_LT(forecast.looked_at() - before, 20u);
}

// With few nodes there is no calendar; with many there is, also when most came later.
TEST(Forecast, TheCalendarForgetsAndStillFindsWhatIsFarAway) {
  for (const std::uint32_t late : {0u, 60u, 199u}) {
    Forecast forecast;
    const auto add = [&](std::uint32_t n) {
      forecast.set_capacity(NodeId{n}, machine(1));
      forecast.lease_starts(NodeId{n}, cpus(1), at(n == 7 ? 40'000'000 : 50'000'000 + n));
    };
    for (std::uint32_t n = 0; n < 200; ++n) add(n);
    for (std::uint32_t n = 0; n < 200 - late; ++n) forecast.set_offering(NodeId{n}, true);
    for (std::int64_t t = 0; t < 30'000'000; t += 100'000) {
      forecast.forget_before(at(t));
      if (t == 20'000'000)
        for (std::uint32_t n = 0; n < 200; ++n) forecast.set_offering(NodeId{n}, true);
      const std::uint32_t first = t < 20'000'000 && late == 199 ? 0 : 7;
      ASSERT_EQ(forecast.earliest({cpus(1), 1, nullptr}, kMinute, at(t)),
                (Slot{at(first == 7 ? 40'000'000 : 50'000'000), {NodeId{first}}}))
          << t;
    }
    // What was planned meanwhile, and far later than the calendar reaches.
    const HoldId hold = forecast.hold({at(40'000'000), {NodeId{7}}}, cpus(1), at(2'000'000'000));
    EXPECT_EQ(forecast.earliest({cpus(1), 1, nullptr}, kMinute, at(30'000'000)),
              (Slot{at(50'000'000), {NodeId{0}}}));
    forecast.drop(hold);
  }
}

}  // namespace
}  // namespace drover::rm
