// tests/unit/sched/estimate_test.cpp - when a job will start, and what became of the promise.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "desk.hpp"

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
  if (!estimate) return std::nullopt;
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
  EXPECT_EQ(desk.controller.when(sized(4, 10), desk.now)->start, desk.now.wall + seconds(190));
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
  EXPECT_EQ(desk.controller.when(sized(5, 50), desk.now), std::nullopt) << "no node is so large";
}

TEST(When, ANewJobMayStartAtOnce) {
  Desk desk;
  desk.node_up("n1", 4);
  EXPECT_EQ(desk.controller.when(sized(4, 50), desk.now)->start, desk.now.wall);
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
