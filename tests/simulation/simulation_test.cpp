// tests/simulation/simulation_test.cpp - whole histories of controller and nodes, replayed from
// seeds.
//
// SEED=17 simulation_test replays one history; SEEDS=1000 runs that many.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "tests/simulation/world.hpp"

namespace drover::simulation {
namespace {

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

TEST(Simulation, NothingIsLostDoubledOrLeaked) {
  const bool one = std::getenv("SEED") != nullptr;
  const std::uint64_t first = number_from("SEED", 1);
  const std::uint64_t count = one ? 1 : number_from("SEEDS", 200);
  std::uint64_t steps = 0, inside = 0, licensed = 0;
  for (std::uint64_t seed = first; seed < first + count && !HasFailure(); ++seed) {
    World world(seed);
    const auto violations = world.run();
    steps += world.steps();
    inside += world.launched_inside();
    licensed += world.launched_licensed();
    if (one) std::printf("%s", world.history().c_str());
    for (const std::string& violation : violations)
      ADD_FAILURE() << violation << "\n  replay: SEED=" << seed
                    << " build/release/bin/simulation_test";
  }
  std::printf(
      "%llu histories, %llu steps, %llu launches in reservations, "
      "%llu with licences of one\n",
      static_cast<unsigned long long>(count), static_cast<unsigned long long>(steps),
      static_cast<unsigned long long>(inside), static_cast<unsigned long long>(licensed));
  EXPECT_TRUE(one || inside > 0) << "reservations that nobody gets into prove nothing";
}

TEST(Simulation, ASeedIsAHistory) {
  World first(7), again(7), other(8);
  EXPECT_TRUE(first.run().empty());
  EXPECT_TRUE(again.run().empty());
  EXPECT_TRUE(other.run().empty());
  EXPECT_EQ(first.history(), again.history());
  EXPECT_EQ(first.steps(), again.steps());
  EXPECT_NE(first.steps(), other.steps()) << "the seed must matter, or the test proves nothing";
}

// Over the seeds that CI runs, every kind of trouble happens somewhere.
TEST(Simulation, EveryFaultIsCovered) {
  Faults seen;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const Faults faults = World(seed).faults();
    seen.controller_crashes |= faults.controller_crashes;
    seen.broken_sessions |= faults.broken_sessions;
    seen.doubled |= faults.doubled;
    seen.reboots |= faults.reboots;
    seen.commands |= faults.commands;
    seen.arrays |= faults.arrays;
    seen.dependencies |= faults.dependencies;
    seen.drains |= faults.drains;
    seen.amnesia |= faults.amnesia;
    seen.reservations |= faults.reservations;
  }
  EXPECT_TRUE(seen.controller_crashes && seen.broken_sessions && seen.doubled && seen.reboots &&
              seen.commands && seen.arrays && seen.dependencies && seen.drains && seen.amnesia &&
              seen.reservations);
}

}  // namespace
}  // namespace drover::simulation
