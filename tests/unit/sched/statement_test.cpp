// tests/unit/sched/statement_test.cpp - code waits for an engine of its pool, and for nothing else.
// SPDX-License-Identifier: Apache-2.0
#include "sched/entrance.hpp"
#include "tests/unit/sched/desk.hpp"

namespace drover::sched {
namespace {

JobSpec code(std::string pool = "python.1000", std::string user = "ann") {
  JobSpec spec = Desk::spec(std::move(user));
  spec.argv.clear();
  spec.script = "1+1";
  spec.statement = Statement{"python", "python", "", std::move(pool), "namespace"};
  return complete_statement(spec, {}) ? spec : JobSpec{};
}

void engine_up(Desk& desk, const std::string& name, const std::string& pool,
               const std::string& boot = "7.0.1.1", std::vector<HeldAttempt> running = {},
               std::optional<JobId> host = {}) {
  rm::NodeSpec spec;
  spec.name = name;
  spec.labels = {{"pool", pool}};
  spec.seats = 1;
  NodeUp up;
  up.spec = spec;
  up.boot_id = boot;
  up.session = SessionId{++desk.sessions};
  up.running = std::move(running);
  up.host = host;
  desk.put(std::move(up));
  desk.turn();
}

TEST(Statement, WaitsForAnEngineOfItsPoolAndHoldsUpNoOther) {
  Desk desk;
  desk.node_up("n1", 8);
  const JobId first = desk.accept(code("python.1000"));
  EXPECT_EQ(desk.table.jobs.at(first).state, JobState::Scheduled) << "no plan is waited for";
  EXPECT_EQ(desk.table.jobs.at(first).reason, Reason::Engine);
  EXPECT_EQ(desk.controller.why(first, {}, desk.now)->text,
            "waits for an engine of pool python.1000: none is there yet");
  const JobId other = desk.accept(code("sql.1000"));
  engine_up(desk, "engine-1", "sql.1000");
  ASSERT_EQ(desk.launches.size(), 1u);
  EXPECT_EQ(desk.launches[0].id.task.job, other);
  const JobId next = desk.accept(code("sql.1000"));
  EXPECT_EQ(desk.launches.size(), 1u) << "one statement at a time";
  EXPECT_EQ(desk.controller.why(next, {}, desk.now)->text,
            "waits for an engine of pool sql.1000: 1 there, none of them idle");
  desk.ended(desk.launches[0]);
  ASSERT_EQ(desk.launches.size(), 2u);
  EXPECT_EQ(desk.launches[1].id.task.job, next);
}

TEST(Statement, AnEarlierResultAnswersAtOnceOrNotAtAll) {
  struct Row {
    const char* beside;
    void (*change)(JobSpec&);
  };
  for (const Row& row : {
           Row{nullptr, [](JobSpec&) {}},
           Row{"session", [](JobSpec& s) { s.statement->session = "s1"; }},
           Row{"dependency", [](JobSpec& s) { s.dependencies.push_back({}); }},
           Row{"dependency", [](JobSpec& s) { s.singleton = true; }},
           Row{"hold", [](JobSpec& s) { s.hold = true; }},
           Row{"begin", [](JobSpec& s) { s.begin = Time{1}; }},
       }) {
    JobSpec spec = code();
    row.change(spec);
    EXPECT_TRUE(complete_statement(spec, {})) << "without reuse";
    spec.statement->reuse = seconds(60);
    const auto good = complete_statement(spec, {});
    EXPECT_EQ(bool(good), row.beside == nullptr);
    if (good || row.beside == nullptr) continue;
    EXPECT_EQ(good.error().field, "reuse");
    EXPECT_NE(good.error().message.find(row.beside), std::string::npos) << good.error().message;
  }
}

TEST(Statement, RemembersTheJobOfItsEngineWhoseNameIsUsedAgain) {
  Desk desk;
  desk.node_up("n1", 8);
  JobSpec engine = Desk::spec("ann");
  const JobId host = desk.accept(engine), next_host = desk.accept(engine);
  engine_up(desk, "engine-1", "python.1000", "7.0.1.1", {}, host);
  const JobId first = desk.accept(code());
  desk.ended(desk.launches.back());
  engine_up(desk, "engine-1", "python.1000", "8.0.1.1", {}, next_host);
  const JobId second = desk.accept(code());
  const auto host_of = [&](JobId job) { return desk.table.tasks.at({job, TaskIndex{0}}).host; };
  EXPECT_EQ(host_of(first), host);
  EXPECT_EQ(host_of(second), next_host);
  EXPECT_EQ(host_of(host), JobId{}) << "a machine is no engine";
}

TEST(Statement, IsChargedAsARunningJobAndNothingElse) {
  Desk desk;
  engine_up(desk, "engine-1", "python.1000");
  desk.accept(code());
  ASSERT_EQ(desk.launches.size(), 1u);
  rm::Amounts one;
  one[rm::Kind::RunningJobs] = 1;
  EXPECT_EQ(desk.launches[0].lease.total(), one);
}

TEST(Statement, NothingElseRunsOnAnEngine) {
  Desk desk;
  engine_up(desk, "engine-1", "python.1000");
  JobSpec alone = Desk::spec();
  alone.request.exclusive = true;
  for (const JobSpec& spec : {Desk::spec(), alone}) {
    const auto refused = desk.submit(spec);
    EXPECT_FALSE(refused) << "there is no machine";
  }
  desk.node_up("n1", 2);
  desk.accept(Desk::spec());
  ASSERT_EQ(desk.launches.size(), 1u);
  EXPECT_EQ(desk.table.tasks.at(desk.launches[0].id.task).node, "n1");
}

TEST(Statement, WaitsInAnEngineThatMayHaveMoreAndHasFewest) {
  Desk desk;
  for (const char* name : {"engine-1", "engine-2"}) engine_up(desk, name, "python.1000");
  for (int i = 0; i < 8; ++i) desk.accept(code());
  ASSERT_EQ(desk.launches.size(), 2u);
  desk.put(EngineAhead{"engine-2", 2});
  desk.put(EngineAhead{"engine-9", 2});
  desk.turn();
  ASSERT_EQ(desk.launches.size(), 4u);
  desk.put(EngineAhead{"engine-1", 2});
  desk.turn();
  ASSERT_EQ(desk.launches.size(), 6u);
  const auto on = [&](std::size_t at) {
    return desk.table.tasks.at(desk.launches[at].id.task).node;
  };
  EXPECT_EQ(on(2), "engine-2");
  EXPECT_EQ(on(3), "engine-2");
  EXPECT_EQ(on(4), "engine-1");
  EXPECT_EQ(on(5), "engine-1");
  desk.put(EngineAhead{"engine-2", 0});  // those that are there stay
  desk.ended(desk.launches[1]);
  EXPECT_EQ(desk.launches.size(), 6u);
  desk.ended(desk.launches[0]);
  ASSERT_EQ(desk.launches.size(), 7u);
  EXPECT_EQ(on(6), "engine-1");
  for (const std::size_t at : {2, 3}) desk.ended(desk.launches[at]);
  ASSERT_EQ(desk.launches.size(), 8u);
  EXPECT_EQ(on(7), "engine-2") << "idle comes before waiting";
}

TEST(Statement, ThatItsEngineReturnsRunsOnAnother) {
  Desk desk;
  engine_up(desk, "engine-1", "python.1000");
  const JobId job = desk.accept(code());
  ASSERT_EQ(desk.launches.size(), 1u);
  const auto give_back = [&](const Launch& launch) {
    TaskEnded end;
    end.node = launch.node;
    end.session = launch.session;
    end.id = launch.id;
    end.cause = EndCause::LaunchFailed;
    end.never_started = end.returned = true;
    desk.put(std::move(end));
    desk.turn();
  };
  engine_up(desk, "engine-2", "python.1000");
  give_back(desk.launches[0]);
  ASSERT_EQ(desk.launches.size(), 2u);
  EXPECT_EQ(desk.launches[1].id.number, AttemptNo(2));
  for (int i = 0; i < 98; ++i) give_back(desk.launches.back());
  ASSERT_EQ(desk.launches.size(), 100u);
  give_back(desk.launches.back());
  EXPECT_EQ(desk.table.jobs.at(job).state, JobState::Failed) << "an engine that runs nothing";
  EXPECT_EQ(desk.table.jobs.at(job).reason, Reason::LaunchFailed);
}

TEST(Statement, EndsWithItsEngineAndIsNotRunAgain) {
  Desk desk;
  engine_up(desk, "engine-1", "python.1000", "7.0.1.1");
  const JobId job = desk.accept(code());
  ASSERT_EQ(desk.launches.size(), 1u);
  engine_up(desk, "engine-1", "python.1000", "9.0.1.4");  // another engine under the same name
  EXPECT_EQ(desk.table.jobs.at(job).state, JobState::Failed);
  EXPECT_EQ(desk.table.jobs.at(job).reason, Reason::EngineLost);
  desk.accept(code());
  EXPECT_EQ(desk.launches.size(), 2u);
}

// Only who says so by name: it may have done its work.
TEST(Statement, RunsAgainAfterTheLossOfItsEngineWhenThatWasAskedFor) {
  struct Row {
    std::vector<const char*> on;
    bool again;
  };
  for (const Row& row : {Row{{}, false}, Row{{"any"}, false}, Row{{"exit", "unknown"}, false},
                         Row{{"lost"}, true}, Row{{"any", "lost"}, true}}) {
    Desk desk;
    engine_up(desk, "engine-1", "python.1000", "7.0.1.1");
    JobSpec spec = code();
    spec.retry.max = 2;
    if (!row.on.empty()) spec.retry.on = 0;
    for (const char* word : row.on) ASSERT_TRUE(add_retry_end(word, spec.retry));
    const JobId job = desk.accept(std::move(spec));
    ASSERT_EQ(desk.launches.size(), 1u);
    const Launch first = desk.launches[0];
    engine_up(desk, "engine-1", "python.1000", "9.0.1.4");
    EXPECT_EQ(desk.launches.size(), row.again ? 2u : 1u);
    if (!row.again) {
      EXPECT_EQ(desk.table.jobs.at(job).reason, Reason::EngineLost);
      continue;
    }
    EXPECT_EQ(desk.launches[1].id.number, AttemptNo(2));
    desk.ended(first);  // a late word of the engine that is gone
    EXPECT_FALSE(is_final(desk.table.jobs.at(job).state));
    desk.put(EngineGone{"engine-1"});
    desk.turn();
    engine_up(desk, "engine-2", "python.1000");
    ASSERT_EQ(desk.launches.size(), 3u);
    desk.put(EngineGone{"engine-2"});
    desk.turn();
    EXPECT_EQ(desk.table.jobs.at(job).reason, Reason::EngineLost) << "all retries are used up";
  }
}

TEST(Statement, RunsNotAgainWhereThatWouldEndInTheSameWay) {
  for (const bool permanent : {false, true}) {
    Desk desk;
    engine_up(desk, "engine-1", "python.1000");
    JobSpec spec = code();
    spec.retry.max = 2;
    const JobId job = desk.accept(std::move(spec));
    ASSERT_EQ(desk.launches.size(), 1u);
    TaskEnded end;
    end.node = desk.launches[0].node;
    end.session = desk.launches[0].session;
    end.id = desk.launches[0].id;
    end.exit_code = 1;
    end.started = end.ended = desk.now.wall;
    end.permanent = permanent;
    desk.put(std::move(end));
    desk.turn();
    EXPECT_EQ(desk.launches.size(), permanent ? 1u : 2u);
    EXPECT_EQ(is_final(desk.table.jobs.at(job).state), permanent);
  }
}

TEST(Statement, EndsWhenTheJobOfItsEngineHasEnded) {
  Desk desk;
  engine_up(desk, "engine-1", "python.1000");
  const JobId job = desk.accept(code());
  ASSERT_EQ(desk.launches.size(), 1u);
  desk.put(EngineGone{"engine-1"});
  desk.put(EngineGone{"engine-2"});
  desk.turn();
  EXPECT_EQ(desk.table.jobs.at(job).reason, Reason::EngineLost);
  const JobId next = desk.accept(code());
  desk.ended(desk.launches[0]);
  EXPECT_EQ(desk.table.jobs.at(job).state, JobState::Failed) << "a late word";
  EXPECT_EQ(desk.table.jobs.at(next).reason, Reason::Engine);
}

TEST(Statement, ADrainedNameServesAgainWithTheNextEngine) {
  Desk desk;
  engine_up(desk, "engine-1", "python.1000", "7");
  ServeNode drain;
  drain.actor = {0, true};
  drain.node = "engine-1";
  desk.put(std::move(drain));
  desk.turn();
  desk.accept(code());
  EXPECT_TRUE(desk.launches.empty());
  engine_up(desk, "engine-1", "python.1000", "8");
  EXPECT_EQ(desk.launches.size(), 1u);
}

TEST(Statement, OnlyItsOwnEndBringsResults) {
  Desk desk;
  engine_up(desk, "engine-1", "python.1000");
  const JobId job = desk.accept(code());
  TaskEnded end;
  end.node = desk.launches[0].node;
  end.session = desk.launches[0].session;
  end.id = desk.launches[0].id;
  end.id.epoch = Epoch{999};
  end.results = "{\"forged\":1}";
  desk.put(end);
  EXPECT_TRUE(desk.controller.finish(desk.now).changes.results.empty());
  end.id = desk.launches[0].id;
  end.results = "{}";
  desk.put(end);
  const auto results = desk.controller.finish(desk.now).changes.results;
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0], std::pair(job, std::string("{}")));
}

TEST(Statement, IsNeitherStoppedInBetweenNorRunAgain) {
  Desk desk;
  engine_up(desk, "engine-1", "python.1000");
  const JobId job = desk.accept(code());
  for (const Verb verb : {Verb::Requeue, Verb::Suspend})
    EXPECT_EQ(desk.command(verb, job, {0, true}).error().code, Errc::Unsupported);
}

TEST(Statement, FailsWhenNoEngineWillCome) {
  Desk desk;
  const JobId waits = desk.accept(code());
  engine_up(desk, "engine-1", "sql.1000");
  const JobId runs = desk.accept(code("sql.1000"));
  for (const JobId job : {waits, runs, JobId{99}}) {
    desk.put(FailStatement{job, Reason::EngineFailed, "it said no"});
    desk.turn();
  }
  EXPECT_EQ(desk.table.jobs.at(waits).state, JobState::Failed);
  EXPECT_EQ(desk.table.jobs.at(waits).reason, Reason::EngineFailed);
  EXPECT_EQ(desk.table.jobs.at(waits).detail, "it said no");
  EXPECT_FALSE(is_final(desk.table.jobs.at(runs).state)) << "it is on an engine";
}

TEST(Statement, GoesOnAfterARestart) {
  Desk desk;
  engine_up(desk, "engine-1", "python.1000", "7.0.1.1");
  const JobId runs = desk.accept(code());
  const JobId waits = desk.accept(code());
  Launch launched = desk.launches.at(0);
  desk.restart();
  desk.node_up("n1", 1);
  EXPECT_FALSE(desk.submit(Desk::spec("ann", 2))) << "engines known from before hide nothing";
  engine_up(desk, "engine-1", "python.1000", "7.0.1.1", {{launched.id, true}});
  EXPECT_FALSE(is_final(desk.table.jobs.at(runs).state));
  launched.session = SessionId{desk.sessions};
  desk.ended(launched);
  EXPECT_EQ(desk.table.jobs.at(runs).state, JobState::Succeeded);
  ASSERT_EQ(desk.launches.size(), 2u);
  EXPECT_EQ(desk.launches[1].id.task.job, waits);
}

struct Refused {
  const char* name;
  void (*spoil)(JobSpec&);
  const char* field;
};
TEST(Statement, TheEntranceRefuses) {
  const Refused cases[] = {
      {"no code", [](JobSpec& s) { s.script.clear(); }, "script"},
      {"arguments", [](JobSpec& s) { s.argv = {"x"}; }, "argv"},
      {"an array", [](JobSpec& s) { s.is_array = true; }, "array"},
      {"several tasks", [](JobSpec& s) { s.ntasks = 2; }, "ntasks"},
      {"a reservation", [](JobSpec& s) { s.reservation = "r"; }, "reservation"},
      {"a session's name", [](JobSpec& s) { s.statement->session = "a/../b"; }, "session"},
      {"a long name", [](JobSpec& s) { s.statement->session = std::string(41, 'a'); }, "session"},
      {"a reset", [](JobSpec& s) { s.statement->reset = "maybe"; }, "reset"},
      {"no pool", [](JobSpec& s) { s.statement->pool.clear(); }, "engine"},
      {"an engine", [](JobSpec& s) { s.engine.emplace(); }, "engine"},
  };
  for (const Refused& one : cases) {
    JobSpec spec = Desk::spec();
    spec.argv.clear();
    spec.script = "1";
    spec.statement = Statement{"python", "", "", "python.1000", "none"};
    ASSERT_TRUE(complete_statement(spec, {}));
    one.spoil(spec);
    const auto refused = complete_statement(spec, {});
    ASSERT_FALSE(refused) << one.name;
    EXPECT_EQ(refused.error().field, one.field) << one.name;
  }
}

}  // namespace
}  // namespace drover::sched
