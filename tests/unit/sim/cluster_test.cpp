// tests/unit/sim/cluster_test.cpp - machines from files.
// SPDX-License-Identifier: Apache-2.0
#include "sim/cluster.hpp"

#include <gtest/gtest.h>

namespace drover::sim {
namespace {

TEST(Cluster, AFlatMachineIsOneNodeThatIsNotBound) {
  const Cluster cluster = flat_cluster(128).value();
  ASSERT_EQ(cluster.nodes.size(), 1u);
  EXPECT_EQ(cluster.cpus(), 128);
  EXPECT_FALSE(cluster.nodes[0].topology.bindable);
}

TEST(Cluster, AFlatMachineIsNoLargerThanANodeCanBe) {
  EXPECT_EQ(flat_cluster(65'535).value().cpus(), 65'535);
  for (const std::int64_t procs : {std::int64_t(0), std::int64_t(65'536), std::int64_t(163'840)}) {
    const auto flat = flat_cluster(procs);
    ASSERT_FALSE(flat) << procs;
    EXPECT_NE(flat.error().message.find("1 to 65535 processors, not " + std::to_string(procs)),
              std::string::npos)
        << flat.error().message;
    EXPECT_NE(flat.error().hint.find("--cluster FILE"), std::string::npos);
  }
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
      {"[[nodes]]\ncores = 0\n", "c.toml:2: cores is a whole number from 1 to 65535"},
      {"[[nodes]]\ncpus = 65536\n", "c.toml:2: cpus is a whole number from 1 to 65535"},
      {"[[nodes]]\ncores = 2\ngpus = 70000\n", "c.toml:3: gpus is a whole number from 0 to 4096"},
      {"[[nodes]]\ncount = 0\n", "c.toml:2: count is a whole number from 1 to 1048576"},
      {"[[nodes]]\ncount = 1048576\n[[nodes]]\n", "c.toml:3: a cluster has 1 to 1048576 nodes"},
      {"[[nodes]]\n\n[[nodes]]\ncount = 1048000\ncpus = 65535\n",
       "c.toml:3: a cluster has at most 16777216 CPUs and GPUs"},
      {"[[nodes]]\nnuma = 5000\n", "c.toml:1: the node's topology has more than 4096 NUMA nodes"},
      {"[[nodes]]\nmemory = \"much\"\n", "c.toml:2: memory"},
      {"[[nodes]]\nlabels = {a = 1}\n", "a label's value is a text"},
      {"[[nodes]]\ncpus = 4\ncores = 2\n", "c.toml:3: cpus and cores exclude each other"},
      {"[[nodes]]\ncpus = 4\n[[nodes]]\ncpus = 8\n", "two nodes called node"},
      {"[[nodes]]\npackages = 65535\nnuma = 65535\ncores = 65535\nthreads = 65535\n",
       "c.toml:1: a node has 1 to 65535 CPUs"},
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
      parse_machines("0\tzewura\t20\t80\t1\t529426432\n1 zegox 48 12 1 94035968\n", "m");
  ASSERT_TRUE(cluster);
  EXPECT_EQ(cluster->nodes.size(), 68u);
  EXPECT_EQ(cluster->cpus(), 2176);
  EXPECT_EQ(cluster->nodes[0].labels.at("cluster"), "zewura");
  EXPECT_EQ(cluster->nodes[0].topology.mem_mib(), 529426432 / 1024);
}

TEST(Cluster, ReadsGpuNodeLists) {
  const auto cluster = parse_gpu_nodes(
      "sn,cpu_milli,memory_mib,gpu,model\nn0,32000,262144,0,\nn1,96000,393216,8,G2\n", "g");
  ASSERT_TRUE(cluster) << cluster.error().message;
  EXPECT_EQ(cluster->cpus(), 128);
  EXPECT_EQ(cluster->gpus(), 8);
  EXPECT_EQ(cluster->nodes[1].topology.gpus[7].model, "G2");
}

TEST(Cluster, NamesTheFileAndLineOfWhatItRefuses) {
  struct Row {
    const char* file;
    const char* text;
    const char* message;
  };
  const Row rows[] = {
      {"m", "0 a 20\n", "m:1: six words are expected"},
      {"m", "# nodes\n0 a many 80 1 5\n", "m:2: nodes: \"many\""},
      {"m", "0 a 20 80 1 much\n", "m:1: memory: \"much\""},
      {"m", "1 a 2 4 1 1000000\n2 b 9223372036854775807 4 1 1000\n",
       "m:2: nodes: \"9223372036854775807\""},
      {"m", "1 a 2 4 1 1000000\n2 b 1048575 1 1 1000\n", "m:2: a cluster has 1 to 1048576 nodes"},
      {"m", "1 a 2 65536 1 10\n", "m:1: CPUs per node: \"65536\""},
      {"m", "1 a 1048576 65535 1 10\n", "m:1: a cluster has at most 16777216 CPUs and GPUs"},
      {"m", "1 a 1 4 1 10\n2 a 1 4 1 10\n", "m: there are two nodes called a"},
      {"g", "n0,32000\n", "g:1: five fields are expected"},
      {"g", "sn,cpu_milli,memory_mib,gpu,model\nn0,x,1,0,\n", "g:2: cpu_milli: \"x\""},
      {"g", "n0,1000,1,9999,\n", "g:1: gpu: \"9999\""},
      {"g", ",1000,1,0,\n", "g:1: the node has no name"},
      {"g", "n0,1000,1,0,\nn1,1000,1,0,\nn0,2000,1,0,\n", "g: there are two nodes called n0"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.text);
    const std::string file = row.file;
    const auto cluster =
        file == "m" ? parse_machines(row.text, file) : parse_gpu_nodes(row.text, file);
    ASSERT_FALSE(cluster);
    EXPECT_TRUE(cluster.error().message.starts_with(row.message)) << cluster.error().message;
  }
}

}  // namespace
}  // namespace drover::sim
