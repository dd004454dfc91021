// nodeagent/topology.hpp - what this machine is made of, as plain data. hwloc ends in topology.cpp.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace drover::nodeagent {

struct NodeCore {
  std::uint32_t package = 0, numa = 0, l3 = 0;  // dense logical numbers
  std::vector<std::uint32_t> pus;               // OS indexes of its hardware threads
  friend bool operator==(const NodeCore&, const NodeCore&) = default;
};
struct NodeGpu {
  std::string model, address;
  std::uint32_t index = 0, numa = 0;
  friend bool operator==(const NodeGpu&, const NodeGpu&) = default;
};
struct NodeNic {
  std::string name, address;
  std::uint32_t numa = 0;
  friend bool operator==(const NodeNic&, const NodeNic&) = default;
};
struct NodeTopology {
  std::vector<NodeCore> cores;
  std::vector<std::int64_t> numa_mem_mib;
  std::vector<NodeGpu> gpus;
  std::vector<NodeNic> nics;  // on a bus; one for each PCI device
  bool bindable = true;
  std::string source;  // "hwloc 2.9.0", "synthetic", "sysconf: hwloc gave no data"
};

struct TopologyOptions {
  std::string synthetic;     // hwloc's synthetic description; a machine that is not this one
  std::uint32_t cpus = 0;    // > 0: that many CPUs in one package, not bindable
  std::int64_t mem_mib = 0;  // > 0: instead of what was found
  std::int32_t gpus = -1;    // >= 0: that many stand-ins instead of what was found
  std::int32_t nics = -1;    // likewise
};

// CPUs that this process may not use (cgroup cpuset, affinity) are left out. BadInput for a
// synthetic description that hwloc does not take; missing data falls back to sysconf and says so in
// `source`.
Result<NodeTopology> discover_topology(const TopologyOptions& options);

}  // namespace drover::nodeagent
