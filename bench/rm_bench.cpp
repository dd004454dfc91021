// bench/rm_bench.cpp - what an acquire, a release and a refusal cost, by number of nodes.
// LINK: drover::rm TBB::tbb
// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>
#include <tbb/parallel_for.h>

#include "base/check.hpp"
#include "base/prng.hpp"
#include "rm/resource_manager.hpp"

namespace drover::rm {
namespace {

struct Cluster {
  ResourceManager manager;
  PathId path{};
  std::vector<ClassId> classes;
  std::vector<Lease> leases;
};

Request request_of(std::int64_t cpus, std::int64_t mem_mib) {
  Request request;
  request.cpus = cpus;
  request.mem_mib = mem_mib;
  return request;
}

// `nodes` machines of 2 packages and 8 NUMA nodes, filled with small tasks until nothing fits.
Cluster full_cluster(std::uint32_t nodes, std::uint16_t cores) {
  Cluster cluster;
  const Topology topology = make_topology(2, 4, std::uint16_t(cores / 8), 1, 512 * cores);
  for (std::uint32_t id = 0; id < nodes; ++id)
    cluster.manager.put_node(NodeId(id), {"n" + std::to_string(id), {}, topology});
  std::vector<QuotaRule> rules(3);
  rules[0].match = {{"user", "*"}};
  rules[1].match = {{"creator", "*"}};
  rules[2].match = {{"creator", "*"}, {"user", "*"}};
  for (QuotaRule& rule : rules) rule.max.of.fill(std::int64_t(1) << 50);
  cluster.manager.set_quotas(rules);
  cluster.path = cluster.manager.path_for({{"creator", "cli"}, {"user", "ann"}});
  for (const std::int64_t cpus : {1, 2, 4, 8})
    cluster.classes.push_back(cluster.manager.intern(request_of(cpus, cpus * 2'000)));
  Prng random(1);
  for (;;) {
    const ClassId what = cluster.classes[random.below(cluster.classes.size())];
    Acquired acquired = cluster.manager.acquire(what, cluster.path);
    if (!std::holds_alternative<Lease>(acquired)) break;
    cluster.leases.push_back(std::get<Lease>(std::move(acquired)));
  }
  std::vector<const Lease*> live;
  for (const Lease& lease : cluster.leases) live.push_back(&lease);
  DROVER_CHECK(cluster.manager.check(live).empty(), "the books must balance before timing");
  return cluster;
}

// The steady state of a busy cluster: one task ends, another of its size starts.
void release_and_acquire(benchmark::State& state) {
  Cluster cluster = full_cluster(std::uint32_t(state.range(0)), std::uint16_t(state.range(1)));
  Prng random(2);
  for (auto _ : state) {
    Lease& lease = cluster.leases[random.below(cluster.leases.size())];
    const std::int64_t cpus = lease.amounts[Kind::CpuMilli] / 1000;
    const ClassId what = cluster.classes[cpus == 1 ? 0 : cpus == 2 ? 1 : cpus == 4 ? 2 : 3];
    cluster.manager.release(lease);
    Acquired acquired = cluster.manager.acquire(what, cluster.path);
    DROVER_CHECK(std::holds_alternative<Lease>(acquired), "the freed place must fit again");
    lease = std::get<Lease>(std::move(acquired));
    cluster.manager.mark_used(lease);
  }
  state.SetItemsProcessed(state.iterations());
}

// A request that fits nowhere, with something freed before each try, so that no cache answers.
void refuse(benchmark::State& state) {
  Cluster cluster = full_cluster(std::uint32_t(state.range(0)), 64);
  const ClassId whole = cluster.manager.intern(request_of(64, 0));
  for (auto _ : state) {
    cluster.manager.set_node_state(NodeId{0}, NodeState::Up, {});
    Acquired acquired = cluster.manager.acquire(whole, cluster.path);
    DROVER_CHECK(std::holds_alternative<NoFit>(acquired), "the cluster is full");
    benchmark::DoNotOptimize(acquired);
  }
  state.SetItemsProcessed(state.iterations());
}

// FIFO without backlog: tasks of mixed sizes come and go on a cluster that is half full, in the
// order in which they came.
void place_without_backlog(benchmark::State& state) {
  Cluster cluster = full_cluster(std::uint32_t(state.range(0)), 128);
  Prng random(3);
  std::vector<Lease> kept;
  for (Lease& lease : cluster.leases) {
    if (random.chance(50)) {
      cluster.manager.release(lease);
    } else {
      kept.push_back(std::move(lease));
    }
  }
  std::size_t oldest = 0;
  for (auto _ : state) {
    Lease& lease = kept[oldest];
    oldest = oldest + 1 == kept.size() ? 0 : oldest + 1;
    cluster.manager.release(lease);
    const ClassId what = cluster.classes[random.below(cluster.classes.size())];
    Acquired acquired = cluster.manager.acquire(what, cluster.path);
    DROVER_CHECK(std::holds_alternative<Lease>(acquired), "half of the cluster is free");
    lease = std::get<Lease>(std::move(acquired));
  }
  state.SetItemsProcessed(state.iterations());
}

// The longest search there is: every node has room now and is held for somebody soon. By slices on
// oneTBB's threads; 1 is the plain walk.
void search_held(benchmark::State& state) {
  ResourceManager manager;
  manager.plan_ahead();
  const Time now{1'000'000};
  const Topology topology = make_topology(1, 1, 16, 1, 64'000);
  const ClassId whole = manager.intern(request_of(16, 0)), one = manager.intern(request_of(1, 0));
  for (std::uint32_t id = 0; id < 10'000; ++id) {
    manager.put_node(NodeId(id), {"n" + std::to_string(id), {}, topology});
    manager.hold(whole, Slot{now + seconds(10), {NodeId(id)}}, seconds(100));
  }
  const PathId path = manager.path_for({});
  Slices slices;
  slices.count = std::size_t(state.range(0));
  slices.run = [](std::size_t count, const Slices::Work& work) {
    tbb::parallel_for(std::size_t(0), count, [&](std::size_t slice) { work(slice); });
  };
  manager.set_slices(std::move(slices));
  for (auto _ : state) {
    Acquired acquired = manager.acquire(one, path, {now, now + seconds(60)});
    DROVER_CHECK(std::get<NoFit>(acquired).held, "every node is held");
    benchmark::DoNotOptimize(acquired);
  }
}

BENCHMARK(release_and_acquire)
    ->Name("Rm/release_and_acquire/nodes/cores")
    ->Args({10, 64})
    ->Args({1'000, 64})
    ->Args({10'000, 64})
    ->Args({10'000, 128});
BENCHMARK(place_without_backlog)->Name("Rm/place_without_backlog/nodes")->Arg(10'000);
BENCHMARK(search_held)
    ->Name("Rm/search_held/10000_nodes/slices")
    ->Arg(1)
    ->Arg(2)
    ->Arg(7)
    ->UseRealTime();
BENCHMARK(refuse)->Name("Rm/refuse/nodes")->Arg(10)->Arg(1'000)->Arg(10'000);

}  // namespace
}  // namespace drover::rm
