// tests/unit/sim/replay_test.cpp - the clock rule, and the laws that every replay keeps.
// SPDX-License-Identifier: Apache-2.0
#include "sim/replay.hpp"

#include <gtest/gtest.h>

#include "dag/compile.hpp"
#include "sched/policy.hpp"
#include "sim/generate.hpp"
#include "sim/read_jsonl.hpp"
#include "sim/summary.hpp"
#include "sim/write_report.hpp"

namespace drover::sim {
namespace {

ReplayOptions under(const char* policy) {
  dag::StepRequest step;
  step.argv = {"run"};
  dag::JobRequest request;
  request.steps.push_back(step);
  ReplayOptions options;
  options.config.policy = sched::parse_policy(policy).value();
  options.config.group_by.clear();
  options.config.group_limits = {};
  options.config.inline_plan = dag::compile(std::move(request)).value();
  options.config.keep_records = false;
  return options;
}

Replay play(const Workload& workload, std::int64_t procs, const char* policy = "fcfs") {
  auto done = replay(workload, flat_cluster(procs).value(), under(policy));
  EXPECT_TRUE(done) << (done ? "" : done.error().message);
  return done ? *std::move(done) : Replay{};
}

struct Row {
  int submit, run;
  std::uint32_t cpus;
};

Workload jobs_of(std::initializer_list<Row> rows) {
  Workload workload;
  for (const Row& row : rows) {
    auto spec = std::make_shared<sched::JobSpec>();
    spec->request.cpus = row.cpus;
    WorkJob job;
    job.number = std::int64_t(workload.jobs.size()) + 1;
    job.submit = seconds(row.submit);
    job.run = job.estimate = seconds(row.run);
    job.cpus = row.cpus;
    job.spec = std::uint32_t(workload.specs.size());
    workload.specs.push_back(std::move(spec));
    workload.jobs.push_back(job);
  }
  return workload;
}

std::vector<std::int64_t> starts(const Replay& replay) {
  std::vector<std::int64_t> result;
  for (const Outcome& outcome : replay.outcomes) result.push_back(outcome.start.us / 1'000'000);
  return result;
}

TEST(Replay, EndsComeBeforeSubmissionsAtOneMoment) {
  // The second job ends when the third comes: the third starts at once.
  const Replay done = play(jobs_of({{0, 10, 2}, {0, 5, 2}, {5, 1, 2}}), 4);
  EXPECT_EQ(starts(done), (std::vector<std::int64_t>{0, 0, 5}));
}

TEST(Replay, TheHeadBlocksUnderFcfs) {
  const Replay done = play(jobs_of({{0, 10, 3}, {1, 5, 4}, {2, 1, 1}}), 4);
  EXPECT_EQ(starts(done), (std::vector<std::int64_t>{0, 10, 15}));
  EXPECT_EQ(done.overtook, 0u);
}

// No trace that is read has such a job: it asks for a part of a GPU and for a whole one.
TEST(Replay, WhoIsLeftBehindIsNamed) {
  Workload workload = jobs_of({{0, 10, 1}, {1, 5, 1}});
  sched::JobSpec impossible = *workload.specs[workload.jobs[1].spec];
  impossible.request.gpus = 1;
  impossible.request.gpu_share = 500;
  workload.specs.push_back(std::make_shared<const sched::JobSpec>(impossible));
  workload.jobs[1].spec = std::uint32_t(workload.specs.size() - 1);
  const Cluster cluster = parse_cluster_toml("[[nodes]]\ncores = 8\ngpus = 1\n", "c").value();
  const auto done = replay(workload, cluster, under("easy"));
  ASSERT_FALSE(done);
  EXPECT_TRUE(done.error().message.starts_with(
      "1 job waits and nothing is to come, the first is 2: none of 1 node has room now"))
      << done.error().message;
}

TEST(Replay, JobsOfOneMomentStartInFileOrder) {
  const Replay done = play(jobs_of({{3, 10, 3}, {3, 10, 2}, {3, 10, 1}}), 4);
  EXPECT_EQ(starts(done), (std::vector<std::int64_t>{3, 13, 13}));
}

TEST(Replay, AMachineThatHoldsEverythingLetsNobodyWait) {
  GenerateOptions options;
  options.jobs = 2'000;
  const Workload workload = generate_lublin(options);
  std::int64_t all = 0;
  for (const WorkJob& job : workload.jobs) all += job.cpus;
  const Replay done = play(workload, std::min<std::int64_t>(all, 65'000));
  for (std::size_t i = 0; i < workload.jobs.size(); ++i)
    ASSERT_EQ(done.outcomes[i].start, workload.jobs[i].submit);
}

// The same with nodes: more of them than are looked at one by one.
TEST(Replay, ManyNodesThatHoldEverythingLetNobodyWait) {
  GenerateOptions options;
  options.jobs = 1'000;
  options.procs = 8;
  const Workload workload = generate_lublin(options);
  const Cluster cluster = parse_cluster_toml("[[nodes]]\ncount = 1000\ncores = 8\n", "c").value();
  for (const char* policy :
       {"fcfs", "easy", "easy-sjbf", "conservative", "depth-k:5", "saf-guard", "priority+easy"}) {
    SCOPED_TRACE(policy);
    const auto done = replay(workload, cluster, under(policy));
    ASSERT_TRUE(done) << done.error().message;
    for (std::size_t i = 0; i < workload.jobs.size(); ++i)
      ASSERT_EQ(done->outcomes[i].start, workload.jobs[i].submit);
  }
}

// Limits are the jobs' own, also of those that come at the same moment.
TEST(Replay, JobsThatShareASpecDifferInTheirLimits) {
  GenerateOptions options;
  options.jobs = 400;
  options.procs = 256;
  Workload shared = generate_lublin(options);
  for (WorkJob& job : shared.jobs) job.submit.us -= job.submit.us % seconds(3'600).us;
  ASSERT_LT(shared.specs.size(), shared.jobs.size());
  Workload own = shared;
  own.specs.clear();
  for (WorkJob& job : own.jobs) {
    own.specs.push_back(shared.specs[job.spec]);
    job.spec = std::uint32_t(own.specs.size() - 1);
  }
  for (const char* policy : {"easy-sjbf", "conservative"}) {
    const Replay one = play(shared, 256, policy);
    EXPECT_EQ(starts(one), starts(play(own, 256, policy))) << policy;
    Workload alike = shared;
    for (WorkJob& job : alike.jobs) job.estimate = seconds(1'000'000);
    EXPECT_NE(starts(one), starts(play(alike, 256, policy))) << policy;
  }
}

TEST(Replay, AllTimesSevenfoldGiveStartsSevenfold) {
  GenerateOptions options;
  options.jobs = 1'500;
  options.load = 0.95;
  for (const char* policy : {"fcfs", "easy", "easy-sjbf", "conservative"}) {
    SCOPED_TRACE(policy);
    Workload workload = generate_lublin(options);
    const Replay once = play(workload, 256, policy);
    for (WorkJob& job : workload.jobs) {
      job.submit.us *= 7;
      job.run.us *= 7;
      job.estimate.us *= 7;
    }
    const Replay slow = play(workload, 256, policy);
    for (std::size_t i = 0; i < workload.jobs.size(); ++i)
      ASSERT_EQ(slow.outcomes[i].start.us, once.outcomes[i].start.us * 7);
  }
}

TEST(Replay, EqualInputsGiveEqualOutcomes) {
  GenerateOptions options;
  options.jobs = 1'000;
  const Workload workload = generate_mixed(options);
  const Replay a = play(workload, 128, "easy"), b = play(workload, 128, "easy");
  EXPECT_EQ(starts(a), starts(b));
}

TEST(Replay, JobsStartAfterThoseTheyWaitFor) {
  auto workload = read_jsonl(
      "{\"id\":\"b\",\"submit\":0,\"run\":5,\"after\":[\"a\"]}\n"
      "{\"id\":\"a\",\"submit\":2,\"run\":10}\n"
      "{\"id\":\"c\",\"submit\":90,\"run\":1,\"after\":[\"a\",\"b\"]}\n",
      {});
  ASSERT_TRUE(workload);
  const Replay done = play(*workload, 4);
  EXPECT_EQ(workload->names, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(starts(done), (std::vector<std::int64_t>{2, 12, 90}));
}

TEST(Replay, WhatCanNeverRunIsRefusedAndCounted) {
  const Replay done = play(jobs_of({{0, 10, 5}, {1, 5, 4}}), 4);
  EXPECT_EQ(done.refused, 1u);
  EXPECT_EQ(done.outcomes[0].ending, Ending::Refused);
  EXPECT_EQ(done.outcomes[1].start, seconds(1));
  EXPECT_FALSE(done.first_refusal.empty());
}

TEST(Replay, TheSeriesAddsUp) {
  GenerateOptions options;
  options.jobs = 500;
  ReplayOptions with = under("fcfs");
  with.series = true;
  const Workload workload = generate_lublin(options);
  const auto done = replay(workload, flat_cluster(256).value(), with);
  ASSERT_TRUE(done);
  for (const Sample& sample : done->series) {
    ASSERT_GE(sample.used_cpus, 0);
    ASSERT_LE(sample.used_cpus, 256);
  }
  EXPECT_EQ(done->series.back().running, 0u);
  EXPECT_EQ(done->series.back().queued, 0u);
  EXPECT_EQ(done->series.back().queued_cpus, 0);
}

// 8 CPUs and 2 GPUs on each of three nodes: half a GPU, a gang, and one of two components.
TEST(Replay, SharesGangsAndComponentsAreCountedAndNamed) {
  const Workload workload =
      read_jsonl(
          "{\"id\":\"half\",\"submit\":0,\"run\":10,\"gpu_share\":500}\n"
          "{\"id\":\"gang\",\"submit\":10,\"run\":10,\"nodes\":2,\"gpus\":1}\n"
          "{\"id\":\"two\",\"submit\":20,\"run\":10,"
          "\"components\":[{\"gpus\":2}]}\n",
          {})
          .value();
  const Cluster cluster =
      parse_cluster_toml("[[nodes]]\nname = \"n\"\ncount = 3\ncores = 8\ngpus = 2\n", "c").value();
  ReplayOptions with = under("easy");
  with.series = true;
  const auto done = replay(workload, cluster, with);
  ASSERT_TRUE(done);
  const Summary summary = summarise(workload, cluster, *done);
  EXPECT_DOUBLE_EQ(summary.gpu_utilisation, (0.5 + 2 + 2) * 10 / (6 * 30));
  const std::string series = series_csv(cluster, *done), csv = jobs_csv(workload, cluster, *done);
  EXPECT_NE(series.find("\n0,1,23,0.5,5.5,1,0,0\n"), std::string::npos) << series;
  EXPECT_NE(series.find("\n10,2,22,2,4,1,0,0\n"), std::string::npos) << series;
  EXPECT_NE(csv.find(",n1,"), std::string::npos) << csv;
  EXPECT_EQ(done->gangs.size(), 2u);
  for (const auto& [job, nodes] : done->gangs)
    EXPECT_NE(csv.find("," + nodes + ","), std::string::npos) << csv;
}

// A quick look at M/M/4; bench/sim_numbers.py shows all four queues with a million jobs each.
TEST(Replay, AQueueWaitsAsErlangSays) {
  GenerateOptions options;
  options.procs = 4;
  options.jobs = 100'000;
  options.load = 0.8;
  const Workload workload = generate_poisson(options);
  const Summary summary = summarise(workload, flat_cluster(4).value(), play(workload, 4));
  EXPECT_NEAR(summary.wait_s.mean, erlang_wait_s(4, 0.8, 1000), 0.08 * 745.5);
}

}  // namespace
}  // namespace drover::sim
