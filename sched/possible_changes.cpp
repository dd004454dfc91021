// sched/possible_changes.cpp - more nodes, or another partition.
// SPDX-License-Identifier: Apache-2.0
#include "sched/possible_changes.hpp"

#include <algorithm>

namespace drover::sched {
namespace {

constexpr std::int64_t kNodesTried = 64;
constexpr std::size_t kPartitionsTried = 64, kPartitionsShown = 3;

bool fits(JobSpec& spec, const PartitionTable& partitions, const rm::ResourceManager& rm) {
  return partitions.route(spec) && rm.can_ever_fit(spec.request);
}

// What partitions and nodes look at, without the script, which may be long.
JobSpec asked_of(const JobSpec& spec) {
  JobSpec asked;
  asked.owner = spec.owner;
  asked.user = spec.user;
  asked.request = spec.request;
  asked.ntasks = spec.ntasks;
  asked.cpus_per_task = spec.cpus_per_task;
  asked.ntasks_per_node = spec.ntasks_per_node;
  asked.time_limit = spec.time_limit;
  asked.labels = spec.labels;
  asked.layout = spec.layout;
  return asked;
}

// The same tasks on more nodes. GPUs may have been asked for all nodes together, and rules for
// sockets, cores and neighbours are the entrance's: there nothing is said.
std::int64_t nodes_that_do(const JobSpec& spec, const PartitionTable& partitions,
                           const rm::ResourceManager& rm) {
  const rm::Request& asked = spec.request;
  const bool is_plain = asked.gpus == 0 && asked.gpu_share == 0 && asked.nodes_max == 0 &&
                        !asked.contiguous && asked.cores == rm::CoreRule{} &&
                        spec.ntasks_per_node == 0 && spec.layout == rm::TaskRules{};
  const std::int64_t most = std::min<std::int64_t>(spec.ntasks, asked.nodes + kNodesTried);
  if (!is_plain || asked.cpus != spec.tasks_on_node() * spec.cpus_per_task) return 0;
  JobSpec spread = asked_of(spec);
  for (spread.request.nodes = asked.nodes + 1; spread.request.nodes <= most;
       ++spread.request.nodes) {
    spread.request.cpus = spread.tasks_on_node() * spread.cpus_per_task;
    if (fits(spread, partitions, rm)) return spread.request.nodes;
  }
  return 0;
}

std::vector<std::string> partitions_that_do(const JobSpec& spec, const PartitionTable& partitions,
                                            const rm::ResourceManager& rm) {
  std::vector<std::string> found;
  const auto label = spec.labels.find("partition");
  const PartitionSpec* own = label == spec.labels.end() ? nullptr : partitions.find(label->second);
  if (own == nullptr) return found;
  std::size_t tried = 0;
  for (const PartitionSpec& other : partitions.all()) {
    if (&other == own || ++tried > kPartitionsTried) continue;
    JobSpec moved = asked_of(spec);
    moved.labels["partition"] = other.name;
    for (const auto& [key, value] : own->nodes) moved.request.node_labels.erase(key);
    if (own->exclusive_user) moved.request.sole_user = 0;
    if (fits(moved, partitions, rm)) found.push_back(other.name);
    if (found.size() == kPartitionsShown) break;
  }
  return found;
}

}  // namespace

std::string possible_changes(const JobSpec& spec, const PartitionTable& partitions,
                             const rm::ResourceManager& rm) {
  if (!spec.request.more.empty() || !spec.reservation.empty()) return {};
  std::string text;
  if (const std::int64_t nodes = nodes_that_do(spec, partitions, rm); nodes > 0)
    text = "with --nodes=" + std::to_string(nodes);
  for (const std::string& name : partitions_that_do(spec, partitions, rm))
    text += (text.empty() ? "" : ", or ") + ("with --partition=" + name);
  return text.empty() ? text : "it would fit " + text;
}

}  // namespace drover::sched
