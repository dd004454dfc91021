// tests/unit/sched/controller_ends_test.cpp - deadlines, failures that are enough, delays, and
// dependencies that never come true.
// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/sched/desk.hpp"

namespace drover::sched {
namespace {

JobSpec after(JobId job, DependencyKind kind = DependencyKind::After, std::int32_t minutes = 0) {
  JobSpec spec = Desk::spec();
  spec.dependencies = {{kind, job, minutes}};
  return spec;
}

TEST(ControllerEnds, ADeadlineThatCannotBeMetIsRefused) {
  Desk desk;
  JobSpec spec = Desk::spec();
  spec.time_limit = seconds(100);
  spec.deadline = desk.now.wall + seconds(99);
  EXPECT_EQ(desk.submit(spec).error().field, "deadline");
  spec.deadline = desk.now.wall + seconds(100);
  EXPECT_TRUE(desk.submit(spec));
  spec.begin = desk.now.wall + seconds(1);
  EXPECT_EQ(desk.submit(spec).error().code, Errc::BadInput);
}

TEST(ControllerEnds, WhoCannotEndInTimeAnyMoreIsRemoved) {
  Desk desk;
  JobSpec spec = Desk::spec();
  spec.time_limit = seconds(10);
  spec.deadline = desk.now.wall + seconds(60);
  const JobId id = desk.accept(spec);
  EXPECT_EQ(desk.controller.next_timer(desk.now), desk.now.mono + seconds(50) + Duration{1});
  desk.pass(seconds(50));
  desk.turn();
  EXPECT_EQ(desk.state(id), JobState::Scheduled);
  desk.restart();
  desk.pass(Duration{1});
  desk.turn();
  EXPECT_EQ(desk.state(id), JobState::Cancelled);
  EXPECT_EQ(desk.reason(id), Reason::Deadline);
  EXPECT_FALSE(desk.controller.next_timer(desk.now));
}

TEST(ControllerEnds, WhatRunsIsLeftInPeaceByItsDeadline) {
  Desk desk;
  desk.node_up("n1", 1);
  JobSpec spec = Desk::array(2);
  spec.time_limit = seconds(10);
  spec.deadline = desk.now.wall + seconds(15);
  const JobId id = desk.accept(spec);
  ASSERT_EQ(desk.launches.size(), 1u);
  desk.started(desk.launches[0]);
  desk.pass(seconds(6));
  desk.turn();
  EXPECT_TRUE(desk.kills.empty());
  EXPECT_EQ(desk.table.jobs.at(id).counts.cancelled, 2u);
  EXPECT_EQ(desk.state(id), JobState::Running);
  desk.ended(desk.launches[0]);
  EXPECT_EQ(desk.state(id), JobState::Cancelled);
  EXPECT_EQ(desk.reason(id), Reason::Deadline);
}

TEST(ControllerEnds, ARequeuedTaskIsBoundByTheDeadlineToo) {
  Desk desk;
  desk.node_up("n1", 1);
  JobSpec spec = Desk::spec();
  spec.time_limit = seconds(10);
  spec.deadline = desk.now.wall + seconds(15);
  const JobId id = desk.accept(spec);
  desk.started(desk.launches.at(0));
  desk.pass(seconds(6));
  desk.turn();
  ASSERT_TRUE(desk.command(Verb::Requeue, id));
  desk.ended(desk.launches[0], 0, EndCause::Killed);
  EXPECT_EQ(desk.state(id), JobState::Cancelled);
  EXPECT_EQ(desk.reason(id), Reason::Deadline);
}

TEST(ControllerEnds, EnoughFailuresStopAnArray) {
  Desk desk;
  desk.node_up("n1", 3);
  JobSpec spec = Desk::array(9);
  spec.max_failures = 2;
  const JobId id = desk.accept(spec);
  ASSERT_EQ(desk.launches.size(), 3u);
  for (int i = 0; i < 3; ++i) desk.started(desk.launches[std::size_t(i)]);
  desk.ended(desk.launches[0], 1);
  EXPECT_EQ(desk.launches.size(), 4u) << "one failure is allowed";
  desk.ended(desk.launches[1], 1);
  EXPECT_EQ(desk.launches.size(), 4u);
  EXPECT_EQ(desk.reason(id), Reason::MaxFailures);
  desk.ended(desk.launches[2]);
  desk.ended(desk.launches[3]);
  EXPECT_EQ(desk.state(id), JobState::Failed);
  EXPECT_EQ(desk.reason(id), Reason::MaxFailures);
  const TaskCounts& counts = desk.table.jobs.at(id).counts;
  EXPECT_EQ(counts.failed, 2u);
  EXPECT_EQ(counts.succeeded, 2u);
  EXPECT_EQ(counts.cancelled, 6u);
}

TEST(ControllerEnds, ADelayCountsFromTheStart) {
  Desk desk;
  desk.node_up("n1", 4);
  const JobId first = desk.accept(Desk::spec());
  const JobId second = desk.accept(after(first, DependencyKind::After, 5));
  EXPECT_EQ(desk.reason(second), Reason::Dependency);
  desk.pass(seconds(60));
  desk.started(desk.launches.at(0));
  EXPECT_EQ(desk.reason(second), Reason::BeginTime);
  desk.ended(desk.launches[0]);  // the delay goes on though the job has ended
  const JobId third = desk.accept(after(second, DependencyKind::After, 1));
  desk.pass(seconds(299));
  desk.restart();
  desk.node_up("n1", 4);
  EXPECT_EQ(desk.launches.size(), 1u);
  desk.pass(seconds(1));
  desk.turn();
  ASSERT_EQ(desk.launches.size(), 2u);
  EXPECT_EQ(desk.launches[1].id.task.job, second);
  desk.started(desk.launches[1]);
  // One who comes while it runs waits for the rest of the minute.
  desk.pass(seconds(40));
  const JobId late = desk.accept(after(second, DependencyKind::After, 1));
  EXPECT_EQ(desk.reason(late), Reason::BeginTime);
  desk.pass(seconds(20));
  desk.turn();
  EXPECT_EQ(desk.launches.size(), 4u);
  EXPECT_NE(desk.state(third), JobState::Inited);
}

TEST(ControllerEnds, WhoWantsToStayIsNotCancelledByADependency) {
  Desk desk;
  desk.node_up("n1", 4);
  const JobId first = desk.accept(Desk::spec());
  JobSpec spec = after(first, DependencyKind::AfterNotOk);
  spec.keep_invalid = true;
  const JobId second = desk.accept(spec);
  desk.started(desk.launches.at(0));
  desk.ended(desk.launches[0]);
  EXPECT_EQ(desk.state(second), JobState::Inited);
  EXPECT_EQ(desk.reason(second), Reason::DependencyNever);
  EXPECT_EQ(desk.controller.why(second, {}, desk.now)->reason, Reason::DependencyNever);
  const JobId third = desk.accept(spec);  // never from the beginning
  EXPECT_EQ(desk.reason(third), Reason::DependencyNever);
  ASSERT_TRUE(desk.command(Verb::Hold, second));
  desk.restart();
  desk.node_up("n1", 4);
  ASSERT_TRUE(desk.command(Verb::Release, second));
  EXPECT_EQ(desk.launches.size(), 1u);
  EXPECT_EQ(desk.reason(second), Reason::DependencyNever);
  ASSERT_TRUE(desk.command(Verb::Cancel, third));
  EXPECT_EQ(desk.state(third), JobState::Cancelled);
}

}  // namespace
}  // namespace drover::sched
