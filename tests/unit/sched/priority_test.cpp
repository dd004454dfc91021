// tests/unit/sched/priority_test.cpp - factors, their sum, and that time alone moves nobody.
// SPDX-License-Identifier: Apache-2.0
#include "sched/priority.hpp"

#include <gtest/gtest.h>

#include "base/prng.hpp"

namespace drover::sched {
namespace {

constexpr Time kNow{1'800'000'000'000'000};

PriorityWeights only(Factor factor, std::int64_t points) {
  PriorityWeights weights;
  weights.points = {};
  weights.points[std::size_t(factor)] = points;
  weights.qos_max = 200;
  weights.partition_max = 10;
  return weights;
}

TEST(Priority, EachFactorScoresByItsWeight) {
  PriorityInput in;
  in.submitted = kNow - seconds(86'400 / 2);
  in.fair_ppm = 250'000;
  in.qos = 100;
  in.partition = 10;
  in.user = 7;
  in.nice = 3;
  in.cpus = 256;
  in.steps_after = 20;
  struct Row {
    Factor factor;
    std::int64_t points, value_ppm, score;
  };
  const Row rows[] = {
      {Factor::Age, 1000, 500'000, 500'000'000},  // half a day
      {Factor::FairShare, 10'000, 250'000, 2'500'000'000},
      {Factor::Qos, 10'000, 500'000, 5'000'000'000},  // 100 of 200
      {Factor::Partition, 50, 1'000'000, 50'000'000},
      {Factor::Size, 100, 500'000, 50'000'000},  // 8 of 16 doublings
      {Factor::User, 2, 7'000'000, 14'000'000},
      {Factor::Nice, 2, -3'000'000, -6'000'000},
      {Factor::CriticalPath, 100, 20'000, 2'000'000},
  };
  for (const Row& row : rows) {
    const PriorityParts parts = priority_parts(in, only(row.factor, row.points), kNow);
    EXPECT_EQ(parts[row.factor].value_ppm, row.value_ppm) << to_string(row.factor);
    EXPECT_EQ(parts[row.factor].score, row.score) << to_string(row.factor);
    EXPECT_EQ(parts.total, row.score) << to_string(row.factor);
  }
}

TEST(Priority, SizeGrowsByDoublingsOrShrinks) {
  PriorityWeights weights = only(Factor::Size, 1);
  std::int64_t last = -1;
  for (std::int64_t cpus = 1; cpus < 100'000; cpus = cpus * 5 / 4 + 1) {
    const std::int64_t score = static_score({{}, 0, 0, 0, 0, 0, cpus, 0}, weights);
    EXPECT_GE(score, last) << cpus;
    last = score;
    weights.big_first = false;
    EXPECT_EQ(static_score({{}, 0, 0, 0, 0, 0, cpus, 0}, weights), 1'000'000 - score) << cpus;
    weights.big_first = true;
  }
  EXPECT_EQ(last, 1'000'000);
}

// What the queue relies on: the order by static and fair part is the order that people see, at any
// moment.
TEST(Priority, TimeAloneNeverChangesTheOrder) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Prng prng(seed);
    PriorityWeights weights;
    weights.qos_max = 50;
    weights.partition_max = 5;
    for (std::int64_t& points : weights.points) points = std::int64_t(prng.below(20'000));
    PriorityInput jobs[2];
    for (PriorityInput& in : jobs) {
      in.submitted = kNow - seconds(std::int64_t(prng.below(864'000)));
      in.fair_ppm = std::int64_t(prng.below(1'000'001));
      in.qos = std::int64_t(prng.below(51));
      in.user = std::int64_t(prng.below(21)) - 10;
      in.cpus = 1 + std::int64_t(prng.below(5000));
    }
    const std::int64_t key = static_score(jobs[0], weights) +
                             fair_score(jobs[0].fair_ppm, weights) -
                             static_score(jobs[1], weights) - fair_score(jobs[1].fair_ppm, weights);
    for (const std::int64_t later : {0, 1, 86'400, 8'640'000}) {
      const Time at = kNow + seconds(later);
      const std::int64_t seen =
          priority_parts(jobs[0], weights, at).total - priority_parts(jobs[1], weights, at).total;
      EXPECT_NEAR(double(seen), double(key), 2) << "seed " << seed;  // two roundings
    }
  }
}

TEST(Priority, TheLargestWeightsStayInRange) {
  PriorityWeights weights;
  weights.points.fill(PriorityWeights::kMax);
  weights.qos_max = weights.partition_max = 1;
  const PriorityInput in{kNow, 1'000'000, 1, 1, 1'000'000, -1'000'000, 1 << 20, 1 << 20};
  EXPECT_GT(static_score(in, weights), -(std::int64_t(1) << 62));
  EXPECT_GT(priority_parts(in, weights, kNow + seconds(86'400 * 365)).total, 0);
}

TEST(Priority, DominantShareIsTheLargestPart) {
  rm::Amounts held, capacity;
  EXPECT_EQ(dominant_share_ppm(held, capacity), 0);
  capacity[rm::Kind::CpuMilli] = 64'000;
  capacity[rm::Kind::GpuMilli] = 8'000;
  held[rm::Kind::CpuMilli] = 16'000;
  EXPECT_EQ(dominant_share_ppm(held, capacity), 250'000);
  held[rm::Kind::GpuMilli] = 4'000;
  EXPECT_EQ(dominant_share_ppm(held, capacity), 500'000);
  held[rm::Kind::MemMib] = 1;  // a kind that no node has
  EXPECT_EQ(dominant_share_ppm(held, capacity), 500'000);
}

}  // namespace
}  // namespace drover::sched
