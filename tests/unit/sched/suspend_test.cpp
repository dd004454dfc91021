// tests/unit/sched/suspend_test.cpp - work that stands still, and goes on where it was.
// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/sched/desk.hpp"

namespace drover::sched {
namespace {

constexpr Actor kOperator{0, true};

std::shared_ptr<PolicyBook> book() {
  auto book = std::make_shared<PolicyBook>();
  QosSpec urgent, low;
  urgent.name = "urgent";
  urgent.priority = 100;
  urgent.preempts = {"low"};
  low.name = "low";
  low.preempt_mode = PreemptMode::Suspend;
  book->qos = QosTable::make({urgent, low}, "low").value();
  *book = complete(*book).value();
  return book;
}

class Suspend : public testing::TestWithParam<Backfill> {
 protected:
  Suspend() {
    desk.node_up("n1", 4);
    low = accept("low", 4, 100);
    desk.started(desk.launches.at(0));
    desk.pass(seconds(100));
    desk.turn();
  }
  JobId accept(const char* qos, std::int64_t cpus, std::int64_t mem, std::int64_t limit = 1000) {
    JobSpec spec = Desk::spec("ann", cpus);
    spec.ntasks = std::int32_t(cpus);
    spec.request.mem_mib = mem;
    spec.time_limit = seconds(limit);
    spec.labels["qos"] = qos;
    EXPECT_TRUE(apply_policy(spec, *policy));
    return desk.accept(spec);
  }
  const TaskRecord& task(JobId id) { return desk.table.tasks.at({id, TaskIndex{0}}); }
  rm::Amounts free() { return desk.controller.resources().nodes().at(0).free; }
  ControllerConfig config() {
    ControllerConfig config;
    config.book = policy;
    config.policy.backfill = GetParam();
    return config;
  }

  std::shared_ptr<PolicyBook> policy = book();
  Desk desk{config()};
  JobId low{};
};

TEST_P(Suspend, TheUrgentJobStartsInTheSameTurnAndTheOtherGoesOnAfterIt) {
  const JobId urgent = accept("urgent", 4, 100);
  ASSERT_EQ(desk.pauses.size(), 1u);
  EXPECT_TRUE(desk.pauses[0].suspended);
  EXPECT_TRUE(desk.kills.empty());
  ASSERT_EQ(desk.launches.size(), 2u);
  EXPECT_EQ(desk.launches[1].id.task.job, urgent);
  EXPECT_EQ(desk.state(low), JobState::Suspended);
  EXPECT_EQ(task(low).state, TaskState::Suspended);
  EXPECT_EQ(free()[rm::Kind::CpuMilli], 0);
  EXPECT_EQ(free()[rm::Kind::MemMib], 800) << "both hold their memory";
  const auto why = desk.controller.why(low, {}, desk.now);
  EXPECT_NE(why->text.find("stands still"), std::string::npos) << why->text;
  const JobId later = accept("low", 1, 0);
  desk.started(desk.launches[1]);
  desk.pass(seconds(500));
  desk.ended(desk.launches[1]);
  ASSERT_EQ(desk.pauses.size(), 2u);
  EXPECT_FALSE(desk.pauses[1].suspended);
  EXPECT_EQ(desk.state(low), JobState::Running);
  EXPECT_EQ(task(low).suspended_for, seconds(500));
  EXPECT_EQ(desk.launches.size(), 2u) << "before those who come after it";
  desk.pass(seconds(899));  // 100 ran before, and 900 are left
  desk.ended(desk.launches[0]);
  EXPECT_EQ(desk.launches.at(2).id.task.job, later);
}

TEST_P(Suspend, MemoryThatIsHeldIsNotMadeRoomWith) {
  accept("urgent", 4, 950);
  EXPECT_TRUE(desk.pauses.empty());
  EXPECT_TRUE(desk.kills.empty());
}

TEST_P(Suspend, WhoWantsTheNodeAloneHasItRequeued) {
  JobSpec spec = Desk::spec("ann", 1);
  spec.request.exclusive = true;
  spec.labels["qos"] = "urgent";
  spec.time_limit = seconds(10);
  desk.accept(spec);
  EXPECT_TRUE(desk.pauses.empty());
  EXPECT_EQ(desk.kills.size(), 1u);
}

TEST_P(Suspend, OperatorsSuspendAndResume) {
  EXPECT_EQ(desk.command(Verb::Suspend, low).error().code, Errc::Denied) << "not its owner";
  const JobId waiting = accept("low", 2, 0, 50);
  ASSERT_TRUE(desk.command(Verb::Suspend, low, kOperator));
  EXPECT_EQ(desk.state(low), JobState::Suspended);
  EXPECT_EQ(task(low).reason, Reason::SuspendedByOperator);
  ASSERT_EQ(desk.launches.size(), 2u) << "its CPUs are free";
  EXPECT_EQ(desk.launches[1].id.task.job, waiting);
  desk.started(desk.launches[1]);
  ASSERT_TRUE(desk.command(Verb::Resume, low, kOperator));
  EXPECT_EQ(desk.state(low), JobState::Suspended) << "two of its CPUs are not free";
  desk.ended(desk.launches[1]);
  EXPECT_EQ(desk.state(low), JobState::Running);
  EXPECT_FALSE(desk.command(Verb::Resume, low, kOperator));
  ASSERT_TRUE(desk.command(Verb::Suspend, low, kOperator));
  desk.pass(seconds(5000));
  desk.turn();
  EXPECT_EQ(desk.state(low), JobState::Suspended) << "nobody said that it goes on";
}

TEST_P(Suspend, ItMayEndOrBeCancelledAsItIs) {
  ASSERT_TRUE(desk.command(Verb::Suspend, low, kOperator));
  ASSERT_TRUE(desk.command(Verb::Cancel, low));
  EXPECT_EQ(task(low).state, TaskState::Ending);
  desk.ended(desk.launches[0], 0, EndCause::Killed);
  EXPECT_EQ(desk.state(low), JobState::Cancelled);
  EXPECT_EQ(free()[rm::Kind::MemMib], 1000);
}

TEST_P(Suspend, ItMayBeRequeued) {
  ASSERT_TRUE(desk.command(Verb::Suspend, low, kOperator));
  ASSERT_TRUE(desk.command(Verb::Requeue, low));
  desk.ended(desk.launches[0], 0, EndCause::Killed);
  ASSERT_EQ(desk.launches.size(), 2u);
  EXPECT_EQ(task(low).suspended_for, Duration{});
}

TEST_P(Suspend, ARestartAndAReconnectKeepIt) {
  accept("urgent", 4, 100);
  desk.started(desk.launches[1]);
  desk.restart();
  desk.pass(seconds(10));
  desk.node_up("n1", 4, "b1", {{desk.launches[0].id, true}, {desk.launches[1].id, true}});
  EXPECT_EQ(desk.state(low), JobState::Suspended);
  ASSERT_EQ(desk.pauses.size(), 2u) << "said again";
  EXPECT_TRUE(desk.pauses[1].suspended);
  Launch urgent = desk.launches[1];
  urgent.session = SessionId{desk.sessions};
  desk.ended(urgent);
  EXPECT_EQ(desk.state(low), JobState::Running);
  desk.node_up("n1", 4, "b1", {{desk.launches[0].id, true}});
  ASSERT_EQ(desk.pauses.size(), 4u);
  EXPECT_FALSE(desk.pauses[3].suspended) << "the word may have been lost";
}

TEST_P(Suspend, ANodeThatBootsAgainTakesItAlong) {
  ASSERT_TRUE(desk.command(Verb::Suspend, low, kOperator));
  desk.node_up("n1", 4, "b2");
  ASSERT_EQ(desk.launches.size(), 2u) << "it runs again";
  EXPECT_EQ(desk.state(low), JobState::Scheduled);
}

TEST_P(Suspend, AnArrayIsSuspendedWhenAllOfItIs) {
  ASSERT_TRUE(desk.command(Verb::Cancel, low));
  desk.ended(desk.launches[0], 0, EndCause::Killed);
  JobSpec spec = Desk::array(1);
  spec.time_limit = seconds(100);
  const JobId array = desk.accept(spec);
  ASSERT_EQ(desk.launches.size(), 3u);
  desk.started(desk.launches[1]);
  desk.started(desk.launches[2]);
  ASSERT_TRUE(desk.command(Verb::Suspend, array, kOperator, "0"));
  EXPECT_EQ(desk.state(array), JobState::Running);
  ASSERT_TRUE(desk.command(Verb::Suspend, array, kOperator, "1"));
  EXPECT_EQ(desk.state(array), JobState::Suspended);
  desk.ended(desk.launches[1]);
  EXPECT_EQ(desk.state(array), JobState::Suspended);
  ASSERT_TRUE(desk.command(Verb::Resume, array, kOperator));
  EXPECT_EQ(desk.state(array), JobState::Running);
  desk.ended(desk.launches[2]);
  EXPECT_EQ(desk.state(array), JobState::Succeeded);
}

// Who wants what it keeps has no time known while it stands still, and stands aside.
TEST(Suspended, WhoStoodAsideIsPlannedForWhenItGoesOnOrEnds) {
  for (const char* policy : {"easy", "easy-sjbf", "conservative", "fifo+depth-k:2", "fcfs"})
    for (const bool ends : {false, true}) {
      ControllerConfig config;
      config.policy = parse_policy(policy).value();
      Desk desk(config);
      desk.node_up("n1", 8);
      const auto asks = [](std::int64_t mem_mib, std::int64_t limit_s) {
        JobSpec spec = Desk::spec();
        spec.request.mem_mib = mem_mib;
        spec.time_limit = seconds(limit_s);
        return spec;
      };
      const JobId still = desk.accept(asks(300, 100));
      desk.started(desk.launches.at(0));
      const JobId beside = desk.accept(asks(200, 200));
      ASSERT_TRUE(desk.command(Verb::Suspend, still, kOperator));
      const JobId large = desk.accept(asks(850, 50));
      desk.pass(seconds(60));
      desk.turn();
      ASSERT_TRUE(desk.command(ends ? Verb::Cancel : Verb::Resume, still, kOperator));
      if (ends) desk.ended(desk.launches[0]);
      desk.accept(asks(160, 10'000));
      EXPECT_EQ(desk.launches.size(), 2u) << policy << ends;
      desk.pass(seconds(60));
      if (!ends) desk.ended(desk.launches[0]);
      desk.pass(seconds(60));
      EXPECT_EQ(desk.launches[1].id.task.job, beside);
      desk.ended(desk.launches[1]);
      ASSERT_GE(desk.launches.size(), 3u) << policy << ends;
      EXPECT_EQ(desk.launches[2].id.task.job, large) << policy << ends;
    }
}

INSTANTIATE_TEST_SUITE_P(Backfills, Suspend,
                         testing::Values(Backfill::None, Backfill::Easy, Backfill::Conservative,
                                         Backfill::DepthK));

}  // namespace
}  // namespace drover::sched
