// tests/unit/flow/slices_test.cpp - wide workflows over several turns, clocks that are set, keys.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/unit/flow/theatre.hpp"

namespace drover::flow {
namespace {

std::string wide(int steps, const std::string& more = "") {
  std::string text = "name = \"w\"\n" + more;
  for (int i = 0; i < steps; ++i)
    text += "[[step]]\nname = \"s" + std::to_string(i) + "\"\ncommand = [\"x\"]\n";
  return text;
}

std::size_t starts(const Theatre& theatre, JobId id) {
  const auto& facts = theatre.flows.facts.at(id);
  return std::size_t(std::ranges::count(facts, dag::FactKind::Started, &dag::Fact::kind));
}

TEST(Slices, NoTurnStartsMoreThanItMayAndAllComeAtLast) {
  Theatre theatre(64, {.starts_per_turn = 7});
  const JobId id = theatre.accept(wide(40));
  std::size_t before = 0;
  int turns = 1;
  for (;; ++turns) {
    const std::size_t now = starts(theatre, id);
    ASSERT_LE(now - before, 7u) << "turn " << turns;
    before = now;
    if (now == 40) break;
    ASSERT_EQ(theatre.conductor->next_timer(theatre.now), theatre.now.mono) << "there is more";
    theatre.turn();
  }
  EXPECT_EQ(turns, 6);
  theatre.turn();
  EXPECT_FALSE(theatre.conductor->next_timer(theatre.now));
}

TEST(Slices, AnEndInTheMiddleDoesNotStartMoreEither) {
  Theatre theatre(64, {.starts_per_turn = 5});
  const JobId id = theatre.accept(wide(30));
  for (int i = 0; i < 5; ++i) {
    const std::size_t before = starts(theatre, id);
    theatre.end("w.s" + std::to_string(i));
    EXPECT_LE(starts(theatre, id) - before, 5u);
  }
}

TEST(Slices, ARestartInTheMiddleGivesTheSame) {
  std::vector<std::string> orders[2];
  for (const bool crash : {false, true}) {
    Theatre theatre(64, {.starts_per_turn = 3});
    const JobId id = theatre.accept(wide(20));
    while (starts(theatre, id) < 20) {
      if (crash) theatre.restart();
      theatre.turn();
    }
    EXPECT_EQ(starts(theatre, id), 20u);
    orders[crash ? 1 : 0] = theatre.started;
  }
  EXPECT_EQ(orders[0], orders[1]);
}

TEST(Slices, WorkflowsTakeTurns) {
  Theatre theatre(64, {.starts_per_turn = 4});
  const JobId large = theatre.accept(wide(60));
  const JobId small = theatre.accept(wide(2));
  for (int turn = 0; turn < 2; ++turn) theatre.turn();
  EXPECT_EQ(starts(theatre, small), 2u) << "it did not wait for the large one";
  EXPECT_LT(starts(theatre, large), 60u);
}

TEST(Slices, ACancelEndsWhatHasNotStartedToo) {
  Theatre theatre(64, {.starts_per_turn = 2});
  const JobId id = theatre.accept(wide(50));
  ASSERT_TRUE(theatre.command(id, WorkflowVerb::Cancel));
  while (theatre.conductor->next_timer(theatre.now)) theatre.turn();
  EXPECT_EQ(theatre.state(id), WorkflowState::Cancelled);
  EXPECT_TRUE(theatre.running.empty());
  EXPECT_LE(starts(theatre, id), 4u);
}

constexpr const char* kRated = R"(
name = "w"
[[step]]
name = "a"
command = ["a"]
rate = { starts = 1, per = "60s", key = "k" }
[[step]]
name = "b"
command = ["b"]
rate = { starts = 1, per = "60s", key = "k" }
)";

TEST(Clock, ARateFollowsTheClockThatNobodySets) {
  for (const std::int64_t jump : {3600, -3600}) {
    Theatre theatre;
    theatre.accept(kRated);
    EXPECT_EQ(theatre.running.size(), 1u);
    theatre.now.wall = theatre.now.wall + seconds(jump);
    theatre.turn();
    EXPECT_EQ(theatre.running.size(), 1u) << "a jump of " << jump;
    theatre.pass(seconds(59));
    theatre.turn();
    EXPECT_EQ(theatre.running.size(), 1u) << "a jump of " << jump;
    theatre.pass(seconds(1));
    theatre.turn();
    EXPECT_EQ(theatre.running.size(), 2u) << "a jump of " << jump;
  }
}

constexpr const char* kStandby = R"(
name = "w"
[[step]]
name = "q"
command = ["q"]
strategy = "active-standby"
targets = [{ partition = "x" }, { partition = "y" }]
late_after = "60s"
)";

TEST(Clock, ALateStandbyDoesToo) {
  for (const std::int64_t jump : {3600, -3600}) {
    Theatre theatre;
    theatre.accept(kStandby);
    theatre.now.wall = theatre.now.wall + seconds(jump);
    theatre.pass(seconds(59));
    theatre.turn();
    EXPECT_FALSE(theatre.runs("w.q@2")) << "a jump of " << jump;
    theatre.pass(seconds(1));
    theatre.turn();
    EXPECT_TRUE(theatre.runs("w.q@2")) << "a jump of " << jump;
  }
}

// The time between is known by the wall clock only; set back, it counts as none.
TEST(Clock, AfterARestartNothingWaitsLongerThanItsInterval) {
  Theatre rated, standby;
  rated.accept(kRated);
  standby.accept(kStandby);
  for (Theatre* theatre : {&rated, &standby}) {
    theatre->now.wall = theatre->now.wall - seconds(86'400);
    theatre->restart();
    theatre->turn();
    EXPECT_EQ(theatre->running.size(), 1u);
    theatre->pass(seconds(61));
    theatre->turn();
    EXPECT_EQ(theatre->running.size(), 2u);
  }
}

TEST(KeptResults, AnAttemptIsNoPartOfTheKey) {
  const std::string document = R"(
name = "w"
[[step]]
name = "a"
command = ["a", "${attempt}"]
cache = true
)";
  Theatre theatre;
  const JobId first = theatre.accept(document);
  theatre.end("w.a", 1);
  ASSERT_TRUE(theatre.retry(first));
  theatre.end("w.a");
  EXPECT_EQ(theatre.state(first), WorkflowState::Succeeded);
  const JobId second = theatre.accept(document);
  EXPECT_EQ(theatre.state(second), WorkflowState::Succeeded) << "answered by the second attempt";
}

constexpr const char* kPairs = R"(
name = "w"
[[step]]
name = "a"
foreach = ["u", "v"]
command = ["a"]
cache = true
[[step]]
name = "b"
needs = [{ step = "a", each = true }]
command = ["b"]
cache = true
)";

TEST(KeptResults, ElementsThatFollowOthersAreFoundOnceThoseAreKnown) {
  Theatre theatre;
  theatre.accept(kPairs);
  for (const char* name : {"w.a[0]", "w.a[1]", "w.b[0]", "w.b[1]"}) theatre.end(name);
  EXPECT_EQ(theatre.flows.results.size(), 2u);
  const JobId second = theatre.accept(kPairs);
  EXPECT_EQ(theatre.state(second), WorkflowState::Succeeded);
  theatre.flows.results.erase(theatre.flows.results.begin());
  theatre.accept(kPairs);
  EXPECT_EQ(theatre.running.size() % 2, 0u);
  EXPECT_FALSE(theatre.running.empty()) << "what is not known runs";
}

TEST(KeptResults, ARetryOfSomeElementsKeepsTheResultOfAll) {
  Theatre theatre;
  const std::string document = R"(
name = "w"
[[step]]
name = "a"
foreach = ["u", "v"]
command = ["a"]
cache = true
)";
  const JobId first = theatre.accept(document);
  theatre.end("w.a[0]");
  theatre.end("w.a[1]", 1);
  ASSERT_TRUE(theatre.retry(first));
  theatre.end("w.a[1]");
  const JobId second = theatre.accept(document);
  EXPECT_EQ(theatre.state(second), WorkflowState::Succeeded);
}

}  // namespace
}  // namespace drover::flow
