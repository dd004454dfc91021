// tests/unit/rm/core_request_test.cpp - requests for whole cores, sockets, neighbours and a range
// of nodes, against leases by hand.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "rm/resource_manager.hpp"

namespace drover::rm {
namespace {

class Nodes {
 public:
  void add(const std::string& name, Topology topology, Labels labels = {}) {
    rm.put_node(NodeId(next_++), {name, std::move(labels), std::move(topology)});
  }
  Acquired acquire(const Request& request) {
    return rm.acquire(rm.intern(request), rm.path_for({}));
  }
  // Names of the nodes, or "-".
  std::string take(const Request& request) {
    Acquired answer = acquire(request);
    const auto* lease = std::get_if<Lease>(&answer);
    if (lease == nullptr) return "-";
    std::string text;
    for_each_part(*lease, [&](const NodePart& part) {
      text += (text.empty() ? "" : " ") + rm.node(part.node)->spec->name + "/" +
              std::to_string(part.amounts[Kind::CpuMilli] / 1000);
    });
    leases.push_back(*lease);
    return text;
  }
  ResourceManager rm;
  std::vector<Lease> leases;

 private:
  std::uint32_t next_ = 1;
};

Request cpus(std::int64_t count) {
  Request request;
  request.cpus = count;
  return request;
}

Request gang(std::int64_t nodes, std::int64_t count, bool contiguous) {
  Request request = cpus(count);
  request.nodes = nodes;
  request.contiguous = contiguous;
  return request;
}

TEST(CoreRequest, WholeCoresCostTheirThreads) {
  Nodes nodes;
  nodes.add("n1", make_topology(2, 1, 4, 2, 1024));  // 8 cores, 16 threads
  Request one_thread = cpus(3);
  one_thread.cores.threads_per_core = 1;
  EXPECT_EQ(nodes.take(one_thread), "n1/6");
  EXPECT_EQ(nodes.take(cpus(7)), "n1/7");  // leaves a thread of a core
  EXPECT_EQ(nodes.take(one_thread), "-") << "3 threads are free, and one whole core";
  one_thread.cpus = 1;
  EXPECT_EQ(nodes.take(one_thread), "n1/2");
  EXPECT_EQ(nodes.take(cpus(1)), "n1/1");
  EXPECT_EQ(nodes.take(cpus(1)), "-");
}

TEST(CoreRequest, NodesThatDoNotBindAreChargedWholeCoresToo) {
  Topology topology = make_topology(1, 1, 4, 2, 1024);
  topology.bindable = false;
  Nodes nodes;
  nodes.add("n1", topology);
  Request one_thread = cpus(3);
  one_thread.cores.threads_per_core = 1;
  EXPECT_EQ(nodes.take(one_thread), "n1/6");
  EXPECT_EQ(nodes.take(one_thread), "-");
}

TEST(CoreRequest, TasksPerSocket) {
  Nodes nodes;
  nodes.add("n1", make_topology(2, 1, 4, 1, 1024));
  Request four = cpus(4);
  four.cores.tasks_per_socket = 2;
  four.cores.cpus_per_task = 1;
  EXPECT_EQ(nodes.take(four), "n1/4");
  EXPECT_EQ(nodes.leases[0].pus, (std::vector<std::uint16_t>{0, 1, 4, 5}));
  four.cores.tasks_per_socket = 1;
  EXPECT_EQ(nodes.take(four), "-");
  const auto never = nodes.rm.can_ever_fit(four);
  ASSERT_FALSE(never);
  EXPECT_EQ(never.error().field, "ntasks_per_socket");
  EXPECT_NE(never.error().message.find("at most 1 task of 1 CPU on a socket"), std::string::npos);
}

TEST(CoreRequest, OnlyNodesThatSuit) {
  Nodes nodes;
  nodes.add("small", make_topology(1, 1, 8, 1, 1024));
  nodes.add("large", make_topology(2, 1, 8, 2, 1024));
  Request request = cpus(1);
  request.cores.min_sockets = 2;
  EXPECT_EQ(nodes.take(request), "large/1");
  request.cores = {};
  request.cores.min_cores_per_socket = 9;
  EXPECT_EQ(nodes.take(request), "-");
  EXPECT_EQ(nodes.rm.can_ever_fit(request).error().message, "no node has a socket of 9 cores");
  request.cores = {};
  request.cores.threads_per_core = 4;
  EXPECT_EQ(nodes.rm.can_ever_fit(request).error().hint, "the most is 2");
  request.cores.threads_per_core = 2;
  EXPECT_EQ(nodes.take(request), "large/2");
}

TEST(CoreRequest, NeighboursByName) {
  Nodes nodes;
  for (const char* name : {"n10", "n2", "n1", "n9", "n3", "n11"})
    nodes.add(name, make_topology(1, 1, 2, 1, 1024));
  EXPECT_EQ(nodes.take(gang(3, 2, true)), "n2/2 n1/2 n3/2");  // by id; n1 n2 n3 by name
  EXPECT_EQ(nodes.take(gang(1, 2, false)), "n10/2");
  EXPECT_EQ(nodes.take(gang(2, 2, true)), "-") << "n9 and n11 are left";
  EXPECT_EQ(nodes.take(gang(2, 2, false)), "n9/2 n11/2");
}

TEST(CoreRequest, TheShortestRunThatIsEnough) {
  Nodes nodes;
  for (int i = 1; i <= 7; ++i)
    nodes.add("n" + std::to_string(i), make_topology(1, 1, 2, 1, 1024),
              {{"part", i == 5 ? "b" : "a"}});
  Request request = gang(2, 1, true);
  request.node_labels["part"] = "a";
  EXPECT_EQ(nodes.take(request), "n6/1 n7/1");
  request.nodes = 4;
  EXPECT_EQ(nodes.take(request), "n1/1 n2/1 n3/1 n4/1");
  request.nodes = 5;
  EXPECT_EQ(nodes.take(request), "-");
}

TEST(CoreRequest, AsManyNodesAsFit) {
  Nodes nodes;
  for (const char* name : {"n1", "n2", "n3"}) nodes.add(name, make_topology(1, 1, 4, 1, 1024));
  Request range = gang(1, 3, false);
  range.nodes_max = 2;
  EXPECT_EQ(nodes.take(range), "n1/3 n2/3");
  EXPECT_EQ(nodes.take(range), "n3/3");
  EXPECT_EQ(nodes.take(range), "-");
}

TEST(CoreRequest, MoreNodesMeanFewerTasksOnEach) {
  Nodes nodes;
  for (const char* name : {"n1", "n2", "n3"}) nodes.add(name, make_topology(1, 1, 4, 1, 1024));
  Request range =
      gang(2, 6, false);  // 6 tasks of 2 CPUs: 6 CPUs on each of two, 4 on each of three
  range.nodes_max = 3;
  range.tasks = 6;
  range.cores.cpus_per_task = 2;
  EXPECT_TRUE(nodes.rm.can_ever_fit(range)) << "three nodes will do";
  const NoFit fit = nodes.rm.explain(nodes.rm.intern(range));
  EXPECT_EQ(fit.nodes_needed, 3u) << "and they are spoken of";
  EXPECT_EQ(fit.fit_now, 3u);
  EXPECT_EQ(fit.too_small, 0u);
  EXPECT_EQ(nodes.take(range), "n1/4 n2/4 n3/4");
  EXPECT_EQ(nodes.take(range), "-");
}

TEST(CoreRequest, AQuotaMayAllowFewerNodes) {
  Nodes nodes;
  for (const char* name : {"n1", "n2", "n3"}) nodes.add(name, make_topology(1, 1, 4, 1, 1024));
  QuotaRule rule;
  rule.match = {{"user", "ann"}};
  rule.max[Kind::CpuMilli] = 8000;
  nodes.rm.set_quotas({rule});
  Request range = gang(1, 4, false);
  range.nodes_max = 3;
  const PathId path = nodes.rm.path_for({{"user", "ann"}});
  const Acquired answer = nodes.rm.acquire(nodes.rm.intern(range), path);
  ASSERT_TRUE(std::holds_alternative<Lease>(answer));
  EXPECT_EQ(std::get<Lease>(answer).node_count(), 2u);
  EXPECT_TRUE(std::holds_alternative<QuotaShort>(nodes.rm.acquire(nodes.rm.intern(range), path)));
}

TEST(CoreRequest, PlacesInTheFutureForNeighbours) {
  Nodes nodes;
  nodes.rm.plan_ahead();
  for (const char* name : {"n1", "n2", "n3", "n4"})
    nodes.add(name, make_topology(1, 1, 2, 1, 1024));
  const PathId path = nodes.rm.path_for({});
  const auto start = [&](std::uint32_t node, std::int64_t until_s) {
    const NodeId on[] = {NodeId(node)};
    const Acquired answer = nodes.rm.acquire_on(nodes.rm.intern(cpus(2)), path, on,
                                                {Time{0}, Time{until_s * 1'000'000}});
    ASSERT_TRUE(std::holds_alternative<Lease>(answer));
    nodes.leases.push_back(std::get<Lease>(answer));
  };
  start(2, 30);
  start(4, 10);
  const ClassId pair = nodes.rm.intern(gang(2, 2, true));
  const auto slot = nodes.rm.earliest(pair, seconds(5), Time{0});
  ASSERT_TRUE(slot);
  EXPECT_EQ(slot->start, Time{10'000'000});
  EXPECT_EQ(slot->nodes, (std::vector<NodeId>{NodeId(3), NodeId(4)}));
  const ClassId any = nodes.rm.intern(gang(2, 2, false));
  EXPECT_EQ(nodes.rm.earliest(any, seconds(5), Time{0})->start, Time{0});
}

TEST(CoreRequest, TheBooksBalance) {
  Nodes nodes;
  nodes.add("n1", make_topology(2, 1, 4, 2, 1024));
  Request request = cpus(3);
  request.cores.threads_per_core = 1;
  ASSERT_EQ(nodes.take(request), "n1/6");
  ASSERT_EQ(nodes.take(cpus(2)), "n1/2");
  std::vector<const Lease*> live;
  for (const Lease& lease : nodes.leases) live.push_back(&lease);
  EXPECT_TRUE(nodes.rm.check(live).empty());
  for (const Lease& lease : nodes.leases) nodes.rm.release(lease);
  EXPECT_TRUE(nodes.rm.check({}).empty());
  EXPECT_EQ(nodes.rm.node(NodeId(1))->free[Kind::CpuMilli], 16'000);
}

}  // namespace
}  // namespace drover::rm
