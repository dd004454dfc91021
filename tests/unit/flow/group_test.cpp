// tests/unit/flow/group_test.cpp - equal steps that start together are elements of one array.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/unit/flow/theatre.hpp"

namespace drover::flow {
namespace {

using dag::Mark;

constexpr const char* kFan = R"(
name = "w"
[optimize]
group = true
[[step]]
name = "a"
command = ["a"]
[[step]]
name = "b1"
needs = ["a"]
command = ["b", "1"]
[[step]]
name = "b2"
needs = ["a"]
command = ["b", "2"]
job = { env = { N = "2" } }
[[step]]
name = "b3"
needs = ["a"]
command = "b 3"
[[step]]
name = "large"
needs = ["a"]
command = ["b", "4"]
job = { mem = "9G" }
[[step]]
name = "sum"
needs = ["b1", "b2", "b3:done", "large"]
command = ["sum", "${steps.b1.values.n}"]
)";

std::size_t jobs_of(const Theatre& theatre) { return theatre.table.specs.size(); }

TEST(Group, EqualStepsAreOneJobAndKeepWhatIsTheirs) {
  Theatre theatre;
  const JobId id = theatre.accept(kFan);
  theatre.end("w.a");
  EXPECT_EQ(jobs_of(theatre), 3u) << "a, three of b, and the large one";
  for (const char* name : {"w.b1", "w.b2", "w.b3", "w.large"}) EXPECT_TRUE(theatre.runs(name));
  ASSERT_TRUE(theatre.set(id, "b1", "n", "7"));
  EXPECT_EQ(theatre.conductor->find(id)->lookup("steps.b1.values.n"), "7");
  const std::string job = *theatre.conductor->find(id)->lookup("steps.b2.job");
  EXPECT_TRUE(job.ends_with(".1")) << job;
  theatre.end("w.b3", 5);
  EXPECT_EQ(theatre.mark(id, "b3"), Mark::Failed);
  EXPECT_EQ(theatre.flows.records.at(id).first_failed_step, "b3");
  EXPECT_EQ(theatre.conductor->find(id)->lookup("steps.b3.exit_code"), "5");
  EXPECT_EQ(theatre.mark(id, "b1"), Mark::Ready) << "the failure of one is not that of others";
  theatre.end("w.b1");
  EXPECT_FALSE(theatre.set(id, "b1", "n", "8")) << "it has ended";
  theatre.end("w.b2");
  theatre.end("w.large");
  theatre.end("w.sum");
  EXPECT_EQ(theatre.state(id), WorkflowState::Failed) << "nobody asked for the failure of b3";
}

TEST(Group, OnlyWhatFailedRunsAgain) {
  Theatre theatre;
  const JobId id = theatre.accept(kFan);
  theatre.end("w.a");
  ASSERT_TRUE(theatre.set(id, "b1", "n", "7"));
  theatre.end("w.b1");
  theatre.end("w.b2", 1);
  theatre.end("w.b3", 1);
  theatre.end("w.large", 1);
  EXPECT_EQ(theatre.state(id), WorkflowState::Failed);
  const std::size_t before = jobs_of(theatre);
  ASSERT_TRUE(theatre.retry(id));
  EXPECT_EQ(jobs_of(theatre), before + 2) << "b2 and b3 together, and the large one";
  EXPECT_FALSE(theatre.runs("w.b1"));
  for (const char* name : {"w.b2", "w.b3", "w.large", "w.sum"}) theatre.end(name);
  EXPECT_EQ(theatre.state(id), WorkflowState::Succeeded);
}

TEST(Group, OneStepIsCancelledWithoutTheOthers) {
  Theatre theatre(1);  // the others wait for the one core
  const JobId id = theatre.accept(kFan);
  theatre.end("w.a");
  ASSERT_TRUE(theatre.command(id, WorkflowVerb::Cancel, "b2"));
  EXPECT_EQ(theatre.mark(id, "b2"), Mark::Cancelled);
  EXPECT_EQ(theatre.mark(id, "b1"), Mark::Ready);
  ASSERT_TRUE(theatre.command(id, WorkflowVerb::Cancel));
  EXPECT_EQ(theatre.state(id), WorkflowState::Cancelled);
  EXPECT_TRUE(theatre.running.empty());
  EXPECT_EQ(theatre.controller->stats().jobs_open, 0u);
}

// Somebody cancels the job itself: elements that nobody had touched have no records of their own.
TEST(Group, TheEndOfTheJobIsTheEndOfAllItsSteps) {
  Theatre theatre(1);
  const JobId id = theatre.accept(kFan);
  theatre.end("w.a");
  sched::Command cancel;
  cancel.verb = sched::Verb::Cancel;
  cancel.actor = {1000, false};
  cancel.target.job = theatre.conductor->find(id)->part(1).job;
  theatre.controller->apply(std::move(cancel), theatre.now);
  theatre.turn();
  for (const char* part : {"b1", "b2", "b3"}) EXPECT_EQ(theatre.mark(id, part), Mark::Cancelled);
  theatre.end("w.large");
  EXPECT_EQ(theatre.state(id), WorkflowState::Cancelled);
}

TEST(Group, NoMoreAtOnceThanMayRun) {
  Theatre theatre;
  std::string text = "name = \"w\"\nmax_parallel = 3\n[optimize]\ngroup = true\n";
  for (int i = 0; i < 8; ++i)
    text += "[[step]]\nname = \"s" + std::to_string(i) + "\"\ncommand = [\"x\"]\n";
  const JobId id = theatre.accept(text);
  EXPECT_EQ(theatre.running.size(), 3u);
  EXPECT_EQ(jobs_of(theatre), 1u);
  theatre.play([](const std::string&, std::uint32_t) { return 0; },
               [](std::size_t) { return std::size_t(0); },
               [&] { EXPECT_LE(theatre.running.size(), 3u); });
  EXPECT_EQ(theatre.state(id), WorkflowState::Succeeded);
}

TEST(Group, ManyTakeSeveralTurnsAndArrays) {
  Theatre theatre(64, {.starts_per_turn = 4});
  std::string text = "name = \"w\"\n[optimize]\ngroup = true\n";
  for (int i = 0; i < 300; ++i)
    text += "[[step]]\nname = \"s" + std::to_string(i) + "\"\ncommand = [\"x\"]\n";
  const JobId id = theatre.accept(text);
  theatre.play([](const std::string&, std::uint32_t) { return 0; },
               [](std::size_t) { return std::size_t(0); });
  EXPECT_EQ(theatre.state(id), WorkflowState::Succeeded);
  EXPECT_GT(jobs_of(theatre), 3u);
  EXPECT_LT(jobs_of(theatre), 20u);
}

TEST(Group, OffUnlessAsked) {
  Theatre theatre;
  std::string text = kFan;
  text.erase(text.find("[optimize]"), std::string("[optimize]\ngroup = true\n").size());
  const JobId id = theatre.accept(text);
  theatre.end("w.a");
  EXPECT_EQ(jobs_of(theatre), 5u);
  EXPECT_TRUE(theatre.command(id, WorkflowVerb::Cancel));
}

}  // namespace
}  // namespace drover::flow
