// rm/topology.cpp - sums over a node's parts, the check of what an agent claims, and regular
// machines.
// SPDX-License-Identifier: Apache-2.0
#include "rm/topology.hpp"

#include <algorithm>

namespace drover::rm {
namespace {

constexpr std::int64_t kMaxMemMib = std::int64_t(1) << 40;  // sums of these cannot wrap
constexpr std::size_t kMaxNuma = 4'096, kMaxGpus = 4'096, kOsIndexes = 65'536;

tl::unexpected<Error> bad(std::string what) {
  return fail(Errc::BadInput, "the node's topology " + std::move(what),
              "check the output of lstopo on the node", "topology");
}

}  // namespace

std::int64_t Topology::pu_count() const {
  std::int64_t sum = 0;
  for (const Core& core : cores) sum += std::int64_t(core.pus.size());
  return sum;
}

std::int64_t Topology::mem_mib() const {
  std::int64_t sum = 0;
  for (const std::int64_t mib : numa_mem_mib)
    sum = std::min(sum + std::clamp<std::int64_t>(mib, 0, kMaxMemMib), kMaxMemMib);
  return sum;
}

Result<void> check_topology(const Topology& topology) {
  if (topology.cores.empty()) return bad("has no cores");
  if (topology.numa_mem_mib.empty()) return bad("has no NUMA node");
  if (topology.numa_mem_mib.size() > kMaxNuma) return bad("has more than 4096 NUMA nodes");
  if (topology.gpus.size() > kMaxGpus) return bad("has more than 4096 GPUs");
  for (const std::int64_t mib : topology.numa_mem_mib)
    if (mib < 0 || mib > kMaxMemMib) return bad("has an impossible amount of memory");
  std::vector<bool> seen(kOsIndexes);
  for (const Core& core : topology.cores) {
    if (core.pus.empty()) return bad("has a core without hardware threads");
    if (core.numa >= topology.numa_mem_mib.size()) return bad("has a core outside its NUMA nodes");
    for (const std::uint16_t pu : core.pus) {
      if (seen[pu]) return bad("names CPU " + std::to_string(pu) + " twice");
      seen[pu] = true;
    }
  }
  seen.assign(kOsIndexes, false);
  for (const Gpu& gpu : topology.gpus) {
    if (gpu.numa >= topology.numa_mem_mib.size()) return bad("has a GPU outside its NUMA nodes");
    if (seen[gpu.index]) return bad("names GPU " + std::to_string(gpu.index) + " twice");
    seen[gpu.index] = true;
  }
  return {};
}

Topology make_topology(std::uint16_t packages, std::uint16_t numa_per_package,
                       std::uint16_t cores_per_numa, std::uint16_t threads_per_core,
                       std::int64_t mem_mib_per_numa) {
  Topology topology;
  const std::size_t numas = std::size_t(packages) * numa_per_package;
  topology.numa_mem_mib.assign(numas, mem_mib_per_numa);
  std::uint16_t next_pu = 0;
  for (std::size_t numa = 0; numa < numas; ++numa) {
    for (std::uint16_t c = 0; c < cores_per_numa; ++c) {
      Core core;
      core.package = std::uint16_t(numa / numa_per_package);
      core.numa = core.l3 = std::uint16_t(numa);
      for (std::uint16_t t = 0; t < threads_per_core; ++t) core.pus.push_back(next_pu++);
      topology.cores.push_back(std::move(core));
    }
  }
  return topology;
}

}  // namespace drover::rm
