// tests/unit/rm/components_test.cpp - several components have nodes of their own, all or none, now
// and in plans.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "base/prng.hpp"
#include "rm/forecast.hpp"
#include "rm/licence.hpp"
#include "rm/match_nodes.hpp"
#include "rm/resource_manager.hpp"

namespace drover::rm {
namespace {

// Every way to deal, one after the other.
bool could_deal(std::span<const NodeWish> wishes) {
  std::vector<std::size_t> seats;  // the wish of each node that is wanted
  for (std::size_t i = 0; i < wishes.size(); ++i) seats.insert(seats.end(), wishes[i].nodes, i);
  std::set<NodeId> used;
  const std::function<bool(std::size_t)> seat = [&](std::size_t at) {
    if (at == seats.size()) return true;
    for (const NodeId node : wishes[seats[at]].candidates)
      if (used.insert(node).second) {
        if (seat(at + 1)) return true;
        used.erase(node);
      }
    return false;
  };
  return seat(0);
}

TEST(MatchNodes, DealsWheneverThereIsAWay) {
  std::size_t dealt_out = 0, moved = 0;
  for (std::uint64_t seed = 1; seed <= 3'000; ++seed) {
    Prng random(seed);
    std::vector<NodeWish> wishes(1 + random.below(4));
    for (NodeWish& wish : wishes) {
      wish.nodes = std::uint32_t(1 + random.below(3));
      for (std::uint32_t id = 0; id < 7; ++id)
        if (random.chance(45)) wish.candidates.push_back(NodeId{id});
    }
    const auto dealt = match_nodes(wishes);
    ASSERT_EQ(is_complete(wishes, dealt), could_deal(wishes)) << "seed " << seed;
    std::set<NodeId> seen;
    for (std::size_t i = 0; i < wishes.size(); ++i) {
      ASSERT_LE(dealt[i].size(), wishes[i].nodes);
      for (const NodeId node : dealt[i]) {
        ASSERT_TRUE(std::ranges::count(wishes[i].candidates, node)) << "seed " << seed;
        ASSERT_TRUE(seen.insert(node).second) << "dealt twice, seed " << seed;
      }
    }
    dealt_out += is_complete(wishes, dealt);
    const auto& first = wishes.front().candidates;  // had everybody taken the best that is left
    moved +=
        is_complete(wishes, dealt) && !first.empty() && !std::ranges::count(dealt[0], first[0]);
  }
  EXPECT_GT(dealt_out, 500u);
  EXPECT_GT(moved, 100u);
}

Request part(std::int64_t nodes, std::int64_t cpus, const std::string& constraint = {}) {
  Request request;
  request.nodes = nodes;
  request.cpus = cpus;
  request.constraint = constraint;
  return request;
}

void put(ResourceManager& manager, std::uint32_t id, std::uint16_t cores, Labels labels = {}) {
  manager.put_node(NodeId{id}, {"n" + std::to_string(id), std::move(labels),
                                make_topology(1, 1, cores, 1, 8'000)});
}

TEST(Components, TheFirstGivesWayToWhoHasNoOther) {
  ResourceManager manager;
  put(manager, 0, 2, {{"disk", "ssd"}});
  put(manager, 1, 2);
  Request request = part(1, 2);  // n0 would be its first choice
  request.more.add(part(1, 1, "disk=ssd"));
  const ClassId what = manager.intern(request);
  const PathId path = manager.path_for({});
  const Acquired answer = manager.acquire(what, path);
  ASSERT_TRUE(std::holds_alternative<Lease>(answer));
  const Lease& lease = std::get<Lease>(answer);
  EXPECT_EQ(lease.node, NodeId{1});
  EXPECT_EQ(lease.component, 0);
  ASSERT_EQ(lease.more.size(), 1u);
  EXPECT_EQ(lease.more[0].node, NodeId{0});
  EXPECT_EQ(lease.more[0].component, 1);
  EXPECT_EQ(lease.total()[Kind::CpuMilli], 3'000);
  EXPECT_EQ(lease.total()[Kind::RunningJobs], 1);
  const Lease* live = &lease;
  EXPECT_TRUE(manager.check(std::span(&live, 1)).empty());

  EXPECT_TRUE(std::holds_alternative<NoFit>(manager.acquire(what, path)));
  EXPECT_EQ(manager.explain(what).component, 1u);
  Request alike = part(1, 1);
  alike.more.add(part(1, 1));
  const ClassId both = manager.intern(alike);
  EXPECT_TRUE(std::holds_alternative<NoFit>(manager.acquire(both, path)));
  const NoFit why = manager.explain(both);
  EXPECT_EQ(why.component, 0u) << "each finds a node, both want the same";
  EXPECT_EQ(why.nodes_needed, 2u);
  EXPECT_EQ(why.fit_now, 1u);
  manager.release(lease);
  EXPECT_TRUE(manager.check({}).empty());
}

TEST(Components, QuotasAndLicencesCountTheSum) {
  ResourceManager manager;
  manager.configure(*ResourceNames::make(licence_words({{"matlab", 3}}, {})), {});
  put(manager, 0, 4);
  put(manager, 1, 4);
  Request request = part(1, 2);
  request.licences["matlab"] = 1;
  Request second = part(1, 3);
  second.licences["matlab"] = 2;
  request.more.add(second);
  const ClassId what = manager.intern(request);
  const PathId path = manager.path_for({{"user", "ann"}});
  QuotaRule rule;
  rule.match = {{"user", "ann"}};
  rule.max.of.fill(-1);
  rule.max[Kind::CpuMilli] = 4'000;
  const QuotaRule licences = licence_rule({{"matlab", 3}}, manager.names());
  manager.set_quotas({rule, licences});
  const Acquired refused = manager.acquire(what, path);
  ASSERT_TRUE(std::holds_alternative<QuotaShort>(refused));
  EXPECT_EQ(std::get<QuotaShort>(refused).asked, 5'000);
  rule.max[Kind::CpuMilli] = 5'000;
  manager.set_quotas({rule, licences});
  const Acquired answer = manager.acquire(what, path);
  ASSERT_TRUE(std::holds_alternative<Lease>(answer));
  EXPECT_EQ(licences_of(manager).front().locked, 3);
  manager.release(std::get<Lease>(answer));
  EXPECT_EQ(licences_of(manager).front().locked, 0);
}

TEST(Components, WhatCanNeverBeNamesTheComponent) {
  ResourceManager manager;
  put(manager, 0, 4);
  put(manager, 1, 4);
  Request request = part(1, 4);
  request.more.add(part(1, 5));
  EXPECT_NE(manager.can_ever_fit(request).error().message.find("component 2: no node has 5 CPUs"),
            std::string::npos)
      << manager.can_ever_fit(request).error().message;
  request.more[0] = part(2, 1);
  EXPECT_EQ(manager.can_ever_fit(request).error().message,
            "the components need 3 nodes, each its own; 2 are there that could be dealt out");
  request.more[0] = part(1, 1);
  EXPECT_TRUE(manager.can_ever_fit(request).has_value());
}

// Random jobs, ends and lost nodes: a lease of all components exactly when there is a way, and the
// books balance after each step.
TEST(Components, StartTogetherOrNotAtAll) {
  std::size_t leases = 0, none = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Prng random(seed);
    ResourceManager manager;
    constexpr std::uint32_t kNodes = 6;
    for (std::uint32_t id = 0; id < kNodes; ++id)
      put(manager, id, std::uint16_t(1 + random.below(6)),
          random.chance(50) ? Labels{{"zone", random.chance(50) ? "x" : "y"}} : Labels{});
    std::vector<Lease> live;
    const PathId path = manager.path_for({});
    for (int step = 0; step < 120; ++step) {
      if (random.chance(15)) {
        manager.set_node_state(NodeId(std::uint32_t(random.below(kNodes))),
                               random.chance(50) ? NodeState::Up : NodeState::Lost, "");
      } else if (!live.empty() && random.chance(45)) {
        const auto at = live.begin() + std::ptrdiff_t(random.below(live.size()));
        manager.release(*at);
        live.erase(at);
      } else {
        std::vector<Request> parts(2 + random.below(2));
        std::vector<NodeWish> wishes;
        for (Request& one : parts) {
          one = part(std::int64_t(1 + random.below(2)), std::int64_t(1 + random.below(3)),
                     random.chance(30) ? "zone=x" : "");
          one.exclusive = random.chance(10);
          NodeWish& wish = wishes.emplace_back(NodeWish{std::uint32_t(one.nodes), {}});
          for (const NodeView& node : manager.nodes()) {
            const bool is_busy = std::ranges::any_of(live, [&](const Lease& lease) {
              bool here = false;
              for_each_part(lease, [&](const NodePart& held) {
                here |= held.node == node.id && (one.exclusive || held.amounts[Kind::Nodes] > 0);
              });
              return here;
            });
            const bool in_zone = one.constraint.empty() || (node.spec->labels.contains("zone") &&
                                                            node.spec->labels.at("zone") == "x");
            if (node.state == NodeState::Up && in_zone && !is_busy &&
                node.free[Kind::CpuMilli] >= one.cpus * 1000)
              wish.candidates.push_back(node.id);
          }
        }
        Request request = parts[0];
        for (std::size_t i = 1; i < parts.size(); ++i) request.more.add(parts[i]);
        Acquired answer = manager.acquire(manager.intern(request), path);
        auto* lease = std::get_if<Lease>(&answer);
        ASSERT_EQ(lease != nullptr, could_deal(wishes)) << "seed " << seed << " step " << step;
        if (lease == nullptr) ++none;
        if (lease != nullptr) {
          ++leases;
          ASSERT_EQ(std::int64_t(lease->node_count()), nodes_of(request));
          live.push_back(std::move(*lease));
        }
      }
      std::vector<const Lease*> all;
      for (const Lease& lease : live) all.push_back(&lease);
      const auto problems = manager.check(all);
      ASSERT_TRUE(problems.empty()) << problems.front() << " seed " << seed;
    }
  }
  EXPECT_GT(leases, 500u);
  EXPECT_GT(none, 500u);
}

Time at(std::int64_t second) { return {second * 1'000'000}; }

// One number per node and second: the first time that a search by seconds finds.
TEST(Components, PlansStartAtTheFirstTimeThereIs) {
  std::size_t found = 0, later = 0;
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    Prng random(seed);
    constexpr std::uint32_t kNodes = 5;
    constexpr std::int64_t kEnd = 120;
    Forecast forecast;
    std::vector<std::vector<std::int64_t>> free(kNodes, std::vector<std::int64_t>(kEnd + 60));
    for (std::uint32_t id = 0; id < kNodes; ++id) {
      const auto size = std::int64_t(1 + random.below(4));
      forecast.set_capacity(NodeId{id}, {size * 1000, 1000, 0, Room::kSeats});
      forecast.set_offering(NodeId{id}, true);
      std::ranges::fill(free[id], size);
    }
    for (int n = 0; n < 14; ++n) {
      const auto id = std::uint32_t(random.below(kNodes));
      const auto from = std::int64_t(random.below(80)),
                 until = from + 1 + std::int64_t(random.below(40));
      if (std::ranges::any_of(free[id].begin() + from, free[id].begin() + until,
                              [](std::int64_t left) { return left < 1; }))
        continue;
      forecast.hold(Slot{at(from), {NodeId{id}}}, Room{1000, 0, 0, 1}, at(until));
      for (std::int64_t t = from; t < until; ++t) --free[id][std::size_t(t)];
    }
    const auto length = std::int64_t(1 + random.below(30));
    std::vector<RoomAsk> asks(2 + random.below(2));
    for (RoomAsk& ask : asks)
      ask = {Room{std::int64_t(1 + random.below(3)) * 1000, 0, 0, 1},
             std::uint32_t(1 + random.below(2))};
    std::optional<std::int64_t> first;
    for (std::int64_t t = 0; t < kEnd && !first; ++t) {
      std::vector<NodeWish> wishes;
      for (const RoomAsk& ask : asks) {
        NodeWish& wish = wishes.emplace_back(NodeWish{ask.nodes, {}});
        for (std::uint32_t id = 0; id < kNodes; ++id)
          if (std::all_of(free[id].begin() + t, free[id].begin() + t + length,
                          [&](std::int64_t left) { return left * 1000 >= ask.want.cpu_milli; }))
            wish.candidates.push_back(NodeId{id});
      }
      if (could_deal(wishes)) first = t;
    }
    const auto slot = forecast.earliest_of_all(asks, seconds(length), at(0));
    ASSERT_EQ(slot.has_value(), first.has_value()) << "seed " << seed;
    if (!slot) continue;
    ASSERT_EQ(slot->start, at(*first)) << "seed " << seed;
    ++found;
    later += *first > 0;
    // Its own place is no obstacle to it, and goes without a trace.
    std::vector<Room> rooms;
    for (const RoomAsk& ask : asks) rooms.insert(rooms.end(), ask.nodes, ask.want);
    const HoldId hold = forecast.hold(*slot, rooms, slot->start + seconds(length), kUnreserved);
    ASSERT_EQ(forecast.best_for_all(hold, asks, seconds(length), at(0)), slot);
    for (std::uint32_t id = 0; id < kNodes; ++id)
      for (const RoomAsk& ask : asks)
        ASSERT_FALSE(forecast.could_improve(hold, NodeId{id}, ask, seconds(length), slot->start));
    forecast.drop(hold);
    ASSERT_EQ(forecast.earliest_of_all(asks, seconds(length), at(0)), slot);
  }
  EXPECT_GT(found, 100u);
  EXPECT_GT(later, 50u);
}

}  // namespace
}  // namespace drover::rm
