// tests/unit/sched/liveness_test.cpp - who could start is tried, and what is held is for somebody.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "sized_jobs.hpp"

namespace drover::sched {
namespace {

ControllerConfig with(const std::string& policy) {
  ControllerConfig config;
  config.policy = parse_policy(policy).value();
  return config;
}

JobId put(Desk& desk, const JobSpec& spec) {  // without a turn: the next one sees several at once
  desk.put(Submit{ReplyToken{1}, std::make_shared<const JobSpec>(spec), {}});
  return JobId{desk.table.next_job++};
}

void serve(Desk& desk, const std::string& node, Service service) {
  ServeNode in;
  in.actor = {0, true};
  in.node = node;
  in.service = service;
  desk.put(in);
  desk.turn();
}

bool launched(const Desk& desk, JobId job) {
  return std::ranges::any_of(desk.launches,
                             [&](const Launch& launch) { return launch.id.task.job == job; });
}

const Launch& launch_of(const Desk& desk, JobId job) {
  return *std::ranges::find_if(desk.launches,
                               [&](const Launch& launch) { return launch.id.task.job == job; });
}

// A pass looked at the room that an end left and the first job did not fit; then that one goes.
TEST(Liveness, RoomThatTheFirstLeftAloneIsStillThereWhenItGoes) {
  for (const char* policy : {"fcfs", "easy", "conservative", "fifo+depth-k:1"}) {
    Desk desk(with(policy));
    desk.node_up("n1", 4);
    const JobId one = desk.accept(sized(2, 1'000));
    desk.accept(sized(2, 1'000));
    JobSpec large = sized(4, 100);
    large.hold = true;
    const JobId first = desk.accept(large);
    const JobId second = desk.accept(sized(2, 2'000));
    EXPECT_TRUE(desk.command(Verb::Release, first));
    desk.ended(launch_of(desk, one));
    EXPECT_TRUE(desk.command(Verb::Cancel, first));
    EXPECT_TRUE(launched(desk, second)) << policy;
  }
}

// The first can never start, the second could: both are seen for the first time in one pass.
TEST(Liveness, WhoeverComesAfterAHopelessOneIsTriedInTheSamePass) {
  for (const char* policy : {"easy", "easy-sjbf", "conservative", "fifo+depth-k:1"}) {
    Desk desk(with(policy));
    desk.node_up("n1", 2);
    desk.node_up("n2", 8);
    serve(desk, "n2", Service::Draining);
    put(desk, sized(8, 10));
    const JobId small = put(desk, sized(2, 1'000, "bob"));
    desk.turn();
    EXPECT_TRUE(launched(desk, small)) << policy;
  }
}

TEST(Liveness, ManyNodesWithoutAnythingOnThemAreFound) {
  for (const char* policy : {"fcfs", "easy", "conservative", "fifo+depth-k:4"}) {
    Desk desk(with(policy));
    for (int n = 0; n < 140; ++n) desk.node_up("n" + std::to_string(n), 2);
    const JobId job = desk.accept(sized(2, 100));
    EXPECT_TRUE(launched(desk, job)) << policy;
  }
}

// Bob's place is behind Ann's second job; when her quota stops that one, his is too late.
TEST(Liveness, AQuotaThatStopsAHolderMovesTheOthersForward) {
  for (const char* policy : {"easy", "conservative", "fifo+depth-k:4"}) {
    ControllerConfig config = with(policy);
    config.quotas = {at_most({{"user", "ann"}}, 2)};
    Desk desk(config);
    desk.node_up("n1", 4);
    desk.accept(sized(2, 1'000));
    put(desk, sized(2, 1'000));
    const JobId bob = put(desk, sized(2, 1'000, "bob"));
    desk.turn();
    EXPECT_TRUE(launched(desk, bob)) << policy;
  }
}

// A place is no earlier than its quotas have room, and who comes later does not take it.
TEST(Liveness, WhoWaitsForAQuotaHoldsAPlaceThatItAllows) {
  ControllerConfig config = with("conservative");
  config.quotas = {at_most({{"user", "ann"}}, 4)};
  Desk desk(config);
  desk.node_up("n1", 8);
  desk.accept(sized(8, 100, "bob"));
  const JobId first = desk.accept(sized(4, 1'000)), second = desk.accept(sized(4, 1'000));
  const JobId beside = desk.accept(sized(4, 1'000, "bob")), wide = desk.accept(sized(8, 50, "bob"));
  desk.pass(seconds(100));
  desk.ended(desk.launches[0]);
  ASSERT_TRUE(launched(desk, first));
  EXPECT_TRUE(launched(desk, beside)) << "the second could not use that room";
  EXPECT_EQ(desk.controller.resources().holds(), 2u);
  const auto starts = [&](JobId job) { return desk.controller.when(job, desk.now)->start; };
  EXPECT_EQ(starts(second) - desk.now.wall, seconds(1'000));
  EXPECT_EQ(starts(wide) - desk.now.wall, seconds(2'000));
}

// Two quotas on the way: who is let go by one and stopped by the other passes its turn on.
TEST(Liveness, AQuotaThatStopsTheFirstLetsTheNextBeTried) {
  ControllerConfig config = with("easy");
  config.quotas = {at_most({{"account", "phys"}}, 4), at_most({{"user", "ann"}}, 3)};
  Desk desk(config);
  desk.node_up("n1", 16);
  const auto of = [](std::int64_t cpus, std::string user, bool phys = true) {
    JobSpec spec = sized(cpus, 100, std::move(user));
    if (phys) spec.labels["account"] = "phys";
    return spec;
  };
  const JobId all = desk.accept(of(4, "bob"));
  const JobId ann = desk.accept(of(2, "ann"));
  const JobId bob = desk.accept(of(2, "bob"));
  desk.accept(of(2, "ann", false));  // takes what her own quota has
  ASSERT_FALSE(launched(desk, ann));
  ASSERT_FALSE(launched(desk, bob));
  desk.ended(launch_of(desk, all));
  EXPECT_FALSE(launched(desk, ann));
  EXPECT_TRUE(launched(desk, bob));
}

TEST(Liveness, RoomInAQuotaForTwoIsTakenByTwo) {
  for (const char* policy : {"fcfs", "easy", "conservative", "fifo+depth-k:8"}) {
    ControllerConfig config = with(policy);
    config.quotas = {at_most({{"user", "ann"}}, 2)};
    Desk desk(config);
    desk.node_up("n1", 8);
    for (const char* creator : {"a", "b", "c", "d"}) {
      JobSpec spec = sized(1, 100);
      spec.labels["creator"] = creator;
      desk.accept(spec);
    }
    ASSERT_EQ(desk.launches.size(), 2u) << policy;
    for (const Launch& launch : std::vector<Launch>(desk.launches)) {
      TaskEnded end;
      end.node = launch.node;
      end.session = launch.session;
      end.id = launch.id;
      desk.put(end);
    }
    desk.turn();
    EXPECT_EQ(desk.launches.size(), 4u) << policy;
  }
}

TEST(Liveness, ANewNodeIsSmallEnoughForAQuota) {
  for (const char* policy : {"fcfs", "easy"}) {
    ControllerConfig config = with(policy);
    config.quotas = {at_most({{"user", "ann"}}, 4)};
    Desk desk(config);
    desk.node_up("n1", 8);
    JobSpec alone = sized(1, 100);
    alone.request.exclusive = true;
    const JobId job = desk.accept(alone);
    ASSERT_FALSE(launched(desk, job));
    desk.node_up("n2", 4);
    EXPECT_TRUE(launched(desk, job)) << policy;
  }
}

TEST(Liveness, ThePlanSeesANodeThatComesAfterAnEarlyEnd) {
  Desk desk(with("conservative"));
  desk.node_up("n1", 4);
  const JobId one = desk.accept(sized(2, 1'000));
  desk.accept(sized(2, 1'000));
  desk.accept(sized(2, 2'000));
  const JobId last = desk.accept(sized(4, 100));
  desk.pass(seconds(10));
  desk.ended(launch_of(desk, one));  // the third starts, the last waits for it
  ASSERT_FALSE(launched(desk, last));
  desk.node_up("n2", 4);
  EXPECT_TRUE(launched(desk, last));
}

// Each limit is overrun a little: the agent counts from the start, the plan from the placing.
TEST(Liveness, AnOverrunKeepsTheOrderOfThePlan) {
  for (const char* policy : {"conservative", "fifo+depth-k:4"}) {
    Desk desk(with(policy));
    desk.node_up("n1", 4);
    const JobId runs = desk.accept(sized(4, 100));
    const JobId first = desk.accept(sized(4, 50));
    const JobId second = desk.accept(sized(4, 50, "bob"));
    desk.pass(seconds(100));
    desk.turn();
    desk.pass(seconds(1));
    desk.turn();  // anything
    desk.pass(seconds(1));
    desk.ended(launch_of(desk, runs));
    EXPECT_TRUE(launched(desk, first)) << policy;
    EXPECT_FALSE(launched(desk, second)) << policy;
  }
}

TEST(Liveness, TheGuardWakesTheQueue) {
  Desk desk(with("saf-guard:60s+easy"));
  desk.node_up("n1", 4);
  const JobId one = desk.accept(sized(1, 30));
  desk.accept(sized(3, 1'000));
  desk.accept(sized(1, 2'000));
  desk.accept(sized(4, 100));
  desk.pass(seconds(30));
  desk.ended(launch_of(desk, one));
  const auto due = desk.controller.next_timer(desk.now);
  ASSERT_TRUE(due);
  EXPECT_LE((*due - desk.now.mono).us, seconds(30).us) << "large goes first from then on";
}

TEST(Liveness, HugeAreasComeLast) {
  Desk desk(with("saf-guard:1h+easy"));
  JobSpec huge = sized(1 << 20, 0, "bob");
  huge.request.nodes = 1 << 20;
  const JobId first = put(desk, huge);  // no node is known yet: it may come
  const JobId second = put(desk, sized(2, 0));
  desk.turn();
  desk.node_up("n1", 2);
  EXPECT_FALSE(launched(desk, first));
  EXPECT_TRUE(launched(desk, second));
}

TEST(Liveness, AWallClockThatWentBackLengthensNothing) {
  Desk desk(with("easy"));
  desk.node_up("n1", 4);
  desk.accept(sized(4, 100));
  desk.accept(sized(4, 50));
  desk.now.wall = desk.now.wall - seconds(500);
  desk.restart();
  desk.turn();
  desk.node_up("n1", 4, "b1", {{desk.launches[0].id, true}});
  const auto due = desk.controller.next_timer(desk.now);
  ASSERT_TRUE(due);
  EXPECT_LE((*due - desk.now.mono).us, seconds(100).us);
}

// A plan of ten thousand must not shut out everyone else.
TEST(Liveness, TenThousandThatCannotStartShutOutNobody) {
  Desk desk(with("conservative"));
  desk.node_up("n1", 2);
  desk.node_up("n2", 8);
  serve(desk, "n2", Service::Draining);
  for (int i = 0; i < 6'000; ++i) {
    put(desk, sized(8, 10));
    put(desk, sized(8, 10, "carol"));
  }
  desk.turn();
  const JobId small = put(desk, sized(2, 10, "bob"));
  desk.turn();
  EXPECT_TRUE(launched(desk, small));
}

// What is kept of a quota for a job behind it is not in the way of one for whom somebody had to go.
TEST(Liveness, RoomThatWasClearedForAWholeNodeIsNotLostToWhatIsKept) {
  PolicyBook made;
  QosSpec urgent, low, calm;
  urgent.name = "urgent";
  urgent.priority = 100;
  urgent.preempts = {"low"};
  low.name = "low";
  low.preempt_mode = PreemptMode::Requeue;
  low.preempt_grace = seconds(0);
  calm.name = "calm";
  calm.priority = 50;
  made.qos = QosTable::make({urgent, low, calm}, "calm").value();
  const auto book = std::make_shared<const PolicyBook>(complete(made).value());
  const auto job = [&](std::string user, std::string qos, std::int64_t cpus, std::int64_t limit_s) {
    JobSpec spec = sized(cpus, limit_s, std::move(user));
    spec.labels["qos"] = std::move(qos);
    EXPECT_TRUE(apply_policy(spec, *book));
    return spec;
  };
  for (const auto backfill :
       {Backfill::Easy, Backfill::EasySjbf, Backfill::Conservative, Backfill::DepthK}) {
    ControllerConfig config;
    config.book = book;
    config.policy.backfill = backfill;
    config.quotas = {at_most({{"user", "ann"}}, 8)};
    Desk desk(config);
    desk.node_up("n1", 4);
    desk.accept(job("eve", "low", 4, 100'000));
    desk.node_up("n2", 8);
    desk.accept(job("bob", "calm", 6, 100'000));
    desk.accept(job("ann", "calm", 2, 100));
    ASSERT_EQ(desk.launches.size(), 3u);
    for (const Launch& launch : std::vector<Launch>(desk.launches)) desk.started(launch);
    desk.accept(job("ann", "calm", 8, 1'000));  // keeps the quota from 100 on
    desk.accept(job("bob", "calm", 4, 100'000));
    JobSpec alone = job("ann", "urgent", 4, 1'000);
    alone.request.exclusive = true;
    const JobId first = desk.accept(alone);
    ASSERT_EQ(desk.kills.size(), 1u);
    desk.ended(desk.launches[0], 0, EndCause::Killed);
    EXPECT_EQ(desk.launches.back().id.task.job, first) << int(backfill);
  }
}

}  // namespace
}  // namespace drover::sched
