// tests/unit/flow/commands_test.cpp - what people do to workflows that run or have run.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/unit/flow/theatre.hpp"

namespace drover::flow {
namespace {

using dag::Mark;

TEST(WorkflowCommands, PauseCancelAndRetry) {
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
name = "c"
needs = ["b"]
command = ["c"]
)");
  ASSERT_TRUE(theatre.command(id, WorkflowVerb::Pause));
  theatre.end("w.a");
  EXPECT_TRUE(theatre.running.empty());
  EXPECT_EQ(theatre.state(id), WorkflowState::Paused);
  ASSERT_TRUE(theatre.command(id, WorkflowVerb::Resume));
  theatre.end("w.b", 1);
  EXPECT_EQ(theatre.state(id), WorkflowState::Failed);
  ASSERT_TRUE(theatre.retry(id));
  EXPECT_EQ(theatre.state(id), WorkflowState::Running);
  EXPECT_FALSE(theatre.runs("w.a")) << "it had succeeded";
  theatre.end("w.b");
  ASSERT_TRUE(theatre.command(id, WorkflowVerb::Cancel));
  EXPECT_EQ(theatre.state(id), WorkflowState::Cancelled);
  EXPECT_TRUE(theatre.running.empty());
}

TEST(WorkflowCommands, RetryRunsOnlyTheElementsThatFailed) {
  Theatre theatre;
  const JobId id = theatre.accept(R"(
name = "w"
[[step]]
name = "e"
foreach = ["a", "b", "c"]
command = ["e"]
)");
  ASSERT_TRUE(theatre.set(id, "e", "n[0]", "5"));
  theatre.end("w.e[0]");
  theatre.end("w.e[1]", 1);
  theatre.end("w.e[2]");
  ASSERT_TRUE(theatre.retry(id));
  ASSERT_EQ(theatre.running.size(), 1u);
  ASSERT_TRUE(theatre.set(id, "e", "n[1]", "6"));
  EXPECT_EQ(theatre.conductor->find(id)->lookup("steps.e.values.n"), R"(["5","6",null])");
  theatre.end("w.e[1]");
  EXPECT_EQ(theatre.state(id), WorkflowState::Succeeded);
}

// What an addition costs: when it comes, a plan of the workflow as it then is; when it is read
// again from its facts, one plan for all of them.
TEST(WorkflowCommands, AdditionsArePlannedTogetherWhenTheyAreReadAgain) {
  Theatre theatre;
  const JobId id = theatre.accept("name = \"w\"\n[[step]]\nname = \"a\"\ncommand = [\"a\"]\n");
  for (int i = 0; i < 100; ++i) {
    const std::string name = "x" + std::to_string(i);
    ASSERT_TRUE(theatre.put(
        AddSteps{{1000, false}, id, "[[step]]\nname = \"" + name + "\"\ncommand = [\"x\"]\n"}));
    theatre.end("w." + name);
  }
  EXPECT_EQ(theatre.conductor->find(id)->plans_made(), 100u);
  const auto run = replay(id, *theatre.flows.sources.at(id), theatre.flows.facts.at(id));
  ASSERT_TRUE(run);
  EXPECT_EQ(run->plans_made(), 1u);
  EXPECT_EQ(run->counts().succeeded, 100u);
  theatre.restart();
  theatre.end("w.a");
  EXPECT_EQ(theatre.state(id), WorkflowState::Succeeded);
}

TEST(WorkflowCommands, CancellingAStepSkipsWhatNeedsIt) {
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
name = "x"
command = ["x"]
)");
  ASSERT_TRUE(theatre.command(id, WorkflowVerb::Cancel, "a"));
  EXPECT_EQ(theatre.mark(id, "a"), Mark::Cancelled);
  EXPECT_EQ(theatre.mark(id, "b"), Mark::Skipped);
  EXPECT_TRUE(theatre.runs("w.x"));
  theatre.end("w.x");
  EXPECT_EQ(theatre.state(id), WorkflowState::Cancelled);
}

TEST(WorkflowCommands, StepsCanBeAddedWhileItRuns) {
  Theatre theatre;
  const JobId id = theatre.accept(R"(
name = "w"
[[step]]
name = "a"
command = ["a"]
[[step]]
name = "end"
final = true
command = ["e"]
)");
  ASSERT_TRUE(theatre.put(AddSteps{{1000, false}, id, R"(
[[step]]
name = "b"
needs = ["a"]
command = ["b"]
)"}));
  theatre.end("w.a");
  EXPECT_FALSE(theatre.runs("w.end"));
  theatre.end("w.b");
  theatre.end("w.end");
  EXPECT_EQ(theatre.state(id), WorkflowState::Succeeded);
}

// c can never run, and stays for as long as only it asks that a fails.
TEST(WorkflowCommands, AStepMayBecomeOneThatCanNeverRun) {
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
name = "c"
needs = ["b", "a:fail"]
command = ["c"]
)");
  ASSERT_TRUE(theatre.command(id, WorkflowVerb::Cancel, "c"));
  ASSERT_TRUE(theatre.put(AddSteps{
      {1000, false}, id, "[[step]]\nname = \"d\"\nneeds = [\"a:fail\"]\ncommand = [\"d\"]\n"}));
  EXPECT_TRUE(theatre.conductor->find(id)->plan().parts[2].is_left_out);
  theatre.restart();
  theatre.end("w.a", 1);
  EXPECT_TRUE(theatre.runs("w.d"));
  theatre.end("w.d");
  EXPECT_EQ(theatre.mark(id, "c"), dag::Mark::Skipped);
  EXPECT_TRUE(is_final(theatre.state(id)));
}

TEST(WorkflowCommands, AKeptResultAnswersTheSameStep) {
  Theatre theatre;
  const std::string document = R"(
name = "w"
[[step]]
name = "a"
cache = true
command = ["a"]
[[step]]
name = "b"
needs = ["a"]
command = ["b", "${steps.a.values.n}"]
)";
  const JobId first = theatre.accept(document);
  ASSERT_TRUE(theatre.set(first, "a", "n", "4"));
  theatre.end("w.a");
  theatre.end("w.b");
  const JobId second = theatre.accept(document);
  EXPECT_FALSE(theatre.runs("w.a"));
  EXPECT_TRUE(theatre.runs("w.b"));
  EXPECT_EQ(theatre.conductor->find(second)->lookup("steps.a.values.n"), "4");
}

TEST(WorkflowCommands, ARateHoldsStartsBack) {
  Theatre theatre;
  theatre.accept(R"(
name = "w"
[[step]]
name = "a"
command = ["a"]
strategy = "rate-limit"
rate = {starts = 1, per = "1m", key = "api"}
[[step]]
name = "b"
command = ["b"]
strategy = "rate-limit"
rate = {starts = 1, per = "1m", key = "api"}
)");
  EXPECT_EQ(theatre.running.size(), 1u);
  theatre.pass(seconds(60));
  theatre.turn();
  EXPECT_EQ(theatre.running.size(), 2u);
}

TEST(WorkflowCommands, IsRetriedOnlyWhenItHasEnded) {
  Theatre theatre;
  const JobId id = theatre.accept(R"(
name = "w"
[[step]]
name = "a"
command = ["a"]
[[step]]
name = "b"
needs = ["a:fail"]
command = ["b"]
)");
  theatre.end("w.a", 1);
  EXPECT_EQ(theatre.retry(id).error().code, Errc::Conflict);
  theatre.end("w.b");
  EXPECT_EQ(theatre.state(id), WorkflowState::Succeeded);
}

TEST(WorkflowCommands, WhatRunsGoesOnWhenStepsAreAdded) {
  Theatre theatre;
  const JobId id = theatre.accept(R"(
name = "w"
[[step]]
name = "q"
command = ["q"]
strategy = "active-standby"
targets = [{partition = "p"}, {partition = "q"}]
late_after = "1m"
[[step]]
name = "last"
final = true
command = ["l"]
)");
  theatre.pass(seconds(60));
  theatre.turn();
  const auto add = [&](const std::string& name) {
    return theatre.put(
        AddSteps{{1000, false}, id, "[[step]]\nname = \"" + name + "\"\ncommand = [\"x\"]\n"});
  };
  ASSERT_TRUE(add("x"));  // while a late standby runs
  theatre.end("w.q@2");
  theatre.end("w.x");
  ASSERT_TRUE(theatre.runs("w.last"));
  ASSERT_TRUE(add("y"));  // while a final step runs
  EXPECT_TRUE(theatre.runs("w.y"));
  theatre.restart();
  theatre.end("w.last");
  theatre.end("w.y");
  EXPECT_EQ(theatre.state(id), WorkflowState::Succeeded);
  EXPECT_EQ(std::ranges::count(theatre.started, "w.last"), 1);
}

TEST(WorkflowCommands, ALoserThatDiesSlowlyIsCountedOutAfterStepsWereAdded) {
  Theatre theatre;
  const JobId id = theatre.accept(R"(
name = "w"
max_parallel = 2
[[step]]
name = "q"
command = ["q"]
strategy = "active-standby"
targets = [{partition = "p"}, {partition = "q"}]
late_after = "1m"
[[step]]
name = "keep"
command = ["k"]
)");
  theatre.end("w.keep");
  theatre.pass(seconds(60));
  theatre.turn();
  ASSERT_TRUE(theatre.runs("w.q@2"));
  theatre.slow_to_die = true;
  theatre.end("w.q@1");
  ASSERT_TRUE(theatre.runs("w.q@2")) << "it takes its time";
  const std::string two =
      "[[step]]\nname = \"x\"\ncommand = [\"x\"]\n"
      "[[step]]\nname = \"y\"\ncommand = [\"y\"]\n";
  ASSERT_TRUE(theatre.put(AddSteps{{1000, false}, id, two}));
  theatre.slow_to_die = false;
  theatre.turn();
  EXPECT_FALSE(theatre.runs("w.q@2"));
  EXPECT_TRUE(theatre.runs("w.x"));
  EXPECT_TRUE(theatre.runs("w.y")) << "the loser's place is free again";
  theatre.end("w.x");
  theatre.end("w.y");
  EXPECT_EQ(theatre.state(id), WorkflowState::Succeeded);
}

TEST(WorkflowCommands, ADelayedStepThatWasCancelledNeverStarts) {
  Theatre theatre;
  const JobId id = theatre.accept(R"(
name = "w"
[[step]]
name = "a"
command = ["a"]
strategy = "rate-limit"
rate = {starts = 1, per = "1m", key = "api"}
[[step]]
name = "b"
command = ["b"]
strategy = "rate-limit"
rate = {starts = 1, per = "1m", key = "api"}
[[step]]
name = "c"
command = ["c"]
)");
  const std::string waits = theatre.runs("w.a") ? "b" : "a";
  ASSERT_TRUE(theatre.command(id, WorkflowVerb::Cancel, waits));
  theatre.pass(seconds(60));
  theatre.turn();
  EXPECT_FALSE(theatre.runs("w." + waits));
  theatre.end(waits == "b" ? "w.a" : "w.b");
  theatre.end("w.c");
  EXPECT_EQ(theatre.state(id), WorkflowState::Cancelled);
}

TEST(WorkflowCommands, AStandbyIsWatchedAlsoAfterStepsWereAdded) {
  Theatre theatre;
  const JobId id = theatre.accept(R"(
name = "w"
[[step]]
name = "q"
command = ["q"]
strategy = "active-standby"
targets = [{partition = "p"}, {partition = "q"}]
late_after = "1m"
)");
  ASSERT_TRUE(
      theatre.put(AddSteps{{1000, false}, id, "[[step]]\nname = \"x\"\ncommand = [\"x\"]\n"}));
  theatre.pass(seconds(60));
  theatre.turn();
  EXPECT_TRUE(theatre.runs("w.q@2"));
}

TEST(WorkflowCommands, AStepCancelledByAPersonIsNoSuccess) {
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
)");
  sched::Command cancel;
  cancel.verb = sched::Verb::Cancel;
  cancel.actor = {1000, false};
  cancel.target.job = theatre.running.begin()->first.task.job;
  theatre.controller->apply(std::move(cancel), theatre.now);
  theatre.turn();
  EXPECT_EQ(theatre.state(id), WorkflowState::Cancelled);
}

TEST(WorkflowCommands, ChainsThatShareAJobStayAsTheyAre) {
  Theatre theatre;
  const JobId id = theatre.accept(R"(
name = "w"
[[step]]
name = "a"
fuse = true
command = ["a"]
[[step]]
name = "b"
fuse = true
needs = ["a"]
command = ["b"]
)");
  ASSERT_EQ(theatre.running.size(), 1u);
  const auto add = [&](const std::string& needs) {
    return theatre.put(
        AddSteps{{1000, false},
                 id,
                 "[[step]]\nname = \"c\"\nneeds = [\"" + needs + "\"]\ncommand = [\"c\"]\n"});
  };
  EXPECT_FALSE(add("a"));
  EXPECT_FALSE(add("b:fail"));
  EXPECT_TRUE(theatre.set(id, "b", "n", "1")) << "the chain's job speaks for all its steps";
  EXPECT_EQ(theatre.command(id, WorkflowVerb::Cancel, "b").error().code, Errc::Conflict);
  EXPECT_TRUE(add("b"));
}

TEST(WorkflowCommands, TooManyValuesAreRefusedAsAWhole) {
  Theatre theatre;
  const JobId id = theatre.accept("name = \"w\"\n[[step]]\nname = \"a\"\ncommand = [\"a\"]\n");
  Values many;
  for (int i = 0; i < 1'001; ++i) many.emplace_back("n" + std::to_string(i), "x");
  EXPECT_EQ(theatre.put(SetValues{{1000, false}, id, "a", many}).error().code, Errc::Limit);
  EXPECT_TRUE(theatre.conductor->find(id)->part(0).values.empty());
  many.pop_back();
  EXPECT_TRUE(theatre.put(SetValues{{1000, false}, id, "a", many}));
}

TEST(WorkflowCommands, OperatorsPauseItButDoNotFeedIt) {
  Theatre theatre;
  const JobId id = theatre.accept("name = \"w\"\n[[step]]\nname = \"a\"\ncommand = [\"a\"]\n");
  const sched::Actor operates{1001, true};
  EXPECT_EQ(theatre.put(SetValues{operates, id, "a", {{"n", "1"}}}).error().code, Errc::Denied);
  EXPECT_EQ(theatre.put(AddSteps{operates, id, ""}).error().code, Errc::Denied);
  EXPECT_TRUE(theatre.put(CommandWorkflow{operates, id, WorkflowVerb::Pause, {}}));
}

TEST(WorkflowCommands, StrangersMayNotTouchIt) {
  Theatre theatre;
  const JobId id = theatre.accept("name = \"w\"\n[[step]]\nname = \"a\"\ncommand = [\"a\"]\n");
  const sched::Actor stranger{1001, false};
  EXPECT_EQ(theatre.put(CommandWorkflow{stranger, id, WorkflowVerb::Cancel, {}}).error().code,
            Errc::Denied);
  EXPECT_EQ(theatre.put(SetValues{stranger, id, "a", {{"n", "1"}}}).error().code, Errc::Denied);
  EXPECT_EQ(theatre.put(AddSteps{stranger, id, ""}).error().code, Errc::Denied);
  EXPECT_TRUE(theatre.runs("w.a"));
}

}  // namespace
}  // namespace drover::flow
