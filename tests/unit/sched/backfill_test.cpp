// tests/unit/sched/backfill_test.cpp - who may overtake whom, policy by policy.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "desk.hpp"

namespace drover::sched {
namespace {

ControllerConfig with(const std::string& policy) {
  ControllerConfig config;
  config.policy = parse_policy(policy).value();
  return config;
}

JobSpec sized(std::int64_t cpus, std::int64_t limit_s, std::string user = "ann") {
  JobSpec spec = Desk::spec(std::move(user), cpus);
  spec.time_limit = seconds(limit_s);
  return spec;
}

// One node of 4 CPUs: 2 are taken for 100 s. Then `first` (4 CPUs, 50 s) finds no room.
class Behind : public testing::Test {
 protected:
  void begin(const std::string& policy) {
    desk.emplace(with(policy));
    desk->node_up("n1", 4);
    running = desk->accept(sized(2, 100));
    first = desk->accept(sized(4, 50));
    ASSERT_EQ(desk->launches.size(), 1u);
  }
  bool starts(const JobSpec& spec) {
    const std::size_t before = desk->launches.size();
    desk->accept(spec);
    return desk->launches.size() > before;
  }
  std::optional<Desk> desk;
  JobId running{}, first{};
};

TEST_F(Behind, NothingStartsWithoutBackfill) {
  begin("fcfs");
  EXPECT_FALSE(starts(sized(1, 10)));
}

TEST_F(Behind, EasyLetsInWhatEndsBefore) {
  begin("easy");
  EXPECT_FALSE(starts(sized(1, 101))) << "it would delay the first";
  EXPECT_TRUE(starts(sized(1, 100)));
  EXPECT_TRUE(starts(sized(1, 99)));
  EXPECT_FALSE(starts(sized(1, 1))) << "no CPU is left";
}

TEST_F(Behind, EasyLetsInWhatUsesOnlySpareRoom) {
  desk.emplace(with("easy"));
  desk->node_up("n1", 4);
  desk->accept(sized(2, 100));
  desk->accept(sized(3, 50));  // leaves one CPU spare from 100 s on
  EXPECT_TRUE(starts(sized(1, 10'000)));
  EXPECT_FALSE(starts(sized(1, 10'000))) << "the spare CPU is used up";
}

// Also limits of years are what they say.
TEST_F(Behind, EasyLetsInWhatEndsBeforeInYears) {
  for (const char* policy : {"easy", "conservative"}) {
    desk.emplace(with(policy));
    desk->node_up("n1", 4);
    desk->accept(sized(3, 40'000'000));
    desk->accept(sized(4, 50));
    EXPECT_FALSE(starts(sized(1, 40'000'001))) << policy;
    EXPECT_TRUE(starts(sized(1, 39'000'000))) << policy;
  }
}

TEST_F(Behind, TheHoldMovesForwardWhenSomethingEndsEarly) {
  begin("easy");
  desk->pass(seconds(10));
  desk->ended(desk->launches[0]);
  ASSERT_EQ(desk->launches.size(), 2u);
  EXPECT_EQ(desk->launches[1].id.task.job, first);
}

TEST_F(Behind, EasyProtectsOnlyTheFirst) {
  begin("easy");
  desk->accept(sized(3, 50, "bob"));  // second in order, without a place
  EXPECT_TRUE(starts(sized(1, 100))) << "delays nobody who holds a place";
}

TEST_F(Behind, ConservativeProtectsEveryone) {
  begin("conservative");                // first: 100..150
  desk->accept(sized(3, 50, "bob"));    // 150..200
  EXPECT_FALSE(starts(sized(2, 120)));  // would run into `first`
  EXPECT_TRUE(starts(sized(2, 100)));
  const auto due = desk->controller.next_timer(desk->now);
  ASSERT_TRUE(due);
  EXPECT_EQ((*due - desk->now.mono).us, seconds(100).us);
}

TEST_F(Behind, ConservativeStartsAtItsPromiseWithoutAnEnd) {
  begin("conservative");
  desk->pass(seconds(100));
  desk->ended(desk->launches[0]);
  EXPECT_EQ(desk->launches.size(), 2u);
}

TEST_F(Behind, ShortestFirstOrdersTheCandidates) {
  begin("easy-sjbf");
  desk->accept(sized(4, 90));  // both wait behind `first`; when 2 CPUs are free only one fits
  const JobId longer = desk->accept(sized(2, 100, "bob"));
  EXPECT_EQ(desk->launches.back().id.task.job, longer);
}

TEST_F(Behind, DepthKProtectsTheFirstK) {
  begin("fifo+depth-k:2");
  desk->accept(sized(4, 50, "bob"));  // 150..200
  EXPECT_FALSE(starts(sized(1, 120)));
  EXPECT_TRUE(starts(sized(1, 100)));
}

TEST(SafGuard, WhoWaitedLongerThanTheGuardGoesFirst) {
  Desk desk(with("saf-guard:60s+easy"));
  desk.node_up("n1", 4);
  desk.accept(sized(1, 30));
  desk.accept(sized(3, 1'000));
  const JobId large = desk.accept(sized(1, 2'000));
  const JobId small = desk.accept(sized(4, 100));  // the smaller area: it is first, from 1000 s on
  desk.pass(seconds(30));
  desk.ended(desk.launches[0]);
  EXPECT_EQ(desk.launches.size(), 2u) << "one CPU is free, but the large one would delay the small";
  EXPECT_EQ(desk.controller.why(large, {}, desk.now)->reason, Reason::Priority);
  desk.pass(seconds(31));
  desk.turn();
  ASSERT_EQ(desk.launches.size(), 3u);
  EXPECT_EQ(desk.launches[2].id.task.job, large);
  EXPECT_NE(desk.state(small), JobState::Running);
}

TEST(Backfill, AGangHoldsItsNodes) {
  Desk desk(with("easy"));
  for (const char* name : {"n1", "n2", "n3"}) desk.node_up(name, 2);
  desk.accept(sized(2, 100));
  desk.accept(sized(2, 200));
  JobSpec gang = sized(2, 50);
  gang.request.nodes = 2;
  const JobId waits = desk.accept(gang);  // n3 and the one that is free at 100 s
  EXPECT_EQ(desk.launches.size(), 2u);
  desk.accept(sized(2, 101));
  EXPECT_EQ(desk.launches.size(), 2u) << "n3 is held from 100 s on";
  desk.accept(sized(2, 100));
  ASSERT_EQ(desk.launches.size(), 3u);
  desk.pass(seconds(100));
  desk.ended(desk.launches[0]);
  desk.ended(desk.launches[2]);
  ASSERT_EQ(desk.launches.size(), 4u);
  EXPECT_EQ(desk.launches[3].id.task.job, waits);
  EXPECT_EQ(desk.launches[3].lease.node_count(), 2u);
}

TEST(Backfill, WhatCanNeverStartHoldsUpNobody) {
  Desk desk(with("easy"));
  desk.node_up("n1", 2);
  desk.node_up("n2", 8);
  const JobId wide = desk.accept(sized(8, 10));
  desk.ended(desk.launches[0]);
  ServeNode drain;
  drain.actor = {0, true};
  drain.node = "n2";
  desk.put(drain);
  desk.turn();
  const JobId stuck = desk.accept(sized(8, 10));
  const JobId small = desk.accept(sized(2, 1'000, "bob"));
  ASSERT_EQ(desk.launches.size(), 2u);
  EXPECT_EQ(desk.launches[1].id.task.job, small);
  drain.service = Service::InService;
  desk.put(drain);
  desk.turn();
  ASSERT_EQ(desk.launches.size(), 3u);
  EXPECT_EQ(desk.launches[2].id.task.job, stuck);
  EXPECT_NE(wide, stuck);
}

TEST(Backfill, ARestartKnowsWhenThingsEnd) {
  Desk desk(with("easy"));
  desk.node_up("n1", 4);
  desk.accept(sized(2, 100));
  desk.accept(sized(4, 50));
  desk.pass(seconds(40));
  desk.restart();
  desk.turn();
  desk.node_up("n1", 4, "b1", {{desk.launches[0].id, true}});
  desk.accept(sized(1, 61));
  EXPECT_EQ(desk.launches.size(), 1u) << "60 s are left of the limit";
  desk.accept(sized(1, 60));
  EXPECT_EQ(desk.launches.size(), 2u);
}

// It counts as one of a year, and then as one of another year: nobody asks each minute.
TEST(Backfill, WhoHasNoLimitIsAskedForOnceAYear) {
  for (const char* policy : {"easy", "conservative"}) {
    Desk desk(with(policy));
    desk.node_up("n1", 4);
    desk.accept(sized(1, 0));
    desk.accept(sized(4, 50));
    desk.pass(seconds(366LL * 86'400 + 1));
    desk.turn();
    EXPECT_GE(desk.controller.next_due(desk.now) - desk.now.mono, seconds(300LL * 86'400))
        << policy;
    EXPECT_EQ(desk.launches.size(), 1u) << policy;
  }
}

TEST(Backfill, WhoOutlivesItsLimitDelaysTheHoldButBreaksNothing) {
  Desk desk(with("easy"));
  desk.node_up("n1", 4);
  desk.accept(sized(2, 100));
  const JobId wide = desk.accept(sized(4, 50));
  desk.pass(seconds(105));
  desk.turn();
  EXPECT_EQ(desk.launches.size(), 1u);
  desk.accept(sized(1, 20));
  EXPECT_EQ(desk.launches.size(), 2u) << "it ends before the grace of the late one";
  desk.ended(desk.launches[0]);
  desk.ended(desk.launches[1]);
  EXPECT_EQ(desk.launches.back().id.task.job, wide);
}

}  // namespace
}  // namespace drover::sched
