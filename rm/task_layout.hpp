// rm/task_layout.hpp - which task of a job runs on which node, and on which of the threads that the
// job has there.
//
// A function of lease, topology and rules alone: it is made when an attempt starts and again
// whenever somebody asks. Tasks are numbered over the nodes in the order of the lease. Every task
// gets its CPUs from one socket while one has enough. Sockets, cores and threads are used in the
// order of the topology, a core's threads one after the other.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "rm/core_rule.hpp"
#include "rm/task_rules.hpp"
#include "rm/topology.hpp"

namespace drover::rm {

struct LayoutAsk {
  TaskRules rules;
  CoreRule cores;
  std::int64_t ntasks = 1, cpus_per_task = 1;
};

struct NodeGiven {
  const Topology* topology = nullptr;
  std::span<const std::uint16_t> pus;  // what the lease holds there; empty = not bound
};

struct TaskSeat {
  std::uint32_t task = 0;
  std::vector<std::uint16_t> pus;  // sorted; empty = not bound
  friend bool operator==(const TaskSeat&, const TaskSeat&) = default;
};
using NodeSeats = std::vector<TaskSeat>;  // by task

// The numbers of the tasks of each node. Block and cyclic deal evenly; the first get one more.
std::vector<std::vector<std::uint32_t>> deal_over_nodes(const TaskRules& rules, std::int64_t ntasks,
                                                        std::size_t nodes);

// Of the lease's threads on a node those that tasks may use: all, or so many of each core.
std::vector<std::uint16_t> usable_pus(const CoreRule& rule, const NodeGiven& node);

// One list for each node. Total: where a lease has too few threads (its node has changed since),
// the tasks that get none of their own are bound to all that it has there.
std::vector<NodeSeats> lay_out(const LayoutAsk& ask, std::span<const NodeGiven> nodes);

}  // namespace drover::rm
