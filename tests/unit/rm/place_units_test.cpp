// tests/unit/rm/place_units_test.cpp - which threads and GPUs a task gets, on machines of several
// shapes.
// SPDX-License-Identifier: Apache-2.0
#include "rm/place_units.hpp"

#include <gtest/gtest.h>

namespace drover::rm {
namespace {

using Indexes = std::vector<std::uint16_t>;

Indexes range(std::uint16_t first, std::uint16_t last) {
  Indexes out;
  for (std::uint16_t i = first; i <= last; ++i) out.push_back(i);
  return out;
}

Topology desktop() { return make_topology(1, 1, 8, 1, 16'384); }
Topology smt() { return make_topology(1, 1, 4, 2, 16'384); }  // core c has threads 2c, 2c+1
Topology epyc() {
  return make_topology(2, 4, 8, 1, 32'768);
}  // 8 NUMA nodes of 8 cores, 2 packages

Topology epyc_with_l3() {  // each NUMA node has two L3 groups of four cores
  Topology t = epyc();
  for (std::size_t c = 0; c < t.cores.size(); ++c) t.cores[c].l3 = std::uint16_t(c / 4);
  return t;
}

Topology with_gpus(Topology t, std::initializer_list<std::uint16_t> numas) {
  for (const std::uint16_t numa : numas) {
    Gpu gpu;
    gpu.model = t.gpus.size() % 2 == 0 ? "h100" : "a100";
    gpu.index = std::uint16_t(t.gpus.size());
    gpu.numa = numa;
    t.gpus.push_back(gpu);
  }
  return t;
}

struct Row {
  const char* says;
  Topology topology;
  Indexes held, held_gpus;
  UnitsAsked asked;
  Indexes pus, gpus;
};

Indexes both(Indexes a, const Indexes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// clang-format off
const std::vector<Row>& rows() {
  static const std::vector<Row> kRows = {
      {"one CPU of an idle machine is the first", desktop(), {}, {}, {1, 0, ""}, {0}, {}},
      {"the whole machine", desktop(), {}, {}, {8, 0, ""}, range(0, 7), {}},
      {"a run that is long enough", desktop(), {1, 4}, {}, {3, 0, ""}, {5, 6, 7}, {}},
      {"the shortest such run", desktop(), {1, 4}, {}, {2, 0, ""}, {2, 3}, {}},
      {"scattered cores when no run is long enough", desktop(), {1, 3, 5}, {}, {5, 0, ""}, {0, 2, 4, 6, 7}, {}},
      {"two threads are one core", smt(), {}, {}, {2, 0, ""}, {0, 1}, {}},
      {"an idle core before half a core beside another job", smt(), {0}, {}, {1, 0, ""}, {2}, {}},
      {"half a core when no core is idle", smt(), {0, 2, 4, 6}, {}, {1, 0, ""}, {1}, {}},
      {"idle cores first, then the halves", smt(), {0, 6}, {}, {5, 0, ""}, range(1, 5), {}},
      {"one NUMA node, though the first is part held", epyc(), {0, 1}, {}, {8, 0, ""}, range(8, 15), {}},
      {"the fullest NUMA node that is enough", epyc(), range(8, 12), {}, {3, 0, ""}, {13, 14, 15}, {}},
      {"two NUMA nodes of one package", epyc(), range(8, 31), {}, {16, 0, ""}, range(32, 47), {}},
      {"the last NUMA node as full as possible", epyc(), range(8, 13), {}, {10, 0, ""}, both(range(0, 7), {14, 15}), {}},
      {"the fewest NUMA nodes, even across packages", epyc(), both(range(8, 31), range(40, 63)), {}, {16, 0, ""}, both(range(0, 7), range(32, 39)), {}},
      {"one L3 before two", epyc_with_l3(), {0, 1}, {}, {4, 0, ""}, {4, 5, 6, 7}, {}},
      {"the fullest L3 that is enough", epyc_with_l3(), {0, 1}, {}, {2, 0, ""}, {2, 3}, {}},
      {"a GPU and the cores beside it", with_gpus(epyc(), {5, 5}), {}, {}, {4, 1, ""}, range(40, 43), {0}},
      {"the GPU of the named model", with_gpus(epyc(), {5, 2}), {}, {}, {2, 1, "a100"}, {16, 17}, {1}},
      {"no GPU: away from the GPUs", with_gpus(epyc(), {0, 1}), {}, {}, {4, 0, ""}, range(16, 19), {}},
      {"both GPUs near when one NUMA node has both", with_gpus(epyc(), {1, 3, 3}), {}, {}, {2, 2, ""}, {24, 25}, {1, 2}},
      {"GPUs of two NUMA nodes: those of the same package", with_gpus(epyc(), {0, 6, 1}), {}, {}, {2, 2, ""}, {0, 1}, {0, 2}},
      {"the near GPU is held: the other one, with its cores", with_gpus(epyc(), {0, 6}), {}, {0}, {2, 1, ""}, {48, 49}, {1}},
      {"cores beside the GPU are held: still one NUMA node", with_gpus(epyc(), {0}), range(0, 6), {}, {4, 1, ""}, {8, 9, 10, 11}, {0}},
      {"GPUs without CPUs, as on a node that does not bind", with_gpus(epyc(), {3, 1}), {}, {}, {0, 1, ""}, {}, {1}},
  };
  return kRows;
}
// clang-format on

TEST(PlaceUnits, TakesTheNearestUnits) {
  for (const Row& row : rows()) {
    SCOPED_TRACE(row.says);
    ASSERT_TRUE(check_topology(row.topology));
    NodeUnits node;
    node.rebuild(row.topology);
    node.hold(row.held, row.held_gpus);
    const Units units = place_units(node, row.asked);
    EXPECT_EQ(units.pus, row.pus);
    EXPECT_EQ(units.gpus, row.gpus);
  }
}

TEST(NodeUnits, HoldsOutliveAChangeOfTheTopology) {
  NodeUnits node;
  node.rebuild(desktop());
  const Indexes held{0, 6, 7};
  node.hold(held, {});
  node.rebuild(make_topology(1, 1, 4, 1, 1024));
  EXPECT_EQ(node.free_pus(), 3u);
  node.rebuild(desktop());
  EXPECT_EQ(node.free_pus(), 5u);
  node.rebuild(make_topology(1, 1, 4, 1, 1024));
  node.drop(held, {});
  EXPECT_EQ(node.free_pus(), 4u);
}

TEST(NodeUnits, AThreadHeldTwiceIsFreeWhenBothAreGone) {
  NodeUnits node;
  node.rebuild(smt());
  const Indexes held{0};
  node.hold(held, {});
  node.hold(held, {});
  EXPECT_EQ(node.free_pus(), 7u);
  node.drop(held, {});
  EXPECT_EQ(node.free_pus(), 7u);
  node.drop(held, {});
  EXPECT_EQ(node.free_pus(), 8u);
  EXPECT_DEATH(node.drop(held, {}), "nobody holds");
}

TEST(Topology, ClaimsThatMakeNoSenseAreNamed) {
  struct Bad {
    const char* word;
    Topology topology;
  };
  const auto broken = [](auto change) {
    Topology t = make_topology(1, 2, 2, 2, 1024);
    Gpu gpu;
    t.gpus = {gpu};
    change(t);
    return t;
  };
  const Bad rows[] = {
      {"no cores", broken([](Topology& t) { t.cores.clear(); })},
      {"no NUMA node", broken([](Topology& t) { t.numa_mem_mib.clear(); })},
      {"memory", broken([](Topology& t) { t.numa_mem_mib[0] = -1; })},
      {"memory", broken([](Topology& t) { t.numa_mem_mib[1] = INT64_MAX; })},
      {"CPU 0 twice", broken([](Topology& t) { t.cores[1].pus = {0}; })},
      {"without hardware threads", broken([](Topology& t) { t.cores[1].pus.clear(); })},
      {"core outside", broken([](Topology& t) { t.cores[1].numa = 2; })},
      {"GPU outside", broken([](Topology& t) { t.gpus[0].numa = 9; })},
      {"GPU 0 twice", broken([](Topology& t) { t.gpus.push_back(t.gpus[0]); })},
  };
  EXPECT_TRUE(check_topology(broken([](Topology&) {})));
  for (const Bad& row : rows) {
    const auto result = check_topology(row.topology);
    ASSERT_FALSE(result) << row.word;
    EXPECT_NE(result.error().message.find(row.word), std::string::npos) << result.error().message;
  }
  EXPECT_GT(rows[3].topology.mem_mib(), 0);  // sums of nonsense do not wrap
}

TEST(PlaceUnits, GpusNearANicAmongEqualOnes) {
  const Topology topology = with_gpus(make_topology(2, 1, 4, 1, 1024), {0, 1});
  NodeUnits node;
  node.rebuild(topology);
  const std::vector<Nic> nics{{"ib0", "0000:81:00.0", 1}};
  UnitsAsked asked{2, 1, ""};
  EXPECT_EQ(place_units(node, asked).pus, (Indexes{0, 1})) << "no NIC is known";
  asked.nics = nics;
  const Units near = place_units(node, asked);
  EXPECT_EQ(near.pus, (Indexes{4, 5}));
  EXPECT_EQ(near.gpus, (Indexes{1}));
  asked.gpu_model = "h100";  // is on the other side: nearer to the GPU goes first
  EXPECT_EQ(place_units(node, asked).pus, (Indexes{0, 1}));
  asked.gpus = 0;
  EXPECT_EQ(place_units(node, asked).pus, (Indexes{0, 1})) << "only for those who ask for GPUs";
  asked = {8, 1, "", nullptr, nics};  // both sockets are needed: the GPU beside the NIC
  EXPECT_EQ(place_units(node, asked).gpus, (Indexes{1}));
  CoreRule rule;
  rule.threads_per_core = 1;
  asked = {2, 1, "", &rule, nics};
  EXPECT_EQ(place_units(node, asked).pus, (Indexes{4, 5}));
}

}  // namespace
}  // namespace drover::rm
