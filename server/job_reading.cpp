// server/job_reading.cpp - what is not said of nodes, tasks and memory follows from what is.
// SPDX-License-Identifier: Apache-2.0
#include "server/job_reading.hpp"

#include <algorithm>
#include <utility>

#include "base/counted_words.hpp"
#include "sched/components.hpp"
#include "server/item_command.hpp"
#include "server/items_json.hpp"
#include "server/layout_words.hpp"

namespace drover::server {
namespace {

constexpr std::string_view kComponentFields[] = {
    // sorted
    "constraints",
    "contiguous",
    "cores_per_socket",
    "cpu_bind",
    "cpus_per_task",
    "distribution",
    "exclusive",
    "gpu_model",
    "gpu_share",
    "gpus",
    "gpus_total",
    "hint",
    "licences",
    "mem",
    "mem_bind",
    "mem_mib",
    "mem_per_cpu",
    "mem_per_cpu_mib",
    "nodes",
    "nodes_max",
    "ntasks",
    "ntasks_per_core",
    "ntasks_per_node",
    "ntasks_per_socket",
    "resources",
    "sockets_per_node",
    "spread",
    "threads_per_core",
};
static_assert(std::is_sorted(std::begin(kComponentFields), std::end(kComponentFields)));

constexpr std::int64_t kMibMax = std::int64_t(1) << 40;

// "At least so many nodes, at most so many": with a number of tasks, no more nodes than tasks, and
// enough of them for ntasks_per_node.
Result<void> complete_range(Reading& r) {
  constexpr std::int64_t kSpreadMax = 4'096;
  if (r.spread && r.nodes == 0 && r.nodes_max == 0)
    r.nodes_max = std::clamp<std::int64_t>(r.ntasks, 1, kSpreadMax);
  if (r.nodes_max == 0) return {};
  if (r.nodes > r.nodes_max)
    return fail(Errc::BadInput,
                "at least " + counted(r.nodes, "node") + is_or_are(r.nodes) +
                    " more than at most " + std::to_string(r.nodes_max),
                "let nodes_max be at least nodes", "nodes_max");
  r.nodes = std::max<std::int64_t>(r.nodes, 1);
  if (r.ntasks > 0) {
    r.nodes_max = std::min(r.nodes_max, r.ntasks);
    const std::int64_t on_each = r.spec.ntasks_per_node;
    if (on_each > 0)
      r.nodes = std::min(std::max(r.nodes, (r.ntasks + on_each - 1) / on_each), r.nodes_max);
    if (r.nodes_max > r.nodes) r.spec.request.tasks = r.ntasks;
  }
  if (r.gpus_total > 0 && r.nodes_max > r.nodes)
    return fail(Errc::BadInput,
                "--gpus of " + std::to_string(r.gpus_total) +
                    " for all nodes together does not go with " + std::to_string(r.nodes) + " to " +
                    std::to_string(r.nodes_max) + " nodes",
                "say how many each node has: --gpus-per-node", "gpus_total");
  return {};
}

// What is not said of nodes and tasks follows from what is: one task per node, as many on each as
// ntasks_per_node says, and all on one node when nothing else is said.
Result<void> complete_nodes(Reading& r) {
  sched::JobSpec& spec = r.spec;
  const std::int64_t on_each = spec.ntasks_per_node;
  if (auto range = complete_range(r); !range) return range;
  if (r.nodes == 0) r.nodes = on_each > 0 && r.ntasks > 0 ? (r.ntasks + on_each - 1) / on_each : 1;
  if (r.ntasks == 0) r.ntasks = r.nodes * std::max<std::int64_t>(on_each, 1);
  if (r.ntasks > 1'000'000)
    return fail(Errc::Limit, "nodes times ntasks_per_node is more than a million tasks",
                "ask for fewer", "ntasks_per_node");
  spec.request.nodes = r.nodes;
  if (r.nodes_max > r.nodes) spec.request.nodes_max = r.nodes_max;
  spec.ntasks = std::int32_t(r.ntasks);
  spec.request.cpus = spec.tasks_on_node() * spec.cpus_per_task;
  if (r.gpus_total == 0) return {};
  if (spec.request.gpus > 0)
    return fail(Errc::BadInput, "gpus (on each node) and gpus_total exclude each other",
                "give one of them", "gpus_total");
  if (r.gpus_total % r.nodes != 0)
    return fail(
        Errc::BadInput,
        counted(r.gpus_total, "GPU") + " cannot be divided evenly by " + counted(r.nodes, "node"),
        "say how many each node has: --gpus-per-node", "gpus_total");
  spec.request.gpus = r.gpus_total / r.nodes;
  return {};
}

Result<void> set_label(Reading& r, const char* name, const std::string& value) {
  if (value.empty()) return {};
  const auto [label, is_new] = r.spec.labels.emplace(name, value);
  if (is_new || label->second == value) return {};
  return fail(Errc::BadInput,
              std::string(name) + " is " + value + ", the label of that name is " + label->second,
              "give one of them", name);
}

Result<void> complete_component(Reading& r) {
  sched::JobSpec& spec = r.spec;
  if (auto nodes = complete_nodes(r); !nodes) return nodes;
  if (!r.hint.empty())
    if (auto hint = read_hint(r.hint, spec.layout); !hint) return hint;
  if (r.mem_per_cpu_mib > 0) {
    if (spec.request.mem_mib > 0)
      return fail(Errc::BadInput, "mem and mem_per_cpu exclude each other", "give one of them",
                  "mem_per_cpu");
    if (r.mem_per_cpu_mib > kMibMax / spec.request.cpus)
      return fail(Errc::BadInput, "mem_per_cpu times the CPUs is more than any machine has",
                  "lower mem_per_cpu or the number of CPUs", "mem_per_cpu");
    spec.request.mem_mib = r.mem_per_cpu_mib * spec.request.cpus;
  }
  return {};
}

}  // namespace

std::span<const std::string_view> component_fields() { return kComponentFields; }

bool is_of_component(std::string_view field) {
  return std::ranges::binary_search(kComponentFields, field);
}

Result<void> complete(Reading& r) {
  sched::JobSpec& spec = r.spec;
  const bool is_alone = r.components.empty();
  if (auto first = complete_component(r); !first)
    return is_alone ? first : fail(std::move(first.error()), "component 1");
  for (std::size_t i = 0; i < r.components.size(); ++i) {
    if (auto part = complete_component(r.components[i]); !part)
      return fail(std::move(part.error()), "component " + std::to_string(i + 2));
    sched::add_component(spec, r.components[i].spec);
  }
  if (auto set = set_label(r, "account", r.account); !set) return set;
  if (auto set = set_label(r, "partition", r.partition); !set) return set;
  if (auto set = set_label(r, "qos", r.qos); !set) return set;
  if (!r.alters)
    if (auto good = check_item_commands(spec); !good) return good;
  if (spec.script.empty() && spec.statement)
    return fail(Errc::BadInput, "the statement has no code", "\"script\":\"print(1)\"", "script");
  if (spec.script.empty() && spec.argv.empty())
    return fail(Errc::BadInput, "a job needs a script or argv",
                "\"argv\":[\"prog\",\"arg\"] or \"script\":\"#!/bin/sh\\n...\"", "script");
  if (!spec.script.empty() && !spec.statement && !spec.script.starts_with("#!"))
    return fail(Errc::BadInput, "the script does not start with #!",
                "its first line names the interpreter: #!/bin/bash", "script");
  if (!spec.is_array) spec.array = IndexSet::single(0);
  return make_array_of_items(spec);
}

}  // namespace drover::server
