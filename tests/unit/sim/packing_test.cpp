// tests/unit/sim/packing_test.cpp - filling up and coming and going, with all three placers.
// SPDX-License-Identifier: Apache-2.0
#include "sim/packing.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/prng.hpp"
#include "sim/generate.hpp"
#include "sim/spec_pool.hpp"

namespace drover::sim {
namespace {

constexpr Placement kAll[] = {Placement::Production, Placement::FirstFit, Placement::BestFit};

Cluster small_cluster() {
  return parse_cluster_toml(
             "[[nodes]]\ncount = 3\ncores = 8\nmemory = \"32GiB\"\ngpus = 2\ngpu_model = \"a\"\n"
             "[[nodes]]\nname = \"big\"\ncores = 32\nmemory = \"64GiB\"\nlabels = {size = "
             "\"big\"}\n",
             "c")
      .value();
}

TEST(Packing, EqualJobsFillTheClusterToTheBrim) {
  Workload workload;
  SpecPool pool(workload);
  WorkJob job;
  job.cpus = 4;
  job.run = job.estimate = seconds(10);
  for (int i = 0; i < 20; ++i) pool.add(job, {});
  const Cluster cluster = parse_cluster_toml("[[nodes]]\ncount = 3\ncores = 8\n", "c").value();
  for (const Placement placement : kAll) {
    const PackResult result = pack(workload, cluster, placement, {true, 2.0, 1});
    SCOPED_TRACE(result.placement);
    EXPECT_EQ(result.placed, 6u);
    EXPECT_EQ(result.turned_away, 6u);
    EXPECT_DOUBLE_EQ(result.mem_share, 0) << "there is none";
    EXPECT_DOUBLE_EQ(result.cpu_share, 1);
    EXPECT_DOUBLE_EQ(result.turned_away_share, 0.5);
    EXPECT_DOUBLE_EQ(result.share_at_first_refusal, 1);
  }
}

TEST(Packing, WhatCannotFitIsLeftOutAndLabelsHold) {
  Workload workload;
  SpecPool pool(workload);
  WorkJob job;
  job.run = job.estimate = seconds(10);
  job.cpus = 16;
  sched::JobSpec spec;
  spec.request.node_labels["size"] = "big";
  pool.add(job, spec);
  pool.add(job, spec);
  job.cpus = 64;
  pool.add(job, {});
  for (const Placement placement : kAll) {
    const PackResult result = pack(workload, small_cluster(), placement, {false, 1, 0});
    EXPECT_EQ(result.impossible, 1u);
    EXPECT_EQ(result.placed, 2u) << result.placement;
  }
}

// Whatever comes and goes, in the end everything is free again, and nothing is ever below zero.
TEST(Packing, EverythingIsGivenBack) {
  GenerateOptions options;
  options.node_cpus = 32;
  options.node_gpus = 2;
  options.jobs = 400;
  for (options.seed = 1; options.seed <= 5; ++options.seed) {
    const Workload workload = generate_mixed(options);
    const Cluster cluster = small_cluster();
    for (const Placement placement : kAll) {
      const auto placer = make_placer(placement, cluster);
      const auto before = placer->free();
      std::vector<std::int64_t> held;
      Prng prng(options.seed);
      for (const WorkJob& job : workload.jobs) {
        const std::int64_t handle = placer->place(workload.specs[job.spec]->request);
        if (handle >= 0) held.push_back(handle);
        for (const Placer::Free& node : placer->free())
          ASSERT_TRUE(node.cpus >= 0 && node.gpu_milli >= 0 && node.mem_mib >= 0);
        if (held.empty() || prng.chance(50)) continue;
        std::swap(held[std::size_t(prng.below(held.size()))], held.back());
        placer->give_back(held.back());
        held.pop_back();
      }
      for (const std::int64_t handle : held) placer->give_back(handle);
      const auto after = placer->free();
      for (std::size_t n = 0; n < before.size(); ++n) {
        EXPECT_EQ(after[n].cpus, before[n].cpus);
        EXPECT_EQ(after[n].gpu_milli, before[n].gpu_milli);
        EXPECT_EQ(after[n].mem_mib, before[n].mem_mib);
      }
    }
  }
}

}  // namespace
}  // namespace drover::sim
