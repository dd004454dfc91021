// rm/place_cores.hpp - the threads of a node for a request with a CoreRule: whole cores, and so
// many tasks on a socket.
//
// Socket by socket first (deal_tasks), then the smallest NUMA node, L3 and run of cores that is
// enough, as place_units does without a rule. Counts are of threads; a node whose cores have
// different numbers of threads is charged what it takes, and counts as if every core had the most.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "rm/core_rule.hpp"
#include "rm/node_units.hpp"
#include "rm/topology.hpp"

namespace drover::rm {

struct SocketThreads {
  std::uint16_t package = 0;
  std::uint32_t cores = 0;         // held or not
  std::uint32_t free = 0;          // threads not held
  std::uint32_t idle = 0;          // those of them on cores that nobody holds a part of
  std::uint32_t missing_gpus = 0;  // small is near those that are asked for
};

struct NodeThreads {
  std::vector<SocketThreads> sockets;  // by package
  std::uint32_t per_core = 1;          // the most threads of a core
};

NodeThreads threads_of(const NodeUnits& node);
NodeThreads threads_of(const Topology& topology);  // of the empty node

// What `cpus` CPUs of tasks take at least.
std::int64_t least_threads(const CoreRule& rule, std::int64_t cpus, std::uint32_t per_core);

// What `cpus` CPUs of tasks take at most on a node of so many sockets: plans count with it.
std::int64_t most_threads(const CoreRule& rule, std::int64_t cpus, std::uint32_t per_core,
                          std::uint32_t sockets);

// How many CPUs' worth of tasks each socket gets; empty when they do not fit. Only for rules that
// go by socket.
std::vector<std::uint32_t> deal_tasks(const CoreRule& rule, std::int64_t cpus,
                                      const NodeThreads& node);

bool has_room(const CoreRule& rule, std::int64_t cpus, const NodeThreads& node);

// Whether the node could ever take it: the least numbers that the rule names, and room when empty.
bool suits(const CoreRule& rule, std::int64_t cpus, const NodeThreads& empty);

// OS indexes, sorted. Fits by contract. `missing_gpus` by NUMA node: near GPUs come first; may be
// empty. O(cores log cores).
std::vector<std::uint16_t> place_cores(const NodeUnits& node, const CoreRule& rule,
                                       std::int64_t cpus,
                                       std::span<const std::uint32_t> missing_gpus);

}  // namespace drover::rm
