// tests/unit/dag/plan_test.cpp - building and printing plans.
// SPDX-License-Identifier: Apache-2.0
#include "dag/plan.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "dag/plan_builder.hpp"

namespace drover::dag {
namespace {

PlanNode exec(PlanBuilder& builder, std::string label) {
  return builder.add({.kind = NodeKind::ExecTask, .label = std::move(label)});
}

std::shared_ptr<const PhysicalPlan> diamond() {
  PlanBuilder builder;
  const PlanNode top = exec(builder, "top");
  const PlanNode left = exec(builder, "left");
  const PlanNode right = exec(builder, "right");
  const PlanNode end = exec(builder, "say \"end\"");
  builder.add_edge(top, left);
  builder.add_edge(top, right);
  builder.add_edge(left, end);
  builder.add_edge(right, end);
  builder.add_edge(right, end);  // twice is once
  builder.add_edge(top, end);    // implied
  return *std::move(builder).build();
}

TEST(Plan, TheJobWaitsForWhatNobodyElseWaitsFor) {
  const auto plan = diamond();
  ASSERT_EQ(plan->size(), 5u);
  EXPECT_EQ(plan->kind(PlanNode{4}), NodeKind::JobTask);
  EXPECT_EQ(plan->predecessors(PlanNode{4}), 1u);
  EXPECT_EQ(plan->predecessors(PlanNode{3}), 2u) << "doubled and implied edges are gone";
  ASSERT_EQ(plan->successors(PlanNode{0}).size(), 2u);
  EXPECT_EQ(plan->successors(PlanNode{0})[0], PlanNode{1});
}

TEST(Plan, PrintsAsTextDotAndJson) {
  const auto plan = diamond();
  EXPECT_EQ(plan->to_text(),
            "exec top\n  exec left  after top\n  exec right  after top\n"
            "    exec say \"end\"  after left, right\n      job  after say \"end\"\n");
  const std::string dot = plan->to_dot();
  EXPECT_NE(dot.find("n3 [label=\"say \\\"end\\\"\", shape=box]"), std::string::npos) << dot;
  EXPECT_NE(dot.find("n3 -> n4;"), std::string::npos);
  const auto json = nlohmann::json::parse(plan->to_json());
  EXPECT_EQ(json["v"], 1);
  ASSERT_EQ(json["nodes"].size(), 5u);
  EXPECT_EQ(json["nodes"][3]["label"], "say \"end\"");
  EXPECT_EQ(json["nodes"][3]["after"], (std::vector<int>{1, 2}));
  EXPECT_EQ(json["nodes"][4]["kind"], "job");
}

TEST(Plan, BrokenLabelsStillPrint) {
  PlanBuilder builder;
  exec(builder, "\xff");
  EXPECT_NE((*std::move(builder).build())->to_json(), "");
}

TEST(PlanBuilder, RefusesWhatIsNoPlan) {
  EXPECT_EQ(PlanBuilder{}.build().error().code, Errc::BadInput);
  {
    PlanBuilder builder;
    builder.add({.kind = NodeKind::StageStart, .label = "s"});
    EXPECT_EQ(std::move(builder).build().error().code, Errc::BadInput) << "runs nothing";
  }
  {
    PlanBuilder builder;
    const PlanNode a = exec(builder, "a");
    const PlanNode b = exec(builder, "b");
    builder.add_edge(a, b);
    builder.add_edge(b, a);
    EXPECT_EQ(std::move(builder).build().error().code, Errc::BadInput) << "cycle";
  }
  {
    PlanBuilder builder;
    builder.add_edge(exec(builder, "a"), PlanNode{7});
    EXPECT_EQ(std::move(builder).build().error().code, Errc::BadInput) << "edge to nowhere";
  }
  {
    PlanBuilder builder;
    for (std::size_t i = 0; i < kPlanNodesMax; ++i) exec(builder, "x");
    EXPECT_EQ(std::move(builder).build().error().code, Errc::Limit);
  }
}

}  // namespace
}  // namespace drover::dag
