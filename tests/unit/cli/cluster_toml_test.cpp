// tests/unit/cli/cluster_toml_test.cpp - what `drover node export` writes.
// SPDX-License-Identifier: Apache-2.0
#include "cli/cluster_toml.hpp"

#include <gtest/gtest.h>

namespace drover::cli {
namespace {

Json node(const std::string& name, int packages, int numas, int cores, int threads) {
  Json node{{"name", name}, {"state", "idle"}, {"mem_mib", 1024}, {"labels", Json::object()}};
  Json topology{{"bindable", true}, {"gpus", Json::array()}, {"cores", Json::array()}};
  int pu = 0;
  for (int c = 0; c < cores; ++c) {
    Json core{{"package", c * packages / cores}, {"numa", c * numas / cores}, {"l3", 0}};
    for (int t = 0; t < threads; ++t) core["pus"].push_back(pu++);
    topology["cores"].push_back(core);
  }
  for (int n = 0; n < numas; ++n) topology["numa_mem_mib"].push_back(1024 / numas);
  node["cpus"] = pu;
  node["topology"] = topology;
  return node;
}

TEST(ClusterToml, NodesThatAreAlikeAreOneClass) {
  Json gpu = node("g1", 1, 1, 4, 1);
  gpu["labels"] = {{"rack", "r\"1"}};
  gpu["resources"] = {{"fpga", {{"total", 2}, {"free", 1}}}};
  gpu["topology"]["gpus"] = {{{"model", "a100"}}, {{"model", "a100"}}};
  const Json nodes{node("c07", 2, 4, 8, 2), gpu, node("c08", 2, 4, 8, 2)};
  EXPECT_EQ(cluster_toml(nodes),
            "[[nodes]]\nname = \"c\"\ncount = 2\npackages = 2\nnuma = 2\ncores = 2\nthreads = 2\n"
            "memory = \"1024MiB\"\n\n"
            "[[nodes]]\nname = \"g1\"\npackages = 1\nnuma = 1\ncores = 4\nthreads = 1\n"
            "memory = \"1024MiB\"\ngpus = 2\ngpu_model = \"a100\"\n"
            "resources = { \"fpga\" = 2 }\n"
            "labels = { \"rack\" = \"r\\\"1\" }\n\n");
}

TEST(ClusterToml, WhatAFileCannotSayIsSimplifiedAndSaid) {
  Json odd = node("odd", 1, 1, 2, 2);
  odd["topology"]["cores"][1]["pus"] = {2};
  odd["cpus"] = 3;
  odd["topology"]["gpus"] = {{{"model", "a"}}, {{"model", "b"}}};
  Json counted = node("vm", 1, 1, 3, 1);
  counted["topology"]["bindable"] = false;
  Json down = node("gone", 1, 1, 1, 1);
  down["state"] = "down";
  const std::string text = cluster_toml({odd, counted, down});
  EXPECT_NE(text.find("cpus = 3  # its cores are of several kinds"), std::string::npos) << text;
  EXPECT_NE(text.find("gpus = 2  # of several models"), std::string::npos) << text;
  EXPECT_NE(text.find("name = \"vm\"\ncpus = 3\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("name = \"gone\""), std::string::npos) << text;
  EXPECT_NE(text.find("# left out, since it is down: \"gone\""), std::string::npos) << text;
}

TEST(ClusterToml, ClassesHaveNamesOfTheirOwn) {
  const std::string text =
      cluster_toml({node("1", 1, 1, 1, 1), node("2", 1, 1, 1, 1), node("n1", 1, 1, 2, 1),
                    node("n2", 1, 1, 2, 1), node("n3", 1, 1, 4, 1), node("n4", 1, 1, 4, 1)});
  for (const char* name : {"name = \"node\"", "name = \"n\"", "name = \"n-\""})
    EXPECT_NE(text.find(name), std::string::npos) << text;
  EXPECT_EQ(cluster_toml(Json::array()), "");
  // m0 and m1 become m1 and m2 of a class "m", so that it needs another name beside m2.
  const std::string apart =
      cluster_toml({node("m0", 1, 1, 1, 1), node("m1", 1, 1, 1, 1), node("m2", 1, 1, 2, 1)});
  for (const char* name : {"name = \"m-\"\ncount = 2", "name = \"m2\""})
    EXPECT_NE(apart.find(name), std::string::npos) << apart;
}

}  // namespace
}  // namespace drover::cli
