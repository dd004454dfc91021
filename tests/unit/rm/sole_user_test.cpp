// tests/unit/rm/sole_user_test.cpp - nodes of one user alone, and CPUs that are given out more than
// once; random lives against the rules themselves.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>

#include "base/prng.hpp"
#include "rm/oversubscribe.hpp"
#include "rm/resource_manager.hpp"

namespace drover::rm {
namespace {

NodeSpec node(const std::string& name, std::uint16_t cores, const char* factor = nullptr) {
  NodeSpec spec{name, {}, make_topology(1, 1, cores, 1, 10'000)};
  if (factor != nullptr) spec.labels["oversubscribe"] = factor;
  return spec;
}

Request cpus(std::int64_t count, std::int64_t user = 0) {
  Request request;
  request.cpus = count;
  request.sole_user = user;
  return request;
}

class Machine {
 public:
  explicit Machine(const std::vector<NodeSpec>& nodes, bool plans = false) {
    if (plans) manager.plan_ahead();
    for (std::uint32_t n = 0; n < nodes.size(); ++n) manager.put_node(NodeId{n}, nodes[n]);
  }
  std::optional<Lease> take(const Request& request) {
    auto got =
        manager.acquire(manager.intern(request), manager.path_for({}), {Time{0}, Time{1'000'000}});
    auto* lease = std::get_if<Lease>(&got);
    return lease == nullptr ? std::nullopt : std::optional<Lease>(*lease);
  }
  void check(const std::vector<Lease>& leases) const {
    std::vector<const Lease*> live;
    for (const Lease& lease : leases) live.push_back(&lease);
    const auto problems = manager.check(live);
    ASSERT_TRUE(problems.empty()) << problems.front();
  }
  ResourceManager manager;
};

TEST(SoleUser, SharesItsNodesWithItselfAlone) {
  Machine machine({node("n0", 4), node("n1", 4)});
  std::vector<Lease> leases;
  leases.push_back(*machine.take(cpus(1, 11)));
  leases.push_back(*machine.take(cpus(1, 11)));
  EXPECT_EQ(leases[0].node, leases[1].node) << "a node is begun only when none has room";
  leases.push_back(*machine.take(cpus(1)));
  EXPECT_NE(leases[2].node, leases[0].node);
  EXPECT_FALSE(machine.take(cpus(1, 22))) << "one node is another's, one is shared";
  leases.push_back(*machine.take(cpus(3)));
  EXPECT_FALSE(machine.take(cpus(1))) << "the free CPUs are the first user's";
  EXPECT_FALSE(machine.take(cpus(3, 11)));
  leases.push_back(*machine.take(cpus(2, 11)));
  EXPECT_EQ(machine.manager.explain(machine.manager.intern(cpus(1, 22))).of_one_user, 2u);
  machine.check(leases);
  for (const std::size_t i : {4u, 1u, 0u}) {
    machine.manager.release(leases[i]);
    leases.erase(leases.begin() + std::ptrdiff_t(i));
  }
  leases.push_back(*machine.take(cpus(4, 22)));
  machine.check(leases);
}

TEST(SoleUser, IsPlannedOnEmptyNodes) {
  Machine machine({node("n0", 4)}, true);
  std::vector<Lease> leases{*machine.take(cpus(1, 11)), *machine.take(cpus(1, 11))};
  EXPECT_EQ(leases[1].node, leases[0].node) << "nobody holds a place there";
  const ClassId other = machine.manager.intern(cpus(1));
  const auto slot = machine.manager.earliest(other, seconds(1), Time{0});
  ASSERT_TRUE(slot);
  EXPECT_EQ(slot->start, Time{1'000'000}) << "its free CPUs are no place for others";
  const HoldId hold = machine.manager.hold(other, *slot, seconds(1));
  EXPECT_FALSE(machine.take(cpus(1, 11))) << "it could be in the way of the one who holds";
  machine.manager.drop(hold);
  EXPECT_TRUE(machine.take(cpus(1, 11)));
}

TEST(Oversubscribe, IsAFactorWithTwoDigits) {
  EXPECT_EQ(read_oversubscribe("2"), 200);
  EXPECT_EQ(read_oversubscribe("1.5"), 150);
  EXPECT_EQ(read_oversubscribe("1.25"), 125);
  EXPECT_EQ(read_oversubscribe("16"), 1600);
  for (const char* wrong : {"", "0.5", "17", "two", "1.", "1.555", "-2", ".5", "2x"})
    EXPECT_FALSE(read_oversubscribe(wrong)) << wrong;
  EXPECT_EQ(oversubscribe_percent({{"oversubscribe", "much"}}), 100);
}

TEST(Oversubscribe, GivesCpusOutMoreThanOnceAndBindsNobody) {
  Machine machine({node("n0", 4, "1.5")});
  std::vector<Lease> leases{*machine.take(cpus(4)), *machine.take(cpus(2))};
  EXPECT_TRUE(leases[0].pus.empty());
  EXPECT_FALSE(machine.take(cpus(1)));
  EXPECT_FALSE(machine.manager.can_ever_fit(cpus(5))) << "no job has more CPUs than there are";
  EXPECT_TRUE(machine.manager.can_ever_fit(cpus(4)));
  machine.check(leases);
  // Lowered while it is used: nothing ends, nothing new starts until it fits.
  machine.manager.set_node_labels(NodeId{0}, {});
  EXPECT_FALSE(machine.take(cpus(1)));
  machine.check(leases);
  machine.manager.release(leases[0]);
  leases.erase(leases.begin());
  leases.push_back(*machine.take(cpus(2)));
  EXPECT_EQ(leases.back().pus.size(), 2u);
  machine.check(leases);
  EXPECT_FALSE(machine.take(cpus(1)));
}

// Neither now nor in a plan, whatever else is in the cluster, and whether it has the node alone.
TEST(Oversubscribe, NoJobHasMoreCpusThanItsNode) {
  for (const bool alone : {false, true}) {
    Machine machine({node("n0", 4, "2"), node("n1", 8)}, true);
    Request six = cpus(6);
    six.exclusive = alone;
    const auto first = machine.take(six);
    ASSERT_TRUE(first);
    EXPECT_EQ(first->node, NodeId{1});
    EXPECT_FALSE(machine.take(six));
    const ClassId what = machine.manager.intern(six);
    const auto slot = machine.manager.earliest(what, seconds(1), Time{0});
    ASSERT_TRUE(slot);
    EXPECT_EQ(slot->nodes, std::vector{NodeId{1}});
    EXPECT_EQ(slot->start, Time{1'000'000});
    EXPECT_TRUE(machine.take(cpus(4)));
    EXPECT_TRUE(machine.take(cpus(4))) << "twice four CPUs are given out";
  }
}

class SoleUserLives : public ::testing::TestWithParam<std::uint64_t> {};
TEST_P(SoleUserLives, KeepTheRules) {
  Prng prng(GetParam());
  const bool plans = prng.chance(50);
  Machine machine({node("n0", 4), node("n1", 8, "2"), node("n2", 2, "1.5"), node("n3", 4)}, plans);
  const std::int64_t most[] = {4, 16, 3, 4};
  std::vector<Lease> leases;
  for (int step = 0; step < 300; ++step) {
    if (!leases.empty() && prng.chance(45)) {
      const std::size_t i = prng.below(leases.size());
      machine.manager.release(leases[i]);
      leases.erase(leases.begin() + std::ptrdiff_t(i));
    } else {
      Request request = cpus(1 + std::int64_t(prng.below(4)), std::int64_t(prng.below(4)) * 10);
      request.exclusive = prng.chance(5);
      if (request.exclusive) request.sole_user = 0;
      request.nodes = prng.chance(15) ? 2 : 1;
      const auto before = leases;
      if (auto lease = machine.take(request)) {
        leases.push_back(*std::move(lease));
      } else if (request.nodes == 1 && !request.exclusive) {  // then there was no room
        for (std::uint32_t n = 0; n < 4; ++n) {
          std::int64_t held = 0;
          bool joins = true;
          for (const Lease& one : before)
            for_each_part(one, [&](const NodePart& part) {
              if (part.node != NodeId{n}) return;
              held += part.amounts[Kind::CpuMilli] / 1000;
              joins =
                  joins && part.sole_user == request.sole_user && part.amounts[Kind::Nodes] == 0;
            });
          const std::int64_t built[] = {4, 8, 2, 4};
          EXPECT_FALSE(joins && held + request.cpus <= most[n] && request.cpus <= built[n])
              << "node " << n << " had room in step " << step;
        }
      }
    }
    machine.check(leases);
    std::map<NodeId, std::int64_t> held;
    std::map<NodeId, std::vector<std::int64_t>> users;
    for (const Lease& lease : leases)
      for_each_part(lease, [&](const NodePart& part) {
        held[part.node] += part.amounts[Kind::CpuMilli] / 1000;
        users[part.node].push_back(part.sole_user);
      });
    for (const auto& [id, sum] : held) EXPECT_LE(sum, most[raw(id)]);
    for (const auto& [id, all] : users)
      EXPECT_EQ(std::ranges::count(all, all.front()), std::ptrdiff_t(all.size()))
          << "two users on node " << raw(id);
  }
}
INSTANTIATE_TEST_SUITE_P(Seeds, SoleUserLives, ::testing::Range<std::uint64_t>(1, 31));

}  // namespace
}  // namespace drover::rm
