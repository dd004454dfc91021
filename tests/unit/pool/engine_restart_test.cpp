// tests/unit/pool/engine_restart_test.cpp - engines outlive droverd, which knows them again.
// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/pool/stage.hpp"

namespace drover::pool {
namespace {

TEST(EngineRestart, ForgetsNoEngine) {
  Stage stage;
  const JobId runs = stage.submit();
  const JobId engine = stage.engine_jobs()[0];
  stage.engine_up(engine);
  stage.restart();
  stage.engine_up(engine);
  EXPECT_TRUE(stage.runs(runs));
  EXPECT_EQ(stage.pool->engines()[0].state, EngineState::Busy);
  stage.statement_ended(runs);
  EXPECT_TRUE(stage.runs(stage.submit()));
  EXPECT_EQ(stage.engine_jobs().size(), 1u);
}

TEST(EngineRestart, EndsNoDrain) {
  for (const bool is_idle : {false, true}) {
    Stage stage;
    stage.obeys = false;
    const JobId runs = stage.submit();
    const JobId engine = stage.engine_jobs()[0];
    stage.engine_up(engine);
    if (is_idle) stage.statement_ended(runs);
    ASSERT_TRUE(stage.ask(DrainEngine{{1000, false}, "engine-1"}));
    stage.restart();
    stage.engine_up(engine);
    if (!is_idle) {
      EXPECT_EQ(stage.pool->engines()[0].state, EngineState::Draining);
      stage.statement_ended(runs);
    }
    EXPECT_EQ(stage.pool->engines()[0].state, EngineState::Stopping);
    const JobId next = stage.submit();
    EXPECT_EQ(stage.engine_jobs().size(), 2u) << "another engine";
    stage.pass(seconds(11));
    EXPECT_EQ(stage.engine_jobs().size(), 1u) << "ended by force";
    stage.engine_up(stage.engine_jobs()[0]);
    EXPECT_TRUE(stage.runs(next));
  }
}

// An agent holds the place of an engine whose connection broke, and offers it to a new droverd.
TEST(EngineRestart, ADeadEngineDoesNotStandInForTheOneThatGotItsName) {
  Stage stage;
  const JobId dead = stage.submit();
  const JobId host = stage.engine_jobs()[0];
  stage.engine_up(host);
  stage.statement_ended(dead);
  ASSERT_TRUE(stage.ask(DrainEngine{{1000, false}, "engine-1"}));
  const JobId next = stage.submit();
  const JobId its_host = stage.engine_jobs()[0];
  stage.restart();
  stage.engine_up(host);
  EXPECT_EQ(stage.turned_away, 1u);
  EXPECT_FALSE(stage.runs(next)) << "its engine is not there yet";
  EXPECT_EQ(stage.pool->engines()[0].state, EngineState::Starting);
  EXPECT_EQ(stage.engine_jobs(), std::vector{its_host}) << "and no other is started";
  stage.engine_up(its_host);
  ASSERT_TRUE(stage.runs(next));
  stage.statement_ended(next);
  EXPECT_EQ(stage.state(next), sched::JobState::Succeeded);
}

TEST(EngineRestart, AnEngineThatDiedDuringARestartTakesItsStatement) {
  Stage stage;
  const JobId lost = stage.submit();
  const JobId engine = stage.engine_jobs()[0];
  stage.engine_up(engine);
  stage.restart();
  stage.engine_died(engine);
  EXPECT_EQ(stage.table.jobs.at(lost).reason, sched::Reason::EngineLost);
}

}  // namespace
}  // namespace drover::pool
