// tests/unit/pool/engine_sizes_test.cpp - wishes of statements, and engines for one alone.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/prng.hpp"
#include "tests/unit/pool/stage.hpp"

namespace drover::pool {
namespace {

using sched::EngineAmounts;
using sched::JobState;
using sched::Reason;

const sched::JobSpec& spec_of(const Stage& stage, JobId job) { return *stage.table.specs.at(job); }
std::string engine_name(const Stage& stage, JobId job) { return spec_of(stage, job).engine->name; }
const EngineView* view_of(const std::vector<EngineView>& all, JobId job) {
  const auto found = std::ranges::find(all, job, &EngineView::job);
  return found == all.end() ? nullptr : &*found;
}
// Every engine that was launched and has not registered does.
void all_up(Stage& stage) {
  for (const JobId engine : stage.engine_jobs()) {
    const auto all = stage.pool->engines();
    const EngineView* view = view_of(all, engine);
    if (view != nullptr && view->state == EngineState::Starting) stage.engine_up(engine);
  }
}

TEST(PoolName, SaysWhatItIsFor) {
  const struct {
    const char *pool, *home;
    PoolKind kind;
  } cases[] = {
      {"python.1000", "python.1000", PoolKind::Home},
      {"python.1000.s.a", "python.1000", PoolKind::Session},
      {"python.1000.s.o", "python.1000", PoolKind::Session},
      {"python.1000.o.1c1024m0g", "python.1000", PoolKind::Once},
      {"python.1000+2c1024m0g", "python.1000", PoolKind::Sized},
      {"trino.shared-9", "trino.shared-9", PoolKind::Home},
      {"", "", PoolKind::Home},
      {"x", "x", PoolKind::Home},
  };
  for (const auto& one : cases) {
    EXPECT_EQ(home_of(one.pool), one.home) << one.pool;
    EXPECT_EQ(kind_of_pool(one.pool), one.kind) << one.pool;
  }
  EXPECT_EQ(sized_pool_name("python.1000", {2, 1024, 0}), "python.1000+2c1024m0g");
  EXPECT_EQ(once_pool_name("python.1000", {2, 1024, 1}), "python.1000.o.2c1024m1g");
}

TEST(EngineSizes, AWishGetsAnEngineOfItsSizeAndASmallOneAnyThere) {
  Stage stage;
  const JobId plain = stage.submit();
  stage.engine_up(stage.engine_jobs()[0]);
  stage.statement_ended(plain);
  stage.wish = {4, 8192, 0};
  const JobId big = stage.submit();
  EXPECT_FALSE(stage.runs(big)) << "the idle engine is too small";
  ASSERT_EQ(stage.engine_jobs().size(), 2u);
  const JobId large = stage.engine_jobs()[1];
  EXPECT_EQ(spec_of(stage, large).cpus_per_task, 4);
  EXPECT_EQ(spec_of(stage, large).request.mem_mib, 8192);
  stage.engine_up(large);
  ASSERT_TRUE(stage.runs(big));
  EXPECT_EQ(stage.running_statements.at(big).first, engine_name(stage, large));
  stage.statement_ended(big);
  // A smaller wish, of another pool, is served by the large one while it is idle.
  stage.wish = {2, 0, 0};
  const JobId middle = stage.submit();
  ASSERT_TRUE(stage.runs(middle));
  EXPECT_EQ(stage.running_statements.at(middle).first, engine_name(stage, large));
  EXPECT_EQ(stage.pool->why_cold(middle), "");
  stage.wish = {};
  const JobId small = stage.submit();
  EXPECT_TRUE(stage.runs(small));
  const JobId second = stage.submit();
  EXPECT_FALSE(stage.runs(second)) << "both are busy";
  ASSERT_EQ(stage.engine_jobs().size(), 3u);
  stage.statement_ended(middle);
  EXPECT_TRUE(stage.runs(second)) << "the large one has come home";
  stage.statement_ended(small);
  stage.statement_ended(second);
  all_up(stage);
  stage.pass(seconds(301));
  EXPECT_TRUE(stage.pool->engines().empty());
  EXPECT_EQ(stage.open_jobs(), 0u);
}

TEST(EngineSizes, AWishNoLargerThanThePluginIsNone) {
  Stage stage;
  stage.wish = {1, 512, 0};
  const JobId job = stage.submit();
  EXPECT_EQ(spec_of(stage, job).statement->pool, "python.1000");
  EXPECT_TRUE(spec_of(stage, job).statement->wish.is_empty());
}

TEST(EngineSizes, WhoMayHaveNoMoreWaitsUntilOneEnds) {
  Plugin few = plugin();
  few.max_per_user = 2;
  Stage stage({few});
  const JobId a = stage.submit(), b = stage.submit();
  all_up(stage);
  ASSERT_TRUE(stage.runs(a) && stage.runs(b));
  for (int i = 0; i < 2; ++i) stage.submit();
  stage.wish = {8, 0, 0};
  const JobId big = stage.submit();
  EXPECT_EQ(stage.state(big), JobState::Scheduled) << "it waits, and does not fail";
  EXPECT_EQ(stage.pool->why_no_more(big),
            "u1000 has 2 python engines, as many as are allowed, and none that will do is idle");
  stage.wish = {};
  // The home pool is never idle, and yet one of its engines ends for the one that waits.
  for (int i = 0; i < 8 && !stage.runs(big); ++i) {
    stage.submit();
    if (!stage.running_statements.empty())
      stage.statement_ended(stage.running_statements.begin()->first);
    all_up(stage);
  }
  ASSERT_TRUE(stage.runs(big));
  EXPECT_LE(stage.engine_jobs().size(), 2u);
  EXPECT_GT(stage.pool->waiting(), 0u);
  while (!stage.running_statements.empty()) {
    stage.statement_ended(stage.running_statements.begin()->first);
    all_up(stage);
  }
  EXPECT_EQ(stage.pool->waiting(), 0u);
}

TEST(EngineSizes, AnIdleEngineEndsForAWishThatItCannotServe) {
  Plugin few = plugin();
  few.max_per_user = 1;
  Stage stage({few});
  const JobId first = stage.submit();
  all_up(stage);
  stage.statement_ended(first);
  stage.wish = {8, 0, 0};
  const JobId big = stage.submit();
  all_up(stage);
  EXPECT_TRUE(stage.runs(big));
  EXPECT_EQ(stage.engine_jobs().size(), 1u);
}

TEST(EngineSizes, OnceIsAnEngineOfItsOwnThatEndsWithTheStatement) {
  Stage stage;
  const JobId warm = stage.submit();
  all_up(stage);
  stage.statement_ended(warm);
  stage.once = true;
  const JobId first = stage.submit(), second = stage.submit();
  EXPECT_FALSE(stage.runs(first)) << "the warm one is not for it";
  ASSERT_EQ(stage.engine_jobs().size(), 3u);
  EXPECT_EQ(stage.pool->why_cold(first), "it has an engine of its own");
  const JobId own = stage.engine_jobs()[1];
  stage.engine_up(own);
  ASSERT_TRUE(stage.runs(first));
  EXPECT_EQ(view_of(stage.pool->engines(), own)->state, EngineState::Busy);
  stage.statement_ended(first);
  EXPECT_FALSE(stage.runs(second)) << "it is used once";
  EXPECT_FALSE(view_of(stage.pool->engines(), own)) << "and has ended";
  all_up(stage);
  EXPECT_TRUE(stage.runs(second));
  stage.statement_ended(second);
  EXPECT_EQ(stage.pool->engines().size(), 1u) << "the warm one";
}

TEST(EngineSizes, NobodyWantsTheEngineOfACancelledOnce) {
  Stage stage;
  stage.once = true;
  const JobId job = stage.submit();
  ASSERT_EQ(stage.engine_jobs().size(), 1u);
  stage.cancel(job);
  EXPECT_TRUE(stage.pool->engines().empty());
  EXPECT_EQ(stage.open_jobs(), 0u);
}

TEST(EngineSizes, AnEngineLostUnderAOnceFailsItUnlessItAskedForAnother) {
  Stage stage;
  stage.once = true;
  const JobId job = stage.submit();
  all_up(stage);
  stage.engine_died(stage.engine_jobs()[0]);
  EXPECT_EQ(stage.state(job), JobState::Failed);
  EXPECT_EQ(stage.table.jobs.at(job).reason, Reason::EngineLost);
  EXPECT_TRUE(stage.engine_jobs().empty());
  stage.retry.max = 1;
  stage.retry.on = sched::kRetryLost;
  const JobId again = stage.submit();
  all_up(stage);
  stage.engine_died(stage.engine_jobs()[0]);
  EXPECT_EQ(stage.state(again), JobState::Scheduled);
  stage.pass(seconds(1));
  stage.engine_sessions.clear();
  all_up(stage);
  ASSERT_TRUE(stage.runs(again));
  stage.statement_ended(again);
  EXPECT_EQ(stage.state(again), JobState::Succeeded);
  EXPECT_TRUE(stage.pool->engines().empty());
}

TEST(EngineSizes, OnceHoldsOverARestart) {
  Stage stage;
  stage.once = true;
  const JobId first = stage.submit();
  all_up(stage);
  const JobId second = stage.submit();
  stage.restart();
  for (const JobId engine : stage.engine_jobs()) stage.engine_up(engine);
  ASSERT_TRUE(stage.runs(first));
  ASSERT_TRUE(stage.runs(second)) << "each on its own";
  stage.statement_ended(first);
  stage.statement_ended(second);
  EXPECT_TRUE(stage.pool->engines().empty());
  EXPECT_EQ(stage.open_jobs(), 0u);
}

void take_a_step(Stage& stage, Prng& random, std::vector<JobId>& jobs) {
  switch (random.below(7)) {
    case 0:
    case 1:
      stage.once = random.below(3) == 0;
      stage.wish = random.below(2) == 0 ? EngineAmounts{}
                                        : EngineAmounts{std::int64_t(1 + random.below(4)), 0, 0};
      jobs.push_back(stage.submit());
      break;
    case 2: all_up(stage); break;
    case 3:
      if (!stage.running_statements.empty())
        stage.statement_ended(stage.running_statements.begin()->first);
      break;
    case 4: stage.pass(seconds(std::int64_t(random.below(20)))); break;
    case 6:
      if (random.below(8) != 0) break;
      stage.restart();
      for (const JobId engine : stage.engine_jobs()) stage.engine_up(engine);
      break;
    case 5:
      if (!jobs.empty() && random.below(4) == 0) {
        const JobId any = jobs[random.below(jobs.size())];
        if (!sched::is_final(stage.state(any))) stage.cancel(any);
      }
      break;
  }
}

// Whatever happens: nothing runs on too small an engine, no engine of a once serves twice, nobody
// has more engines than he may, and in the end everything has run and nothing is left.
TEST(EngineSizes, HoldUnderWhateverHappens) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Prng random(seed);
    Plugin few = plugin();
    few.max_per_user = std::uint32_t(1 + random.below(4));
    few.start_timeout = seconds(1'000'000);
    Stage stage({few});
    std::vector<JobId> jobs;
    std::map<JobId, std::set<JobId>> served;  // by engine's job
    const auto look = [&] {
      for (const auto& [statement, on] : stage.running_statements) {
        JobId engine{};
        for (const JobId job : stage.engine_jobs())
          if (engine_name(stage, job) == on.first) engine = job;
        ASSERT_NE(raw(engine), 0u);
        served[engine].insert(statement);
        const auto& wish = spec_of(stage, statement).statement->wish;
        const sched::JobSpec& host = spec_of(stage, engine);
        EXPECT_TRUE(is_enough({host.cpus_per_task, host.request.mem_mib, host.request.gpus}, wish));
      }
      EXPECT_LE(stage.engine_jobs().size(), few.max_per_user) << "seed " << seed;
    };
    for (int step = 0; step < 120; ++step) {
      take_a_step(stage, random, jobs);
      look();
    }
    for (int i = 0; i < 2'000 && stage.pool->waiting() + stage.running_statements.size() > 0; ++i) {
      all_up(stage);
      look();
      if (!stage.running_statements.empty())
        stage.statement_ended(stage.running_statements.begin()->first);
      else
        stage.pass(seconds(1));
    }
    for (const JobId job : jobs)  // no engine died: whatever was not cancelled has run to its end
      EXPECT_TRUE(stage.state(job) == JobState::Succeeded ||
                  stage.state(job) == JobState::Cancelled)
          << "seed " << seed << ": job " << raw(job) << " "
          << to_string(stage.table.jobs.at(job).reason) << " " << stage.table.jobs.at(job).detail;
    for (const auto& [engine, statements] : served)
      if (kind_of_pool(spec_of(stage, engine).engine->pool) == PoolKind::Once) {
        EXPECT_EQ(statements.size(), 1u) << "seed " << seed;
      }
    all_up(stage);
    stage.pass(seconds(400));
    stage.pass(seconds(400));
    EXPECT_TRUE(stage.pool->engines().empty()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace drover::pool
