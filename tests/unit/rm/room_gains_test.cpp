// tests/unit/rm/room_gains_test.cpp - who keeps his place without a search would have found no
// better one.
// SPDX-License-Identifier: Apache-2.0
#include "rm/room_gains.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/prng.hpp"
#include "rm/forecast.hpp"

namespace drover::rm {
namespace {

Room cpus(std::int64_t n) { return {n * 1000, 0, 0, n == 0 ? 0 : 1}; }
Room machine(std::int64_t n) { return {n * 1000, 1 << 20, 0, Room::kSeats}; }
Time at(std::int64_t second) { return {second * 1'000'000}; }

std::vector<std::int64_t> begins_since(RoomGains& gains, RoomGains::Mark mark) {
  std::vector<std::int64_t> begins;
  gains.any_since(mark, [&](const RoomGain& gain) {
    if (gain.from < gain.until) begins.push_back(gain.from.us / 1'000'000);
    return false;
  });
  return begins;
}

TEST(RoomGains, AMarkKnowsWhatCameSince) {
  RoomGains gains;
  EXPECT_FALSE(gains.knows(0));  // nobody's
  const auto first = gains.mark();
  gains.add(NodeId{0}, at(1), at(9), cpus(1));
  const auto second = gains.mark();
  gains.add(NodeId{0}, at(2), at(9), cpus(1));
  EXPECT_EQ(begins_since(gains, first), (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(begins_since(gains, second), (std::vector<std::int64_t>{2}));
  EXPECT_TRUE(begins_since(gains, gains.mark()).empty());
  gains.forget();
  EXPECT_FALSE(gains.knows(second));
  EXPECT_TRUE(gains.knows(gains.mark()));
  const auto third = gains.mark();
  for (int i = 0; i < 64; ++i) gains.add(NodeId{0}, at(i), at(99), cpus(1));
  ASSERT_TRUE(gains.knows(third));
  EXPECT_EQ(begins_since(gains, third).size(), 64u);
  gains.add(NodeId{0}, at(1), at(2), cpus(1));
  EXPECT_FALSE(gains.knows(third));  // the first is gone
}

TEST(RoomGains, WhatIsTakenAgainIsNone) {
  struct Case {
    const char* what;
    NodeId node;
    std::int64_t from, until, cpus;
    std::vector<std::int64_t> left;  // of 2 CPUs of node 0 from 10 to 20: when that begins
  };
  const Case cases[] = {
      {"all of it", NodeId{0}, 5, 20, 2, {}},
      {"the beginning", NodeId{0}, 10, 15, 3, {15}},
      {"the end, which is not told apart", NodeId{0}, 12, 25, 2, {10}},
      {"less", NodeId{0}, 10, 20, 1, {10}},
      {"elsewhere", NodeId{1}, 10, 20, 2, {10}},
      {"before", NodeId{0}, 5, 10, 2, {10}},
  };
  for (const Case& c : cases) {
    RoomGains gains;
    const auto mark = gains.mark();
    gains.add(NodeId{0}, at(10), at(20), cpus(2));
    gains.take(c.node, at(c.from), at(c.until), cpus(c.cpus));
    EXPECT_EQ(begins_since(gains, mark), c.left) << c.what;
  }
}

// Random days of leases and places on a few nodes, or on many: see Forecast::has_many_nodes().
class Days {
 public:
  Days(std::uint64_t seed, std::uint32_t nodes) : prng_(seed), nodes_(nodes) {
    for (std::uint32_t i = 0; i < nodes; ++i) {
      forecast_.set_capacity(NodeId{i}, machine(8));
      forecast_.set_offering(NodeId{i}, true);
    }
    free_.assign(nodes, 8);
    capacity_.assign(nodes, 8);
    offers_.assign(nodes, true);
  }
  int kept = 0, moved = 0, broken = 0;

  void step() {
    now_ += std::int64_t(prng_.below(8));
    if (prng_.chance(60)) plan();
    if (prng_.chance(50)) start();
    if (prng_.chance(50)) end();
    if (prng_.chance(5)) outlive();
    if (prng_.chance(3)) change();
    if (prng_.chance(10)) plan_over();
    if (prng_.chance(5) && !places_.empty()) {
      const std::size_t i = prng_.below(places_.size());
      forecast_.drop(places_[i].hold);
      places_.erase(places_.begin() + std::ptrdiff_t(i));
    }
    check();
  }

 private:
  struct Lease {
    NodeId node;
    std::int64_t cpus, until;
  };
  struct Planned {
    HoldId hold;
    std::int64_t cpus, length;
    std::uint32_t nodes = 1;
  };
  // Of many nodes, as the inventory tells.
  std::optional<Slot> room_now(std::int64_t wanted, Time until) const {
    for (std::uint32_t i = 0; i < nodes_ && forecast_.has_many_nodes(); ++i)
      if (offers_[i] && free_[i] >= wanted &&
          forecast_.allows(NodeId{i}, cpus(wanted), at(now_), until))
        return Slot{at(now_), {NodeId{i}}};
    return std::nullopt;
  }
  void hold(std::int64_t wanted, std::int64_t length, Time from, std::uint32_t nodes) {
    auto slot = nodes == 1 ? room_now(wanted, after(from, seconds(length))) : std::nullopt;
    if (!slot) slot = forecast_.earliest({cpus(wanted), nodes}, seconds(length), from);
    if (!slot) return;
    const HoldId made = forecast_.hold(*slot, cpus(wanted), after(slot->start, seconds(length)));
    places_.push_back({made, wanted, length, nodes});
  }
  void plan() {
    const bool is_late = prng_.chance(20);  // as one that was restored: not the first it could have
    hold(1 + std::int64_t(prng_.below(8)), 1 + std::int64_t(prng_.below(60)),
         at(now_ + (is_late ? 30 : 0)), prng_.chance(20) ? std::min(2u, nodes_) : 1);
  }
  // As for whom somebody else has to make way.
  void plan_over() {
    if (places_.empty()) return;
    const HoldId other = places_[prng_.below(places_.size())].hold;
    forecast_.lift(other);
    const auto slot = forecast_.earliest({cpus(4)}, seconds(20), at(now_));
    forecast_.lay(other);
    if (slot)
      places_.push_back({forecast_.hold(*slot, cpus(4), after(slot->start, seconds(20))), 4, 20});
  }
  void start() {
    for (std::size_t i = 0; i < places_.size(); ++i) {
      const Slot slot = forecast_.slot_of(places_[i].hold);
      if (slot.start > at(now_)) continue;
      forecast_.drop(places_[i].hold);
      for (const NodeId on : slot.nodes) lease({on, places_[i].cpus, now_ + places_[i].length});
      places_.erase(places_.begin() + std::ptrdiff_t(i));
      return;
    }
    const NodeId node{std::uint32_t(prng_.below(nodes_))};
    const Lease made{node, 1 + std::int64_t(prng_.below(4)),
                     now_ + 1 + std::int64_t(prng_.below(80))};
    if (free_[raw(node)] >= made.cpus &&
        forecast_.allows(node, cpus(made.cpus), at(now_), at(made.until)))
      lease(made);
  }
  void lease(const Lease& made) {
    forecast_.lease_starts(made.node, cpus(made.cpus), at(made.until));
    free_[raw(made.node)] -= made.cpus;
    leases_.push_back(made);
  }
  void end() {
    if (leases_.empty()) return;
    const std::size_t i = prng_.below(leases_.size());
    forecast_.lease_ends(leases_[i].node, cpus(leases_[i].cpus), at(leases_[i].until));
    free_[raw(leases_[i].node)] += leases_[i].cpus;
    leases_.erase(leases_.begin() + std::ptrdiff_t(i));
  }
  void outlive() {
    if (leases_.empty()) return;
    Lease& late = leases_[prng_.below(leases_.size())];
    forecast_.lease_ends(late.node, cpus(late.cpus), at(late.until));
    late.until += 30;
    forecast_.lease_starts(late.node, cpus(late.cpus), at(late.until));
  }
  void change() {
    const auto i = std::uint32_t(prng_.below(nodes_));
    if (prng_.chance(50)) {
      const auto size = 4 + std::int64_t(prng_.below(8));
      free_[i] += size - std::exchange(capacity_[i], size);
      forecast_.set_capacity(NodeId{i}, machine(size));
    } else {
      offers_[i] = prng_.chance(70);
      forecast_.set_offering(NodeId{i}, offers_[i]);
    }
  }
  // As move_forward() does.
  void check() {
    for (std::size_t i = 0; i < places_.size();) {
      Planned& one = places_[i];
      const Slot own = forecast_.slot_of(one.hold);
      const bool may = forecast_.may_be_better(one.hold, at(now_));
      auto best = one.nodes == 1 ? room_now(one.cpus, at(now_ + one.length)) : std::nullopt;
      if (!best)
        best = forecast_.best_for(one.hold, {cpus(one.cpus), one.nodes}, seconds(one.length),
                                  at(now_));
      if (!may) {
        ++kept;
        ASSERT_TRUE(best == own) << "at " << now_ << " place of " << own.start.us / 1'000'000;
      }
      if (!best) {
        ++broken;
        forecast_.drop(one.hold);
        places_.erase(places_.begin() + std::ptrdiff_t(i));
        continue;
      }
      if (*best != own) {
        ++moved;
        forecast_.move(one.hold, *best, cpus(one.cpus), after(best->start, seconds(one.length)));
      }
      ++i;
    }
  }

  Prng prng_;
  std::uint32_t nodes_;
  Forecast forecast_;
  std::vector<std::int64_t> free_, capacity_;
  std::vector<bool> offers_;
  std::int64_t now_ = 0;
  std::vector<Lease> leases_;
  std::vector<Planned> places_;
};

TEST(RoomGains, WhoIsNotSearchedForWouldStay) {
  int kept = 0, moved = 0, broken = 0;
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Days days(seed, seed % 10 == 0 ? 130 : 1 + std::uint32_t(seed % 3));
    for (int i = 0; i < 150 && !testing::Test::HasFatalFailure(); ++i) days.step();
    kept += days.kept, moved += days.moved, broken += days.broken;
  }
  EXPECT_GT(kept, 10'000);
  EXPECT_GT(moved, 10'000);
  EXPECT_GT(broken, 1'000);
}

}  // namespace
}  // namespace drover::rm
