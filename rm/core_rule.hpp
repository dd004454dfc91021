// rm/core_rule.hpp - what a request wants of the cores and sockets of each of its nodes, beyond a
// number of CPUs.
//
// A CPU is a hardware thread. Without a rule threads are taken one by one, and a core may be shared
// with another job. With `threads_per_core` or `own_cores` cores are taken whole; threads that the
// tasks do not use then stay idle and are charged.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <compare>
#include <cstdint>

namespace drover::rm {

struct CoreRule {
  // ---- placement
  std::int32_t threads_per_core = 0;  // tasks use at most so many threads of a core; 0 = all
  bool own_cores = false;             // no two tasks share a core
  std::int32_t tasks_per_socket = 0;  // at most; 0 = any number
  bool over_sockets = false;          // tasks are dealt to the sockets in turn
  // Set with own_cores, tasks_per_socket and over_sockets only, so that other requests stay equal.
  std::int32_t cpus_per_task = 0;
  // ---- which nodes
  std::int32_t min_sockets = 0, min_cores_per_socket = 0;

  bool whole_cores() const { return threads_per_core > 0 || own_cores; }
  bool by_socket() const { return tasks_per_socket > 0 || over_sockets; }
  bool places() const { return whole_cores() || by_socket(); }
  friend auto operator<=>(const CoreRule&, const CoreRule&) = default;
};

}  // namespace drover::rm
