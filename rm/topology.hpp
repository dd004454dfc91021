// rm/topology.hpp - what one node is made of, as plain data. hwloc ends in nodeagent/; nothing here
// knows it.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace drover::rm {

struct Core {
  std::uint16_t package = 0, numa = 0, l3 = 0;  // dense logical numbers within the node
  std::vector<std::uint16_t> pus;               // OS indexes of its hardware threads, at least one
  friend bool operator==(const Core&, const Core&) = default;
};

struct Gpu {
  std::string model;        // "nvidia-h100"; the request may name it
  std::string address;      // PCI bus id; what the driver's environment variable takes is `index`
  std::uint16_t index = 0;  // the driver's number
  std::uint16_t numa = 0;   // nearest NUMA node
  friend bool operator==(const Gpu&, const Gpu&) = default;
};

struct Nic {
  std::string name;        // "ib0", "eth0"
  std::string address;     // PCI bus id
  std::uint16_t numa = 0;  // nearest NUMA node
  friend bool operator==(const Nic&, const Nic&) = default;
};

struct Topology {
  std::vector<Core> cores;                 // in logical order: neighbours are near
  std::vector<std::int64_t> numa_mem_mib;  // one entry per NUMA node, at least one
  std::vector<Gpu> gpus;
  std::vector<Nic> nics;
  bool bindable = true;  // false when the CPU count was overridden: tasks are counted but not bound
  std::map<std::string, std::int64_t> resources;  // custom ones that the node's configuration names
  friend bool operator==(const Topology&, const Topology&) = default;

  std::int64_t pu_count() const;
  std::int64_t mem_mib() const;
};

// Whether a node's claim makes sense: every core has threads, no OS index appears twice, NUMA
// numbers exist, memory is countable. A node that fails it is kept but offers nothing.
Result<void> check_topology(const Topology& topology);

// A machine of `packages` x `numa` x `cores` x `threads` with equal memory per NUMA node; for
// tests, simulation and `--cpus N` overrides. PU numbers are dense.
Topology make_topology(std::uint16_t packages, std::uint16_t numa_per_package,
                       std::uint16_t cores_per_numa, std::uint16_t threads_per_core,
                       std::int64_t mem_mib_per_numa);

}  // namespace drover::rm
