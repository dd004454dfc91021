// tests/unit/flow/replay_test.cpp - strategy "replay": what was recorded runs again, compared.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "dag/job_text.hpp"
#include "tests/unit/flow/theatre.hpp"

namespace drover::flow {
namespace {

using dag::Mark;

constexpr const char* kFirst = R"(
name = "first"
[params]
n = 5
[[step]]
name = "count"
command = ["count", "${n}", "${workflow_name}", "${attempt}"]
job = { cpus_per_task = 2, env = { A = "1" } }
)";

std::string replay_of(JobId id, const std::string& more = "") {
  return "name = \"again\"\n[params]\nn = 7\n[[step]]\nname = \"check\"\nstrategy = \"replay\"\n" +
         more + "replay = { workflow = " + std::to_string(raw(id)) + ", step = \"count\" }\n" +
         "[[step]]\nname = \"after\"\nneeds = [\"check\"]\ncommand = [\"x\"]\n";
}

JobId recorded(Theatre& theatre, const char* rows = "10", int exit = 0) {
  const JobId id = theatre.accept(kFirst);
  if (rows != nullptr) {
    EXPECT_TRUE(theatre.set(id, "count", "rows", rows));
  }
  theatre.end("first.count", exit);
  theatre.record(id, "count");
  return id;
}

nlohmann::json job_of(const Theatre& theatre, JobId id, const std::string& step) {
  const dag::Run* run = theatre.conductor->find(id);
  const auto part = run->voice_of(*run->workflow().find(step));
  return nlohmann::json::parse(dag::job_text(*run, part).value());
}

struct Ending {
  const char* name;
  const char* rows_then;
  int exit_then;
  const char* rows_now;
  int exit_now;
  const char* differs;  // nullptr = it does not
};
constexpr Ending kEndings[] = {
    {"the same value is a success", "10", 0, "10", 0, nullptr},
    {"another value is a failure that names it", "10", 0, "11", 0,
     "rows was '10' when recorded, and is '11' now"},
    {"a value that is missing now is named", "10", 0, nullptr, 0,
     "rows was '10' when recorded, and is not set now"},
    {"a value that was not there then is named", nullptr, 0, "11", 0,
     "rows was not set when recorded, and is '11' now"},
    {"the same failure is a success", nullptr, 3, nullptr, 3, nullptr},
    {"another exit status is a failure", nullptr, 3, nullptr, 4,
     "it ended with failure (exit 3) when recorded, and with failure (exit 4, exit_code) now"},
    {"a success where it had failed is a failure", nullptr, 3, nullptr, 0,
     "it ended with failure (exit 3) when recorded, and with success now"},
};

TEST(Replay, ComparesExitAndValuesAlsoAcrossARestart) {
  for (const Ending& row : kEndings)
    for (const bool crash : {false, true}) {
      SCOPED_TRACE(std::string(row.name) + (crash ? ", with a restart" : ""));
      Theatre theatre;
      const JobId first = recorded(theatre, row.rows_then, row.exit_then);
      const JobId id = theatre.accept(replay_of(first));
      ASSERT_TRUE(theatre.runs("again.check"));
      if (crash) theatre.restart();
      if (row.rows_now != nullptr) {
        ASSERT_TRUE(theatre.set(id, "check", "rows", row.rows_now));
      }
      if (crash) theatre.restart();
      theatre.end("again.check", row.exit_now);
      EXPECT_EQ(theatre.mark(id, "check"), row.differs == nullptr ? Mark::Succeeded : Mark::Failed);
      EXPECT_EQ(theatre.runs("again.after"), row.differs == nullptr);
      const auto run = replay(id, *theatre.flows.sources.at(id), theatre.flows.facts.at(id));
      ASSERT_TRUE(run);
      EXPECT_EQ(run->part(0).why, row.differs == nullptr ? "same" : "differs");
      EXPECT_EQ(run->part(0).detail, row.differs == nullptr ? "" : row.differs);
    }
}

TEST(Replay, RunsWhatWasRecordedUnderItsOwnName) {
  Theatre theatre;
  const JobId first = recorded(theatre);
  const JobId id = theatre.accept(replay_of(first));
  const auto job = job_of(theatre, id, "check");
  EXPECT_EQ(job["argv"], (nlohmann::json{"count", "5", "first", "1"})) << "as it was then";
  EXPECT_EQ(job["cpus_per_task"], 2);
  EXPECT_EQ(job["env"]["A"], "1");
  EXPECT_EQ(job["env"]["DROVER_STEP"], "check");
  EXPECT_EQ(job["env"]["DROVER_WORKFLOW_ID"], std::to_string(raw(id)));
  EXPECT_EQ(job["name"], "again.check");
}

TEST(Replay, TheStepsOwnFieldsAndProgramLieAboveTheRecordedOnes) {
  Theatre theatre;
  const JobId first = recorded(theatre);
  const JobId id = theatre.accept(replay_of(
      first, "command = [\"newer\", \"${n}\"]\njob = { mem = \"1G\", env = { A = \"2\" } }\n"));
  const auto job = job_of(theatre, id, "check");
  EXPECT_EQ(job["argv"], (nlohmann::json{"newer", "7"}));
  EXPECT_EQ(job["cpus_per_task"], 2);
  EXPECT_EQ(job["mem"], "1G");
  EXPECT_EQ(job["env"]["A"], "2");
}

TEST(Replay, ItemsAreThoseThatWereRecordedAndTheirValuesAreComparedEach) {
  Theatre theatre;
  const JobId first = theatre.accept(R"(
name = "first"
[[step]]
name = "count"
foreach = ["x", "y"]
command = ["count", "${item}"]
)");
  ASSERT_TRUE(theatre.set(first, "count", "n[0]", "1"));
  ASSERT_TRUE(theatre.set(first, "count", "n[1]", "2"));
  theatre.end("first.count[0]");
  theatre.end("first.count[1]");
  theatre.record(first, "count");
  const JobId id = theatre.accept(replay_of(first));
  EXPECT_EQ(job_of(theatre, id, "check")["items"], (nlohmann::json{"x", "y"}));
  ASSERT_TRUE(theatre.set(id, "check", "n[0]", "1"));
  ASSERT_TRUE(theatre.set(id, "check", "n[1]", "3"));
  theatre.end("again.check[0]");
  theatre.end("again.check[1]");
  const auto& facts = theatre.flows.facts.at(id);
  const auto ended = std::ranges::find(facts, dag::FactKind::Ended, &dag::Fact::kind);
  ASSERT_NE(ended, facts.end());
  EXPECT_EQ(ended->text, "n[1] was '2' when recorded, and is '3' now");
  EXPECT_EQ(theatre.state(id), WorkflowState::Failed);
}

TEST(Replay, WhatDifferedMayBeRetriedAndWhatWasStoppedIsNotCompared) {
  Theatre theatre;
  const JobId first = recorded(theatre);
  const JobId id = theatre.accept(replay_of(first));
  theatre.end("again.check");
  EXPECT_EQ(theatre.state(id), WorkflowState::Failed);
  ASSERT_TRUE(theatre.retry(id));
  ASSERT_TRUE(theatre.set(id, "check", "rows", "10"));
  theatre.end("again.check");
  theatre.end("again.after");
  EXPECT_EQ(theatre.state(id), WorkflowState::Succeeded);
  const JobId stopped = theatre.accept(replay_of(first));
  ASSERT_TRUE(theatre.command(stopped, WorkflowVerb::Cancel));
  EXPECT_EQ(theatre.mark(stopped, "check"), Mark::Cancelled);
}

TEST(Replay, OnlyAStepWithAJobAndAnEndCanBeReplayed) {
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
name = "both"
strategy = "transaction"
[[step.step]]
name = "one"
command = ["one"]
)");
  const auto why = [&](const std::string& step) {
    const auto run = replay(id, *theatre.flows.sources.at(id), theatre.flows.facts.at(id));
    const auto made = dag::record_step(*run, step);
    return made ? std::string() : made.error().message;
  };
  const std::string at = " of workflow " + std::to_string(raw(id));
  EXPECT_EQ(why("a"), "step 'a'" + at + " has not ended");
  EXPECT_EQ(why("both"), "step 'both'" + at + " is a group and has no job");
  EXPECT_EQ(why("c"), "workflow " + std::to_string(raw(id)) + " has no step 'c'");
  theatre.end("w.a", 1);
  EXPECT_EQ(why("b"), "step 'b'" + at + " was skipped");
  EXPECT_EQ(why("a"), "");
}

}  // namespace
}  // namespace drover::flow
