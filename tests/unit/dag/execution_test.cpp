// tests/unit/dag/execution_test.cpp - the order in which a plan runs, and where it stops.
// SPDX-License-Identifier: Apache-2.0
#include "dag/execution.hpp"

#include <gtest/gtest.h>

#include <set>

#include "base/prng.hpp"
#include "dag/plan_builder.hpp"

namespace drover::dag {
namespace {

static_assert(sizeof(Execution) <= sizeof(std::shared_ptr<const PhysicalPlan>) + 32);

using Plan = std::shared_ptr<const PhysicalPlan>;

Plan execs(std::uint32_t count,
           std::initializer_list<std::pair<std::uint32_t, std::uint32_t>> edges) {
  PlanBuilder builder;
  for (std::uint32_t i = 0; i < count; ++i)
    builder.add({.kind = NodeKind::ExecTask, .label = "n" + std::to_string(i)});
  for (const auto& [first, then] : edges) builder.add_edge(PlanNode{first}, PlanNode{then});
  return *std::move(builder).build();
}

std::vector<PlanNode> ready(const Execution& execution) {
  return {execution.ready().begin(), execution.ready().end()};
}

using Nodes = std::vector<PlanNode>;

TEST(Execution, OneTask) {
  for (const bool ok : {true, false}) {
    Execution execution(execs(1, {}));
    EXPECT_EQ(ready(execution), Nodes{PlanNode{0}});
    EXPECT_FALSE(execution.is_done());
    const auto newly = execution.complete(PlanNode{0}, ok);
    ASSERT_TRUE(newly);
    EXPECT_TRUE(newly->empty());
    EXPECT_TRUE(execution.is_done());
    EXPECT_EQ(execution.is_ok(), ok);
    EXPECT_TRUE(ready(execution).empty());
    EXPECT_EQ(execution.complete(PlanNode{0}, ok).error().code, Errc::Conflict);
  }
}

TEST(Execution, LeavesFirstThenWhatTheyRelease) {
  Execution execution(execs(4, {{0, 1}, {0, 2}, {1, 3}, {2, 3}}));
  EXPECT_EQ(ready(execution), Nodes{PlanNode{0}});
  EXPECT_EQ(execution.complete(PlanNode{3}, true).error().code, Errc::Conflict);
  EXPECT_EQ(execution.complete(PlanNode{99}, true).error().code, Errc::Conflict);
  EXPECT_EQ(*execution.complete(PlanNode{0}, true), (Nodes{PlanNode{1}, PlanNode{2}}));
  EXPECT_TRUE(execution.complete(PlanNode{2}, true)->empty());
  EXPECT_EQ(*execution.complete(PlanNode{1}, true), Nodes{PlanNode{3}});
  EXPECT_FALSE(execution.is_done());
  ASSERT_TRUE(execution.complete(PlanNode{3}, true));
  EXPECT_TRUE(execution.is_ok());
}

TEST(Execution, WhatWaitsForAFailureIsSkippedAndTheRestStillRuns) {
  Execution execution(execs(4, {{0, 1}, {1, 2}}));  // 3 stands alone
  ASSERT_TRUE(execution.complete(PlanNode{0}, false));
  EXPECT_EQ(ready(execution), Nodes{PlanNode{3}});
  EXPECT_FALSE(execution.is_done()) << "3 has not ended";
  ASSERT_TRUE(execution.complete(PlanNode{3}, true));
  EXPECT_TRUE(execution.is_done());
  EXPECT_FALSE(execution.is_ok());
}

TEST(Execution, StageNodesDecideThemselves) {
  PlanBuilder builder;
  const PlanNode start = builder.add({.kind = NodeKind::StageStart, .label = "s"});
  const PlanNode end = builder.add({.kind = NodeKind::StageEnd, .label = "s"});
  const PlanNode a = builder.add({.kind = NodeKind::ExecTask, .label = "a"});
  const PlanNode b = builder.add({.kind = NodeKind::ExecTask, .label = "b"});
  const PlanNode after = builder.add({.kind = NodeKind::ExecTask, .label = "after"});
  for (const PlanNode node : {a, b}) {
    builder.add_edge(start, node);
    builder.add_edge(node, end);
  }
  builder.add_edge(end, after);
  Execution execution(*std::move(builder).build());
  EXPECT_EQ(ready(execution), (Nodes{a, b}));
  EXPECT_TRUE(execution.complete(a, true)->empty());
  EXPECT_EQ(*execution.complete(b, true), Nodes{after});
}

TEST(Execution, RestoreTakesEndsInAnyOrder) {
  const Plan plan = execs(3, {{0, 1}, {1, 2}});
  const std::vector<Execution::Completed> ended{{PlanNode{1}, true}, {PlanNode{0}, true}};
  auto execution = Execution::restore(plan, ended);
  ASSERT_TRUE(execution);
  EXPECT_EQ(ready(*execution), Nodes{PlanNode{2}});
}

TEST(Execution, RestoreRefusesWhatCannotBe) {
  const Plan plan = execs(3, {{0, 1}, {1, 2}});
  using List = std::vector<Execution::Completed>;
  for (const List& bad : {List{{PlanNode{1}, true}}, List{{PlanNode{9}, true}},
                          List{{PlanNode{0}, true}, {PlanNode{0}, true}},
                          List{{PlanNode{0}, false}, {PlanNode{1}, true}}}) {
    const auto execution = Execution::restore(plan, bad);
    ASSERT_FALSE(execution);
    EXPECT_EQ(execution.error().code, Errc::Corrupt);
  }
}

// Random plans, random order of ends: nothing starts before what it waits for, everything starts
// once.
TEST(Execution, RandomPlansRunEveryNodeOnceAfterItsPredecessors) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Prng random(seed);
    const auto count = std::uint32_t(1 + random.below(30));
    std::vector<std::pair<std::uint32_t, std::uint32_t>> edges;
    PlanBuilder builder;
    for (std::uint32_t i = 0; i < count; ++i)
      builder.add({.kind = NodeKind::ExecTask, .label = std::to_string(i)});
    for (std::uint32_t then = 1; then < count; ++then)
      for (std::uint32_t first = 0; first < then; ++first)
        if (random.chance(15)) {
          edges.emplace_back(first, then);
          builder.add_edge(PlanNode{first}, PlanNode{then});
        }
    const Plan plan = *std::move(builder).build();
    Execution execution(plan);
    std::set<PlanNode> done;
    std::vector<Execution::Completed> log;
    while (!execution.is_done()) {
      const Nodes open = ready(execution);
      ASSERT_FALSE(open.empty()) << "stuck, seed " << seed;
      const PlanNode node = open[random.below(open.size())];
      for (const auto& [first, then] : edges)
        ASSERT_TRUE(PlanNode{then} != node || done.contains(PlanNode{first})) << "seed " << seed;
      ASSERT_TRUE(done.insert(node).second);
      ASSERT_TRUE(execution.complete(node, true));
      log.push_back({node, true});
      auto again = Execution::restore(plan, log);
      ASSERT_TRUE(again) << "seed " << seed;
      const auto a = ready(*again);
      const auto b = ready(execution);
      ASSERT_EQ(std::set(a.begin(), a.end()), std::set(b.begin(), b.end())) << "seed " << seed;
    }
    ASSERT_EQ(done.size(), count);
  }
}

}  // namespace
}  // namespace drover::dag
