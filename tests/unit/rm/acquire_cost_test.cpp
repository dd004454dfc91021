// tests/unit/rm/acquire_cost_test.cpp - what a search and an acquire cost, counted in steps and
// never in seconds.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <set>

#include "base/prng.hpp"
#include "rm/node_inventory.hpp"

namespace {
std::uint64_t allocations = 0;
}

// Not inlined: g++ would take malloc and delete for a mismatch.
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  std::abort();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace drover::rm {
namespace {

constexpr std::uint32_t kMany = 10'000;
constexpr std::uint16_t kCores = 64;

NodeSpec plain_node(std::uint32_t id, Labels labels = {}) {
  return {"n" + std::to_string(id), std::move(labels), make_topology(1, 2, 1, kCores / 2, 128'000)};
}

Request cpus(std::int64_t count, std::int64_t mem_mib = 0) {
  Request request;
  request.cpus = count;
  request.mem_mib = mem_mib;
  return request;
}

std::uint64_t probes_of(NodeInventory& inventory, const Request& request) {
  const NodeAsk ask = inventory.ask_for(request);
  const std::uint64_t before = inventory.probes();
  std::vector<NodeId> best;
  inventory.best_node(ask, best, nullptr);
  return inventory.probes() - before;
}

void take(NodeInventory& inventory, std::uint32_t id, const Request& request) {
  NodePart part;
  inventory.take(NodeId(id), inventory.ask_for(request), true, part);
}

// Leaves every node with a random number of free CPUs, so that all of the 64 levels are in use.
void load_randomly(NodeInventory& inventory, std::uint32_t nodes, std::int64_t mem_mib) {
  Prng random(7);
  for (std::uint32_t id = 0; id < nodes; ++id) {
    const auto taken = std::int64_t(random.below(kCores));
    if (taken > 0) take(inventory, id, cpus(taken, mem_mib));
  }
}

TEST(SearchCost, DoesNotGrowWithTheNumberOfNodes) {
  for (const std::uint32_t nodes : {100u, kMany}) {
    NodeInventory inventory;
    for (std::uint32_t id = 0; id < nodes; ++id) inventory.put(NodeId(id), plain_node(id));
    EXPECT_LE(probes_of(inventory, cpus(1)), 2u) << nodes;
    load_randomly(inventory, nodes, 0);
    for (const std::int64_t wanted : {1, 17, 63, 64})
      EXPECT_LE(probes_of(inventory, cpus(wanted)), 3u) << nodes << " nodes, " << wanted;
    EXPECT_LE(probes_of(inventory, cpus(65)), 2u) << nodes;
  }
}

TEST(SearchCost, NodesWithoutMemoryAreSkippedByLevels) {
  NodeInventory inventory;
  for (std::uint32_t id = 0; id < kMany; ++id) inventory.put(NodeId(id), plain_node(id));
  load_randomly(inventory, kMany, 255'000);  // CPUs are free nearly everywhere, memory nowhere
  std::uint32_t full = 0;
  for (std::uint32_t id = 0; id < kMany; ++id) {
    if (inventory.view(NodeId(id))->leases == 0) take(inventory, id, cpus(1, 255'000));
    full += inventory.view(NodeId(id))->free[Kind::MemMib] == 1'000 ? 1 : 0;
  }
  ASSERT_EQ(full, kMany);
  EXPECT_LE(probes_of(inventory, cpus(1, 2'000)), 2u * kCores + 2);
}

TEST(SearchCost, ARareLabelIsFoundThroughBitmaps) {
  NodeInventory inventory;
  for (std::uint32_t id = 0; id < kMany; ++id)
    inventory.put(NodeId(id), plain_node(id, id == kMany - 1 ? Labels{{"gpu", "yes"}} : Labels{}));
  load_randomly(inventory, kMany - 1, 0);
  Request rare = cpus(8);
  rare.node_labels = {{"gpu", "yes"}};
  EXPECT_LE(probes_of(inventory, rare), 2u * kCores + 2);
  std::vector<NodeId> best;
  inventory.best_node(inventory.ask_for(rare), best, nullptr);
  EXPECT_EQ(best, std::vector{NodeId{kMany - 1}});
  inventory.set_state(NodeId{kMany - 1}, NodeState::Lost, "");
  EXPECT_LE(probes_of(inventory, rare), 2u * kCores + 2);
}

TEST(AcquireCost, AllocatesOnlyTheAnswer) {
  ResourceManager manager;
  for (std::uint32_t id = 0; id < 100; ++id) manager.put_node(NodeId(id), plain_node(id));
  QuotaRule rule{{{"user", "*"}}, {}};
  rule.max.of.fill(1'000'000'000);
  manager.set_quotas({rule});
  const PathId path = manager.path_for({{"user", "ann"}});
  const ClassId four = manager.intern(cpus(4, 1'000));
  std::vector<Lease> leases;
  leases.reserve(2'000);
  const auto fill = [&] {
    for (;;) {
      Acquired acquired = manager.acquire(four, path);
      if (!std::holds_alternative<Lease>(acquired)) return;
      leases.push_back(std::get<Lease>(std::move(acquired)));
    }
  };
  const auto empty = [&] {
    for (const Lease& lease : leases) manager.release(lease);
    leases.clear();
  };
  fill();
  empty();
  const std::uint64_t before = allocations;
  fill();
  ASSERT_EQ(leases.size(), 100u * kCores / 4);
  EXPECT_LE(allocations - before, leases.size() + 10);  // the list of CPUs in each lease
  const std::uint64_t filled = allocations;
  empty();
  EXPECT_LE(allocations, filled + 10);  // bitmaps of groups that grow beyond a few nodes

  // What did not fit is answered from the class until something is freed.
  fill();
  const std::uint64_t full = allocations;
  for (int i = 0; i < 1'000; ++i) (void)manager.acquire(four, path);
  EXPECT_EQ(allocations, full);
}

TEST(NodeBits, AnswersLikeAPlainSet) {
  Prng random(3);
  NodeBits bits, other;
  std::set<std::uint32_t> model, other_model;
  for (int step = 0; step < 3'000; ++step) {
    const auto id = std::uint32_t(random.below(9'000));
    const bool member = random.chance(60);
    const bool in_other = random.chance(50);
    (in_other ? other : bits).set(NodeId(id), member);
    std::set<std::uint32_t>& kept = in_other ? other_model : model;
    if (member) {
      kept.insert(id);
    } else {
      kept.erase(id);
    }
    const auto from = std::uint32_t(random.below(9'500));
    auto expected = model.lower_bound(from);
    const auto alone = bits.first_common(nullptr, from);
    ASSERT_EQ(alone.has_value(), expected != model.end());
    if (alone) {
      ASSERT_EQ(raw(*alone), *expected);
    }
    while (expected != model.end() && other_model.count(*expected) == 0) ++expected;
    const auto common = bits.first_common(&other, from);
    ASSERT_EQ(common.has_value(), expected != model.end());
    if (common) {
      ASSERT_EQ(raw(*common), *expected);
    }
    ASSERT_EQ(bits.count(), model.size());
    ASSERT_EQ(bits.contains(NodeId(from)), model.count(from) == 1);
  }
  std::uint32_t both = 0;
  for (const std::uint32_t id : model) both += other_model.count(id) == 1 ? 1 : 0;
  EXPECT_EQ(bits.count_common(&other, nullptr), both);
}

}  // namespace
}  // namespace drover::rm
