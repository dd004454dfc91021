// tests/unit/pool/ahead_test.cpp - several statements on one engine, at once or behind each other.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "tests/unit/pool/stage.hpp"

namespace drover::pool {
namespace {

// How many statements are on the engine whose job this is.
std::size_t on_engine(const Stage& stage, JobId engine) {
  return std::size_t(std::ranges::count_if(stage.running_statements, [&](const auto& one) {
    return one.second.first == stage.table.specs.at(engine)->engine->name;
  }));
}

TEST(EnginePool, AnEngineOfShortStatementsGetsSomeAhead) {
  Plugin quick = plugin();
  quick.max_per_user = 1;
  quick.ahead = 3;
  Stage stage({quick});
  std::vector<JobId> jobs;
  for (int i = 0; i < 20; ++i) jobs.push_back(stage.submit());
  const JobId engine = stage.engine_jobs()[0];
  stage.engine_up(engine);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(on_engine(stage, engine), 1u) << "it has to prove itself";
    stage.statement_ended(jobs[std::size_t(i)]);
  }
  EXPECT_EQ(on_engine(stage, engine), 4u);
  stage.statement_ended(jobs[4], 0, millis(11));
  EXPECT_EQ(on_engine(stage, engine), 4u) << "the next one had its place already";
  for (int i = 5; i < 8; ++i) stage.statement_ended(jobs[std::size_t(i)]);
  EXPECT_EQ(on_engine(stage, engine), 1u) << "nothing ahead after one that was long";
  stage.statement_ended(jobs[8]);
  EXPECT_EQ(on_engine(stage, engine), 4u);
  stage.statement_returned(jobs[12]);
  EXPECT_EQ(on_engine(stage, engine), 3u);
  ASSERT_TRUE(stage.ask(DrainEngine{{0, true}, "engine-1"}));
  for (int i = 9; i < 12; ++i) {
    EXPECT_EQ(stage.pool->engines()[0].state, EngineState::Draining) << "until all are done";
    stage.statement_ended(jobs[std::size_t(i)]);
  }
  EXPECT_FALSE(stage.runs(jobs[12])) << "the next engine is not ready";
  ASSERT_EQ(stage.engine_jobs().size(), 1u);
  stage.engine_up(stage.engine_jobs()[0]);
  EXPECT_TRUE(stage.runs(jobs[12])) << "before those that came later";
  EXPECT_EQ(on_engine(stage, stage.engine_jobs()[0]), 1u);
}

TEST(EnginePool, SessionsAndWornEnginesGetNothingAhead) {
  for (const bool is_session : {true, false}) {
    Plugin quick = plugin();
    quick.max_per_user = 1;
    quick.ahead = 3;
    quick.max_uses = is_session ? 0 : 100;
    Stage stage({quick});
    for (int i = 0; i < 20; ++i) stage.submit(is_session ? "s" : "");
    stage.engine_up(stage.engine_jobs()[0]);
    for (int i = 0; i < 10; ++i) {
      ASSERT_EQ(stage.running_statements.size(), 1u);
      stage.statement_ended(stage.running_statements.begin()->first);
    }
  }
}

TEST(EnginePool, AnEngineTakesAsManyStatementsAtOnceAsItHasSeats) {
  Plugin adapter = plugin("slurm");
  adapter.concurrency = 3;
  Stage stage({adapter});
  stage.seats = 3;
  std::vector<JobId> jobs;
  for (int i = 0; i < 3; ++i) jobs.push_back(stage.submit({}, "slurm"));
  ASSERT_EQ(stage.engine_jobs().size(), 1u) << "one engine has room for all three";
  stage.engine_up(stage.engine_jobs()[0]);
  for (const JobId job : jobs) EXPECT_TRUE(stage.runs(job));
  jobs.push_back(stage.submit({}, "slurm"));
  EXPECT_FALSE(stage.runs(jobs[3]));
  EXPECT_EQ(stage.engine_jobs().size(), 2u) << "the fourth needs another one";
  stage.statement_ended(jobs[1]);
  EXPECT_TRUE(stage.runs(jobs[3])) << "or a seat that falls free";
  EXPECT_EQ(stage.pool->engines()[0].state, EngineState::Busy);
  stage.restart();
  stage.engine_up(stage.engine_jobs()[0]);
  for (const std::size_t i : {0u, 2u, 3u}) EXPECT_TRUE(stage.runs(jobs[i]));
  for (const std::size_t i : {0u, 2u, 3u}) {
    EXPECT_EQ(stage.pool->engines()[0].state, EngineState::Busy);
    stage.statement_ended(jobs[i]);
  }
  EXPECT_EQ(stage.pool->engines()[0].state, EngineState::Idle);
}

// ---- statements that wait before they wait for an engine

// While it is held, or waits for its next try, its pool may have no engine and nobody who waits.
TEST(EnginePool, AStatementFindsItsPoolHoweverLateItIsReady) {
  Stage stage;
  stage.holds = true;
  const JobId held = stage.submit();
  EXPECT_TRUE(stage.engine_jobs().empty());
  sched::Command release;
  release.verb = sched::Verb::Release;
  release.actor = {1000, false};
  release.target.job = held;
  stage.put(std::move(release));
  ASSERT_EQ(stage.engine_jobs().size(), 1u);
  stage.engine_up(stage.engine_jobs()[0]);
  EXPECT_TRUE(stage.runs(held));
}

TEST(EnginePool, AStatementThatMayRunAgainGetsANewEngine) {
  for (const Duration delay : {Duration{}, seconds(60)}) {
    Stage stage;
    stage.retry.max = 1;
    stage.retry.on = sched::kRetryLost;
    stage.retry.delay = delay;
    const JobId job = stage.submit();
    const JobId first = stage.engine_jobs().at(0);
    stage.engine_up(first);
    stage.engine_died(first);
    EXPECT_FALSE(sched::is_final(stage.state(job)));
    stage.pass(delay);
    ASSERT_EQ(stage.engine_jobs().size(), 1u);
    stage.engine_up(stage.engine_jobs()[0]);
    EXPECT_TRUE(stage.runs(job));
    stage.engine_died(stage.engine_jobs()[0]);
    EXPECT_EQ(stage.table.jobs.at(job).reason, sched::Reason::EngineLost);
  }
}

TEST(EnginePool, AStatementThatWasTriedFailsWhenNoEngineCanBeHad) {
  Stage stage;
  stage.retry.max = 5;
  stage.retry.on = sched::kRetryLost;
  const JobId job = stage.submit();
  stage.engine_up(stage.engine_jobs().at(0));
  stage.refuses_engines = true;
  stage.engine_died(stage.engine_jobs().at(0));
  EXPECT_EQ(stage.state(job), sched::JobState::Failed);
  EXPECT_EQ(stage.table.jobs.at(job).reason, sched::Reason::EngineFailed);
  EXPECT_NE(stage.table.jobs.at(job).detail.find("the queue is full"), std::string::npos);
}

// ---- engines that users share

Plugin shared(std::uint32_t uid = 2991) {
  Plugin made = plugin();
  made.shared_as = sched::Account{{uid, 99}, "svc"};
  return made;
}

TEST(SharedEngines, OneServesStatementsOfSeveralUsersAndIsTheAccounts) {
  Plugin at_once = shared();
  at_once.concurrency = 2;
  Stage stage({at_once});
  stage.seats = 2;
  const JobId first = stage.submit("", "python", 1000);
  ASSERT_EQ(stage.engine_jobs().size(), 1u);
  const JobId engine = stage.engine_jobs()[0];
  const sched::JobSpec& spec = *stage.table.specs.at(engine);
  EXPECT_EQ(spec.owner, (Owner{2991, 99}));
  EXPECT_EQ(spec.user, "svc");
  EXPECT_EQ(spec.labels.at("user"), "svc") << "its quotas and account are not its users'";
  stage.engine_up(engine);
  const JobId second = stage.submit("", "python", 1001);
  EXPECT_TRUE(stage.runs(first) && stage.runs(second));
  EXPECT_EQ(stage.table.specs.at(second)->owner.uid, 1001u);
  EXPECT_EQ(stage.table.specs.at(second)->labels.at("user"), "u1001") << "its owner's quotas";
  EXPECT_EQ(stage.pool->engines()[0].uid, 2991u);
  stage.restart();
  stage.engine_up(engine);
  stage.statement_ended(first);
  stage.statement_ended(second);
  EXPECT_EQ(stage.state(first), sched::JobState::Succeeded);
  EXPECT_TRUE(stage.runs(stage.submit("", "python", 1002))) << "warm, over a restart";
}

TEST(SharedEngines, NobodyButTheAccountStartsThemAndNobodyLocksOne) {
  Stage stage({shared()});
  StartEngines start;
  start.type = "python";
  start.wish.owner = {1000, 100};
  start.wish.user = "u1000";
  EXPECT_FALSE(stage.ask(start));
  start.wish.session = "s1";
  EXPECT_FALSE(stage.ask(start));
  AskEngine lock;
  lock.type = "python";
  lock.wish.owner = {2991, 99};
  lock.wish.user = "svc";
  lock.lease = seconds(60);
  EXPECT_FALSE(stage.ask(lock));
  EXPECT_TRUE(stage.engine_jobs().empty());
  start.wish = {};
  start.wish.owner = {2991, 99};
  start.wish.user = "svc";
  EXPECT_TRUE(stage.ask(start));
  const JobId engine = stage.engine_jobs().at(0);
  stage.engine_up(engine);
  EXPECT_TRUE(stage.runs(stage.submit("", "python", 1000)));
  DrainEngine kill{{1000, false}, "engine-1", true};
  EXPECT_EQ(stage.ask(kill).error().code, Errc::NotFound) << "a user of it does not end it";
}

// What was accepted under one declaration is not run under another.
TEST(SharedEngines, WaitingStatementsFailWhenTheAccountChanges) {
  Plugin own = plugin();
  own.shared_as.reset();
  for (const Plugin& now : {own, shared(2992)}) {
    Stage stage({shared()});
    const JobId waits = stage.submit("", "python", 1000);
    const JobId engine = stage.engine_jobs().at(0);
    auto catalogue = std::make_shared<Catalogue>();
    ASSERT_TRUE(catalogue->add(now));
    stage.pool->set_catalogue(catalogue);
    stage.engine_died(engine);
    EXPECT_EQ(stage.state(waits), sched::JobState::Failed);
    EXPECT_EQ(stage.table.jobs.at(waits).reason, sched::Reason::EngineFailed);
    EXPECT_TRUE(stage.engine_jobs().empty());
  }
}

// The store does not know how often an engine was used; the engine does.
TEST(EnginePool, AnEngineTellsANewControllerHowOftenItWasUsed) {
  Plugin worn = plugin();
  worn.max_uses = 3;
  Stage stage({worn});
  const JobId first = stage.submit();
  const JobId engine = stage.engine_jobs()[0];
  stage.engine_up(engine);
  stage.statement_ended(first);
  const JobId second = stage.submit();
  stage.restart();
  ASSERT_TRUE(stage.ask(TellUses{"engine-1", engine, 2}));
  ASSERT_TRUE(stage.ask(TellUses{"engine-1", first, 90})) << "of another engine of that name";
  stage.engine_up(engine);
  EXPECT_EQ(stage.pool->engines().at(0).uses, 2u) << "the one that runs was counted";
  stage.statement_ended(second);
  stage.statement_ended(stage.submit());
  EXPECT_TRUE(stage.engine_jobs().empty()) << "it is worn";
}

}  // namespace
}  // namespace drover::pool
