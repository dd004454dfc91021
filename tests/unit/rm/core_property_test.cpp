// tests/unit/rm/core_property_test.cpp - random leases of whole cores, sockets, neighbours and
// ranges of nodes, against a model that keeps nothing but the set of held threads.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <string>

#include "base/prng.hpp"
#include "rm/resource_manager.hpp"

namespace drover::rm {
namespace {

constexpr std::uint32_t kNodes = 7;

class Trial {
 public:
  explicit Trial(std::uint64_t seed) : random_(seed) {
    for (std::uint32_t id = 0; id < kNodes; ++id) {
      names_.push_back("n" + std::to_string((id * 5 + 3) % kNodes + 1));
      topologies_.push_back(make_topology(
          std::uint16_t(1 + random_.below(2)), std::uint16_t(1 + random_.below(2)),
          std::uint16_t(1 + random_.below(4)), std::uint16_t(1 + random_.below(2)), 1024));
      rm_.put_node(NodeId(id), {names_.back(), {}, topologies_.back()});
      by_name_[names_.back()] = id;
    }
  }

  void step() {
    if (!leases_.empty() && random_.chance(45)) return give_one();
    const Request request = random_request();
    const std::size_t expected = nodes_for(request);
    const Acquired answer = rm_.acquire(rm_.intern(request), rm_.path_for({}));
    const auto* lease = std::get_if<Lease>(&answer);
    ASSERT_EQ(lease != nullptr ? lease->node_count() : 0, expected) << shown(request);
    if (lease == nullptr) return;
    const std::int64_t each = cpus_on(request, expected);
    std::set<std::uint32_t> ranks;
    for_each_part(*lease, [&](const NodePart& part) {
      ranks.insert(rank_of(raw(part.node)));
      check_part(request, part, each);
    });
    if (request.contiguous) {
      EXPECT_EQ(*ranks.rbegin() - *ranks.begin() + 1, ranks.size()) << "neighbours";
    }
    leases_.push_back(*lease);
    ++placed;
  }

  void check() {
    std::vector<const Lease*> live;
    for (const Lease& lease : leases_) live.push_back(&lease);
    const auto problems = rm_.check(live);
    EXPECT_TRUE(problems.empty()) << problems.front();
  }

  int placed = 0;

 private:
  Request random_request() {
    Request request;
    const auto tasks = std::int64_t(1 + random_.below(4));
    const auto cpus = std::int32_t(1 + random_.below(3));
    request.cpus = tasks * cpus;
    CoreRule& rule = request.cores;
    if (random_.chance(40)) rule.threads_per_core = std::int32_t(1 + random_.below(2));
    if (random_.chance(25)) rule.own_cores = true;
    if (random_.chance(25)) rule.tasks_per_socket = std::int32_t(1 + random_.below(2));
    if (random_.chance(15)) rule.over_sockets = true;
    if (random_.chance(15)) rule.min_sockets = 2;
    if (random_.chance(15)) rule.min_cores_per_socket = 3;
    if (random_.chance(40)) request.nodes = std::int64_t(2 + random_.below(2));
    if (random_.chance(40)) request.nodes_max = request.nodes + std::int64_t(random_.below(3));
    if (request.nodes_max > request.nodes && random_.chance(50)) {
      request.tasks = request.nodes * tasks;
      rule.cpus_per_task = cpus;
    }
    if (rule.own_cores || rule.by_socket()) rule.cpus_per_task = cpus;
    request.contiguous = random_.chance(40);
    return request;
  }

  static std::int64_t cpus_on(const Request& request, std::size_t nodes) {
    if (request.tasks == 0 || nodes == 0) return request.cpus;
    const auto count = std::int64_t(nodes);
    return (request.tasks + count - 1) / count * request.cores.cpus_per_task;
  }

  // How many nodes the lease is expected to have; 0 = none.
  std::size_t nodes_for(const Request& request) {
    const std::int64_t most = std::max(request.nodes, request.nodes_max);
    for (std::int64_t count = most; count >= request.nodes; --count) {
      if (request.tasks > 0 && count > request.tasks) continue;
      std::int64_t fitting = 0, run = 0, longest = 0;
      for (const auto& [name, id] : by_name_) {  // n1 to n7: in order
        const bool fits = fits_on(request, id, cpus_on(request, std::size_t(count)));
        fitting += fits;
        run = fits ? run + 1 : 0;
        longest = std::max(longest, run);
      }
      if ((request.contiguous ? longest : fitting) >= count) return std::size_t(count);
    }
    return 0;
  }

  bool fits_on(const Request& request, std::uint32_t id, std::int64_t cpus) {
    const CoreRule& rule = request.cores;
    std::map<std::uint16_t, std::int64_t> cores, free, idle;  // by socket
    std::int64_t threads = 1, all_free = 0, all_idle = 0, large = 0;
    for (const Core& core : topologies_[id].cores) {
      const auto left = std::ranges::count_if(core.pus, [&](std::uint16_t pu) {
        return !held_.contains({id, pu});
      });
      threads = std::max(threads, std::int64_t(core.pus.size()));
      ++cores[core.package];
      free[core.package] += left, all_free += left;
      const bool is_idle = left == std::ptrdiff_t(core.pus.size());
      idle[core.package] += is_idle, all_idle += is_idle;
    }
    for (const auto& [package, count] : cores) large += count >= rule.min_cores_per_socket;
    if (rule.threads_per_core > threads || large < std::max(rule.min_sockets, 1)) return false;
    const std::int64_t used = rule.threads_per_core > 0 ? rule.threads_per_core : threads;
    const std::int64_t size = std::max(rule.cpus_per_task, 1);
    const std::int64_t tasks = (cpus + size - 1) / size, own = (size + used - 1) / used;
    if (!rule.by_socket()) {
      if (rule.own_cores) return all_idle >= tasks * own;
      return rule.threads_per_core > 0 ? all_idle * used >= cpus : all_free >= cpus;
    }
    std::int64_t room = 0;
    for (const auto& [package, count] : cores) {
      std::int64_t here = free[package] / size;
      if (rule.threads_per_core > 0) here = idle[package] * used / size;
      if (rule.own_cores) here = idle[package] / own;
      room +=
          rule.tasks_per_socket > 0 ? std::min<std::int64_t>(here, rule.tasks_per_socket) : here;
    }
    return room >= tasks;
  }

  void check_part(const Request& request, const NodePart& part, std::int64_t cpus) {
    EXPECT_EQ(part.amounts[Kind::CpuMilli], std::int64_t(part.pus.size()) * 1000);
    if (!request.cores.whole_cores()) {
      EXPECT_EQ(std::int64_t(part.pus.size()), cpus) << shown(request);
    }
    EXPECT_GE(std::int64_t(part.pus.size()), cpus) << shown(request);
    for (const std::uint16_t pu : part.pus)
      EXPECT_TRUE(held_.insert({raw(part.node), pu}).second) << "held twice";
  }

  void give_one() {
    const auto at = std::ptrdiff_t(random_.below(leases_.size()));
    rm_.release(leases_[std::size_t(at)]);
    for_each_part(leases_[std::size_t(at)], [&](const NodePart& part) {
      for (const std::uint16_t pu : part.pus) held_.erase({raw(part.node), pu});
    });
    leases_.erase(leases_.begin() + at);
  }

  std::uint32_t rank_of(std::uint32_t id) const {
    return std::uint32_t(std::distance(by_name_.begin(), by_name_.find(names_[id])));
  }

  static std::string shown(const Request& request) {
    const CoreRule& rule = request.cores;
    return std::to_string(request.cpus) + " CPUs, nodes " + std::to_string(request.nodes) + "-" +
           std::to_string(request.nodes_max) + ", tasks " + std::to_string(request.tasks) +
           ", threads " + std::to_string(rule.threads_per_core) + ", own " +
           std::to_string(rule.own_cores) + ", per socket " +
           std::to_string(rule.tasks_per_socket) + ", over sockets " +
           std::to_string(rule.over_sockets) + ", per task " + std::to_string(rule.cpus_per_task) +
           (request.contiguous ? ", contiguous" : "");
  }

  Prng random_;
  ResourceManager rm_;
  std::vector<std::string> names_;
  std::vector<Topology> topologies_;
  std::map<std::string, std::uint32_t> by_name_;
  std::set<std::pair<std::uint32_t, std::uint16_t>> held_;
  std::vector<Lease> leases_;
};

TEST(CoreProperty, LeasesAreWhatTheModelAllows) {
  const char* replay = std::getenv("SEED");
  const std::uint64_t first = replay != nullptr ? std::strtoull(replay, nullptr, 10) : 1;
  const std::uint64_t last = replay != nullptr ? first : 300;
  int placed = 0;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    SCOPED_TRACE("replay: SEED=" + std::to_string(seed));
    Trial trial(seed);
    for (int step = 0; step < 40; ++step) {
      trial.step();
      if (testing::Test::HasFailure()) return;
    }
    trial.check();
    placed += trial.placed;
  }
  EXPECT_GT(placed, replay != nullptr ? 0 : 2000);
}

}  // namespace
}  // namespace drover::rm
