// rm/place_units.hpp - which threads and GPUs of a node a task gets.
//
// In this order: the least number of NUMA nodes; where GPUs are asked for, near them, and among
// equals near a network interface; whole idle
// cores before a core that another job has a part of; the fullest place that still fits (and away
// from GPUs, for tasks without); within a NUMA node one L3 and one contiguous run of cores; the
// lowest number. Nothing here is random.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "rm/core_rule.hpp"
#include "rm/node_units.hpp"

namespace drover::rm {

struct UnitsAsked {
  std::uint32_t cpus = 0, gpus = 0;
  std::string_view gpu_model;      // empty = any
  const CoreRule* rule = nullptr;  // cpus are then those of its tasks, see place_cores
  std::span<const Nic> nics = {};  // of the node; among equal GPUs those near one come first
};

struct Units {
  std::vector<std::uint16_t> pus, gpus;  // OS and driver indexes, sorted
};

// Fits by contract: node.free_pus() >= cpus (0 CPUs for a node that does not bind) and
// free_gpus(model) >= gpus. O(cores of the NUMA nodes taken + NUMA nodes); joining several costs
// O(packages * NUMA nodes) more. Allocates the answer, and scratch only for joined NUMA nodes or L3
// groups and for ranking GPUs.
Units place_units(const NodeUnits& node, const UnitsAsked& asked);

}  // namespace drover::rm
