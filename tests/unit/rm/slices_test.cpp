// tests/unit/rm/slices_test.cpp - placement gives the same answer under 1, 2 and 7 slices, one
// after the other and on threads of oneTBB.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <tbb/parallel_for.h>

#include <deque>

#include "base/prng.hpp"
#include "rm/resource_manager.hpp"

namespace drover::rm {
namespace {

void on_threads(std::size_t count, const Slices::Work& work) {
  tbb::parallel_for(std::size_t(0), count, [&](std::size_t slice) { work(slice); });
}

// One of the managers that are told the same and must answer the same.
struct Twin {
  const char* name = "";
  ResourceManager manager;
  PathId path{};
  std::vector<Lease> leases;
  std::vector<HoldId> holds;
};

NodeSpec random_node(Prng& random, std::uint32_t number) {
  NodeSpec spec;
  spec.name = "n" + std::to_string(number);
  const auto cores = std::uint16_t(1 + random.below(4));
  spec.topology = make_topology(1, 2, cores, 1, 1'000 * std::int64_t(1 + random.below(4)));
  for (std::uint16_t g = 0; g < random.below(3); ++g)
    spec.topology.gpus.push_back({random.chance(50) ? "a100" : "h100", "", g, 0});
  spec.labels["rack"] = std::to_string(random.below(3));
  return spec;
}

Request random_request(Prng& random) {
  Request request;
  request.cpus = 1 + std::int64_t(random.below(5));
  request.mem_mib = std::int64_t(random.below(3)) * 700;
  if (random.chance(30)) request.gpus = 1;
  if (request.gpus > 0 && random.chance(50)) request.gpu_model = "h100";
  if (random.chance(25)) request.node_labels["rack"] = std::to_string(random.below(3));
  if (random.chance(10)) request.exclusive = true;
  if (random.chance(25)) request.nodes = 2 + std::int64_t(random.below(5));
  if (request.nodes > 2 && random.chance(30)) request.constraint = "[rack=0|rack=1]";
  return request;
}

class SlicesTest : public testing::TestWithParam<std::uint64_t> {
 protected:
  void make_twins(std::uint32_t nodes) {
    add("1 slice", {});
    add("2 slices", {.count = 2, .nodes_min = 0, .run = {}});
    add("7 slices", {.count = 7, .nodes_min = 0, .run = {}});
    add("2 slices on threads", {.count = 2, .nodes_min = 0, .run = on_threads});
    add("7 slices on threads", {.count = 7, .nodes_min = 0, .run = on_threads});
    for (std::uint32_t number = 1; number <= nodes; ++number) {
      const NodeSpec spec = random_node(random_, number);
      for (Twin& twin : twins_) twin.manager.put_node(NodeId{number}, spec);
    }
  }
  void add(const char* name, Slices slices) {
    Twin& twin = twins_.emplace_back();
    twin.name = name;
    twin.manager.plan_ahead();
    twin.manager.set_slices(std::move(slices));
    twin.path = twin.manager.path_for({});
  }

  void acquire() {
    const Request request = random_request(random_);
    const Window window{now_, now_ + seconds(1 + std::int64_t(random_.below(50)))};
    std::optional<Acquired> first;
    for (Twin& twin : twins_) {
      Acquired got = twin.manager.acquire(twin.manager.intern(request), twin.path, window);
      if (!first) first = got;
      ASSERT_EQ(got.index(), first->index()) << twin.name;
      if (const auto* lease = std::get_if<Lease>(&got)) {
        ASSERT_EQ(*lease, std::get<Lease>(*first)) << twin.name;
        twin.leases.push_back(*lease);
      } else if (const auto* none = std::get_if<NoFit>(&got)) {
        ASSERT_EQ(none->held, std::get<NoFit>(*first).held) << twin.name;
      }
    }
    std::holds_alternative<Lease>(*first) ? ++placed_ : ++refused_;
    if (const auto* none = std::get_if<NoFit>(&*first); none != nullptr && none->held) ++held_;
  }

  void release() {
    if (twins_.front().leases.empty()) return;
    const std::size_t which = random_.below(twins_.front().leases.size());
    for (Twin& twin : twins_) {
      twin.manager.release(twin.leases[which]);
      twin.leases.erase(twin.leases.begin() + std::ptrdiff_t(which));
    }
  }

  void hold() {
    const Request request = random_request(random_);
    std::optional<Slot> first;
    for (Twin& twin : twins_) {
      const ClassId what = twin.manager.intern(request);
      const auto slot = twin.manager.earliest(what, seconds(20), now_);
      if (&twin == &twins_.front()) first = slot;
      ASSERT_EQ(slot, first) << twin.name;
      if (slot) twin.holds.push_back(twin.manager.hold(what, *slot, seconds(20)));
    }
  }

  void drop() {
    if (twins_.front().holds.empty()) return;
    for (Twin& twin : twins_) {
      twin.manager.drop(twin.holds.front());
      twin.holds.erase(twin.holds.begin());
    }
  }

  Prng random_{GetParam()};
  std::deque<Twin> twins_;
  Time now_{1'000'000};
  int placed_ = 0, refused_ = 0, held_ = 0;
};

TEST_P(SlicesTest, AnyNumberOfThemGivesTheSameNodes) {
  make_twins(std::uint32_t(1 + random_.below(200)));
  for (int step = 0; step < 1'500 && !HasFatalFailure(); ++step) {
    const std::uint64_t kind = random_.below(10);
    if (kind < 5) acquire();
    if (kind >= 5 && kind < 8) release();
    if (kind == 8) hold();
    if (kind == 9) drop();
    if (step % 20 == 0) now_ = now_ + seconds(1);
  }
  EXPECT_GT(placed_, 0);
}

INSTANTIATE_TEST_SUITE_P(Seeds, SlicesTest, testing::Range<std::uint64_t>(1, 9));

TEST(Slices, FewNodesAreSearchedInOne) {
  ResourceManager manager;
  int runs = 0;
  manager.set_slices({.count = 2, .nodes_min = 3, .run = [&](std::size_t count, const auto& work) {
                        ++runs;
                        for (std::size_t i = count; i-- > 0;) work(i);
                      }});
  const PathId path = manager.path_for({});
  const ClassId one = manager.intern(Request{});
  for (std::uint32_t n = 1; n <= 3; ++n) {
    manager.put_node(NodeId{n}, {"n" + std::to_string(n), {}, make_topology(1, 1, 8, 1, 100)});
    EXPECT_TRUE(std::holds_alternative<Lease>(manager.acquire(one, path)));
    EXPECT_EQ(runs, n < 3 ? 0 : 1);
  }
}

}  // namespace
}  // namespace drover::rm
