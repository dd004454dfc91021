// tests/unit/dag/execution_test.cpp - the order in which a plan runs, and where it stops.
// SPDX-License-Identifier: Apache-2.0
#include "dag/execution.hpp"

#include <gtest/gtest.h>

#include <algorithm>

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

using Nodes = std::vector<PlanNode>;

Nodes ready(const Execution& execution) { return execution.ready(); }

// What may run because of that end.
Nodes complete(Execution& execution, PlanNode node, bool ok = true) {
  const auto step = execution.complete(node, ok ? Mark::Succeeded : Mark::Failed);
  EXPECT_TRUE(step) << "node " << std::uint32_t(node);
  return step ? Nodes(step->ready.begin(), step->ready.end()) : Nodes{};
}

TEST(Execution, OneTask) {
  for (const bool ok : {true, false}) {
    Execution execution(execs(1, {}));
    EXPECT_EQ(ready(execution), Nodes{PlanNode{0}});
    EXPECT_FALSE(execution.is_done());
    EXPECT_TRUE(complete(execution, PlanNode{0}, ok).empty());
    EXPECT_TRUE(execution.is_done());
    EXPECT_EQ(execution.is_ok(), ok);
    EXPECT_TRUE(ready(execution).empty());
    EXPECT_EQ(execution.complete(PlanNode{0}, Mark::Succeeded).error().code, Errc::Conflict);
  }
}

TEST(Execution, OneTaskThatIsCancelledHasNotFailed) {
  Execution execution(execs(1, {}));
  ASSERT_TRUE(execution.complete(PlanNode{0}, Mark::Cancelled));
  EXPECT_EQ(execution.mark(PlanNode{0}), Mark::Cancelled);
  EXPECT_TRUE(execution.is_ok()) << "as in larger plans";
}

TEST(Execution, LeavesFirstThenWhatTheyRelease) {
  Execution execution(execs(4, {{0, 1}, {0, 2}, {1, 3}, {2, 3}}));
  EXPECT_EQ(ready(execution), Nodes{PlanNode{0}});
  for (const std::uint32_t not_ready : {3u, 4u, 99u})
    EXPECT_EQ(execution.complete(PlanNode{not_ready}, Mark::Succeeded).error().code,
              Errc::Conflict);
  EXPECT_EQ(execution.complete(PlanNode{0}, Mark::Skipped).error().code, Errc::BadInput);
  EXPECT_EQ(complete(execution, PlanNode{0}), (Nodes{PlanNode{1}, PlanNode{2}}));
  EXPECT_TRUE(complete(execution, PlanNode{2}).empty());
  EXPECT_EQ(complete(execution, PlanNode{1}), Nodes{PlanNode{3}});
  EXPECT_FALSE(execution.is_done());
  complete(execution, PlanNode{3});
  EXPECT_TRUE(execution.is_ok());
}

TEST(Execution, WhatWaitsForAFailureIsSkippedAndTheRestStillRuns) {
  Execution execution(execs(4, {{0, 1}, {1, 2}}));  // 3 stands alone
  complete(execution, PlanNode{0}, false);
  EXPECT_EQ(execution.mark(PlanNode{2}), Mark::Skipped);
  EXPECT_EQ(ready(execution), Nodes{PlanNode{3}});
  EXPECT_FALSE(execution.is_done()) << "3 has not ended";
  complete(execution, PlanNode{3});
  EXPECT_TRUE(execution.is_done());
  EXPECT_FALSE(execution.is_ok());
}

struct Condition {
  When when{};
  Mark end{};
  Mark then{};
  bool ok = false;  // the job, when all that may run succeeds
};
class Conditions : public testing::TestWithParam<Condition> {};

TEST_P(Conditions, DecideWhoRuns) {
  PlanBuilder builder;
  const PlanNode first = builder.add({.kind = NodeKind::ExecTask, .label = "first"});
  const PlanNode then = builder.add({.kind = NodeKind::ExecTask, .label = "then"});
  builder.add_edge(first, then, GetParam().when);
  Execution execution(*std::move(builder).build());
  ASSERT_TRUE(execution.complete(first, GetParam().end));
  EXPECT_EQ(execution.mark(then), GetParam().then);
  if (GetParam().then == Mark::Ready) complete(execution, then);
  EXPECT_TRUE(execution.is_done());
  EXPECT_EQ(execution.is_ok(), GetParam().ok);
}

INSTANTIATE_TEST_SUITE_P(
    Execution, Conditions,
    testing::Values(Condition{When::Ok, Mark::Succeeded, Mark::Ready, true},
                    Condition{When::Ok, Mark::Failed, Mark::Skipped, false},
                    Condition{When::Ok, Mark::Cancelled, Mark::Skipped, true},
                    Condition{When::Failed, Mark::Succeeded, Mark::Skipped, true},
                    Condition{When::Failed, Mark::Failed, Mark::Ready, true},
                    Condition{When::Failed, Mark::Cancelled, Mark::Skipped, true},
                    Condition{When::Undo, Mark::Failed, Mark::Ready, false},
                    Condition{When::Undo, Mark::Succeeded, Mark::Skipped, true},
                    Condition{When::Ended, Mark::Succeeded, Mark::Ready, true},
                    Condition{When::Ended, Mark::Failed, Mark::Ready, false},
                    Condition{When::Ended, Mark::Cancelled, Mark::Ready, true}));

TEST(Execution, AnyOfThoseBeforeIsEnoughAndItStartsOnce) {
  for (const bool first_ok : {true, false}) {
    PlanBuilder builder;
    const PlanNode a = builder.add({.kind = NodeKind::ExecTask, .label = "a"});
    const PlanNode b = builder.add({.kind = NodeKind::ExecTask, .label = "b"});
    const PlanNode then =
        builder.add({.kind = NodeKind::ExecTask, .label = "then", .join = Join::Any});
    builder.add_edge(a, then);
    builder.add_edge(b, then);
    Execution execution(*std::move(builder).build());
    EXPECT_EQ(complete(execution, a, first_ok), first_ok ? Nodes{then} : Nodes{});
    EXPECT_EQ(complete(execution, b, !first_ok), first_ok ? Nodes{} : Nodes{then});
    complete(execution, then);
    EXPECT_TRUE(execution.is_done());
    EXPECT_FALSE(execution.is_ok()) << "nobody made up for the failure";
  }
}

// start -> members -> end -> after
struct Stage {
  PlanNode start{}, end{}, after{};
  Nodes members;
  std::shared_ptr<const PhysicalPlan> plan;
  Stage(Strategy strategy, std::size_t count, bool one_by_one = false) {
    PlanBuilder builder;
    start = builder.add({.kind = NodeKind::StageStart, .label = "s"});
    end = builder.add({.kind = NodeKind::StageEnd,
                       .label = "s",
                       .strategy = strategy,
                       .step = std::uint32_t(start)});
    for (std::size_t i = 0; i < count; ++i) {
      members.push_back(builder.add({.kind = NodeKind::ExecTask, .label = "m"}));
      builder.add_edge(start, members.back());
      builder.add_edge(members.back(), end, When::Ended);
      if (one_by_one && i > 0) builder.add_edge(members[i - 1], members[i], When::Failed);
    }
    after = builder.add({.kind = NodeKind::ExecTask, .label = "after"});
    builder.add_edge(end, after);
    plan = *std::move(builder).build();
  }
};

TEST(Execution, AStageOfWhichAllMustSucceed) {
  for (const bool ok : {true, false}) {
    const Stage stage(Strategy::Single, 2);
    Execution execution(stage.plan);
    EXPECT_EQ(ready(execution), stage.members);
    EXPECT_TRUE(complete(execution, stage.members[0], ok).empty()) << "the other still runs";
    EXPECT_EQ(complete(execution, stage.members[1]), ok ? Nodes{stage.after} : Nodes{});
    EXPECT_EQ(execution.mark(stage.end), ok ? Mark::Succeeded : Mark::Failed);
  }
}

TEST(Execution, OfAMultiReadTheFirstSuccessWinsAndTheLosersAreLetGo) {
  const Stage stage(Strategy::MultiRead, 3);
  Execution execution(stage.plan);
  EXPECT_TRUE(complete(execution, stage.members[1], false).empty());
  const auto step = execution.complete(stage.members[2], Mark::Succeeded);
  ASSERT_TRUE(step);
  EXPECT_EQ(Nodes(step->ready.begin(), step->ready.end()), Nodes{stage.after});
  EXPECT_EQ(Nodes(step->unwanted.begin(), step->unwanted.end()), Nodes{stage.members[0]});
  complete(execution, stage.after);
  EXPECT_FALSE(execution.is_done()) << "the loser has not ended yet";
  ASSERT_TRUE(execution.complete(stage.members[0], Mark::Cancelled));
  EXPECT_TRUE(execution.is_ok()) << "a member's failure is the stage's business";
}

TEST(Execution, AMultiReadFailsWhenAllHaveFailed) {
  const Stage stage(Strategy::MultiRead, 2);
  Execution execution(stage.plan);
  complete(execution, stage.members[0], false);
  complete(execution, stage.members[1], false);
  EXPECT_TRUE(execution.is_done());
  EXPECT_FALSE(execution.is_ok());
}

TEST(Execution, AStandbyStartsWhenTheOneBeforeItFailsOrIsLate) {
  const Stage stage(Strategy::ActiveStandby, 2, true);
  {
    Execution execution(stage.plan);
    EXPECT_EQ(ready(execution), Nodes{stage.members[0]});
    EXPECT_EQ(complete(execution, stage.members[0], false), Nodes{stage.members[1]});
    EXPECT_EQ(complete(execution, stage.members[1]), Nodes{stage.after});
  }
  {
    Execution execution(stage.plan);
    EXPECT_EQ(complete(execution, stage.members[0]), Nodes{stage.after});
    EXPECT_EQ(execution.mark(stage.members[1]), Mark::Skipped) << "never needed";
    complete(execution, stage.after);
    EXPECT_TRUE(execution.is_ok());
  }
  Execution execution(stage.plan);
  ASSERT_TRUE(execution.start_now(stage.members[1]));
  EXPECT_FALSE(execution.start_now(stage.members[1])) << "once";
  EXPECT_EQ(ready(execution), stage.members);
  const auto step = execution.complete(stage.members[1], Mark::Succeeded);
  ASSERT_TRUE(step);
  EXPECT_EQ(step->unwanted[0], stage.members[0]);
}

// a, b and c in a transaction; each has a compensation.
TEST(Execution, ATransactionThatFailsIsUndoneInReverseOrder) {
  PlanBuilder builder;
  const PlanNode start = builder.add({.kind = NodeKind::StageStart, .label = "t"});
  const PlanNode end = builder.add({.kind = NodeKind::StageEnd,
                                    .label = "t",
                                    .strategy = Strategy::Transaction,
                                    .step = std::uint32_t(start)});
  Nodes member, undo;
  for (int i = 0; i < 4; ++i) {
    member.push_back(builder.add({.kind = NodeKind::ExecTask, .label = "do"}));
    undo.push_back(builder.add({.kind = NodeKind::ExecTask, .label = "undo"}));
    builder.add_edge(start, member.back());
    builder.add_edge(member.back(), end, When::Ended);
    builder.add_edge(end, undo.back(), When::Undo);
    builder.add_edge(member.back(), undo.back());
    if (i > 0) builder.add_edge(undo[std::size_t(i)], undo[std::size_t(i - 1)], When::Ended);
  }
  Execution execution(*std::move(builder).build());
  complete(execution, member[2]);
  const auto failed = execution.complete(member[1], Mark::Failed);
  ASSERT_TRUE(failed);
  EXPECT_TRUE(failed->ready.empty()) << "two may still succeed";
  EXPECT_EQ(Nodes(failed->unwanted.begin(), failed->unwanted.end()), (Nodes{member[0], member[3]}));
  ASSERT_TRUE(execution.complete(member[3], Mark::Cancelled));
  EXPECT_EQ(complete(execution, member[0]), Nodes{undo[2]}) << "it succeeded all the same";
  EXPECT_EQ(complete(execution, undo[2]), Nodes{undo[0]}) << "neither 1 nor 3 has succeeded";
  complete(execution, undo[0]);
  EXPECT_TRUE(execution.is_done());
  EXPECT_FALSE(execution.is_ok()) << "undone is not done";
}

TEST(Execution, AStageThatIsSkippedHasNotFailed) {
  PlanBuilder builder;
  const PlanNode before = builder.add({.kind = NodeKind::ExecTask, .label = "before"});
  const PlanNode start = builder.add({.kind = NodeKind::StageStart, .label = "s"});
  const PlanNode end =
      builder.add({.kind = NodeKind::StageEnd, .label = "s", .step = std::uint32_t(start)});
  const PlanNode member = builder.add({.kind = NodeKind::ExecTask, .label = "m"});
  builder.add_edge(before, start, When::Failed);
  builder.add_edge(start, member);
  builder.add_edge(member, end, When::Ended);
  Execution execution(*std::move(builder).build());
  complete(execution, before);
  EXPECT_EQ(execution.mark(end), Mark::Skipped);
  EXPECT_TRUE(execution.is_ok());
}

TEST(Execution, RestoreRefusesWhatCannotBe) {
  const Plan plan = execs(3, {{0, 1}, {1, 2}});
  using List = std::vector<Execution::Completed>;
  constexpr Mark ok = Mark::Succeeded;
  for (const List& bad :
       {List{{PlanNode{1}, ok}}, List{{PlanNode{9}, ok}},
        List{{PlanNode{0}, ok}, {PlanNode{0}, ok}}, List{{PlanNode{0}, Mark::Waiting}},
        List{{PlanNode{0}, Mark::Failed}, {PlanNode{1}, ok}}}) {
    const auto execution = Execution::restore(plan, bad);
    ASSERT_FALSE(execution);
    EXPECT_EQ(execution.error().code, Errc::Corrupt);
  }
}

// The obviously right answer: nodes in the plan's order, each judged by those before it, again and
// again from the ends alone.
class SlowModel {
 public:
  struct Edge {
    std::uint32_t first, then;
    When when;
  };
  std::vector<Edge> edges;
  std::vector<Join> joins;
  std::vector<Mark> marks;

  void judge() {
    for (std::uint32_t node = 0; node < marks.size(); ++node) {
      if (marks[node] != Mark::Waiting) continue;
      std::uint32_t met = 0, open = 0, all = 0;
      for (const Edge& edge : edges) {
        if (edge.then != node) continue;
        ++all;
        const Mark before = marks[edge.first];
        open += has_ended(before) ? 0 : 1;
        if (!has_ended(before)) continue;
        const bool as_asked = edge.when == When::Ended ||
                              (edge.when == When::Ok && before == Mark::Succeeded) ||
                              (edge.when == When::Failed && before == Mark::Failed);
        met += as_asked ? 1 : 0;
      }
      if (joins[node] == Join::All ? met == all : met > 0 || all == 0)
        marks[node] = Mark::Ready;
      else if (open == 0)
        marks[node] = Mark::Skipped;
    }
  }
};

// Random plans, conditions, ends and orders of ends; a restart after each.
TEST(Execution, RandomPlansAgreeWithTheSlowModel) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    Prng random(seed);
    const auto count = std::uint32_t(1 + random.below(30));
    PlanBuilder builder;
    SlowModel model;
    for (std::uint32_t i = 0; i < count; ++i) {
      model.joins.push_back(random.chance(25) ? Join::Any : Join::All);
      builder.add({.kind = NodeKind::ExecTask, .label = "n", .join = model.joins.back()});
    }
    for (std::uint32_t then = 1; then < count; ++then)
      for (std::uint32_t first = 0; first < then; ++first)
        if (random.chance(15)) {
          const When when = random.chance(70)   ? When::Ok
                            : random.chance(50) ? When::Failed
                                                : When::Ended;
          model.edges.push_back({first, then, when});
          builder.add_edge(PlanNode{first}, PlanNode{then}, when);
        }
    for (std::uint32_t node = 0; node < count; ++node)  // nothing before it: it may run
      if (std::ranges::none_of(model.edges, [&](const auto& edge) { return edge.then == node; }))
        model.joins[node] = Join::All;
    model.marks.resize(count, Mark::Waiting);
    model.judge();
    const Plan plan = *std::move(builder).build();
    Execution execution(plan);
    std::vector<Execution::Completed> log;
    while (!execution.is_done()) {
      const Nodes open = ready(execution);
      ASSERT_FALSE(open.empty()) << "stuck, seed " << seed;
      const PlanNode node = open[random.below(open.size())];
      const Mark end = random.chance(70)   ? Mark::Succeeded
                       : random.chance(70) ? Mark::Failed
                                           : Mark::Cancelled;
      ASSERT_TRUE(execution.complete(node, end)) << "seed " << seed;
      log.push_back({node, end});
      model.marks[std::size_t(node)] = end;
      model.judge();
      const auto again = Execution::restore(plan, log);
      ASSERT_TRUE(again) << "seed " << seed;
      for (std::uint32_t n = 0; n < count; ++n) {
        ASSERT_EQ(execution.mark(PlanNode{n}), model.marks[n]) << "seed " << seed << " node " << n;
        ASSERT_EQ(again->mark(PlanNode{n}), model.marks[n]) << "seed " << seed << " node " << n;
      }
    }
  }
}

}  // namespace
}  // namespace drover::dag
