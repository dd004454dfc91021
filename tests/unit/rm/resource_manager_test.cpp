// tests/unit/rm/resource_manager_test.cpp - leases, quotas and nodes through the one door, rule by
// rule.
// SPDX-License-Identifier: Apache-2.0
#include "rm/resource_manager.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace drover::rm {
namespace {

NodeSpec node_of(const std::string& name, std::uint16_t cores, std::int64_t mem_mib,
                 Labels labels = {}) {
  return {name, std::move(labels), make_topology(1, 1, cores, 1, mem_mib)};
}

Request cpus(std::int64_t count, std::int64_t mem_mib = 0) {
  Request request;
  request.cpus = count;
  request.mem_mib = mem_mib;
  return request;
}

Amounts limit(Kind kind, std::int64_t amount) {
  Amounts max;
  max.of.fill(-1);
  max[kind] = amount;
  return max;
}

Labels user(const std::string& name) { return {{"creator", "cli"}, {"user", name}}; }

Lease must(Acquired acquired) {
  EXPECT_TRUE(std::holds_alternative<Lease>(acquired));
  return std::holds_alternative<Lease>(acquired) ? std::get<Lease>(acquired) : Lease{};
}

void expect_sound(const ResourceManager& manager, std::vector<const Lease*> live) {
  const auto problems = manager.check(live);
  EXPECT_TRUE(problems.empty()) << problems.front();
}

Freed freed_by(ResourceManager& manager) {
  Freed freed;
  manager.take_freed(freed);
  return freed;
}

NoFit explained(ResourceManager& manager, ClassId what, PathId path) {
  EXPECT_TRUE(std::holds_alternative<NoFit>(manager.acquire(what, path)));
  return manager.explain(what);
}

TEST(ResourceManager, ALeaseHoldsWhatWasAskedAndGivesItBack) {
  ResourceManager manager;
  manager.put_node(NodeId{0}, node_of("n0", 4, 8'000));
  const PathId path = manager.path_for(user("ann"));
  const ClassId two = manager.intern(cpus(2, 3'000));
  EXPECT_EQ(manager.intern(cpus(2, 3'000)), two);

  Lease lease = must(manager.acquire(two, path));
  EXPECT_EQ(lease.pus, (std::vector<std::uint16_t>{0, 1}));
  EXPECT_EQ(lease.amounts[Kind::CpuMilli], 2'000);
  EXPECT_EQ(lease.amounts[Kind::RunningJobs], 1);
  EXPECT_FALSE(lease.used);
  manager.mark_used(lease);
  manager.mark_used(lease);
  EXPECT_TRUE(lease.used);
  EXPECT_EQ(manager.node(NodeId{0})->free[Kind::CpuMilli], 2'000);
  EXPECT_EQ(manager.node(NodeId{0})->free[Kind::MemMib], 5'000);
  expect_sound(manager, {&lease});

  freed_by(manager);
  manager.release(lease);
  EXPECT_EQ(freed_by(manager).nodes, std::vector{NodeId{0}});
  EXPECT_TRUE(freed_by(manager).nodes.empty());
  EXPECT_EQ(manager.node(NodeId{0})->free, manager.node(NodeId{0})->capacity);
  expect_sound(manager, {});
  EXPECT_DEATH(manager.release(lease), "more was released|released twice");
}

TEST(ResourceManager, SaysWhyNoNodeFits) {
  ResourceManager manager;
  manager.put_node(NodeId{0}, node_of("small", 2, 1'000));
  manager.put_node(NodeId{1}, node_of("big", 8, 8'000));
  manager.put_node(NodeId{2}, node_of("away", 8, 8'000));
  manager.put_node(NodeId{3}, node_of("arm", 8, 8'000, {{"arch", "arm64"}}));
  manager.set_node_state(NodeId{2}, NodeState::Lost, "");
  const PathId path = manager.path_for({});
  Request on_arm = cpus(8);
  on_arm.node_labels = {{"arch", "arm64"}};
  const ClassId arm = manager.intern(on_arm);
  const Lease held = must(manager.acquire(arm, path));
  EXPECT_EQ(held.node, NodeId{3});
  const NoFit why = explained(manager, arm, path);
  EXPECT_EQ(why.nodes_total, 4u);
  EXPECT_EQ(why.not_up, 1u);
  EXPECT_EQ(why.label_mismatch, 2u);
  EXPECT_EQ(why.too_small, 0u);
  EXPECT_EQ(why.busy, 1u);
  EXPECT_EQ(why.mostly_short_of, Kind::CpuMilli);

  const Lease big = must(manager.acquire(manager.intern(cpus(1, 7'500)), path));
  EXPECT_EQ(big.node, NodeId{1});
  const NoFit memory = explained(manager, manager.intern(cpus(3, 8'000)), path);
  EXPECT_EQ(memory.too_small, 1u);
  EXPECT_EQ(memory.busy, 2u);
  const NoFit absurd = explained(manager, manager.intern(cpus(INT64_MAX)), path);
  EXPECT_EQ(absurd.too_small, 3u);
  EXPECT_EQ(absurd.busy, 0u);
  expect_sound(manager, {&held, &big});
}

TEST(ResourceManager, PicksTheFullestNodeThenTheLowestId) {
  ResourceManager manager;
  NodeSpec with_gpu = node_of("gpu", 4, 4'000);
  with_gpu.topology.gpus.emplace_back();
  manager.put_node(NodeId{0}, with_gpu);
  manager.put_node(NodeId{1}, node_of("wide", 16, 4'000));
  manager.put_node(NodeId{2}, node_of("slim", 8, 4'000));
  manager.put_node(NodeId{3}, node_of("slim2", 8, 4'000));
  const PathId path = manager.path_for({});
  const ClassId four = manager.intern(cpus(4));
  std::vector<Lease> leases;
  for (const std::uint32_t expected : {2u, 2u, 3u, 3u, 1u, 1u, 1u, 1u, 0u}) {
    leases.push_back(must(manager.acquire(four, path)));
    EXPECT_EQ(raw(leases.back().node), expected) << leases.size();
  }
  EXPECT_TRUE(std::holds_alternative<NoFit>(manager.acquire(four, path)));
  manager.release(leases[5]);
  EXPECT_EQ(must(manager.acquire(four, path)).node, NodeId{1});
}

TEST(ResourceManager, AnExclusiveTaskHasTheNodeAlone) {
  ResourceManager manager;
  manager.put_node(NodeId{0}, node_of("n0", 4, 4'000));
  manager.put_node(NodeId{1}, node_of("n1", 8, 4'000));
  const PathId path = manager.path_for(user("ann"));
  const Lease small = must(manager.acquire(manager.intern(cpus(1)), path));
  EXPECT_EQ(small.node, NodeId{0});
  Request alone = cpus(1, 100);
  alone.exclusive = true;
  const Lease lease = must(manager.acquire(manager.intern(alone), path));
  EXPECT_EQ(lease.node, NodeId{1});
  EXPECT_EQ(lease.amounts[Kind::CpuMilli], 8'000);
  EXPECT_EQ(lease.amounts[Kind::MemMib], 100);
  EXPECT_EQ(lease.pus.size(), 8u);
  EXPECT_EQ(explained(manager, manager.intern(alone), path).mostly_short_of, Kind::Nodes);
  // The node grows while it is held alone: the new CPUs are nobody else's either.
  manager.put_node(NodeId{1}, node_of("n1", 16, 4'000));
  EXPECT_EQ(must(manager.acquire(manager.intern(cpus(3)), path)).node, NodeId{0});
  EXPECT_TRUE(std::holds_alternative<NoFit>(manager.acquire(manager.intern(cpus(3)), path)));

  // The quota is asked about the whole node, not about the one CPU of the request.
  ResourceManager limited;
  limited.put_node(NodeId{0}, node_of("n0", 4, 4'000));
  limited.set_quotas({{{{"user", "*"}}, limit(Kind::CpuMilli, 3'000)}});
  const auto refused = limited.acquire(limited.intern(alone), limited.path_for(user("ann")));
  ASSERT_TRUE(std::holds_alternative<QuotaShort>(refused));
  EXPECT_EQ(std::get<QuotaShort>(refused).asked, 4'000);
}

TEST(ResourceManager, NodesThatDoNotBindAreCountedOnly) {
  ResourceManager manager;
  NodeSpec spec = node_of("n0", 4, 4'000);
  spec.topology.bindable = false;
  spec.topology.gpus.emplace_back();
  manager.put_node(NodeId{0}, spec);
  Request request = cpus(3);
  request.gpus = 1;
  const PathId path = manager.path_for({});
  const Lease lease = must(manager.acquire(manager.intern(request), path));
  EXPECT_TRUE(lease.pus.empty());
  EXPECT_EQ(lease.gpus, (std::vector<std::uint16_t>{0}));
  EXPECT_TRUE(std::holds_alternative<NoFit>(manager.acquire(manager.intern(cpus(2)), path)));
  expect_sound(manager, {&lease});
}

TEST(Quotas, AWildcardIsOneCounterPerValueAndAnExactRuleWins) {
  ResourceManager manager;
  manager.put_node(NodeId{0}, node_of("n0", 64, 64'000));
  manager.set_quotas({{{{"user", "*"}}, limit(Kind::CpuMilli, 2'000)},
                      {{{"user", "boss"}}, limit(Kind::CpuMilli, 5'000)},
                      {{{"creator", "cli"}}, limit(Kind::RunningJobs, 6)}});
  const ClassId one = manager.intern(cpus(1));
  std::vector<Lease> leases;
  const auto take = [&](const std::string& name) {
    auto acquired = manager.acquire(one, manager.path_for(user(name)));
    if (!std::holds_alternative<Lease>(acquired)) return std::get<QuotaShort>(acquired).quota;
    leases.push_back(std::get<Lease>(acquired));
    return std::string("ok");
  };
  EXPECT_EQ(take("ann"), "ok");
  EXPECT_EQ(take("ann"), "ok");
  EXPECT_EQ(take("ann"), "user=ann");
  EXPECT_EQ(take("bob"), "ok");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(take("boss"), "ok");
  EXPECT_EQ(take("boss"), "creator=cli");
  const auto shortage = std::get<QuotaShort>(manager.acquire(one, manager.path_for(user("ann"))));
  EXPECT_EQ(shortage.kind, Kind::CpuMilli);
  EXPECT_EQ(shortage.limit, 2'000);
  EXPECT_EQ(shortage.held, 2'000);
  EXPECT_EQ(shortage.asked, 1'000);

  // A label that the job does not have is a rule that does not apply.
  EXPECT_TRUE(
      std::holds_alternative<Lease>(manager.acquire(one, manager.path_for({{"user", "eve"}}))));
}

TEST(Quotas, ALiveEditKeepsUseAndDrains) {
  ResourceManager manager;
  manager.put_node(NodeId{0}, node_of("n0", 64, 64'000));
  const PathId ann = manager.path_for(user("ann"));
  const ClassId one = manager.intern(cpus(1));
  std::vector<Lease> leases;
  leases.reserve(4);
  for (int i = 0; i < 4; ++i) leases.push_back(must(manager.acquire(one, ann)));
  manager.mark_used(leases[0]);
  // Limits appear while four tasks run: they count at once, on the path that was interned before.
  manager.set_quotas({{{{"user", "ann"}}, limit(Kind::CpuMilli, 2'000)}});
  ASSERT_EQ(manager.quotas().size(), 1u);
  EXPECT_EQ(manager.quotas()[0].used[Kind::CpuMilli], 1'000);
  EXPECT_EQ(manager.quotas()[0].locked[Kind::CpuMilli], 3'000);
  EXPECT_TRUE(std::holds_alternative<QuotaShort>(manager.acquire(one, ann)));
  for (int i = 0; i < 2; ++i) {
    manager.release(leases.back());
    leases.pop_back();
    EXPECT_TRUE(std::holds_alternative<QuotaShort>(manager.acquire(one, ann)));
  }
  manager.release(leases.back());
  leases.pop_back();
  leases.push_back(must(manager.acquire(one, ann)));
  EXPECT_TRUE(std::holds_alternative<QuotaShort>(manager.acquire(one, ann)));
  expect_sound(manager, {&leases[0], &leases[1]});
  manager.set_quotas({});
  EXPECT_TRUE(manager.quotas().empty());
  expect_sound(manager, {&leases[0], &leases[1]});
}

TEST(Quotas, OnlyTheQuotasOfAReleasedPathAreFreed) {
  ResourceManager manager;
  manager.put_node(NodeId{0}, node_of("n0", 64, 64'000));
  manager.set_quotas({{{{"creator", "cli"}}, limit(Kind::CpuMilli, 60'000)},
                      {{{"user", "*"}}, limit(Kind::CpuMilli, 1'000)}});
  const ClassId one = manager.intern(cpus(1));
  const PathId ann = manager.path_for(user("ann")), bob = manager.path_for(user("bob"));
  const Lease first = must(manager.acquire(one, ann)), second = must(manager.acquire(one, bob));
  const auto of_ann = std::get<QuotaShort>(manager.acquire(one, ann)).quota_index;
  const auto of_bob = std::get<QuotaShort>(manager.acquire(one, bob)).quota_index;
  freed_by(manager);
  EXPECT_TRUE(freed_by(manager).quotas.empty());
  manager.release(first);
  const auto freed = freed_by(manager).quotas;
  EXPECT_EQ(freed.size(), 2u) << "ann's and the creator's";
  EXPECT_TRUE(std::ranges::is_sorted(freed));
  EXPECT_EQ(std::ranges::count(freed, of_ann), 1);
  EXPECT_EQ(std::ranges::count(freed, of_bob), 0);
  manager.release(second);
  EXPECT_EQ(std::ranges::count(freed_by(manager).quotas, of_bob), 1);
  manager.set_quotas({});
  EXPECT_EQ(freed_by(manager).quotas.size(), 3u) << "a change of the rules frees all";
}

TEST(Quotas, HugeNumbersAreRefusedAndNeverWrap) {
  ResourceManager manager;
  manager.put_node(NodeId{0}, node_of("n0", 4, 4'000));
  manager.set_quotas({{{{"user", "*"}}, limit(Kind::MemMib, INT64_MAX)}});
  const PathId path = manager.path_for(user("ann"));
  Lease damaged;
  damaged.node = NodeId{0};
  damaged.amounts[Kind::MemMib] = INT64_MAX;
  damaged.amounts[Kind::CpuMilli] = -5;
  Lease second = damaged;
  manager.restore(damaged, path);
  manager.restore(second, path);
  EXPECT_GT(damaged.amounts[Kind::MemMib], 0);
  EXPECT_EQ(damaged.amounts[Kind::CpuMilli], 0);
  EXPECT_EQ(manager.node(NodeId{0})->free[Kind::MemMib], 0);
  expect_sound(manager, {&damaged, &second});
  EXPECT_TRUE(std::holds_alternative<NoFit>(manager.acquire(manager.intern(cpus(1, 1)), path)));
  manager.release(damaged);
  manager.release(second);
  expect_sound(manager, {});
}

TEST(Nodes, ShrinkingBelowUseDrainsAndRestoreComesBeforeRegistration) {
  ResourceManager manager;
  const PathId path = manager.path_for({});
  Lease stored;
  stored.node = NodeId{0};
  stored.amounts[Kind::CpuMilli] = 3'000;
  stored.amounts[Kind::RunningJobs] = 1;
  stored.pus = {1, 2, 7};
  stored.used = true;
  manager.restore(stored, path);
  EXPECT_FALSE(manager.node(NodeId{0}));
  expect_sound(manager, {&stored});
  manager.put_node(NodeId{0}, node_of("n0", 8, 4'000));
  const ClassId one = manager.intern(cpus(1));
  Lease next = must(manager.acquire(one, path));
  EXPECT_EQ(next.pus, (std::vector<std::uint16_t>{0}));

  manager.put_node(NodeId{0}, node_of("n0", 2, 4'000));
  EXPECT_EQ(manager.node(NodeId{0})->free[Kind::CpuMilli], 0);
  EXPECT_TRUE(std::holds_alternative<NoFit>(manager.acquire(one, path)));
  expect_sound(manager, {&stored, &next});
  manager.release(stored);
  Lease again = must(manager.acquire(one, path));
  EXPECT_EQ(again.pus, (std::vector<std::uint16_t>{1}));
  expect_sound(manager, {&next, &again});
}

// A stored lease that binds more than it was charged must cost the node those units, not the
// process.
TEST(Nodes, ALeaseThatBindsMoreThanItWasChargedIsBelieved) {
  ResourceManager manager;
  NodeSpec spec = node_of("n0", 4, 4'000);
  spec.topology.gpus.emplace_back();
  manager.put_node(NodeId{0}, spec);
  const PathId path = manager.path_for({});
  Lease odd;
  odd.node = NodeId{0};
  odd.amounts[Kind::CpuMilli] = 1'000;
  odd.pus = {0, 1, 2};
  odd.gpus = {0};
  manager.restore(odd, path);
  EXPECT_EQ(manager.node(NodeId{0})->free[Kind::CpuMilli], 1'000);
  EXPECT_TRUE(std::holds_alternative<NoFit>(manager.acquire(manager.intern(cpus(2)), path)));
  Request gpu = cpus(1);
  gpu.gpus = 1;
  EXPECT_TRUE(std::holds_alternative<NoFit>(manager.acquire(manager.intern(gpu), path)));
  const Lease last = must(manager.acquire(manager.intern(cpus(1)), path));
  EXPECT_EQ(last.pus, (std::vector<std::uint16_t>{3}));
  manager.release(odd);
  manager.release(last);
  expect_sound(manager, {});
}

TEST(Nodes, OnlyUpNodesTakeWorkAndABadTopologyOffersNothing) {
  ResourceManager manager;
  manager.put_node(NodeId{0}, node_of("n0", 4, 4'000));
  const PathId path = manager.path_for({});
  const ClassId one = manager.intern(cpus(1));
  manager.set_node_state(NodeId{0}, NodeState::Draining, "disk swap");
  EXPECT_EQ(manager.node(NodeId{0})->reason, "disk swap");
  EXPECT_EQ(explained(manager, one, path).not_up, 1u);
  manager.put_node(NodeId{0}, node_of("n0", 4, 4'000));  // registering again does not end a drain
  EXPECT_TRUE(std::holds_alternative<NoFit>(manager.acquire(one, path)));
  manager.set_node_state(NodeId{0}, NodeState::Up, "");
  must(manager.acquire(one, path));

  NodeSpec broken = node_of("n1", 4, 4'000);
  broken.topology.cores[1].pus = broken.topology.cores[0].pus;
  manager.put_node(NodeId{1}, broken);
  EXPECT_NE(manager.node(NodeId{1})->reason.find("twice"), std::string::npos);
  EXPECT_EQ(manager.node(NodeId{1})->capacity[Kind::CpuMilli], 0);
  const NoFit why = explained(manager, manager.intern(cpus(4)), path);
  EXPECT_EQ(why.too_small, 1u);
  EXPECT_EQ(why.busy, 1u);
}

// After a restart nodes are known by name before their agents come back.
TEST(CanEverFit, ANodeThatHasNotRegisteredMayBeTheOneThatFits) {
  ResourceManager manager;
  manager.put_node(NodeId{0}, {"big", {}, {}});
  manager.set_node_state(NodeId{0}, NodeState::Lost, "has not registered since the restart");
  EXPECT_TRUE(manager.can_ever_fit(cpus(64)));
  manager.put_node(NodeId{1}, node_of("small", 2, 1'000));
  EXPECT_TRUE(manager.can_ever_fit(cpus(64)));
  const NoFit why = explained(manager, manager.intern(cpus(64)), manager.path_for({}));
  EXPECT_EQ(why.not_up, 1u);
  EXPECT_EQ(why.too_small, 1u);
  manager.put_node(NodeId{0}, node_of("big", 32, 1'000));
  EXPECT_FALSE(manager.can_ever_fit(cpus(64)));
  EXPECT_TRUE(manager.can_ever_fit(cpus(32)));
}

// The answer for a class is remembered; nodes come, change their labels and shrink.
TEST(CanEverFit, OfAClassFollowsTheNodes) {
  ResourceManager manager;
  Request request = cpus(8);
  request.node_labels = {{"arch", "x86"}};
  EXPECT_FALSE(manager.known_class(request));
  const ClassId what = manager.intern(request);
  EXPECT_EQ(manager.known_class(request), what);
  const auto expect = [&](bool fits) {
    for (int again = 0; again < 2; ++again) {
      EXPECT_EQ(manager.can_ever_fit(what).has_value(), fits);
      EXPECT_EQ(manager.can_ever_fit(request).has_value(), fits);
    }
  };
  expect(true);  // no node has registered yet
  manager.put_node(NodeId{0}, node_of("small", 4, 1'000, {{"arch", "x86"}}));
  expect(false);
  manager.put_node(NodeId{1}, node_of("large", 16, 1'000, {{"arch", "arm"}}));
  expect(false);
  manager.set_node_labels(NodeId{1}, {{"arch", "x86"}});
  expect(true);
  manager.set_node_state(NodeId{1}, NodeState::Down, "maintenance");
  expect(true);  // it may come back
  manager.put_node(NodeId{1}, node_of("large", 6, 1'000, {{"arch", "x86"}}));
  expect(false);
}

TEST(CanEverFit, NamesWhatTheLargestNodeOffers) {
  ResourceManager manager;
  EXPECT_TRUE(manager.can_ever_fit(cpus(1'000'000)));  // no node has registered yet
  NodeSpec gpus = node_of("gpu1", 8, 4'096, {{"arch", "x86"}});
  gpus.topology.gpus.resize(2);
  for (std::size_t i = 0; i < 2; ++i) {
    gpus.topology.gpus[i].model = "h100";
    gpus.topology.gpus[i].index = std::uint16_t(i);
  }
  manager.put_node(NodeId{0}, gpus);
  manager.put_node(NodeId{1}, node_of("fat", 4, 65'536));
  manager.set_node_state(NodeId{1}, NodeState::Lost, "");
  struct Row {
    Request request;
    const char* message;
    const char* hint;
  };
  Request gpu3 = cpus(1), a100 = cpus(1), both = cpus(1, 65'536), arm = cpus(1);
  gpu3.gpus = 3;
  a100.gpus = 1;
  a100.gpu_model = "a100";
  both.gpus = 1;
  arm.node_labels = {{"arch", "arm64"}};
  const Row rows[] = {
      {cpus(9), "no node has 9 CPUs",
       "the largest node offers 8 CPUs, 4G of memory, 2 GPUs (gpu1)"},
      {cpus(INT64_MAX), "no node has 9223372036854775807 CPUs", "gpu1"},
      {cpus(1, 70'000), "of memory", "the largest node offers 4 CPUs, 64G of memory (fat)"},
      {gpu3, "no node has 3 GPUs", "2 GPUs (gpu1)"},
      {a100, "no node has 1 GPU of model a100", "models: h100"},
      {both, "no node has 1 CPU, 64G of memory and 1 GPU together", "gpu1"},
      {arm, "no node has the label arch=arm64", "nodes have arch=x86"},
      {cpus(0), "at least 1 CPU", "1 or more"},
  };
  for (const Row& row : rows) {
    const auto result = manager.can_ever_fit(row.request);
    ASSERT_FALSE(result) << row.message;
    EXPECT_NE(result.error().message.find(row.message), std::string::npos)
        << result.error().message;
    EXPECT_NE(result.error().hint.find(row.hint), std::string::npos) << result.error().hint;
  }
  a100.gpu_model = "h100";
  EXPECT_TRUE(manager.can_ever_fit(a100));
  EXPECT_TRUE(manager.can_ever_fit(cpus(4, 65'536)));  // lost nodes may come back
}

TEST(Gang, TakesAllNodesOrNone) {
  ResourceManager manager;
  for (std::uint32_t id = 0; id < 3; ++id)
    manager.put_node(NodeId{id}, {"n" + std::to_string(id), {}, make_topology(1, 1, 4, 1, 1'000)});
  const PathId path = manager.path_for({{"user", "ann"}});
  const Lease small = must(manager.acquire(manager.intern(cpus(1)), path));  // on n0
  Request gang = cpus(3, 100);
  gang.nodes = 3;
  const Lease lease = must(manager.acquire(manager.intern(gang), path));
  ASSERT_EQ(lease.node_count(), 3u);
  EXPECT_EQ(lease.node, NodeId{0});
  EXPECT_EQ(lease.more[1].node, NodeId{2});
  EXPECT_EQ(lease.total()[Kind::CpuMilli], 9'000);
  EXPECT_EQ(lease.total()[Kind::RunningJobs], 1);
  expect_sound(manager, {&small, &lease});
  gang.nodes = 2;
  gang.cpus = 1;
  const Acquired again = manager.acquire(manager.intern(gang), path);
  ASSERT_TRUE(std::holds_alternative<Lease>(again));  // the rest of n1 and n2
  manager.release(std::get<Lease>(again));
  manager.release(small);
  gang.cpus = 2;
  const NoFit refused = explained(manager, manager.intern(gang), path);
  EXPECT_EQ(refused.nodes_needed, 2u);
  EXPECT_EQ(refused.fit_now, 0u);
  EXPECT_EQ(refused.busy, 3u);
  expect_sound(manager, {&lease});
  manager.release(lease);
  expect_sound(manager, {});
}

TEST(Gang, QuotasAreChargedTheSum) {
  ResourceManager manager;
  for (std::uint32_t id = 0; id < 3; ++id)
    manager.put_node(NodeId{id}, {"n" + std::to_string(id), {}, make_topology(1, 1, 4, 1, 1'000)});
  QuotaRule rule{{{"user", "*"}}, {}};
  rule.max.of.fill(-1);
  rule.max[Kind::CpuMilli] = 5'000;
  manager.set_quotas({rule});
  const PathId path = manager.path_for({{"user", "ann"}});
  Request gang = cpus(2);
  gang.nodes = 3;
  const Acquired refused = manager.acquire(manager.intern(gang), path);
  ASSERT_TRUE(std::holds_alternative<QuotaShort>(refused));
  EXPECT_EQ(std::get<QuotaShort>(refused).asked, 6'000);
  expect_sound(manager, {});  // nothing was taken
}

TEST(Gang, SaysHowManyNodesAreLargeEnough) {
  ResourceManager manager;
  for (std::uint32_t id = 0; id < 4; ++id)
    manager.put_node(NodeId{id},
                     {"n" + std::to_string(id), {}, make_topology(1, 1, id < 3 ? 2 : 8, 1, 1'000)});
  Request gang = cpus(4);
  gang.nodes = 2;
  const auto refused = manager.can_ever_fit(gang);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().field, "nodes");
  EXPECT_NE(refused.error().message.find("only 1 node is large enough"), std::string::npos)
      << refused.error().message;
  gang.cpus = 2;
  gang.nodes = 4;
  EXPECT_TRUE(manager.can_ever_fit(gang));
}

TEST(ResourceManager, AWholeNodeIsOneThatTheQuotaAllows) {
  ResourceManager manager;
  manager.put_node(NodeId{0}, node_of("large", 8, 8'000));
  NodeSpec small = node_of("small", 2, 8'000);
  small.topology.gpus.emplace_back();  // more GPUs count as larger than more CPUs
  manager.put_node(NodeId{1}, small);
  QuotaRule rule;
  rule.match = {{"user", "ann"}};
  rule.max = limit(Kind::CpuMilli, 4'000);
  manager.set_quotas({rule});
  Request request = cpus(1);
  request.exclusive = true;
  const ClassId what = manager.intern(request);
  const PathId path = manager.path_for(user("ann"));
  const Lease lease = must(manager.acquire(what, path));
  EXPECT_EQ(lease.node, NodeId{1});
  expect_sound(manager, {&lease});
  EXPECT_TRUE(std::holds_alternative<NoFit>(manager.acquire(what, path))) << "for the small one";
  rule.max = limit(Kind::CpuMilli, 1'000);
  manager.set_quotas({rule});
  manager.release(lease);
  const Acquired beyond = manager.acquire(what, path);
  ASSERT_TRUE(std::holds_alternative<QuotaShort>(beyond));
  EXPECT_EQ(std::get<QuotaShort>(beyond).asked, 2'000);
}

}  // namespace
}  // namespace drover::rm
