// sched/check_layout.cpp - whether what is said of nodes, sockets, cores and tasks goes together;
// and what it comes to for the resource manager.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>

#include "base/counted_words.hpp"
#include "rm/node_expression.hpp"
#include "sched/entrance.hpp"

namespace drover::sched {
namespace {

constexpr std::int32_t kThreadsMax = 1'024, kSocketsMax = 1'024, kCoresMax = 65'536;
constexpr std::int32_t kTasksMax = 1'000'000;
constexpr std::int64_t kNodesMax = 100'000;
// Each number of nodes of a range may be tried at a start.
constexpr std::int64_t kNodeRangeMax = 4'096;

std::string text(std::int64_t number) { return std::to_string(number); }

Result<void> check_numbers(const JobSpec& spec) {
  struct Number {
    std::int64_t value, high;
    const char* field;
  };
  const rm::TaskRules& rules = spec.layout;
  for (const Number& number : {Number{rules.plane, kTasksMax, "distribution"},
                               Number{rules.threads_per_core, kThreadsMax, "threads_per_core"},
                               Number{rules.ntasks_per_core, kThreadsMax, "ntasks_per_core"},
                               Number{rules.ntasks_per_socket, kTasksMax, "ntasks_per_socket"},
                               Number{rules.sockets_per_node, kSocketsMax, "sockets_per_node"},
                               Number{rules.cores_per_socket, kCoresMax, "cores_per_socket"},
                               Number{spec.request.nodes_max, kNodesMax, "nodes_max"}}) {
    if (number.value >= 0 && number.value <= number.high) continue;
    return fail(Errc::BadInput,
                std::string(number.field) + " is " + text(number.value) + "; allowed are 1 to " +
                    text(number.high),
                "choose a number in this range, or leave it out", number.field);
  }
  return {};
}

Result<void> check_range_of_nodes(const JobSpec& spec) {
  const rm::Request& request = spec.request;
  if (request.nodes_max == 0) return {};
  if (request.nodes_max < request.nodes)
    return fail(Errc::BadInput,
                "at most " + counted(request.nodes_max, "node") + is_or_are(request.nodes_max) +
                    " fewer than at least " + text(request.nodes),
                "write --nodes=MIN-MAX", "nodes");
  if (request.nodes_max - request.nodes > kNodeRangeMax)
    return fail(Errc::Limit,
                "from " + text(request.nodes) + " to " + text(request.nodes_max) +
                    " nodes is too wide a range",
                "let it span at most " + text(kNodeRangeMax) + " nodes", "nodes");
  if (request.tasks > 0 && request.tasks != spec.ntasks)
    return fail(
        Errc::BadInput,
        "the request counts " + text(request.tasks) + " tasks, the job has " + text(spec.ntasks),
        "leave the count of the request out", "ntasks");
  if (request.tasks > 0 && spec.layout.over_nodes == rm::NodeDealing::Plane)
    return fail(Errc::Unsupported, "a plane of tasks goes with a fixed number of nodes",
                "write --nodes=" + text(request.nodes), "distribution");
  return {};
}

// Numbers that cannot hold together, each pair named.
Result<void> check_together(const JobSpec& spec) {
  const rm::TaskRules& rules = spec.layout;
  const std::int64_t on_node = spec.tasks_on_node();
  if (rules.over_nodes == rm::NodeDealing::Plane && rules.plane == 0)
    return fail(Errc::BadInput, "a plane needs its size", "write --distribution=plane=4",
                "distribution");
  if (rules.ntasks_per_core > 1 && spec.cpus_per_task > 1)
    return fail(Errc::BadInput,
                counted(rules.ntasks_per_core, "task") + " on a core cannot have " +
                    counted(spec.cpus_per_task, "CPU") + " each",
                "use --ntasks-per-core=1, or --cpus-per-task=1", "ntasks_per_core");
  if (rules.ntasks_per_core > 0 && rules.threads_per_core > 0 &&
      rules.ntasks_per_core > rules.threads_per_core)
    return fail(Errc::BadInput,
                counted(rules.ntasks_per_core, "task") + " on a core of which " +
                    counted(rules.threads_per_core, "thread") + is_or_are(rules.threads_per_core) +
                    " used: each needs one",
                "lower --ntasks-per-core, or raise --threads-per-core", "ntasks_per_core");
  if (rules.ntasks_per_socket > 0 && rules.sockets_per_node > 0 &&
      std::int64_t(rules.ntasks_per_socket) * rules.sockets_per_node < on_node)
    return fail(Errc::BadInput,
                counted(rules.sockets_per_node, "socket") + " with " +
                    counted(rules.ntasks_per_socket, "task") +
                    (rules.sockets_per_node == 1 ? " has" : " each have") + " no place for " +
                    counted(on_node, "task") + " on a node",
                "raise --ntasks-per-socket, or ask for more nodes", "ntasks_per_socket");
  if (rules.ntasks_per_socket > 0 && spec.ntasks_per_node > 0 &&
      rules.ntasks_per_socket > spec.ntasks_per_node)
    return fail(Errc::BadInput,
                text(rules.ntasks_per_socket) + " tasks on a socket are more than " +
                    text(spec.ntasks_per_node) + " on the whole node",
                "lower --ntasks-per-socket", "ntasks_per_socket");
  return {};
}

// CPUs of a task on all sockets: no task has a socket then, nor cores of its own.
Result<void> check_full_cyclic(const JobSpec& spec) {
  if (spec.layout.over_sockets != rm::SocketDealing::FullCyclic) return {};
  const char* other = spec.layout.ntasks_per_socket > 0 ? "--ntasks-per-socket"
                      : spec.layout.ntasks_per_core > 0 ? "--ntasks-per-core"
                      : spec.request.tasks > 0          ? "--ntasks with a range of nodes"
                                                        : nullptr;
  if (other == nullptr) return {};
  return fail(Errc::BadInput,
              std::string("fcyclic spreads the CPUs of each task over the sockets, which does not "
                          "go with ") +
                  other,
              "use cyclic instead of fcyclic", "distribution");
}

Result<void> check_contiguous(const rm::Request& request) {
  if (!request.contiguous || request.constraint.empty()) return {};
  const auto parsed = rm::parse_constraint(request.constraint);
  if (!parsed || parsed->counted.empty()) return {};
  return fail(Errc::Unsupported, "neighbouring nodes cannot be counted by constraints as well",
              "leave --contiguous out, or the counts of --constraint", "contiguous");
}

}  // namespace

Result<void> check_layout(JobSpec& spec) {
  if (auto good = check_numbers(spec); !good) return good;
  if (auto good = check_range_of_nodes(spec); !good) return good;
  if (auto good = check_together(spec); !good) return good;
  if (auto good = check_full_cyclic(spec); !good) return good;
  if (auto good = check_contiguous(spec.request); !good) return good;
  const rm::TaskRules& rules = spec.layout;
  rm::CoreRule& cores = spec.request.cores;
  cores = {};
  cores.threads_per_core = rules.threads_per_core;
  if (rules.ntasks_per_core > 1)  // of one CPU each: so many threads of a core
    cores.threads_per_core = rules.ntasks_per_core;
  cores.own_cores = rules.ntasks_per_core == 1;
  cores.tasks_per_socket = rules.ntasks_per_socket;
  const bool by_cpu = rules.over_sockets == rm::SocketDealing::FullCyclic;
  cores.over_sockets = rules.over_sockets != rm::SocketDealing::Block &&
                       (by_cpu ? spec.request.cpus : spec.tasks_on_node()) > 1;
  cores.min_sockets = rules.sockets_per_node;
  cores.min_cores_per_socket = rules.cores_per_socket;
  if (cores.own_cores || cores.by_socket() || spec.request.tasks > 0)
    cores.cpus_per_task = by_cpu ? 1 : spec.cpus_per_task;
  if (spec.request.nodes_max == spec.request.nodes) spec.request.nodes_max = 0;
  if (spec.request.nodes_max == 0) spec.request.tasks = 0;
  if (spec.request.nodes < 2 && spec.request.nodes_max < 2) spec.request.contiguous = false;
  return {};
}

}  // namespace drover::sched
