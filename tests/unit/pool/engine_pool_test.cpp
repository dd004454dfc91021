// tests/unit/pool/engine_pool_test.cpp - engines start for those who wait, serve, and end.
// SPDX-License-Identifier: Apache-2.0
#include "base/prng.hpp"
#include "tests/unit/pool/stage.hpp"

namespace drover::pool {
namespace {

using sched::JobState;
using sched::Reason;

TEST(EnginePool, AnEngineIsStartedOnceAndServesTheNextOne) {
  Stage stage;
  const JobId first = stage.submit();
  ASSERT_EQ(stage.engine_jobs().size(), 1u);
  const JobId engine = stage.engine_jobs()[0];
  const sched::JobSpec& spec = *stage.table.specs.at(engine);
  EXPECT_EQ(spec.argv[0], "/plugins/python/engine");
  EXPECT_EQ(spec.request.engines, 1);
  EXPECT_EQ(spec.owner.uid, 1000u);
  EXPECT_FALSE(stage.runs(first));
  EXPECT_EQ(stage.pool->why_cold(first), "no engine of pool python.1000 was there");
  stage.engine_up(engine);
  EXPECT_TRUE(stage.runs(first));
  EXPECT_EQ(stage.pool->engines()[0].state, EngineState::Busy);
  stage.statement_ended(first);
  EXPECT_EQ(stage.pool->why_cold(first), "no engine of pool python.1000 was there")
      << "still known";
  EXPECT_EQ(stage.pool->engines()[0].state, EngineState::Idle);
  const JobId second = stage.submit();
  EXPECT_TRUE(stage.runs(second));
  EXPECT_EQ(stage.pool->why_cold(second), "");
  EXPECT_EQ(stage.engine_jobs().size(), 1u);
  EXPECT_EQ(stage.pool->counts().warm, 1u);
  EXPECT_EQ(stage.pool->counts().cold, 1u);
}

TEST(EnginePool, OnlyResultsOfStatementsThatAskedForReuseAreOffered) {
  Stage stage;
  const JobId silent = stage.submit();
  stage.engine_up(stage.engine_jobs()[0]);
  stage.statement_ended(silent);
  EXPECT_TRUE(stage.pool->take_offers().empty());
  stage.content_key = "k";
  const JobId failed = stage.submit();
  stage.statement_ended(failed, 1);
  EXPECT_TRUE(stage.pool->take_offers().empty()) << "what failed is no result";
  const JobId good = stage.submit();
  stage.statement_ended(good);
  const std::vector<Offer> offers = stage.pool->take_offers();
  ASSERT_EQ(offers.size(), 1u);
  EXPECT_EQ(offers[0].job, good);
  EXPECT_EQ(offers[0].uid, 1000u);
  EXPECT_EQ(offers[0].content_key, "k");
  EXPECT_EQ(offers[0].at, stage.now.wall);
  EXPECT_TRUE(stage.pool->take_offers().empty()) << "once";
  const JobId over_restart = stage.submit();
  stage.restart();
  stage.engine_up(stage.engine_jobs()[0]);
  stage.statement_ended(over_restart);
  ASSERT_EQ(stage.pool->take_offers().size(), 1u);
}

TEST(EnginePool, UsersDoNotShareEngines) {
  Stage stage;
  stage.submit();
  stage.engine_up(stage.engine_jobs()[0]);
  const JobId other = stage.submit("", "python", 1001);
  EXPECT_FALSE(stage.runs(other));
  ASSERT_EQ(stage.engine_jobs().size(), 2u);
  EXPECT_EQ(stage.table.specs.at(stage.engine_jobs()[1])->owner.uid, 1001u);
}

TEST(EnginePool, ManyWhoWaitGetEnginesByAndByAndNotMoreThanAllowed) {
  Plugin few = plugin();
  few.max_per_user = 6;
  Stage stage({few});
  for (int i = 0; i < 20; ++i) stage.submit();
  EXPECT_EQ(stage.engine_jobs().size(), 4u) << "at once";
  for (const JobId engine : stage.engine_jobs()) stage.engine_up(engine);
  EXPECT_EQ(stage.engine_jobs().size(), 6u) << "at most";
  for (const JobId engine : stage.engine_jobs())
    if (!stage.engine_sessions.contains(stage.table.specs.at(engine)->engine->name))
      stage.engine_up(engine);
  EXPECT_EQ(stage.running_statements.size(), 6u);
  for (int ended = 0; ended < 20; ++ended)
    stage.statement_ended(stage.running_statements.begin()->first);
  EXPECT_EQ(stage.engine_jobs().size(), 6u);
  EXPECT_EQ(stage.pool->waiting(), 0u);
}

TEST(EnginePool, AnIdleEngineEndsAndLeavesNothing) {
  Stage stage;
  const JobId job = stage.submit();
  stage.engine_up(stage.engine_jobs()[0]);
  stage.statement_ended(job);
  stage.pass(seconds(299));
  EXPECT_EQ(stage.engine_jobs().size(), 1u);
  ASSERT_TRUE(stage.pool->next_timer());
  stage.pass(seconds(2));
  EXPECT_TRUE(stage.engine_jobs().empty());
  EXPECT_TRUE(stage.pool->engines().empty());
  EXPECT_EQ(stage.open_jobs(), 0u);
  EXPECT_FALSE(stage.pool->next_timer());
  const JobId later = stage.submit();
  stage.engine_up(stage.engine_jobs()[0]);  // the same name, in service again
  EXPECT_TRUE(stage.runs(later));
}

TEST(EnginePool, AnEngineThatDoesNotEndIsEndedByForce) {
  Stage stage;
  stage.obeys = false;
  const JobId job = stage.submit();
  stage.engine_up(stage.engine_jobs()[0]);
  stage.statement_ended(job);
  stage.pass(seconds(301));
  EXPECT_EQ(stage.signalled.size(), 1u);
  EXPECT_EQ(stage.engine_jobs().size(), 1u);
  EXPECT_FALSE(stage.runs(stage.submit())) << "nothing new is placed on it";
  stage.pass(seconds(11));
  EXPECT_EQ(stage.engine_jobs().size(), 1u) << "that of the new one";
}

TEST(EnginePool, AnEngineWhoseMachineIsAwayHearsOfItsEndWhenThatIsBack) {
  Stage stage;
  const JobId job = stage.submit();
  const JobId engine = stage.engine_jobs()[0];
  stage.engine_up(engine);
  stage.statement_ended(job);
  const NodeId machine = stage.running_engines.at(engine).node;
  stage.put(sched::NodeDown{machine, stage.machine});
  ASSERT_TRUE(stage.ask(DrainEngine{{1000, false}, "engine-1", false}));
  EXPECT_TRUE(stage.signalled.empty()) << "nobody hears it";
  stage.pass(seconds(1));
  stage.node_up("n1", 64);
  EXPECT_TRUE(stage.engine_jobs().empty()) << "not ten seconds later, and by force";
}

TEST(EnginePool, StartsThatFailEndThoseWhoWait) {
  Stage stage;
  const JobId job = stage.submit();
  stage.engine_died(stage.engine_jobs()[0], 127);
  EXPECT_FALSE(sched::is_final(stage.state(job))) << "once more";
  stage.engine_died(stage.engine_jobs()[0], 127);
  ASSERT_EQ(stage.state(job), JobState::Failed);
  EXPECT_EQ(stage.table.jobs.at(job).reason, Reason::EngineFailed);
  EXPECT_NE(stage.table.jobs.at(job).detail.find("exit status 127; drover log"), std::string::npos)
      << stage.table.jobs.at(job).detail;
  EXPECT_EQ(stage.open_jobs(), 0u);
  const JobId later = stage.submit();
  stage.engine_up(stage.engine_jobs()[0]);
  EXPECT_TRUE(stage.runs(later)) << "it is tried again for the next one";
}

TEST(EnginePool, AnEngineThatIsNotReadyInTimeIsEnded) {
  Stage stage;
  const JobId job = stage.submit();
  stage.pass(seconds(61));
  stage.pass(seconds(61));
  EXPECT_EQ(stage.state(job), JobState::Failed);
  EXPECT_TRUE(stage.engine_jobs().empty());
}

TEST(EnginePool, WhenTheEntranceRefusesTheEngineTheStatementFails) {
  Stage stage;
  stage.refuses_engines = true;
  const JobId job = stage.submit();
  EXPECT_EQ(stage.state(job), JobState::Failed);
  EXPECT_NE(stage.table.jobs.at(job).detail.find("the queue is full"), std::string::npos);
}

TEST(EnginePool, AnEngineThatDiesTakesItsStatementAndNoOther) {
  Stage stage;
  const JobId lost = stage.submit();
  const JobId engine = stage.engine_jobs()[0];
  stage.engine_up(engine);
  const JobId waits = stage.submit();
  stage.engine_died(engine);
  EXPECT_EQ(stage.pool->counts().lost, 1u);
  EXPECT_EQ(stage.table.jobs.at(lost).reason, Reason::EngineLost);
  EXPECT_FALSE(sched::is_final(stage.state(waits)));
  stage.engine_up(stage.engine_jobs()[0]);
  EXPECT_TRUE(stage.runs(waits));
}

TEST(EnginePool, NobodyWaitsAnyMoreSoNothingStarts) {
  Stage stage;
  stage.put(sched::NodeDown{NodeId{1}, stage.machine});  // no room for the engine
  const JobId job = stage.submit();
  EXPECT_EQ(stage.open_jobs(), 2u);
  stage.cancel(job);
  EXPECT_EQ(stage.open_jobs(), 0u);
  EXPECT_TRUE(stage.pool->engines().empty());
}

TEST(EnginePool, ASessionHasOneEngineAndItsStatementsComeInOrder) {
  Stage stage;
  const JobId first = stage.submit("s1");
  const JobId second = stage.submit("s1");
  ASSERT_EQ(stage.engine_jobs().size(), 1u);
  stage.engine_up(stage.engine_jobs()[0]);
  EXPECT_TRUE(stage.runs(first));
  EXPECT_FALSE(stage.runs(second));
  EXPECT_EQ(stage.engine_jobs().size(), 1u);
  EXPECT_FALSE(stage.runs(stage.submit())) << "what belongs to no session gets another engine";
  stage.statement_ended(first);
  EXPECT_TRUE(stage.runs(second));
  stage.statement_ended(second);
  stage.pass(seconds(301));
  EXPECT_EQ(stage.pool->engines()[0].session, "s1") << "it stays longer";
  EXPECT_EQ(
      stage.ask(StartEngines{"python", {{1000, 100}, "u1000", "", "s1", {}, {}}, 1}).error().code,
      Errc::Conflict);
}

TEST(EnginePool, ASessionKeepsItsSizeWhenItsEngineIsReplaced) {
  struct Row {
    const char* what;
    bool restart, close;
    std::int32_t cpus;
  };
  for (const Row& row : {Row{"the engine dies", false, false, 4},
                         Row{"droverd restarts, and then the engine dies", true, false, 4},
                         Row{"its user closes it: a new one of that name", false, true, 1}}) {
    Stage stage;
    const EngineWish wish{{1000, 100}, "u1000", "", "s1", {}, {4, 2048, 0, ""}};
    ASSERT_TRUE(stage.ask(StartEngines{"python", wish, 1}));
    const JobId engine = stage.engine_jobs()[0];
    stage.engine_up(engine);
    if (row.restart) {
      stage.restart();
      stage.engine_up(engine);
    }
    if (row.close) {
      ASSERT_TRUE(stage.ask(DrainEngine{{1000, false}, "engine-1", true}));
    }
    if (!row.close) stage.engine_died(engine);
    stage.submit("s1");
    ASSERT_EQ(stage.engine_jobs().size(), 1u) << row.what;
    EXPECT_EQ(stage.table.specs.at(stage.engine_jobs()[0])->cpus_per_task, row.cpus) << row.what;
  }
}

TEST(EnginePool, EnginesAreStartedAheadAndStay) {
  Stage stage;
  const EngineWish wish{{1000, 100}, "u1000", "", "", {}, {}};
  ASSERT_TRUE(stage.ask(StartEngines{"python", wish, 3}));
  ASSERT_EQ(stage.engine_jobs().size(), 3u);
  for (const JobId engine : stage.engine_jobs()) stage.engine_up(engine);
  EXPECT_TRUE(stage.runs(stage.submit()));
  EXPECT_EQ(stage.engine_jobs().size(), 3u);
  EXPECT_EQ(stage.ask(StartEngines{"python", wish, 14}).error().code, Errc::Limit);
  EXPECT_EQ(stage.ask(StartEngines{"cobol", wish, 1}).error().code, Errc::NotFound);
}

TEST(EnginePool, AnIdleEngineMakesRoomForAnotherThatIsWaitedFor) {
  Stage stage({plugin(), plugin("sql")}, 1);
  stage.statement_ended([&] {
    const JobId job = stage.submit();
    stage.engine_up(stage.engine_jobs()[0]);
    return job;
  }());
  const JobId other = stage.submit("", "sql");
  ASSERT_EQ(stage.engine_jobs().size(), 1u);
  stage.engine_up(stage.engine_jobs()[0]);
  EXPECT_TRUE(stage.runs(other));
  const JobId third = stage.submit();
  EXPECT_FALSE(stage.runs(third)) << "one that works does not make room";
  stage.statement_ended(other);
  stage.engine_up(stage.engine_jobs()[0]);
  EXPECT_TRUE(stage.runs(third));
}

TEST(EnginePool, AnIdleEngineGivesWayToABatchJobAfterAWhile) {
  Stage stage({plugin()}, 1);
  stage.statement_ended([&] {
    const JobId job = stage.submit();
    stage.engine_up(stage.engine_jobs()[0]);
    return job;
  }());
  const JobId batch = stage.submit_batch(1);
  stage.pass(seconds(5));
  EXPECT_EQ(stage.state(batch), JobState::Scheduled) << "it was used just now";
  stage.pass(seconds(6));
  EXPECT_EQ(stage.state(batch), JobState::Running);
  EXPECT_TRUE(stage.pool->engines().empty());
}

TEST(EnginePool, AnIdleEngineOfTheSameUserGivesWayUnderAQuota) {
  sched::ControllerConfig config;
  rm::QuotaRule rule{{{"user", "*"}}, rm::kUnlimited};
  rule.max[rm::Kind::Engines] = 1;
  config.quotas = {rule};
  Stage stage({plugin(), plugin("sql")}, 64, config);
  const auto use = [&](const std::string& engine, std::uint32_t uid) {
    const JobId job = stage.submit({}, engine, uid);
    EXPECT_FALSE(stage.runs(job));
    stage.engine_up(stage.engine_jobs().back());
    EXPECT_TRUE(stage.runs(job));
    stage.statement_ended(job);
  };
  use("python", 1000);
  use("python", 1001);
  use("sql", 1000);  // in the place of 1000's other engine
  const auto engines = stage.pool->engines();
  ASSERT_EQ(engines.size(), 2u);
  EXPECT_EQ(engines[0].user, "u1001");
  EXPECT_EQ(engines[1].user, "u1000");
  EXPECT_EQ(engines[1].type, "sql");
}

TEST(EnginePool, ASessionGivesWayToNobody) {
  Stage stage({plugin()}, 1);
  const JobId job = stage.submit("s1");
  stage.engine_up(stage.engine_jobs()[0]);
  stage.statement_ended(job);
  const JobId batch = stage.submit_batch(1);
  stage.pass(seconds(600));
  EXPECT_EQ(stage.state(batch), JobState::Scheduled);
}

TEST(EnginePool, SomeAreKeptIdleAfterUse) {
  Plugin ready = plugin();
  ready.min_idle = 2;
  Stage stage({ready});
  const JobId job = stage.submit();
  EXPECT_EQ(stage.engine_jobs().size(), 3u) << "one that works and two that are ready";
  for (const JobId engine : stage.engine_jobs()) stage.engine_up(engine);
  stage.statement_ended(job);
  for (int i = 0; i < 11; ++i) stage.pass(seconds(301));
  EXPECT_EQ(stage.engine_jobs().size(), 2u);
  for (int i = 0; i < 3; ++i) stage.pass(seconds(301));
  EXPECT_EQ(stage.engine_jobs().size(), 0u) << "an hour after the last use";
}

TEST(EnginePool, ASpareIsStartedWhenTheLastIdleOneIsTaken) {
  Plugin ready = plugin();
  ready.min_idle = 1;
  Stage stage({ready});
  stage.submit();
  for (const JobId engine : stage.engine_jobs()) stage.engine_up(engine);
  EXPECT_EQ(stage.engine_jobs().size(), 2u);
  EXPECT_TRUE(stage.runs(stage.submit())) << "the spare one takes it";
  EXPECT_EQ(stage.engine_jobs().size(), 3u);
  EXPECT_LT(stage.pool->counts().started, 10u);
  // Spares that fail are not started again and again while nobody waits.
  stage.engine_died(stage.engine_jobs()[2]);
  EXPECT_EQ(stage.engine_jobs().size(), 2u);
  EXPECT_LT(stage.pool->counts().started, 10u);
}

TEST(EnginePool, SessionsCountAsTheirUsersEngines) {
  Plugin few = plugin();
  few.max_per_user = 2;
  Stage stage({few});
  stage.submit("a");
  stage.submit("b");
  const JobId third = stage.submit("c");
  EXPECT_EQ(stage.engine_jobs().size(), 2u);
  EXPECT_EQ(stage.table.jobs.at(third).reason, Reason::EngineFailed);
}

TEST(EnginePool, DrainingTwiceIsNotKilling) {
  Stage stage;
  const JobId job = stage.submit();
  stage.engine_up(stage.engine_jobs()[0]);
  ASSERT_TRUE(stage.ask(DrainEngine{{1000, false}, "engine-1"}));
  ASSERT_TRUE(stage.ask(DrainEngine{{1000, false}, "engine-1"}));
  EXPECT_TRUE(stage.runs(job));
  EXPECT_TRUE(stage.signalled.empty());
}

TEST(EnginePool, AWornEngineEnds) {
  Plugin worn = plugin();
  worn.max_uses = 2;
  Stage stage({worn});
  JobId job = stage.submit();
  stage.engine_up(stage.engine_jobs()[0]);
  stage.statement_ended(job);
  EXPECT_EQ(stage.engine_jobs().size(), 1u);
  job = stage.submit();
  stage.statement_ended(job);
  EXPECT_EQ(stage.engine_jobs().size(), 0u);
}

TEST(EnginePool, DrainingWaitsForWhatRuns) {
  Stage stage;
  const JobId job = stage.submit();
  stage.engine_up(stage.engine_jobs()[0]);
  EXPECT_EQ(stage.ask(DrainEngine{{1001, false}, "engine-1"}).error().code, Errc::NotFound);
  EXPECT_EQ(stage.ask(DrainEngine{{1000, false}, "engine-1", false, JobId{999}}).error().code,
            Errc::NotFound)
      << "another had the name";
  ASSERT_TRUE(stage.ask(DrainEngine{{1000, false}, "engine-1"}));
  EXPECT_EQ(stage.pool->engines()[0].state, EngineState::Draining);
  EXPECT_FALSE(stage.runs(stage.submit()));
  stage.statement_ended(job);
  EXPECT_EQ(stage.state(job), JobState::Succeeded);
  EXPECT_EQ(stage.engine_jobs().size(), 1u) << "that of the next statement";
}

TEST(EnginePool, KillingDoesNot) {
  Stage stage;
  const JobId job = stage.submit();
  stage.engine_up(stage.engine_jobs()[0]);
  ASSERT_TRUE(stage.ask(DrainEngine{{1000, false}, "engine-1", true}));
  EXPECT_EQ(stage.table.jobs.at(job).reason, Reason::EngineLost);
  EXPECT_EQ(stage.open_jobs(), 0u);
}

TEST(EnginePool, ADrainWaitsForAllOfThem) {
  Plugin adapter = plugin("slurm");
  adapter.concurrency = 2;
  Stage stage({adapter});
  stage.seats = 2;
  const JobId first = stage.submit({}, "slurm"), second = stage.submit({}, "slurm");
  stage.engine_up(stage.engine_jobs()[0]);
  ASSERT_TRUE(stage.ask(DrainEngine{{1000, false}, "engine-1"}));
  stage.statement_ended(first);
  EXPECT_EQ(stage.pool->engines()[0].state, EngineState::Draining);
  EXPECT_TRUE(stage.runs(second));
  stage.statement_ended(second);
  EXPECT_TRUE(stage.engine_jobs().empty());
}

TEST(EnginePool, WhatAnOperatorDrainsServesNobody) {
  Stage stage;
  const JobId first = stage.submit();
  stage.engine_up(stage.engine_jobs()[0]);
  stage.statement_ended(first);
  sched::ServeNode drain;
  drain.actor = {0, true};
  drain.node = "engine-1";
  drain.reason = "disk";
  stage.put(std::move(drain));
  EXPECT_EQ(stage.open_jobs(), 0u) << "idle: it ends";
  const JobId next = stage.submit();
  stage.engine_up(stage.engine_jobs()[0]);
  EXPECT_TRUE(stage.runs(next));
}

// Somebody asks for an engine, renews a lease or gives it back, or sends code to a lock.
void play_with_locks(Stage& stage, Prng& random, std::vector<JobId>& all) {
  const auto uid = std::uint32_t(1000 + random.below(2));
  if (random.below(2) == 0) {
    AskEngine ask;
    ask.type = "python";
    ask.wish.owner = {uid, 100};
    ask.wish.user = "u" + std::to_string(uid);
    ask.lease = seconds(std::int64_t(1 + random.below(60)));
    (void)stage.ask(std::move(ask));
    return;
  }
  for (const EngineView& engine : stage.pool->engines()) {
    if (engine.lease.us == 0 || random.below(2) == 0) continue;
    if (random.below(2) == 0) {
      all.push_back(stage.submit(engine.session, "python", engine.uid));
      continue;
    }
    (void)stage.ask(
        HoldEngine{{engine.uid, false}, engine.name, seconds(std::int64_t(random.below(2) * 30))});
  }
}

// Whatever happens in whatever order: every statement ends, no engine is left over, and nothing is
// counted that is not there.
void play(std::uint64_t seed) {
  Prng random(seed);
  Plugin quick = plugin();
  quick.idle = seconds(20);
  quick.max_per_user = 3;
  quick.max_uses = random.below(2) == 0 ? 0 : 5;
  quick.ahead = std::uint32_t(random.below(2) * 4);
  Stage stage({quick, plugin("sql")});
  const auto any = [&](const auto& map) {
    auto it = map.begin();
    std::advance(it, std::int64_t(random.below(map.size())));
    return it->first;
  };
  std::vector<JobId> all;
  for (int step = 0; step < 60; ++step) {
    switch (random.below(11)) {
      case 0:
      case 1:
      case 2: {
        const char* session = random.below(3) == 0 ? "s" : "";
        all.push_back(stage.submit(session, random.below(3) == 0 ? "sql" : "python",
                                   std::uint32_t(1000 + random.below(2))));
        break;
      }
      case 3:
      case 4:
        if (!stage.running_engines.empty()) stage.engine_up(any(stage.running_engines));
        break;
      case 5:
        for (auto n = random.below(8); n > 0 && !stage.running_statements.empty(); --n) {
          const JobId job = any(stage.running_statements);
          if (!stage.engine_sessions.contains(stage.running_statements.at(job).first)) break;
          if (random.below(8) == 0)
            stage.statement_returned(job);
          else
            stage.statement_ended(job, std::int32_t(random.below(2)),
                                  millis(random.below(4) == 0 ? 20 : 1));
        }
        break;
      case 6:
        if (!stage.running_engines.empty() && random.below(2) == 0)
          stage.engine_died(any(stage.running_engines));
        break;
      case 7:
        if (!all.empty() && random.below(2) == 0) stage.cancel(all[random.below(all.size())]);
        stage.pass(seconds(std::int64_t(random.below(30))));
        break;
      case 8:
      case 9: play_with_locks(stage, random, all); break;
      default:
        if (random.below(3) == 0) stage.restart();
    }
    if (::testing::Test::HasFatalFailure()) return;
  }
  for (int i = 0; i < 400 && stage.open_jobs() > 0; ++i) {
    for (const JobId engine : stage.engine_jobs()) {
      if (!stage.running_engines.contains(engine)) continue;
      stage.engine_up(engine);
    }
    if (!stage.running_statements.empty())
      stage.statement_ended(stage.running_statements.begin()->first);
    stage.pass(seconds(100));
  }
  EXPECT_EQ(stage.open_jobs(), 0u);
  EXPECT_TRUE(stage.pool->engines().empty());
  EXPECT_EQ(stage.pool->waiting(), 0u);
  EXPECT_FALSE(stage.pool->next_timer());
  EXPECT_TRUE(stage.running_engines.empty());
}

TEST(EnginePoolProperty, EverythingEndsAndNothingIsLeft) {
  const char* text = std::getenv("SEEDS");
  const int seeds = text != nullptr ? std::atoi(text) : 150;
  for (int seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    play(std::uint64_t(seed));
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace drover::pool
