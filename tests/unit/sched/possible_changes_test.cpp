// tests/unit/sched/possible_changes_test.cpp - who asks for too much is told what would fit, where
// that is certain.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "desk.hpp"
#include "sched/policy_book.hpp"

namespace drover::sched {
namespace {

std::shared_ptr<const PolicyBook> book() {
  PartitionSpec main, gpu, closed, few;
  main.name = "main";
  main.nodes = {{"pool", "main"}};
  main.is_default = true;
  gpu.name = "gpu";
  gpu.nodes = {{"pool", "gpu"}};
  gpu.max_time = seconds(100);
  closed = gpu;
  closed.name = "closed";
  closed.is_open = false;
  few = main;
  few.name = "few";
  few.is_default = false;
  few.max_nodes_per_job = 2;
  PolicyBook made;
  made.partitions = PartitionTable::make({main, gpu, closed, few}).value();
  return std::make_shared<const PolicyBook>(complete(made).value());
}

// Four nodes of 8 CPUs, and one of 4 with 2 GPUs.
struct Refusing {
  Refusing() : policy(book()), desk(config()) {
    for (const char* name : {"a", "b", "c", "d"}) add(name, "main", 8, 0);
    add("g", "gpu", 4, 2);
  }
  ControllerConfig config() const {
    ControllerConfig with;
    with.book = policy;
    return with;
  }
  void add(const char* name, const char* pool, std::uint16_t cpus, int gpus) {
    rm::NodeSpec node;
    node.name = name;
    node.labels = {{"pool", pool}};
    node.topology = rm::make_topology(1, 1, cpus, 1, 1000);
    for (int i = 0; i < gpus; ++i) {
      node.topology.gpus.emplace_back();
      node.topology.gpus.back().index = std::uint16_t(i);
    }
    desk.register_node(node);
  }
  std::string hint(std::int32_t tasks, std::int64_t gpus = 0, std::int64_t limit_s = 50,
                   const std::string& partition = "main") {
    JobSpec spec = Desk::spec("ann", tasks);
    spec.ntasks = tasks;
    spec.request.gpus = gpus;
    spec.time_limit = seconds(limit_s);
    spec.labels["partition"] = partition;
    EXPECT_TRUE(policy->partitions.route(spec));
    const auto refused = desk.submit(spec);
    EXPECT_FALSE(refused);
    return refused ? "" : refused.error().hint;
  }
  std::shared_ptr<const PolicyBook> policy;
  Desk desk;
};

TEST(PossibleChanges, SoManyNodesWouldDo) {
  Refusing on;
  EXPECT_TRUE(on.hint(24).ends_with("; it would fit with --nodes=3")) << on.hint(24);
  EXPECT_TRUE(on.hint(9).ends_with("; it would fit with --nodes=2")) << on.hint(9);
  EXPECT_EQ(on.hint(33).find("it would fit"), std::string::npos) << "there are 32 CPUs";
  EXPECT_EQ(on.hint(24, 0, 50, "few").find("it would fit"), std::string::npos) << "two at most";
}

// On more nodes there would be more tasks.
TEST(PossibleChanges, NothingIsSaidWhereTasksAreCountedByNode) {
  Refusing on;
  JobSpec spec = Desk::spec("ann", 24);
  spec.ntasks = spec.ntasks_per_node = 24;
  spec.time_limit = seconds(50);
  EXPECT_TRUE(on.policy->partitions.route(spec));
  const auto refused = on.desk.submit(spec);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().hint.find("it would fit"), std::string::npos) << refused.error().hint;
}

TEST(PossibleChanges, AnotherPartitionCould) {
  Refusing on;
  EXPECT_TRUE(on.hint(1, 1).ends_with("; it would fit with --partition=gpu")) << on.hint(1, 1);
  EXPECT_EQ(on.hint(1, 3).find("it would fit"), std::string::npos) << "it has two";
  EXPECT_EQ(on.hint(1, 1, 200).find("it would fit"), std::string::npos) << "its limit is shorter";
  EXPECT_TRUE(on.hint(6, 0, 50, "gpu")
                  .ends_with("; it would fit with --partition=few, or with --partition=main"))
      << on.hint(6, 0, 50, "gpu");
}

}  // namespace
}  // namespace drover::sched
