// tests/unit/server/live_use_test.cpp - what nodes tell of running attempts, and for how long.
// SPDX-License-Identifier: Apache-2.0
#include "server/live_use.hpp"

#include <gtest/gtest.h>

namespace drover::server {
namespace {

constexpr Time kStart{1'000'000'000};

UseReport report(std::uint64_t job, std::uint32_t element, std::int64_t at_s, std::int64_t cpu_s,
                 std::uint32_t attempt = 1) {
  return {{{JobId{job}, TaskIndex{element}}, AttemptNo{attempt}, Epoch{1}},
          kStart + seconds(at_s),
          kStart,
          seconds(cpu_s),
          0};
}
sched::JobSpec spec(std::int64_t cpus, bool is_array = false) {
  sched::JobSpec made;
  made.request.cpus = cpus;
  made.is_array = is_array;
  return made;
}
std::string words(const LiveUse& use, std::uint64_t job, const sched::JobSpec& of) {
  std::string all;
  for (const sched::Advice& advice : use.advice(JobId{job}, of)) all += advice.text + "\n";
  return all;
}
sched::Changes end_of(std::uint64_t job, std::uint32_t element, std::int64_t ran_s) {
  sched::Changes changes;
  sched::TaskRecord task;
  task.id = {JobId{job}, TaskIndex{element}};
  task.state = sched::TaskState::Succeeded;
  task.started = kStart;
  task.ended = kStart + seconds(ran_s);
  changes.tasks.push_back(task);
  return changes;
}

TEST(LiveUse, SeesTheLastMinutesOnly) {
  LiveUse use;
  EXPECT_EQ(words(use, 1, spec(1)), "") << "of short jobs nothing is known";
  // An hour at work, then idle.
  for (std::int64_t at = 30; at <= 3600; at += 15) use.learn(report(1, 0, at, at));
  EXPECT_EQ(words(use, 1, spec(1)), "");
  std::int64_t at = 3615;
  for (; at <= 3600 + 1200; at += 15) use.learn(report(1, 0, at, 3600));
  const std::string text = words(use, 1, spec(1));
  EXPECT_TRUE(text.starts_with("the job used 0.0")) << text;
  // At work again: nothing is said any more.
  for (std::int64_t k = 0; k < 40; ++k, at += 15) use.learn(report(1, 0, at, 3600 + k * 15));
  EXPECT_EQ(words(use, 1, spec(1)), "");
}

TEST(LiveUse, AnotherAttemptBeginsAnew) {
  LiveUse use;
  for (std::int64_t at = 30; at <= 300; at += 15) use.learn(report(1, 0, at, 0));
  EXPECT_NE(words(use, 1, spec(1)), "");
  use.learn(report(1, 0, 315, 3, 2));
  EXPECT_EQ(words(use, 1, spec(1)), "") << "seen once";
  use.learn(report(1, 0, 200, 3, 2));  // a clock that was set back
  EXPECT_EQ(words(use, 1, spec(1)), "");
}

TEST(LiveUse, EngineAndGangsAreLeftAlone) {
  LiveUse use;
  for (std::int64_t at = 30; at <= 300; at += 15) use.learn(report(1, 0, at, 0));
  sched::JobSpec gang = spec(4);
  gang.request.nodes = 2;
  EXPECT_EQ(words(use, 1, gang), "");
  sched::JobSpec engine = spec(1);
  engine.engine.emplace();
  EXPECT_EQ(words(use, 1, engine), "");
}

// An engine (job 4) runs one statement after the other.
TEST(LiveUse, AStatementIsJudgedByItsOwnTime) {
  LiveUse use;
  const auto told = [&](std::int64_t at_s, std::int64_t cpu_s, std::uint64_t statement) {
    UseReport one = report(4, 0, at_s, cpu_s);
    one.statement = JobId{statement};
    one.rss_kib = at_s;
    use.learn(one);
  };
  const auto by = [&](std::uint64_t statement) {
    return use.use_by(JobId{4}, JobId{statement}, spec(2));
  };
  EXPECT_TRUE(by(10).attempts.empty()) << "nothing is known of the engine";
  for (std::int64_t at = 30; at <= 300; at += 15) told(at, 5, 10);
  EXPECT_EQ(by(10).attempts.at(0).seen, seconds(270));
  EXPECT_EQ(by(10).cpus, 2);
  told(315, 6, 11);
  EXPECT_EQ(by(11).attempts.at(0).seen, Duration{}) << "the engine's past is not its own";
  told(375, 8, 11);
  EXPECT_EQ(by(11).attempts.at(0).seen, seconds(60));
  EXPECT_EQ(by(11).attempts.at(0).cpu, seconds(2));
  EXPECT_EQ(by(11).attempts.at(0).rss_kib, 375);
  EXPECT_EQ(by(12).cpus, 0) << "another one there: of CPUs nothing is known";
  EXPECT_EQ(use.take_heard(), std::set<JobId>{JobId{4}});
  EXPECT_TRUE(use.take_heard().empty());
}

TEST(LiveUse, ElementsAreComparedWithThoseThatEnded) {
  LiveUse use;
  for (std::uint32_t element = 0; element < 6; ++element) use.learn(report(7, element, 100, 100));
  for (std::uint32_t element = 0; element < 5; ++element) use.follow(end_of(7, element, 100));
  EXPECT_EQ(words(use, 7, spec(1, true)), "");
  use.learn(report(7, 5, 400, 400));
  EXPECT_EQ(words(use, 7, spec(1, true)),
            "element 5 runs since 00:06:40; the 5 that have ended took 00:01:40 on average\n");
}

TEST(LiveUse, ForgetsWhatHasEnded) {
  LiveUse use;
  use.learn(report(7, 0, 100, 0));
  use.follow(end_of(8, 0, 1));
  EXPECT_EQ(use.jobs(), 1u);
  sched::Changes over;
  sched::JobRecord job;
  job.id = JobId{7};
  job.state = sched::JobState::Cancelled;
  over.jobs.push_back(job);
  use.follow(over);
  EXPECT_EQ(use.jobs(), 0u);
}

}  // namespace
}  // namespace drover::server
