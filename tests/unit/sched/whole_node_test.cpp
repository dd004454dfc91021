// tests/unit/sched/whole_node_test.cpp - who wants a node alone is charged all of it, and waits for
// one that its quotas allow, whatever else is idle.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "day.hpp"

namespace drover::sched {
namespace {

constexpr const char* kPlanning[] = {"easy", "easy-sjbf", "conservative", "fifo+depth-k:2"};

JobSpec alone(std::int64_t limit_s, std::int64_t nodes = 1, std::string user = "ann") {
  JobSpec spec = sized(1, limit_s, std::move(user));
  spec.request.exclusive = true;
  spec.request.nodes = nodes;
  return spec;
}

void serve(Day& day, const std::string& node, Service service) {
  ServeNode in;
  in.actor = {0, true};
  in.node = node;
  in.service = service;
  day.desk().put(in);
  day.desk().turn();
  day.gather();
}

// One of these starts at once, and another when it has ended.
void starts_and_again(Day& day, const JobSpec& spec, const char* policy) {
  EXPECT_EQ(day.started(day.submit(spec)), 0) << policy;
  const JobId next = day.submit(spec);
  day.pass_until(300);
  EXPECT_EQ(day.started(next), 100) << policy;
}

// The large node is free first, and more than is ever allowed.
TEST(WholeNode, APlaceIsHeldWhereTheQuotaAllowsIt) {
  for (const char* policy : kPlanning) {
    Day day(policy);
    day.desk().node_up("n1", 8);
    day.desk().node_up("n2", 4);
    day.submit(sized(8, 50, "bob"));
    day.submit(sized(4, 100, "bob"));
    const JobId first = day.submit(alone(100));
    const JobId large = day.submit(sized(8, 1'000, "bob"));
    const JobId behind = day.submit(sized(4, 10'000, "bob"));
    day.pass_until(2'000);
    EXPECT_EQ(day.started(large), 50) << policy;
    EXPECT_EQ(day.started(first), 100) << policy;
    EXPECT_EQ(day.started(behind), 200) << policy;
  }
}

TEST(WholeNode, WhenTheSmallNodeIsLostTheLargeOneIsNotHeld) {
  for (const char* policy : kPlanning) {
    Day day(policy);
    day.desk().node_up("n2", 4);
    day.desk().node_up("n1", 8);
    day.submit(sized(4, 100, "bob"));
    day.submit(sized(6, 100, "bob"));
    const JobId first = day.submit(alone(100));
    serve(day, "n2", Service::Draining);
    const JobId other = day.submit(sized(2, 1'000, "bob"));
    EXPECT_EQ(day.started(other), 0) << policy;
    day.pass_until(120);
    EXPECT_FALSE(day.started(first)) << policy;
    serve(day, "n2", Service::InService);
    EXPECT_EQ(day.started(first), 120) << policy;
  }
}

// An idle node that is too large is no reason to let others pass on the one that is not.
TEST(WholeNode, SmallJobsDoNotOvertakeItForEver) {
  for (const char* policy : kPlanning) {
    Day day(policy);
    day.desk().node_up("n2", 4);
    day.desk().node_up("n1", 8);
    day.submit(sized(2, 100, "bob"));
    day.pass_until(50);
    day.submit(sized(2, 100, "bob"));
    const JobId first = day.submit(alone(100));
    for (std::int64_t i = 2; i <= 40; ++i) {
      day.pass_until(i * 50 - 10);
      day.submit(sized(2, 100, "bob"));
    }
    ASSERT_TRUE(day.started(first)) << policy;
    EXPECT_LE(*day.started(first), 250) << policy;
  }
}

TEST(WholeNode, OthersOfTheSameShapeHaveTheLargeNode) {
  for (const char* policy : kPlanning) {
    Day day(policy);
    day.desk().node_up("n2", 4);
    day.desk().node_up("n1", 8);
    day.submit(sized(4, 100, "bob"));
    const JobId first = day.submit(alone(100));
    const JobId other = day.submit(alone(100, 1, "bob"));
    EXPECT_EQ(day.started(other), 0) << policy;
    day.pass_until(300);
    EXPECT_EQ(day.started(first), 100) << policy;
  }
}

// Each of them is within, both together are not.
TEST(WholeNode, AGangHoldsNodesThatAreWithinTogether) {
  for (const char* policy : kPlanning) {
    Day day(policy, {at_most({{"user", "ann"}}, 9)});
    for (const char* node : {"n1", "n2"}) day.desk().node_up(node, 6);
    for (const char* node : {"n3", "n4"}) day.desk().node_up(node, 4);
    for (int i = 0; i < 2; ++i) day.submit(sized(6, 50, "bob"));
    for (int i = 0; i < 2; ++i) day.submit(sized(4, 100, "bob"));
    const JobId first = day.submit(alone(100, 2));
    const JobId large = day.submit(sized(6, 1'000, "bob"));
    day.pass_until(2'000);
    EXPECT_EQ(day.started(large), 50) << policy;
    EXPECT_EQ(day.started(first), 100) << policy;
  }
}

// What others of the user hold counts against the whole node, not against what was asked for.
TEST(WholeNode, ThePlaceWaitsUntilTheQuotaHasRoomForAllOfTheNode) {
  for (const char* policy : kPlanning) {
    Day day(policy, {at_most({{"user", "ann"}}, 6)});
    day.desk().node_up("n1", 4);
    day.desk().node_up("n2", 4);
    day.submit(sized(3, 200));
    day.submit(sized(4, 50, "bob"));
    const JobId first = day.submit(alone(100));
    const JobId between = day.submit(sized(4, 150, "bob"));
    day.pass_until(2'000);
    EXPECT_EQ(day.started(between), 50) << policy;
    EXPECT_EQ(day.started(first), 200) << policy;
  }
}

// The quota that it is beyond, not another one of its path that is in use.
TEST(WholeNode, ItWaitsAtTheQuotaThatItIsBeyond) {
  for (const char* policy : {"fcfs", "easy", "conservative", "fifo+depth-k:2"}) {
    Day day(policy, {at_most({}, 10), at_most({{"user", "ann"}}, 4)});
    day.desk().node_up("n1", 8);
    day.submit(sized(4, 1'000, "bob"));
    const JobId beyond = day.submit(alone(100));
    const auto why = day.desk().controller.why(beyond, {}, day.desk().now);
    EXPECT_NE(why->text.find("user=ann"), std::string::npos) << policy << ": " << why->text;
  }
}

// Of as many nodes as it may have each may be smaller than of the least number.
TEST(WholeNode, ARangeOfNodesStartsOnSoManyAsDo) {
  for (const char* policy : {"fcfs", "easy", "conservative", "fifo+depth-k:2"}) {
    Day day(policy, {at_most({{"user", "ann"}}, 24)});
    for (const char* node : {"n1", "n2", "n3"}) day.desk().node_up(node, 8);
    JobSpec range = alone(100, 2);
    range.request.cpus = 12;
    range.request.nodes_max = 3;
    range.request.tasks = 24;
    starts_and_again(day, range, policy);
  }
}

// Of two equal nodes one is told to have more CPUs than it has, and charged for them.
TEST(WholeNode, EachNodeIsChargedItsOwnCpus) {
  for (const bool first_is_double : {true, false})
    for (const char* policy : {"fcfs", "easy", "conservative"}) {
      Day day(policy, {at_most({{"user", "ann"}}, 8)});
      for (const bool is_double : {first_is_double, !first_is_double}) {
        rm::NodeSpec node;
        node.name = is_double ? "double" : "plain";
        if (is_double) node.labels = {{"oversubscribe", "2"}};
        node.topology = rm::make_topology(1, 1, 8, 1, 1000);
        day.desk().register_node(node);
      }
      starts_and_again(day, alone(100), policy);
    }
}

TEST(WholeNode, AHigherLimitIsUsedAtOnce) {
  for (const char* policy : {"fcfs", "easy", "conservative", "fifo+depth-k:2"}) {
    Day day(policy);
    day.desk().node_up("n2", 4);
    day.desk().node_up("n1", 8);
    day.submit(sized(4, 10'000, "bob"));
    day.submit(sized(8, 100, "bob"));
    day.pass_until(50);
    const JobId first = day.submit(alone(100));
    const JobId behind = day.submit(alone(200));
    day.pass_until(200);
    ASSERT_FALSE(day.started(first)) << policy << ": eight are too many";
    EditQuotas edit;
    edit.actor = {0, true};
    edit.edit.put = {at_most({{"user", "ann"}}, 8)};
    day.desk().put(edit);
    day.desk().turn();
    day.gather();
    EXPECT_EQ(day.started(first), 200) << policy;
    day.pass_until(300);
    EXPECT_EQ(day.started(behind), 300) << policy;
  }
}

// Nodes of so many CPUs, one beside the other.
void put_in_row(Day& day, std::initializer_list<std::uint16_t> cpus) {
  int number = 0;
  for (const std::uint16_t each : cpus) day.desk().node_up("n" + std::to_string(++number), each);
}

JobSpec neighbours(std::int64_t limit_s, std::int64_t nodes = 2) {
  JobSpec spec = alone(limit_s, nodes);
  spec.request.contiguous = true;
  return spec;
}

// Each of the nodes is within, and there are neighbours, but none that are within together.
TEST(WholeNode, NeighboursThatAreNeverWithinTogetherStopNobody) {
  for (const char* policy : {"fcfs", "easy", "conservative", "fifo+depth-k:2"}) {
    Day day(policy, {at_most({{"user", "ann"}}, 8)});
    put_in_row(day, {2, 8, 6, 6, 6});
    const JobId gang = day.submit(neighbours(100));
    const JobId behind = day.submit(sized(6, 100, "bob"));
    EXPECT_EQ(day.started(behind), 0) << policy;
    EXPECT_FALSE(day.started(gang)) << policy;
    const auto why = day.desk().controller.why(gang, {}, day.desk().now);
    EXPECT_NE(why->text.find("user=ann"), std::string::npos) << policy << ": " << why->text;
  }
}

// The pair in the middle is too much, the outer ones are not.
TEST(WholeNode, NeighboursStartWhereTheyAreWithinTogether) {
  for (const char* policy : {"fcfs", "easy", "conservative", "fifo+depth-k:2"}) {
    Day day(policy, {at_most({{"user", "ann"}}, 8)});
    put_in_row(day, {2, 6, 6, 2});
    day.submit(sized(1, 50, "bob"));  // on n1 or n4
    const JobId first = day.submit(neighbours(100));
    EXPECT_EQ(day.started(first), 0) << policy;
    const JobId second = day.submit(neighbours(100));
    day.pass_until(300);
    EXPECT_EQ(day.started(second), 100) << policy;
  }
}

// A place is held on them, also while the pair in the middle is free sooner.
TEST(WholeNode, NeighboursHoldAPlaceWhereTheyAreWithinTogether) {
  for (const char* policy : kPlanning) {
    Day day(policy, {at_most({{"user", "ann"}}, 8)});
    put_in_row(day, {2, 6, 6});
    day.submit(sized(2, 100, "bob"));  // n1
    const JobId first = day.submit(neighbours(100));
    const JobId brief = day.submit(sized(6, 100, "bob"));
    const JobId long_one = day.submit(sized(6, 1'000, "bob"));
    day.submit(sized(2, 1'000, "bob"));
    day.pass_until(500);
    EXPECT_EQ(day.started(first), 100) << policy;
    EXPECT_EQ(day.started(brief), 0) << policy;
    EXPECT_EQ(day.started(long_one), 0) << policy;
  }
}

// The first pair is as idle as the second, and more than is left.
TEST(WholeNode, NeighboursThatAreWithinNowAreNotHiddenByOthers) {
  for (const char* policy : {"fcfs", "easy", "conservative", "fifo+depth-k:2"}) {
    Day day(policy, {at_most({{"user", "ann"}}, 12)});
    put_in_row(day, {6, 6, 2, 4});
    JobSpec own = sized(4, 1'000);
    day.submit(own);  // on n4, which it fits best
    EXPECT_EQ(day.started(day.submit(neighbours(100))), 0) << policy;
  }
}

// A quota stops it, no lack of nodes: others may start.
TEST(WholeNode, NeighboursThatTheirUserIsInTheWayOfWaitForTheQuota) {
  for (const char* policy : {"fcfs", "easy"}) {
    Day day(policy, {at_most({{"user", "ann"}}, 8)});
    put_in_row(day, {2, 6, 6, 2});
    day.submit(sized(4, 1'000));         // n2 or n3
    day.submit(sized(6, 1'000, "bob"));  // the other
    const JobId gang = day.submit(neighbours(100));
    const JobId behind = day.submit(sized(2, 500, "carl"));
    EXPECT_EQ(day.started(behind), 0) << policy;
    day.pass_until(2'000);
    EXPECT_EQ(day.started(gang), 1'000) << policy;
  }
}

// The first idle ones are too much together: then the least number, where it is within.
TEST(WholeNode, ARangeOfNeighboursStartsWhereItIsWithin) {
  for (const char* policy : {"fcfs", "easy", "conservative", "fifo+depth-k:2"}) {
    Day day(policy, {at_most({{"user", "ann"}}, 8)});
    put_in_row(day, {6, 6, 6, 2, 2, 2, 6});
    JobSpec range = neighbours(100);
    range.request.nodes_max = 4;
    ASSERT_EQ(day.started(day.submit(range)), 0) << policy;
    EXPECT_EQ(day.desk().launches.back().nodes, "n[4-5]") << policy;
    const JobId next = day.submit(range);
    day.pass_until(300);
    EXPECT_EQ(day.started(next), 100) << policy;
  }
}

// Of more nodes each has fewer tasks, so that smaller ones do.
TEST(WholeNode, ARangeOfNeighboursWithTasksStartsOnSoManyAsAreWithin) {
  for (const char* policy : {"fcfs", "easy", "conservative", "fifo+depth-k:2"}) {
    Day day(policy, {at_most({{"user", "ann"}}, 24)});
    put_in_row(day, {16, 16, 8, 8, 8});
    JobSpec range = neighbours(100);
    range.request.cpus = 12;
    range.request.nodes_max = 3;
    range.request.tasks = 24;
    starts_and_again(day, range, policy);
  }
}

TEST(WholeNode, ARangeOfNeighboursStartsOnAsManyAsThereIsRoomFor) {
  for (const char* policy : {"fcfs", "easy", "conservative", "fifo+depth-k:2"}) {
    Day day(policy, {at_most({{"user", "ann"}}, 15)});
    put_in_row(day, {4, 4, 4, 4, 4, 4});
    JobSpec range = neighbours(100);
    range.request.nodes_max = 5;
    ASSERT_EQ(day.started(day.submit(range)), 0) << policy;
    EXPECT_EQ(day.desk().launches.back().nodes, "n[1-3]") << policy << ": four come to 16";
  }
}

// Sixteen nodes of four CPUs do, and eight smaller numbers never could.
TEST(WholeNode, ARangeOfNeighboursMayNeedManyNodes) {
  for (const char* policy : {"fcfs", "easy", "conservative", "fifo+depth-k:2"}) {
    Day day(policy, {at_most({{"user", "ann"}}, 1'000)});
    for (int n = 0; n < 20; ++n) day.desk().node_up("n" + std::to_string(n), 4);
    JobSpec range = neighbours(100);
    range.request.cpus = 32;
    range.request.nodes_max = 20;
    range.request.tasks = 64;
    EXPECT_EQ(day.started(day.submit(range)), 0) << policy;
  }
}

// Also without a quota, and where nodes are shared: what is enough for more nodes wakes it.
TEST(WholeNode, ARangeIsWokenByNodesThatAreEnoughForTheLargestNumber) {
  for (const char* policy : {"fcfs", "easy", "conservative", "fifo+depth-k:2"})
    for (const bool whole : {false, true}) {
      Day day(policy, {});
      put_in_row(day, {4, 4});
      day.submit(sized(4, 100, "bob"));
      day.submit(sized(4, 150, "bob"));
      JobSpec range = whole ? neighbours(100, 1) : sized(6, 100);
      range.request.cpus = range.request.tasks = 6;
      range.request.nodes_max = 2;
      const JobId job = day.submit(range);
      day.pass_until(1'000);
      EXPECT_EQ(day.started(job), 150) << policy;
    }
}

// Its least number is never within: it is parked, and stops nobody.
TEST(WholeNode, ARangeOfNeighboursThatIsNeverWithinStopsNobody) {
  for (const char* policy : {"fcfs", "easy", "conservative", "fifo+depth-k:2"}) {
    Day day(policy, {at_most({{"user", "ann"}}, 8)});
    put_in_row(day, {2, 8, 6, 6});
    JobSpec range = neighbours(100);
    range.request.nodes_max = 3;
    const JobId gang = day.submit(range);
    EXPECT_EQ(day.started(day.submit(sized(6, 100, "bob"))), 0) << policy;
    EXPECT_FALSE(day.started(gang)) << policy;
    const auto why = day.desk().controller.why(gang, {}, day.desk().now);
    EXPECT_NE(why->text.find("user=ann"), std::string::npos) << policy << ": " << why->text;
  }
}

// Without a quota, too, each has to be as large as is asked for.
TEST(WholeNode, NeighboursAreLargeEnough) {
  for (const char* policy : {"fcfs", "easy", "conservative"}) {
    Day day(policy, {});
    put_in_row(day, {2, 2, 8, 8});
    JobSpec large = neighbours(100);
    large.request.cpus = 8;
    const JobId gang = day.submit(large);
    EXPECT_EQ(day.started(gang), 0) << policy;
    EXPECT_EQ(day.started(day.submit(sized(2, 50, "bob"))), 0) << policy;
    EXPECT_EQ(day.started(day.submit(sized(8, 50, "bob"))), std::nullopt) << policy;
  }
}

// A mixed run is within, and no run of one alternative.
TEST(WholeNode, NeighboursAreWithinAnAlternativeOfTheirConstraint) {
  for (const char* policy : {"fcfs", "easy", "conservative"}) {
    Day day(policy, {at_most({{"user", "ann"}}, 8)});
    const std::pair<const char*, std::uint16_t> row[] = {{"a", 6}, {"a", 6}, {"b", 2}, {"a", 6}};
    int number = 0;
    for (const auto& [rack, cpus] : row) {
      rm::NodeSpec node;
      node.name = "n" + std::to_string(++number);
      node.labels = {{"rack", rack}};
      node.topology = rm::make_topology(1, 1, cpus, 1, 1000);
      day.desk().register_node(node);
    }
    JobSpec spec = neighbours(100);
    spec.request.constraint = "[rack=a|rack=b]";
    const JobId gang = day.submit(spec);
    EXPECT_EQ(day.started(day.submit(sized(6, 100, "bob"))), 0) << policy;
    EXPECT_FALSE(day.started(gang)) << policy;
    const auto why = day.desk().controller.why(gang, {}, day.desk().now);
    EXPECT_NE(why->text.find("user=ann"), std::string::npos) << policy << ": " << why->text;
  }
}

}  // namespace
}  // namespace drover::sched
