// tests/unit/sched/retry_test.cpp - failed attempts that are followed by others.
// SPDX-License-Identifier: Apache-2.0
#include "sched/retry_book.hpp"
#include "tests/unit/sched/desk.hpp"

namespace drover::sched {
namespace {

RetryRule rule(std::uint32_t max, const std::vector<const char*>& ends = {}) {
  RetryRule made;
  made.max = max;
  if (!ends.empty()) made.on = 0;
  for (const char* end : ends) EXPECT_TRUE(add_retry_end(end, made));
  return made;
}

struct CoverCase {
  const char* name;
  std::vector<const char*> ends;
  Reason reason;
  std::int32_t code;
  bool covered;
};
class RetryCovers : public ::testing::TestWithParam<CoverCase> {};
TEST_P(RetryCovers, TheEndsThatItNames) {
  const CoverCase& row = GetParam();
  EXPECT_EQ(rule(2, row.ends).covers(row.reason, row.code, 1), row.covered);
  EXPECT_FALSE(rule(2, row.ends).covers(row.reason, row.code, 2)) << "all retries are used up";
}
INSTANTIATE_TEST_SUITE_P(
    All, RetryCovers,
    ::testing::Values(CoverCase{"AnyExit", {}, Reason::ExitCode, 3, true},
                      CoverCase{"AnyMemory", {}, Reason::OutOfMemory, 0, true},
                      CoverCase{"ACode", {"exit:75"}, Reason::ExitCode, 75, true},
                      CoverCase{"AnotherCode", {"exit:75", "exit:3"}, Reason::ExitCode, 4, false},
                      CoverCase{"NotASignal", {"exit"}, Reason::Signal, 0, false},
                      CoverCase{"TimeOut", {"timeout", "oom"}, Reason::TimeLimit, 0, true},
                      CoverCase{"Launch", {"launch"}, Reason::LaunchFailed, 0, true},
                      CoverCase{"Unknown", {"unknown"}, Reason::ExitUnknown, 0, true},
                      CoverCase{"NeverACancel", {}, Reason::CancelledByUser, 0, false},
                      CoverCase{"NeverALostEngineUnnamed", {}, Reason::EngineLost, 0, false},
                      CoverCase{"ALostEngineByName", {"lost"}, Reason::EngineLost, 0, true},
                      CoverCase{"AnyIsNotLost", {"any"}, Reason::EngineLost, 0, false},
                      CoverCase{"NeverALostNode", {}, Reason::NodeLost, 0, false},
                      CoverCase{"NeverASuccess", {}, Reason::None, 0, false}),
    [](const auto& row) { return row.param.name; });

TEST(RetryRules, LetDelaysGrowToTheirLimit) {
  RetryRule one = rule(1000);
  one.delay = seconds(10);
  one.factor_percent = 150;
  EXPECT_EQ(one.delay_after(0), seconds(10));
  EXPECT_EQ(one.delay_after(1), seconds(15));
  EXPECT_EQ(one.delay_after(2), millis(22'500));
  EXPECT_EQ(one.delay_after(999), seconds(366LL * 86'400)) << "never longer than a year";
  one.delay_max = seconds(20);
  EXPECT_EQ(one.delay_after(2), seconds(20));
  EXPECT_EQ(rule(3).delay_after(2), Duration{});
}

TEST(RetryRules, AreToldAsTheyWereSaid) {
  EXPECT_EQ(retry_ends(rule(1)), "any");
  EXPECT_EQ(retry_ends(rule(1, {"any", "lost"})), "any,lost");
  EXPECT_EQ(retry_ends(rule(1, {"lost", "oom"})), "oom,lost");
  EXPECT_EQ(retry_ends(rule(1, {"oom", "exit:75", "exit:3"})), "exit:3,exit:75,oom");
  RetryRule one = rule(3, {"signal"});
  one.delay = seconds(90);
  one.factor_percent = 250;
  EXPECT_EQ(to_text(one),
            "up to 3 times on signal, after 00:01:30, each delay 2.50 times the one before");
  EXPECT_EQ(to_text(RetryRule{}), "");
  RetryRule bad;
  EXPECT_NE(add_retry_end("segfault", bad).error().hint.find("exit:CODE"), std::string::npos);
  EXPECT_FALSE(add_retry_end("exit:0", bad));
  EXPECT_FALSE(add_retry_end("oom:1", bad));
}

TEST(RetryBooks, KeepEachRuleOnce) {
  RetryBook book;
  EXPECT_EQ(book.acquire({}), 0u);
  const auto one = book.acquire(rule(2));
  EXPECT_EQ(book.acquire(rule(2)), one);
  const auto two = book.acquire(rule(3));
  EXPECT_NE(one, two);
  book.release(one);
  EXPECT_EQ(book[one], rule(2));
  book.release(one);
  EXPECT_EQ(book.size(), 1u);
  EXPECT_EQ(book.acquire(rule(4)), one) << "free numbers serve again";
}

JobSpec retried(std::uint32_t max, Duration delay = {}) {
  JobSpec spec = Desk::spec();
  spec.retry = rule(max);
  spec.retry.delay = delay;
  return spec;
}

TEST(Retries, StartAtOnceWithoutADelay) {
  Desk desk;
  desk.node_up("n1", 1);
  const JobId id = desk.accept(retried(1));
  desk.ended(Launch(desk.launches[0]), 3);
  ASSERT_EQ(desk.launches.size(), 2u);
  EXPECT_EQ(raw(desk.launches[1].id.number), 2u);
  const auto retried =
      std::ranges::find(desk.table.events, EventKind::AttemptRetried, &Event::kind);
  ASSERT_NE(retried, desk.table.events.end());
  EXPECT_EQ(raw(retried->attempt), 1u);
  EXPECT_EQ(retried->reason, Reason::ExitCode);
  EXPECT_EQ(retried->exit_code, 3);
  desk.ended(Launch(desk.launches[1]), 4);
  EXPECT_EQ(desk.state(id), JobState::Failed);
  EXPECT_EQ(desk.table.jobs.at(id).exit_code, 4) << "only the last failure counts";
  EXPECT_EQ(desk.table.tasks.at({id, TaskIndex{0}}).retries, 1u);
}

TEST(Retries, WaitForTheirDelayWithoutHoldingAPlace) {
  ControllerConfig config;
  config.group_limits.running_jobs = 1;
  Desk desk(config);
  desk.node_up("n1", 1);
  const JobId id = desk.accept(retried(3, seconds(30)));
  const JobId other = desk.accept(Desk::spec());
  desk.ended(Launch(desk.launches[0]), 1);
  EXPECT_EQ(desk.state(id), JobState::Inited);
  EXPECT_EQ(desk.reason(id), Reason::RetryDelay);
  EXPECT_EQ(desk.launches.back().id.task.job, other);
  const auto why = desk.controller.why(id, std::nullopt, desk.now);
  EXPECT_NE(why->text.find("attempt 1 failed, the next one starts not before"), std::string::npos);
  EXPECT_NE(why->text.find("retry 1 of 3"), std::string::npos) << why->text;
  EXPECT_EQ(desk.controller.next_timer(desk.now), desk.now.mono + seconds(30));
  desk.ended(Launch(desk.launches.back()));
  desk.pass(seconds(29));
  desk.turn();
  EXPECT_EQ(desk.launches.size(), 2u);
  desk.pass(seconds(1));
  desk.turn();
  ASSERT_EQ(desk.launches.size(), 3u);
  desk.ended(Launch(desk.launches[2]));
  EXPECT_EQ(desk.state(id), JobState::Succeeded);
}

TEST(Retries, AreCountedAcrossARestart) {
  Desk desk;
  desk.node_up("n1", 1);
  const JobId id = desk.accept(retried(1, seconds(30)));
  desk.ended(Launch(desk.launches[0]), 1);
  desk.pass(seconds(10));
  desk.restart();
  desk.node_up("n1", 1);
  EXPECT_EQ(desk.controller.job(id)->reason, Reason::RetryDelay);
  EXPECT_EQ(desk.launches.size(), 1u);
  desk.pass(seconds(20));
  desk.turn();
  ASSERT_EQ(desk.launches.size(), 2u);
  desk.ended(Launch(desk.launches[1]), 1);
  EXPECT_EQ(desk.state(id), JobState::Failed);
}

TEST(Retries, AreCancelledAndHeldWhileTheyWait) {
  Desk desk;
  desk.node_up("n1", 2);
  const JobId first = desk.accept(retried(1, seconds(30)));
  const JobId second = desk.accept(retried(1, seconds(30)));
  desk.ended(Launch(desk.launches[0]), 1);
  desk.ended(Launch(desk.launches[1]), 1);
  EXPECT_TRUE(desk.command(Verb::Cancel, first));
  EXPECT_EQ(desk.state(first), JobState::Cancelled);
  EXPECT_TRUE(desk.command(Verb::Hold, second));
  desk.pass(seconds(60));
  desk.turn();
  EXPECT_EQ(desk.state(second), JobState::Held);
  EXPECT_TRUE(desk.command(Verb::Release, second));
  EXPECT_EQ(desk.launches.size(), 3u);
  EXPECT_FALSE(desk.controller.next_timer(desk.now));
}

TEST(Retries, OfElementsLeaveTheOthersAlone) {
  Desk desk;
  desk.node_up("n1", 2);
  JobSpec spec = Desk::array(3);
  spec.retry = rule(1);
  spec.retry.delay = seconds(30);
  spec.max_failures = 1;
  const JobId id = desk.accept(spec);
  desk.ended(Launch(desk.launches[0]), 1);
  EXPECT_EQ(desk.table.jobs.at(id).counts.failed, 0u) << "a failure that is retried is none yet";
  EXPECT_EQ(desk.launches.size(), 3u) << "its place goes to the next element";
  EXPECT_EQ(desk.controller.why(id, TaskIndex{0}, desk.now)->reason, Reason::RetryDelay);
  for (std::size_t i = 1; i < 4; ++i) desk.ended(Launch(desk.launches[i]));
  EXPECT_EQ(desk.state(id), JobState::Inited);
  EXPECT_EQ(desk.reason(id), Reason::RetryDelay);
  desk.pass(seconds(30));
  desk.turn();
  ASSERT_EQ(desk.launches.size(), 5u);
  desk.ended(Launch(desk.launches[4]), 1);
  EXPECT_EQ(desk.state(id), JobState::Failed);
  EXPECT_EQ(desk.table.jobs.at(id).counts.succeeded, 3u);
}

TEST(Retries, NeverFollowACancelOrTheEndOfAPreemptedOne) {
  Desk desk;
  desk.node_up("n1", 1);
  const JobId id = desk.accept(retried(5));
  EXPECT_TRUE(desk.command(Verb::Cancel, id));
  desk.ended(Launch(desk.launches[0]), 1);  // it failed by itself just before
  EXPECT_EQ(desk.launches.size(), 1u);
  EXPECT_TRUE(is_final(desk.state(id)));
}

// A counterpart that is tried again has not ended: its follower waits on.
TEST(Retries, OfCounterpartsKeepTheirFollowersWaiting) {
  Desk desk;
  desk.node_up("n1", 4);
  JobSpec spec = Desk::array(1);
  spec.retry = rule(1);
  const JobId first = desk.accept(spec);
  JobSpec follower = Desk::array(1);
  follower.dependencies = {{DependencyKind::AfterCorr, first, 0}};
  const JobId second = desk.accept(follower);
  desk.ended(Launch(desk.launches[0]), 1);
  EXPECT_EQ(desk.table.jobs.at(second).counts.cancelled, 0u);
  desk.ended(Launch(desk.launches.back()));
  EXPECT_EQ(desk.launches.back().id.task, (TaskId{second, TaskIndex{0}}));
}

}  // namespace
}  // namespace drover::sched
