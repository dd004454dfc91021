// tests/unit/sched/preemption_test.cpp - the choice of victims against every possible choice.
// SPDX-License-Identifier: Apache-2.0
#include "sched/preemption.hpp"

#include <gtest/gtest.h>

#include <tuple>

#include "base/prng.hpp"

namespace drover::sched {
namespace {

using rm::Amounts;
using rm::Kind;
using Cost = std::tuple<std::int64_t, std::int64_t, std::int64_t>;

Amounts amounts(std::int64_t cpus, std::int64_t mem = 0, std::int64_t gpus = 0) {
  Amounts out;
  out[Kind::CpuMilli] = cpus * 1000;
  out[Kind::MemMib] = mem;
  out[Kind::GpuMilli] = gpus * 1000;
  return out;
}

// One node with the given victims: {cpus, mem, age in seconds}.
PreemptProblem one_node(Amounts free, Amounts want,
                        std::vector<std::tuple<std::int64_t, std::int64_t, std::int64_t>> held) {
  PreemptProblem problem;
  problem.want = want;
  problem.loads.push_back({NodeId{1}, free, false, {}});
  for (const auto& [cpus, mem, age] : held) {
    const Amounts frees = amounts(cpus, mem);
    const auto index = std::uint32_t(problem.victims.size());
    problem.victims.push_back(
        {{JobId{index + 1}, TaskIndex{0}}, lost_work(frees, seconds(age)), seconds(age)});
    problem.loads[0].held.push_back({index, frees});
  }
  return problem;
}

Cost cost_of(const PreemptProblem& problem, const std::vector<std::uint32_t>& victims) {
  Cost cost{};
  for (const std::uint32_t v : victims) {
    ++std::get<0>(cost);
    std::get<1>(cost) += problem.victims[v].lost_milli_cpu_s;
    std::get<2>(cost) += problem.victims[v].age.us;
  }
  return cost;
}

bool fits(const PreemptProblem& problem, const std::vector<std::uint32_t>& victims) {
  std::uint32_t nodes = 0;
  for (const auto& load : problem.loads) {
    Amounts free = load.free;
    std::size_t left = load.held.size();
    for (const auto& held : load.held) {
      if (std::find(victims.begin(), victims.end(), held.victim) == victims.end()) continue;
      free += held.amounts;
      --left;
    }
    const bool alone = !problem.whole_node || (left == 0 && !load.others);
    nodes += alone && !rm::first_shortage(free, problem.want);
  }
  return nodes >= problem.nodes;
}

TEST(Preemption, TakesTheFewestThenTheLeastWorkThenTheYoungest) {
  struct Row {
    const char* name;
    PreemptProblem problem;
    std::optional<std::vector<std::uint32_t>> victims;
  };
  const Row rows[] = {
      {"nobody when it fits", one_node(amounts(4), amounts(4), {{4, 0, 10}}), {{}}},
      {"one big instead of two small",
       one_node(amounts(0), amounts(4), {{2, 0, 1}, {2, 0, 1}, {4, 0, 900}}),
       {{2}}},
      {"the one that loses least",
       one_node(amounts(0), amounts(2), {{2, 0, 50}, {2, 0, 40}, {4, 0, 30}}),
       {{1}}},
      {"the first of equals", one_node(amounts(0), amounts(2), {{2, 0, 5}, {2, 0, 5}}), {{0}}},
      {"what is free counts", one_node(amounts(3), amounts(4), {{4, 0, 9}, {1, 0, 9}}), {{1}}},
      {"memory and CPUs from different jobs",
       one_node(amounts(0, 0), amounts(2, 100), {{2, 0, 9}, {0, 100, 9}, {1, 50, 1}}),
       {{0, 1}}},
      {"not even all together", one_node(amounts(0), amounts(9), {{4, 0, 1}, {4, 0, 1}}),
       std::nullopt},
  };
  for (const Row& row : rows) {
    const auto choice = choose_victims(row.problem);
    ASSERT_EQ(choice.has_value(), row.victims.has_value()) << row.name;
    EXPECT_EQ(choice ? choice->victims : std::vector<std::uint32_t>{},
              row.victims.value_or(std::vector<std::uint32_t>{}))
        << row.name;
  }
}

TEST(Preemption, AWholeNodeNeedsEverybodyGone) {
  PreemptProblem problem = one_node(amounts(2), amounts(4), {{1, 0, 1}, {1, 0, 1}});
  problem.whole_node = true;
  EXPECT_EQ(choose_victims(problem)->victims, (std::vector<std::uint32_t>{0, 1}));
  problem.loads[0].others = true;
  EXPECT_FALSE(choose_victims(problem));
}

TEST(Preemption, AGangCountsOnceThoughItFreesTwoNodes) {
  PreemptProblem problem;
  problem.want = amounts(4);
  problem.nodes = 2;
  problem.victims = {{{JobId{1}, {}}, 10, seconds(1)}};
  problem.loads = {{NodeId{1}, {}, false, {{0, amounts(4)}}},
                   {NodeId{2}, {}, false, {{0, amounts(4)}}}};
  const auto choice = choose_victims(problem);
  ASSERT_TRUE(choice);
  EXPECT_EQ(choice->victims, (std::vector<std::uint32_t>{0}));
  EXPECT_EQ(choice->nodes, (std::vector<NodeId>{NodeId{1}, NodeId{2}}));
}

// Every subset of up to 12 victims on up to 4 nodes.
TEST(Preemption, NoOtherChoiceIsCheaper) {
  for (std::uint64_t seed = 1; seed <= 600; ++seed) {
    Prng prng(seed);
    PreemptProblem problem;
    problem.want = amounts(1 + std::int64_t(prng.below(8)), std::int64_t(prng.below(64)),
                           std::int64_t(prng.below(2)));
    const std::size_t nodes = 1 + prng.below(4);
    problem.nodes = 1 + std::uint32_t(prng.below(nodes));
    problem.whole_node = prng.chance(15);
    for (std::size_t n = 0; n < nodes; ++n)
      problem.loads.push_back({NodeId(n),
                               amounts(std::int64_t(prng.below(3)), std::int64_t(prng.below(20))),
                               prng.chance(20),
                               {}});
    for (std::uint32_t v = 0, all = std::uint32_t(prng.below(13)); v < all; ++v) {
      const Amounts frees = amounts(std::int64_t(prng.below(5)), std::int64_t(prng.below(40)),
                                    std::int64_t(prng.below(2)));
      const Duration age = seconds(std::int64_t(prng.below(4)));
      problem.victims.push_back({{JobId{v + 1}, {}}, lost_work(frees, age), age});
      problem.loads[prng.below(nodes)].held.push_back({v, frees});
    }
    std::optional<Cost> cheapest;
    for (std::uint32_t mask = 0; mask < 1u << problem.victims.size(); ++mask) {
      std::vector<std::uint32_t> victims;
      for (std::uint32_t v = 0; v < problem.victims.size(); ++v)
        if ((mask >> v & 1) != 0) victims.push_back(v);
      const Cost cost = cost_of(problem, victims);
      if ((!cheapest || cost < *cheapest) && fits(problem, victims)) cheapest = cost;
    }
    const auto choice = choose_victims(problem);
    ASSERT_EQ(choice.has_value(), cheapest.has_value()) << "seed " << seed;
    if (!choice) continue;
    EXPECT_TRUE(fits(problem, choice->victims)) << "seed " << seed;
    EXPECT_EQ(cost_of(problem, choice->victims), *cheapest) << "seed " << seed;
  }
}

// Many alike victims in many dimensions are beyond the search: the answer may be dearer than the
// best, but nobody in it could be spared.
TEST(Preemption, BeyondTheSearchNobodyCouldBeSpared) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Prng prng(seed);
    PreemptProblem problem;
    problem.want = amounts(120, 4000, 10);
    problem.loads.push_back({NodeId{1}, {}, true, {}});
    for (std::uint32_t v = 0; v < 120; ++v) {
      const Amounts frees = amounts(std::int64_t(1 + prng.below(4)), std::int64_t(prng.below(90)),
                                    std::int64_t(prng.below(2)));
      problem.victims.push_back({{JobId{v + 1}, {}}, std::int64_t(prng.below(1000)), seconds(1)});
      problem.loads[0].held.push_back({v, frees});
    }
    const auto choice = choose_victims(problem);
    ASSERT_TRUE(choice) << "seed " << seed;
    EXPECT_TRUE(fits(problem, choice->victims)) << "seed " << seed;
    for (std::size_t i = 0; i < choice->victims.size(); ++i) {
      std::vector<std::uint32_t> fewer = choice->victims;
      fewer.erase(fewer.begin() + std::ptrdiff_t(i));
      EXPECT_FALSE(fits(problem, fewer)) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace drover::sched
