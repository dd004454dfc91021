// tests/unit/sched/estimate_test.cpp - when a job will start, and what became of the promise.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "desk.hpp"
#include "rm/licence.hpp"

namespace drover::sched {
namespace {

JobSpec sized(std::int64_t cpus, std::int64_t limit_s) {
  JobSpec spec = Desk::spec("ann", cpus);
  spec.time_limit = seconds(limit_s);
  return spec;
}

std::optional<std::int64_t> seconds_until(Desk& desk, JobId job) {
  const auto estimate = desk.controller.when(job, desk.now);
  EXPECT_TRUE(desk.controller.check().empty()) << "asking left a hold behind";
  if (!estimate || !estimate->start.is_set()) return std::nullopt;
  return (estimate->start - desk.now.wall).us / 1'000'000;
}

TEST(When, FollowsTheLimitsOfThoseBefore) {
  Desk desk;
  desk.node_up("n1", 4);
  desk.accept(sized(4, 100));
  const JobId first = desk.accept(sized(4, 50));
  const JobId second = desk.accept(sized(4, 30));
  const JobId third = desk.accept(sized(1, 10));
  EXPECT_EQ(seconds_until(desk, first), 100);
  EXPECT_EQ(seconds_until(desk, second), 150);
  EXPECT_EQ(seconds_until(desk, third), 180);
  EXPECT_EQ(desk.controller.when(third, desk.now)->before, 2u);
  EXPECT_EQ(desk.when(sized(4, 10)).start, desk.now.wall + seconds(190));
  desk.pass(seconds(40));
  EXPECT_EQ(seconds_until(desk, second), 110);
  desk.ended(desk.launches[0]);
  EXPECT_EQ(seconds_until(desk, first), std::nullopt) << "it runs";
  EXPECT_EQ(seconds_until(desk, second), 50);
}

TEST(When, IsSilentWhereThereIsNoTelling) {
  Desk desk;
  desk.node_up("n1", 4);
  desk.accept(Desk::spec("ann", 4));  // without a limit
  const JobId first = desk.accept(sized(4, 50));
  EXPECT_EQ(seconds_until(desk, first), std::nullopt);
  EXPECT_EQ(desk.controller.when(JobId{77}, desk.now), std::nullopt);
  const auto said = desk.controller.when(first, desk.now);
  EXPECT_EQ(said->because, "jobs before it have no time limit, or one of about a year or more");
}

TEST(When, WithoutBackfillNobodyStartsBeforeThoseBeforeHim) {
  for (const bool fits : {true, false}) {
    ControllerConfig config;
    config.resources = *rm::ResourceNames::make(rm::licence_words({{"l", 2}}, {}));
    config.licences = {{"l", 2}};  // so that it plans at all
    config.policy = parse_policy("fcfs").value();
    Desk desk(config);
    desk.node_up("n1", 4);
    desk.node_up("n2", 8);
    JobSpec other = sized(8, 5'000);
    desk.accept(other);
    desk.accept(sized(2, 100));
    if (!fits) {
      ServeNode in;
      in.actor = {0, true};
      in.node = "n2";
      in.service = Service::Draining;
      desk.put(in);
      desk.turn();
    }
    const JobId first = desk.accept(sized(fits ? 3 : 8, 50));
    const JobId second = desk.accept(sized(1, 10));
    const JobId third = desk.accept(sized(2, 10));
    if (!fits) {
      EXPECT_EQ(seconds_until(desk, second), std::nullopt) << "nobody knows when the first will";
      continue;
    }
    EXPECT_EQ(seconds_until(desk, first), 100);
    EXPECT_EQ(seconds_until(desk, second), 100) << "there is room now, but it is not first";
    EXPECT_EQ(seconds_until(desk, third), 150);
    EXPECT_EQ(desk.when(sized(1, 10)).start, desk.now.wall + seconds(150));
    desk.pass(seconds(100));
    desk.ended(desk.launches[1]);
    EXPECT_EQ(desk.launches.size(), 4u) << "as was said";
  }
}

TEST(When, ANewJobMayStartAtOnce) {
  Desk desk;
  desk.node_up("n1", 4);
  EXPECT_EQ(desk.when(sized(4, 50)).start, desk.now.wall);
}

TEST(When, BehindAQuotaItFollowsTheEndsUnderIt) {
  ControllerConfig config;
  rm::QuotaRule rule;
  rule.match = {{"user", "ann"}};
  rule.max[rm::Kind::CpuMilli] = 4'000;
  config.quotas = {rule};
  Desk desk(config);
  desk.node_up("n1", 16);
  const JobId first = desk.accept(sized(2, 100));
  desk.accept(sized(2, 300));
  const JobId small = desk.accept(sized(2, 50));
  const JobId large = desk.accept(sized(4, 50));
  EXPECT_EQ(seconds_until(desk, small), 100);
  EXPECT_EQ(seconds_until(desk, large), 300);
  const auto said = desk.controller.when(small, desk.now);
  EXPECT_TRUE(said->is_least);
  EXPECT_NE(said->because.find("job " + std::to_string(raw(first))), std::string::npos)
      << said->because;
  desk.pass(seconds(60));
  EXPECT_EQ(seconds_until(desk, small), 40);
  desk.ended(desk.launches[0]);  // the small one runs now
  desk.ended(desk.launches[1]);
  EXPECT_EQ(seconds_until(desk, large), 50);
}

TEST(When, BehindAQuotaItSaysWhoHasNoLimit) {
  ControllerConfig config;
  rm::QuotaRule rule;
  rule.match = {{"user", "ann"}};
  rule.max[rm::Kind::RunningJobs] = 1;
  config.quotas = {rule};
  Desk desk(config);
  desk.node_up("n1", 16);
  desk.accept(Desk::spec());
  const JobId next = desk.accept(sized(1, 50));
  EXPECT_EQ(seconds_until(desk, next), std::nullopt);
  EXPECT_EQ(desk.controller.when(next, desk.now)->because,
            "job 1 under quota user=ann has no time limit, or stands still");
}

TEST(When, BehindAQuotaTheNodesCountToo) {
  ControllerConfig config;
  rm::QuotaRule rule;
  rule.match = {{"user", "ann"}};
  rule.max[rm::Kind::CpuMilli] = 3'000;
  config.quotas = {rule};
  Desk desk(config);
  desk.node_up("n1", 4);
  desk.accept(sized(2, 100));
  JobSpec bobs = Desk::spec("bob", 2);
  bobs.time_limit = seconds(400);
  desk.accept(bobs);
  EXPECT_EQ(seconds_until(desk, desk.accept(sized(3, 50))), 400) << "the quota has room at 100";
}

TEST(When, BeforeItsBeginTimeAndBeforeARetry) {
  Desk desk;
  desk.node_up("n1", 4);
  JobSpec later = sized(4, 50);
  later.begin = desk.now.wall + seconds(70);
  const JobId waits = desk.accept(later);
  EXPECT_EQ(seconds_until(desk, waits), 70);
  EXPECT_TRUE(desk.controller.when(waits, desk.now)->is_least);
  desk.accept(sized(1, 90));
  EXPECT_EQ(seconds_until(desk, waits), 90);
  JobSpec held = sized(1, 10);
  held.hold = true;
  EXPECT_EQ(desk.controller.when(desk.accept(held), desk.now)->because, "it is held");
}

TEST(When, ElementsFollowThoseBeforeThem) {
  Desk desk;
  desk.node_up("n1", 4);
  JobSpec array = Desk::array(9);
  array.time_limit = seconds(100);
  const JobId id = desk.accept(array);
  const auto of = [&](std::uint32_t index) {
    const auto said = desk.controller.when(id, desk.now, TaskIndex{index});
    EXPECT_TRUE(desk.controller.check().empty()) << "asking left a hold behind";
    return said ? (said->start - desk.now.wall).us / 1'000'000 : -1;
  };
  EXPECT_EQ(of(3), -1) << "it runs";
  EXPECT_EQ(of(4), 100);
  EXPECT_EQ(of(7), 100);
  EXPECT_EQ(of(8), 200);
  EXPECT_EQ(desk.controller.when(id, desk.now, TaskIndex{8})->before, 4u);
  desk.pass(seconds(30));
  desk.ended(desk.launches[0]);
  EXPECT_EQ(of(4), -1);
  EXPECT_EQ(of(5), 70);
  EXPECT_EQ(of(8), 100) << "when the fifth ends";
  ASSERT_TRUE(desk.command(Verb::Hold, id, {1000, false}, "9"));
  EXPECT_FALSE(desk.controller.when(id, desk.now, TaskIndex{9})->start.is_set());
}

TEST(When, ElementsFollowTheirThrottle) {
  Desk desk;
  desk.node_up("n1", 4);
  JobSpec array = Desk::array(5, 2);
  array.time_limit = seconds(100);
  const JobId id = desk.accept(array);
  const auto of = [&](std::uint32_t index) {
    return (desk.controller.when(id, desk.now, TaskIndex{index})->start - desk.now.wall).us /
           1'000'000;
  };
  EXPECT_EQ(of(2), 100);
  EXPECT_EQ(of(3), 100);
  EXPECT_EQ(of(4), 200);
  EXPECT_EQ(seconds_until(desk, id), 100);

  desk.restart();
  desk.node_up("n1", 4, "b1", {{desk.launches[0].id, true}, {desk.launches[1].id, true}});
  EXPECT_EQ(of(4), 200) << "it needs no plan while nothing of it may start";
  EXPECT_EQ(seconds_until(desk, id), 100);
}

TEST(When, ElementsCountWhatIsPlannedForThem) {
  ControllerConfig config;
  config.policy.backfill = Backfill::Conservative;
  Desk desk(config);
  desk.node_up("n1", 2);
  JobSpec array = Desk::array(5);
  array.time_limit = seconds(100);
  const JobId id = desk.accept(array);
  const auto of = [&](std::uint32_t index) {
    return (desk.controller.when(id, desk.now, TaskIndex{index})->start - desk.now.wall).us /
           1'000'000;
  };
  EXPECT_EQ(of(2), 100);
  EXPECT_EQ(of(3), 100);
  EXPECT_EQ(of(4), 200);
  EXPECT_TRUE(desk.controller.check().empty());
}

TEST(When, ThePromiseIsComparedWithTheStart) {
  Desk desk;
  desk.node_up("n1", 4);
  desk.accept(sized(4, 100));
  desk.accept(sized(4, 50));
  desk.pass(seconds(70));
  desk.ended(desk.launches[0]);
  ASSERT_EQ(desk.estimates.size(), 1u);
  EXPECT_EQ((desk.estimates[0].promised - desk.estimates[0].started).us, seconds(30).us);
}

}  // namespace
}  // namespace drover::sched
