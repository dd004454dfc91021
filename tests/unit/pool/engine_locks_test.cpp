// tests/unit/pool/engine_locks_test.cpp - engines that are kept for who asked.
// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/pool/stage.hpp"

namespace drover::pool {
namespace {

using sched::JobState;
using sched::Reason;

AskEngine ask(std::uint32_t uid = 1000, Duration lease = seconds(60)) {
  AskEngine in;
  in.type = "python";
  in.wish.owner = {uid, 100};
  in.wish.user = "u" + std::to_string(uid);
  in.lease = lease;
  return in;
}

// One engine that has run a statement and is idle.
JobId warm_engine(Stage& stage) {
  const JobId statement = stage.submit();
  stage.engine_up(stage.engine_jobs()[0]);
  stage.statement_ended(statement);
  return stage.engine_jobs()[0];
}

TEST(EngineLocks, AWarmEngineIsForWhoAskedUntilItIsGivenBack) {
  Stage stage;
  const JobId engine = warm_engine(stage);
  const auto done = stage.ask(ask());
  ASSERT_TRUE(done);
  EXPECT_EQ(done->job, engine) << "the warm one";
  EngineView view = stage.pool->engines()[0];
  EXPECT_EQ(view.state, EngineState::Locked);
  EXPECT_TRUE(is_lock(view.session)) << view.session;
  EXPECT_EQ(view.why_cold, "");
  EXPECT_EQ(view.lock_until, stage.now.mono + seconds(60));
  const std::string lock = view.session;
  const JobId other = stage.submit();
  EXPECT_FALSE(stage.runs(other)) << "not of the lock";
  ASSERT_EQ(stage.engine_jobs().size(), 2u) << "so another engine starts";
  const JobId mine = stage.submit(lock);
  EXPECT_TRUE(stage.runs(mine));
  EXPECT_EQ(stage.pool->engines()[0].state, EngineState::Busy);
  stage.statement_ended(mine);
  EXPECT_EQ(stage.pool->engines()[0].state, EngineState::Locked) << "still";
  const auto stranger = stage.ask(HoldEngine{{1001, false}, view.name, {}});
  ASSERT_FALSE(stranger);
  EXPECT_EQ(stranger.error().code, Errc::NotFound);
  ASSERT_TRUE(stage.ask(HoldEngine{{1000, false}, view.name, {}}));
  view = stage.pool->engines()[0];
  EXPECT_EQ(view.session, "");
  EXPECT_EQ(view.pool, "python.1000");
  EXPECT_TRUE(stage.runs(other)) << "who waited has it at once";
  const JobId late = stage.submit(lock);
  EXPECT_EQ(stage.state(late), JobState::Failed);
  EXPECT_NE(stage.table.jobs.at(late).detail.find("there is no lock " + lock), std::string::npos);
}

TEST(EngineLocks, ALeaseEndsByItselfAndCanBeRenewed) {
  Stage stage;
  warm_engine(stage);
  ASSERT_TRUE(stage.ask(ask()));
  const EngineView view = stage.pool->engines()[0];
  stage.pass(seconds(50));
  ASSERT_TRUE(stage.ask(HoldEngine{{1000, false}, view.name, seconds(60)}));
  stage.pass(seconds(50));
  EXPECT_EQ(stage.pool->engines()[0].state, EngineState::Locked);
  // What runs when it ends goes on; what waits for the lock has waited in vain.
  const JobId running = stage.submit(view.session), waiting = stage.submit(view.session);
  stage.pass(seconds(20));
  EXPECT_TRUE(stage.runs(running));
  stage.statement_ended(running);
  EXPECT_EQ(stage.state(running), JobState::Succeeded);
  EXPECT_EQ(stage.state(waiting), JobState::Failed) << "the lock has ended";
}

TEST(EngineLocks, WithoutAWarmEngineOneIsStartedAndItsLeaseBeginsWhenItIsReady) {
  Stage stage;
  const auto done = stage.ask(ask());
  ASSERT_TRUE(done);
  EngineView view = stage.pool->engines()[0];
  EXPECT_EQ(view.job, done->job);
  EXPECT_EQ(view.state, EngineState::Starting);
  EXPECT_EQ(view.why_cold, "no engine of pool python.1000 was there");
  EXPECT_FALSE(view.lock_until.is_set());
  const JobId early = stage.submit(view.session);
  stage.pass(seconds(30));
  stage.engine_up(done->job);
  EXPECT_TRUE(stage.runs(early)) << "it may be sent before";
  stage.statement_ended(early);
  view = stage.pool->engines()[0];
  EXPECT_EQ(view.state, EngineState::Locked);
  EXPECT_EQ(view.lock_until, stage.now.mono + seconds(60));
  stage.pass(seconds(61));
  view = stage.pool->engines()[0];
  EXPECT_EQ(view.state, EngineState::Idle);
  EXPECT_EQ(view.pool, "python.1000") << "it serves its user like any other";
  const JobId next = stage.submit();
  EXPECT_TRUE(stage.runs(next));
}

TEST(EngineLocks, ALockWhoseEngineCannotBeHadFailsWhoWaits) {
  Stage stage;
  const auto done = stage.ask(ask());
  const JobId waiting = stage.submit(stage.pool->engines()[0].session);
  stage.engine_died(done->job, 3);
  EXPECT_EQ(stage.state(waiting), JobState::Failed);
  EXPECT_EQ(stage.table.jobs.at(waiting).reason, Reason::EngineFailed);
  EXPECT_TRUE(stage.engine_jobs().empty()) << "no second try: the lock was that engine";
}

TEST(EngineLocks, CountAmongTheEnginesOfTheirUser) {
  Plugin few = plugin();
  few.max_per_user = 2;
  Stage stage({few});
  ASSERT_TRUE(stage.ask(ask()));
  ASSERT_TRUE(stage.ask(ask()));
  const auto third = stage.ask(ask());
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, Errc::Limit);
  ASSERT_TRUE(stage.ask(ask(1001))) << "each user's own";
  EXPECT_FALSE(stage.ask(HoldEngine{{1000, false}, "engine-9", {}}));
}

TEST(EngineLocks, AreOverAfterARestartAndTheEngineIsWhatItWas) {
  Stage stage;
  const JobId engine = warm_engine(stage);
  ASSERT_TRUE(stage.ask(ask()));
  const std::string lock = stage.pool->engines()[0].session;
  const JobId running = stage.submit(lock);
  ASSERT_TRUE(stage.runs(running));
  stage.restart();
  stage.engine_up(engine);
  EXPECT_EQ(stage.pool->engines()[0].pool, "python.1000");
  EXPECT_TRUE(stage.runs(running)) << "it goes on";
  stage.statement_ended(running);
  EXPECT_EQ(stage.state(running), JobState::Succeeded);
  EXPECT_EQ(stage.pool->engines()[0].state, EngineState::Idle);
  const JobId late = stage.submit(lock);
  EXPECT_EQ(stage.state(late), JobState::Failed);
}

TEST(EngineLocks, ADrainOfTheirNodeEndsThem) {
  Stage stage;
  warm_engine(stage);
  ASSERT_TRUE(stage.ask(ask()));
  const EngineView view = stage.pool->engines()[0];
  sched::ServeNode drain;
  drain.actor = {0, true};
  drain.node = view.name;
  stage.put(std::move(drain));
  stage.pass(seconds(1));
  EXPECT_TRUE(stage.engine_jobs().empty());
  const JobId late = stage.submit(view.session);
  EXPECT_EQ(stage.state(late), JobState::Failed);
}

TEST(EngineLocks, HoldOverALossOfContact) {
  Stage stage;
  const JobId engine = warm_engine(stage);
  ASSERT_TRUE(stage.ask(ask()));
  const std::string lock = stage.pool->engines()[0].session;
  stage.engine_up(engine);  // its agent was restarted: it says again which pool it was started for
  EXPECT_EQ(stage.pool->engines()[0].state, EngineState::Locked);
  const JobId other = stage.submit();
  EXPECT_FALSE(stage.runs(other));
  const JobId mine = stage.submit(lock);
  EXPECT_TRUE(stage.runs(mine));
}

}  // namespace
}  // namespace drover::pool
