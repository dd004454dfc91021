// tests/unit/sim/generate_test.cpp - models give what they promise, and the same for the same seed.
// SPDX-License-Identifier: Apache-2.0
#include "sim/generate.hpp"

#include <gtest/gtest.h>

#include <bit>

#include "sim/read_jsonl.hpp"
#include "sim/read_swf.hpp"

namespace drover::sim {
namespace {

TEST(Generate, EqualSeedsGiveEqualWorkloads) {
  for (const std::uint64_t seed : {1u, 2u}) {
    GenerateOptions options;
    options.seed = seed;
    options.jobs = 200;
    EXPECT_EQ(to_swf(generate_lublin(options), "x"), to_swf(generate_lublin(options), "x"));
    GenerateOptions other = options;
    other.seed = 3;
    EXPECT_NE(to_swf(generate_lublin(options), "x"), to_swf(generate_lublin(other), "x"));
  }
}

// The paper's shares and the moments of its distributions, within what 20,000 draws allow.
TEST(Generate, LublinHasItsSharesAndMoments) {
  GenerateOptions options;
  options.jobs = 20'000;
  const Workload workload = generate_lublin(options);
  double serial = 0, power = 0, run = 0;
  for (const WorkJob& job : workload.jobs) {
    serial += job.cpus == 1 ? 1 : 0;
    power += job.cpus > 1 && std::has_single_bit(job.cpus) ? 1 : 0;
    run += double(job.run.us) / 1e6;
    ASSERT_GE(job.run, seconds(1));
    ASSERT_LE(job.cpus, 256u);
  }
  EXPECT_NEAR(serial / 20'000, 0.244, 0.03);
  EXPECT_NEAR(power / 20'000, 0.576, 0.05);
  EXPECT_NEAR(run / 20'000, 4'900, 400);
}

TEST(Generate, LoadIsWhatWasAskedFor) {
  GenerateOptions options;
  options.load = 0.9;
  options.jobs = 2'000;
  const Workload workload = generate_lublin(options);
  double work = 0;
  for (const WorkJob& job : workload.jobs) work += double(job.run.us) * double(job.cpus);
  const double span = double(workload.jobs.back().submit.us - workload.jobs.front().submit.us);
  EXPECT_NEAR(work / span / 256, 0.9, 0.001);
}

TEST(Generate, SwfReadsBack) {
  GenerateOptions options;
  options.jobs = 500;
  const Workload workload = generate_lublin(options);
  const std::string text = to_swf(workload, "test");
  const auto back = read_swf(text, {});
  ASSERT_TRUE(back);
  EXPECT_EQ(back->procs, 256);
  ASSERT_EQ(back->jobs.size(), 500u);
  for (std::size_t i = 0; i < 500; ++i) {
    EXPECT_EQ(back->jobs[i].submit, workload.jobs[i].submit);
    EXPECT_EQ(back->jobs[i].run, workload.jobs[i].run);
    EXPECT_EQ(back->jobs[i].cpus, workload.jobs[i].cpus);
  }
}

TEST(Generate, MixedHasUsersGpusMemoryAndEdges) {
  GenerateOptions options;
  options.jobs = 1'000;
  const Workload workload = generate_mixed(options);
  std::uint64_t gpus = 0, memory = 0, over = 0;
  for (const WorkJob& job : workload.jobs) {
    const rm::Request& request = workload.specs[job.spec]->request;
    gpus += request.gpus > 0 ? 1 : 0;
    memory += request.mem_mib > 0 ? 1 : 0;
    over += job.estimate > job.run ? 1 : 0;
    ASSERT_LE(request.gpus, 4);
  }
  EXPECT_GT(gpus, 100u);
  EXPECT_EQ(memory, 1'000u);
  EXPECT_GT(over, 900u);
  EXPECT_GT(workload.edges.size(), 30u);
}

TEST(Generate, PoissonIsReadBackHoweverShortItsJobs) {
  GenerateOptions options;
  options.jobs = 100;
  for (const double mean : {0.001, 0.004, 1.0, 1000.0}) {
    options.mean_run_s = mean;
    const Workload workload = generate_poisson(options);
    std::string text;
    for (std::size_t i = 0; i < workload.jobs.size(); ++i) {
      ASSERT_GE(workload.jobs[i].estimate, millis(1)) << mean;
      text += to_jsonl(workload, i);
    }
    const auto back = read_jsonl(text, {});
    ASSERT_TRUE(back);
    EXPECT_EQ(back->cleaning.kept, 100u) << mean;
    EXPECT_EQ(back->cleaning.cut, 0u) << mean;
  }
}

TEST(Erlang, AgreesWithPublishedValues) {
  EXPECT_NEAR(erlang_wait_s(1, 0.8, 1000), 4000, 0.01);
  EXPECT_NEAR(erlang_wait_s(4, 0.8, 1000), 745.5, 0.1);
  EXPECT_NEAR(erlang_wait_s(16, 0.9, 1000), 369.6, 0.1);
  EXPECT_NEAR(erlang_wait_s(64, 0.95, 1000), 183.8, 0.1);
}

}  // namespace
}  // namespace drover::sim
