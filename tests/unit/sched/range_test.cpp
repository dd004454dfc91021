// tests/unit/sched/range_test.cpp - jobs that may have more or fewer nodes, with a number of tasks:
// planned on whichever number is first.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "day.hpp"

namespace drover::sched {
namespace {

constexpr const char* kPlanning[] = {"easy", "easy-sjbf", "conservative", "fifo+depth-k:2"};

JobSpec range(std::int64_t nodes, std::int64_t nodes_max, std::int64_t tasks) {
  JobSpec spec = sized((tasks + nodes - 1) / nodes, 100);
  spec.request.nodes = nodes;
  spec.request.nodes_max = nodes_max;
  spec.request.tasks = tasks;
  return spec;
}

void put_in_row(Day& day, std::initializer_list<std::uint16_t> cpus) {
  int number = 0;
  for (const std::uint16_t of : cpus) day.desk().node_up("n" + std::to_string(++number), of);
}

void drain(Day& day, const std::string& node) {
  ServeNode in;
  in.actor = {0, true};
  in.node = node;
  in.service = Service::Draining;
  day.desk().put(in);
  day.desk().turn();
  day.gather();
}

// Two would have to be on nodes that are no neighbours.
TEST(Range, NeighboursArePlannedWhereSoManyAreSideBySide) {
  for (const char* policy : kPlanning) {
    Day day(policy, {});
    put_in_row(day, {2, 6, 2, 8});
    JobSpec spec = range(2, 4, 5);
    spec.request.contiguous = true;
    EXPECT_EQ(day.started(day.submit(spec)), 0) << policy;
    const JobId next = day.submit(spec);
    day.pass_until(300);
    EXPECT_EQ(day.started(next), 100) << policy;
  }
}

// The only node that is large enough for all tasks is drained, or busy for longer than two small
// ones.
TEST(Range, ThePlaceIsOnTheNumberOfNodesThatIsFirst) {
  for (const char* policy : kPlanning)
    for (const bool drained : {true, false}) {
      Day day(policy, {});
      put_in_row(day, {8, 4, 4});
      if (drained)
        drain(day, "n1");
      else
        day.submit(sized(8, 500, "bob"));
      day.submit(sized(4, 50, "bob"));
      day.submit(sized(4, 100, "bob"));
      const JobId job = day.submit(range(1, 2, 8));
      const JobId behind = day.submit(sized(4, 1'000, "bob"));
      day.pass_until(1'500);
      EXPECT_EQ(day.started(job), 100) << policy << (drained ? ", drained" : "");
      EXPECT_EQ(day.started(behind), 200) << policy << (drained ? ", drained" : "");
    }
}

// Its place is on the large node, and two small ones are idle before.
TEST(Range, ThePlaceIsBroughtForwardByNodesForAnotherNumber) {
  for (const char* policy : kPlanning) {
    Day day(policy, {});
    put_in_row(day, {8, 4, 4});
    day.submit(sized(8, 200, "bob"));
    day.outlives(JobId{2}, -450);
    day.outlives(JobId{3}, -400);
    day.submit(sized(4, 500, "bob"));
    day.submit(sized(4, 500, "bob"));
    const JobId job = day.submit(range(1, 2, 8));
    day.pass_until(1'500);
    EXPECT_EQ(day.started(job), 100) << policy;
  }
}

// Two nodes are idle first, and come to more than the quota ever allows.
TEST(Range, ANumberThatIsBeyondTheQuotaIsNotPlanned) {
  for (const char* policy : kPlanning) {
    Day day(policy, {at_most({{"user", "ann"}}, 8)});
    put_in_row(day, {8, 4, 6});
    day.submit(sized(8, 500, "bob"));
    day.submit(sized(6, 100, "bob"));
    day.submit(sized(4, 50, "bob"));
    JobSpec spec = range(1, 2, 8);
    spec.request.exclusive = true;
    const JobId job = day.submit(spec);
    const JobId behind = day.submit(sized(8, 10'000, "bob"));
    day.pass_until(20'000);
    EXPECT_EQ(day.started(job), 500) << policy;
    EXPECT_EQ(day.started(behind), 600) << policy;
  }
}

// Memory is asked for on each node, so that two are charged twice as much as one.
TEST(Range, EachNumberIsPlannedByWhatItIsCharged) {
  rm::QuotaRule rule;
  rule.match = {{"user", "ann"}};
  rule.max[rm::Kind::MemMib] = 200;
  const auto of_memory = [](JobSpec spec) {
    spec.request.mem_mib = 100;
    return spec;
  };
  for (const char* policy : kPlanning) {
    Day day(policy, {rule});
    put_in_row(day, {8, 4, 4, 1});
    day.submit(sized(8, 500, "bob"));
    day.submit(sized(4, 50, "bob"));
    day.submit(sized(4, 100, "bob"));
    day.submit(of_memory(sized(1, 5'000)));
    const JobId job = day.submit(of_memory(range(1, 2, 8)));
    const JobId behind = day.submit(sized(8, 10'000, "bob"));
    day.pass_until(20'000);
    EXPECT_EQ(day.started(job), 500) << policy;
    EXPECT_EQ(day.started(behind), 600) << policy;
  }
}

// After a restart: it may join those on both sides of it.
TEST(Range, ANodeThatHasNotSaidWhatItHasMayBeANeighbour) {
  Day day("easy", {});
  put_in_row(day, {4, 4, 4, 4, 4});
  day.desk().restart();
  for (const char* node : {"n1", "n2", "n4", "n5"}) day.desk().node_up(node, 4);
  JobSpec spec = sized(4, 100);
  spec.request.nodes = 5;
  spec.request.contiguous = true;
  EXPECT_TRUE(day.desk().controller.resources().can_ever_fit(spec.request));
  spec.request.nodes = 1;
  spec.request.resources = {{"foo", 1}};
  EXPECT_TRUE(day.desk().controller.resources().can_ever_fit(spec.request)) << "n3 may have it";
  spec.request.nodes = 2;
  EXPECT_FALSE(day.desk().controller.resources().can_ever_fit(spec.request)) << "no neighbour has";
}

// More than 128 nodes are searched by their ends, and on this one nothing ever ends.
TEST(Range, AnIdleNodeAmongManyIsFound) {
  for (const char* policy : kPlanning) {
    Day day(policy, {});
    day.desk().node_up("large", 8);
    for (int n = 0; n < 200; ++n) day.desk().node_up("n" + std::to_string(n), 2);
    EXPECT_EQ(day.started(day.submit(range(1, 2, 8))), 0) << policy;
  }
}

// No cluster like this will ever have them.
TEST(Range, NeighboursThatWereNeverSideBySideAreRefused) {
  Day day("easy", {});
  put_in_row(day, {2, 6, 2, 8});
  JobSpec spec = sized(4, 100);
  spec.request.nodes = 2;
  EXPECT_TRUE(day.desk().controller.resources().can_ever_fit(spec.request));
  spec.request.contiguous = true;
  const auto never = day.desk().controller.resources().can_ever_fit(spec.request);
  ASSERT_FALSE(never);
  EXPECT_EQ(never.error().message,
            "at most 1 neighbouring node is large enough and may be used, 2 are asked for");
  day.desk().node_up("n5", 4);
  EXPECT_TRUE(day.desk().controller.resources().can_ever_fit(spec.request));
}

}  // namespace
}  // namespace drover::sched
