// rm/task_rules.hpp - how the tasks of a job are dealt to its nodes, sockets and threads.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>

namespace drover::rm {

enum class NodeDealing : std::uint8_t {
  Block,   // neighbours in number on one node
  Cyclic,  // one on each node in turn
  Plane    // `plane` of them on each node in turn
};
enum class SocketDealing : std::uint8_t {
  Block,       // a socket is filled before the next
  Cyclic,      // one task on each socket in turn
  FullCyclic,  // one CPU of a task on each socket in turn
};
enum class CpuBind : std::uint8_t {
  Threads,  // to its own CPUs
  Cores,    // to the cores of these, as far as the job has them
  Sockets,  // to all that the job has on their sockets
  Ldoms,    // to all that the job has on their NUMA nodes
  Rank,     // to the job's CPUs in the order of their numbers
  None      // to all that the job has on the node
};
enum class MemBind : std::uint8_t { None, Local };

struct TaskRules {
  NodeDealing over_nodes{};
  std::int32_t plane = 0;  // of Plane
  SocketDealing over_sockets{};
  std::int32_t threads_per_core = 0;                        // 0 = not said; see CoreRule
  std::int32_t ntasks_per_core = 0;                         // 0 = not said
  std::int32_t ntasks_per_socket = 0;                       // 0 = not said
  std::int32_t sockets_per_node = 0, cores_per_socket = 0;  // a node has at least so many
  CpuBind cpu_bind{};
  MemBind mem_bind{};
  bool verbose = false;  // each task says how it is bound
  friend bool operator==(const TaskRules&, const TaskRules&) = default;
};

}  // namespace drover::rm
