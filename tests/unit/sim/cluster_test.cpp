// tests/unit/sim/cluster_test.cpp - machines from files.
// SPDX-License-Identifier: Apache-2.0
#include "sim/cluster.hpp"

#include <gtest/gtest.h>

namespace drover::sim {
namespace {

TEST(Cluster, AFlatMachineIsOneNodeThatIsNotBound) {
  const Cluster cluster = flat_cluster(128);
  ASSERT_EQ(cluster.nodes.size(), 1u);
  EXPECT_EQ(cluster.cpus(), 128);
  EXPECT_FALSE(cluster.nodes[0].topology.bindable);
}

TEST(Cluster, ReadsGroupsOfNodes) {
  const auto cluster = parse_cluster_toml(R"(
[[nodes]]
name = "gpu"
count = 10
packages = 2
numa = 2
cores = 8
threads = 2
memory = "510GiB"
gpus = 4
gpu_model = "h100"
labels = {rack = "r1"}

[[nodes]]
name = "login"
cpus = 3
)",
                                          "c.toml");
  ASSERT_TRUE(cluster) << cluster.error().message;
  ASSERT_EQ(cluster->nodes.size(), 11u);
  EXPECT_EQ(cluster->nodes[0].name, "gpu01");
  EXPECT_EQ(cluster->nodes[9].name, "gpu10");
  EXPECT_EQ(cluster->cpus(), 10 * 64 + 3);
  EXPECT_EQ(cluster->gpus(), 40);
  EXPECT_EQ(cluster->nodes[0].topology.mem_mib(), 510 * 1024);
  EXPECT_EQ(cluster->nodes[0].topology.gpus[3].numa, 3);
  EXPECT_EQ(cluster->nodes[0].labels.at("rack"), "r1");
  EXPECT_EQ(cluster->nodes[10].name, "login");
  EXPECT_FALSE(cluster->nodes[10].topology.bindable);
}

TEST(Cluster, RefusesWhatItDoesNotUnderstand) {
  struct Row {
    const char* text;
    const char* message;
  };
  const Row rows[] = {
      {"[[nodes]]\ncount = 2\ncoers = 4\n", "c.toml:3: unknown key \"coers\""},
      {"[[nodes]]\ncores = -1\n", "c.toml:2: cores is a whole number"},
      {"[[nodes]]\ncores = 0\n", "1 to 65535 CPUs"},
      {"[[nodes]]\ncount = 1048576\n[[nodes]]\n", "1 to 1048576 nodes"},
      {"[[nodes]]\nmemory = \"much\"\n", "c.toml:2: memory"},
      {"[[nodes]]\nlabels = {a = 1}\n", "a label's value is a text"},
      {"[[nodes]]\ncpus = 4\ncores = 2\n", "c.toml:3: cpus and cores exclude each other"},
      {"[[nodes]]\ncpus = 4\n[[nodes]]\ncpus = 8\n", "two nodes called node"},
      {"[[nodes]]\npackages = 1048575\nnuma = 1048575\ncores = 1048575\nthreads = 1048575\n",
       "1 to 65535 CPUs"},
      {"[[nodes]]\nresources = {fpga = \"2\"}\n", "of a resource there is a whole number"},
      {"[[node]]\n", "unknown key \"node\""},
      {"[[nodes]\n", "c.toml:1"},
  };
  for (const Row& row : rows) {
    const auto cluster = parse_cluster_toml(row.text, "c.toml");
    ASSERT_FALSE(cluster) << row.text;
    EXPECT_NE(cluster.error().message.find(row.message), std::string::npos)
        << cluster.error().message;
  }
}

TEST(Cluster, ReadsMachinesFiles) {
  const auto cluster =
      parse_machines("0\tzewura\t20\t80\t1\t529426432\n1 zegox 48 12 1 94035968\n");
  ASSERT_TRUE(cluster);
  EXPECT_EQ(cluster->nodes.size(), 68u);
  EXPECT_EQ(cluster->cpus(), 2176);
  EXPECT_EQ(cluster->nodes[0].labels.at("cluster"), "zewura");
  EXPECT_EQ(cluster->nodes[0].topology.mem_mib(), 529426432 / 1024);
  EXPECT_FALSE(parse_machines("0 zewura 20\n"));
  EXPECT_FALSE(parse_machines("0 zewura many 80 1 5\n"));
  EXPECT_FALSE(parse_machines("0 zewura 20 80 1 much\n"));
}

TEST(Cluster, ReadsGpuNodeLists) {
  const auto cluster = parse_gpu_nodes(
      "sn,cpu_milli,memory_mib,gpu,model\nn0,32000,262144,0,\nn1,96000,393216,8,G2\n");
  ASSERT_TRUE(cluster) << cluster.error().message;
  EXPECT_EQ(cluster->cpus(), 128);
  EXPECT_EQ(cluster->gpus(), 8);
  EXPECT_EQ(cluster->nodes[1].topology.gpus[7].model, "G2");
  EXPECT_FALSE(parse_gpu_nodes("n0,32000\n"));
}

}  // namespace
}  // namespace drover::sim
