// tests/unit/flow/conductor_test.cpp - what workflows do, one behaviour at a time.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/unit/flow/theatre.hpp"

namespace drover::flow {
namespace {

using dag::Mark;

TEST(Workflow, StartsStepsWhenWhatTheyNeedHasSucceeded) {
  Theatre theatre;
  const JobId id = theatre.accept(R"(
name = "w"
[[step]]
name = "a"
command = ["a"]
[[step]]
name = "b"
command = ["b"]
[[step]]
name = "c"
needs = ["a", "b"]
command = ["c"]
)");
  EXPECT_TRUE(theatre.runs("w.a"));
  EXPECT_TRUE(theatre.runs("w.b"));
  theatre.end("w.a");
  EXPECT_FALSE(theatre.runs("w.c"));
  theatre.end("w.b");
  EXPECT_TRUE(theatre.runs("w.c"));
  EXPECT_EQ(theatre.state(id), WorkflowState::Running);
  theatre.end("w.c");
  EXPECT_EQ(theatre.state(id), WorkflowState::Succeeded);
  EXPECT_EQ(theatre.flows.records[id].counts.succeeded, 3u);
}

TEST(Workflow, AFailureSkipsWhatNeedsItAndRunsWhatAsksForIt) {
  Theatre theatre;
  const JobId id = theatre.accept(R"(
name = "w"
[[step]]
name = "a"
command = ["a"]
[[step]]
name = "b"
needs = ["a"]
command = ["b"]
[[step]]
name = "mend"
needs = ["a:fail"]
command = ["m"]
[[step]]
name = "report"
final = true
command = ["r"]
)");
  theatre.end("w.a", 3);
  EXPECT_TRUE(theatre.runs("w.mend"));
  EXPECT_EQ(theatre.mark(id, "b"), Mark::Skipped);
  theatre.end("w.mend");
  theatre.end("w.report");
  EXPECT_EQ(theatre.state(id), WorkflowState::Succeeded) << "somebody had asked for the failure";
}

TEST(Workflow, NamesTheFirstStepThatFailed) {
  Theatre theatre;
  const JobId id = theatre.accept(R"(
name = "w"
[[step]]
name = "a"
command = ["a"]
)");
  theatre.end("w.a", 7);
  EXPECT_EQ(theatre.state(id), WorkflowState::Failed);
  EXPECT_EQ(theatre.flows.records[id].first_failed_step, "a");
  EXPECT_NE(raw(theatre.flows.records[id].first_failed), 0u);
}

TEST(Workflow, ItemsOfAResultBecomeAnArrayAndTheirValuesAList) {
  Theatre theatre;
  const JobId id = theatre.accept(R"(
name = "w"
[[step]]
name = "list"
command = ["l"]
[[step]]
name = "each"
needs = ["list"]
foreach = "${steps.list.values.parts}"
command = ["e", "${item}"]
[[step]]
name = "sum"
needs = ["each"]
command = ["s", "${steps.each.values.n}"]
)");
  ASSERT_TRUE(theatre.set(id, "list", "parts", R"(["x","y"])"));
  theatre.end("w.list");
  EXPECT_TRUE(theatre.runs("w.each[0]"));
  EXPECT_TRUE(theatre.runs("w.each[1]"));
  ASSERT_TRUE(theatre.set(id, "each", "n[1]", "20"));
  ASSERT_TRUE(theatre.set(id, "each", "n[0]", "10"));
  theatre.end("w.each[0]");
  theatre.end("w.each[1]");
  EXPECT_TRUE(theatre.runs("w.sum"));
  EXPECT_EQ(theatre.conductor->find(id)->lookup("steps.each.values.n"), R"(["10","20"])");
}

TEST(Workflow, NoItemsAreNoWorkAndNoValueIsAFailure) {
  const std::string document = R"(
name = "w"
[[step]]
name = "list"
command = ["l"]
[[step]]
name = "each"
needs = ["list"]
foreach = "${steps.list.values.parts}"
command = ["e"]
)";
  Theatre none;
  const JobId empty = none.accept(document);
  ASSERT_TRUE(none.set(empty, "list", "parts", "[]"));
  none.end("w.list");
  EXPECT_EQ(none.state(empty), WorkflowState::Succeeded);
  Theatre unset;
  const JobId missing = unset.accept(document);
  unset.end("w.list");
  EXPECT_EQ(unset.state(missing), WorkflowState::Failed);
  EXPECT_EQ(unset.mark(missing, "each"), Mark::Failed);
}

TEST(Workflow, AValueThatNestsVeryDeepIsNoList) {
  Theatre theatre;
  const JobId id = theatre.accept(R"(
name = "w"
[[step]]
name = "list"
command = ["l"]
[[step]]
name = "each"
needs = ["list"]
foreach = "${steps.list.values.parts}"
command = ["e"]
)");
  const std::string deep = std::string(32'000, '[') + std::string(32'000, ']');
  ASSERT_TRUE(theatre.set(id, "list", "parts", deep));
  theatre.end("w.list");
  EXPECT_TRUE(theatre.runs("w.each[0]"));
  EXPECT_EQ(theatre.conductor->find(id)->part(1).items->front(), deep) << "a line is an item";
}

TEST(Workflow, ElementsWaitForTheirCounterparts) {
  Theatre theatre;
  const JobId id = theatre.accept(R"(
name = "w"
[[step]]
name = "a"
foreach = ["x", "y"]
command = ["a"]
[[step]]
name = "b"
needs = [{step = "a", each = true}]
command = ["b"]
)");
  theatre.end("w.a[1]");
  EXPECT_TRUE(theatre.runs("w.b[1]")) << "its counterpart has succeeded";
  EXPECT_FALSE(theatre.runs("w.b[0]"));
  theatre.end("w.b[1]");
  theatre.end("w.a[0]", 1);
  EXPECT_FALSE(theatre.runs("w.b[0]"));
  EXPECT_EQ(theatre.state(id), WorkflowState::Failed);
}

TEST(Workflow, TheFirstSuccessOfAMultiReadCancelsTheOthers) {
  Theatre theatre;
  const JobId id = theatre.accept(R"(
name = "w"
[[step]]
name = "read"
command = ["r"]
strategy = "multi-read"
targets = [{partition = "p"}, {partition = "q"}, {partition = "r"}]
[[step]]
name = "use"
needs = ["read"]
command = ["u"]
)");
  EXPECT_EQ(theatre.running.size(), 3u);
  theatre.end("w.read@1", 1);
  EXPECT_EQ(theatre.running.size(), 2u) << "a failure alone does not fail the stage";
  theatre.end("w.read@3");
  EXPECT_TRUE(theatre.runs("w.use"));
  EXPECT_EQ(theatre.running.size(), 1u) << "the loser is gone";
  theatre.end("w.use");
  EXPECT_EQ(theatre.state(id), WorkflowState::Succeeded);
  EXPECT_EQ(theatre.controller->stats().jobs_open, 0u);
}

TEST(Workflow, TheFirstSuccessOfItemsEndsASweep) {
  Theatre theatre;
  const JobId id = theatre.accept(R"(
name = "w"
[[step]]
name = "try"
foreach = [1, 2, 3, 4]
strategy = "multi-read"
command = ["t"]
)");
  theatre.end("w.try[0]", 1);
  theatre.end("w.try[2]");
  EXPECT_TRUE(theatre.running.empty());
  EXPECT_EQ(theatre.state(id), WorkflowState::Succeeded);
  EXPECT_EQ(theatre.controller->stats().jobs_open, 0u);
}

TEST(Workflow, ASweepThatIsWonAfterARestartStillEnds) {
  Theatre theatre;
  const JobId id = theatre.accept(R"(
name = "w"
[[step]]
name = "try"
foreach = [1, 2, 3]
strategy = "multi-read"
command = ["t"]
[[step]]
name = "use"
needs = ["try"]
command = ["u", "${steps.try.values.n}"]
)");
  ASSERT_TRUE(theatre.set(id, "try", "n[1]", "7"));
  theatre.restart();
  theatre.end("w.try[1]");
  EXPECT_EQ(theatre.running.size(), 1u);
  EXPECT_TRUE(theatre.runs("w.use"));
  EXPECT_EQ(theatre.conductor->find(id)->lookup("steps.try.values.n"), R"([null,"7",null])");
}

TEST(Workflow, AStandbyStartsOnFailureAndWhenTheActiveIsLate) {
  const std::string document = R"(
name = "w"
[[step]]
name = "q"
command = ["q"]
strategy = "active-standby"
targets = [{partition = "p"}, {partition = "q"}]
late_after = "10m"
)";
  Theatre fails;
  const JobId first = fails.accept(document);
  EXPECT_FALSE(fails.runs("w.q@2"));
  fails.end("w.q@1", 1);
  fails.end("w.q@2");
  EXPECT_EQ(fails.state(first), WorkflowState::Succeeded);
  Theatre late;
  const JobId second = late.accept(document);
  late.pass(seconds(599));
  late.turn();
  EXPECT_FALSE(late.runs("w.q@2"));
  late.pass(seconds(1));
  late.turn();
  EXPECT_TRUE(late.runs("w.q@2"));
  late.end("w.q@2");
  EXPECT_TRUE(late.running.empty()) << "the late one is cancelled";
  EXPECT_EQ(late.state(second), WorkflowState::Succeeded);
}

TEST(Workflow, ATransactionThatFailsIsUndoneForWhatHadSucceededInReverse) {
  Theatre theatre;
  const JobId id = theatre.accept(R"(
name = "w"
[[step]]
name = "move"
strategy = "transaction"
[[step.step]]
name = "copy"
command = ["c"]
undo = {command = ["uc"]}
[[step.step]]
name = "link"
command = ["l"]
undo = {command = ["ul"]}
[[step.step]]
name = "drop"
command = ["d"]
undo = {command = ["ud"]}
)");
  const auto play = [&](const std::string& name, int code) {
    for (const auto& [attempt, launch] : theatre.running)
      if (theatre.name_of(attempt).ends_with(name))
        return theatre.end(theatre.name_of(attempt), code);
    FAIL() << name << " does not run";
  };
  play("copy", 0);
  play("link", 0);
  play("drop", 1);
  ASSERT_EQ(theatre.running.size(), 1u);
  play("link~undo", 0);
  ASSERT_EQ(theatre.running.size(), 1u);
  play("copy~undo", 0);
  EXPECT_TRUE(theatre.running.empty());
  EXPECT_EQ(theatre.state(id), WorkflowState::Failed);
}

TEST(Workflow, RunsNoMoreStepsAtOnceThanItSays) {
  Theatre theatre;
  theatre.accept(R"(
name = "w"
max_parallel = 2
[[step]]
name = "a"
command = ["a"]
[[step]]
name = "b"
command = ["b"]
[[step]]
name = "c"
command = ["c"]
)");
  EXPECT_EQ(theatre.running.size(), 2u);
  theatre.end("w.a");
  EXPECT_TRUE(theatre.runs("w.c"));
}

TEST(Workflow, StopOnFailureCancelsTheRestAndRunsFinalSteps) {
  Theatre theatre;
  const JobId id = theatre.accept(R"(
name = "w"
on_failure = "stop"
[[step]]
name = "a"
command = ["a"]
[[step]]
name = "b"
command = ["b"]
[[step]]
name = "c"
needs = ["b"]
command = ["c"]
[[step]]
name = "end"
final = true
command = ["e"]
)");
  theatre.end("w.a", 1);
  EXPECT_EQ(theatre.mark(id, "b"), Mark::Cancelled);
  EXPECT_TRUE(theatre.runs("w.end"));
  theatre.end("w.end");
  EXPECT_EQ(theatre.state(id), WorkflowState::Failed);
}

}  // namespace
}  // namespace drover::flow
