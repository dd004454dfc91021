// tests/unit/server/launch_order_test.cpp - what a job finds in its environment.
// SPDX-License-Identifier: Apache-2.0
#include "server/launch_order.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace drover::server {
namespace {

std::string value_of(const proto::LaunchOrder& order, const std::string& name) {
  for (const std::string& entry : order.env())
    if (entry.starts_with(name + "=")) return entry.substr(name.size() + 1);
  return "not there";
}

// Whatever the user says of it: cards are Drover's to give where it knows of some.
TEST(LaunchOrder, ShowsAJobItsCardsAndNoOthers) {
  struct Case {
    std::string name;
    std::size_t on_node;
    std::vector<std::uint16_t> given;
    std::string visible, own;
  };
  const Case cases[] = {
      {"one of two", 2, {1}, "1", "1"},
      {"both", 2, {0, 1}, "0,1", "0,1"},
      {"none of two", 2, {}, "", "not there"},
      {"a node without cards", 0, {}, "7", "not there"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    rm::ResourceManager resources;
    rm::NodeSpec node;
    node.name = "n1";
    node.topology = rm::make_topology(1, 1, 4, 1, 1024);
    for (std::uint16_t gpu = 0; gpu < c.on_node; ++gpu)
      node.topology.gpus.push_back({"a100", "", gpu, 0});
    resources.put_node(NodeId{1}, node);
    sched::JobSpec spec;
    spec.argv = {"/bin/true"};
    spec.cwd = "/";
    spec.env = {"CUDA_VISIBLE_DEVICES=7"};
    sched::Launch launch;
    launch.node = launch.lease.node = NodeId{1};
    launch.lease.gpus = c.given;
    const Users::Entry user{"ann", "/home/ann", "/bin/sh"};
    proto::LaunchOrder order;
    const auto done = fill_launch(spec, launch, {"n1", user, resources}, order);
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(value_of(order, "CUDA_VISIBLE_DEVICES"), c.visible);
    EXPECT_EQ(value_of(order, "DROVER_GPUS"), c.own);
  }
}

}  // namespace
}  // namespace drover::server
