// sched/partition_table.cpp - the table of partitions, and a job's way into one of them.
// SPDX-License-Identifier: Apache-2.0
#include "sched/partition_table.hpp"

#include <algorithm>
#include <utility>

#include "base/counted_words.hpp"
#include "base/units.hpp"
#include "sched/components.hpp"

namespace drover::sched {
namespace {

std::string label(const JobSpec& spec, const char* key) {
  const auto found = spec.labels.find(key);
  return found == spec.labels.end() ? std::string() : found->second;
}

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

Result<void> check_allowed(const PartitionSpec& partition, const std::vector<std::string>& allowed,
                           const std::string& value, const char* what) {
  if (allowed.empty() || std::ranges::find(allowed, value) != allowed.end()) return {};
  const std::string who =
      value.empty() ? "jobs without " + std::string(what) : std::string(what) + " " + value;
  return fail(Errc::Denied, "partition " + partition.name + " is not open to " + who,
              "it takes " + std::string(what) + " " + join(allowed), "partition");
}

Result<void> check_size(const PartitionSpec& partition, std::int64_t asked, std::int64_t limit,
                        const std::string& what) {
  if (limit < 0 || asked <= limit) return {};
  return fail(Errc::Limit,
              "partition " + partition.name + " allows " + std::to_string(limit) + " " + what +
                  " per job, " + std::to_string(asked) + is_or_are(asked) + " asked for",
              "ask for fewer, or choose another partition", "partition");
}

// Its nodes are those with these labels.
Result<void> add_labels(const PartitionSpec& partition, rm::Request& request) {
  for (const auto& [key, value] : partition.nodes) {
    const auto [at, is_new] = request.node_labels.emplace(key, value);
    if (is_new || at->second == value) continue;
    return fail(Errc::BadInput,
                "partition " + partition.name + " has nodes with " + key + "=" + value +
                    ", the job asks for " + key + "=" + at->second,
                "leave the constraint out, or choose another partition", "constraint");
  }
  return {};
}

Result<void> set_time(JobSpec& spec, const PartitionSpec& partition) {
  if (spec.time_limit.us == 0) spec.time_limit = partition.default_time;
  if (partition.max_time.us == 0) return {};
  if (spec.time_limit.us == 0) spec.time_limit = partition.max_time;
  if (spec.time_limit <= partition.max_time) return {};
  return fail(Errc::Limit,
              "the time limit " + format_duration(spec.time_limit) + " is above " +
                  format_duration(partition.max_time) + ", the longest in partition " +
                  partition.name,
              "ask for --time=" + format_duration(partition.max_time) + " or less", "time");
}

}  // namespace

Result<PartitionTable> PartitionTable::make(std::vector<PartitionSpec> specs) {
  if (specs.size() > kPartitionsMax)
    return fail(Errc::Limit, "more than " + std::to_string(kPartitionsMax) + " partitions", {},
                "partition");
  PartitionTable table;
  std::ranges::sort(specs, {}, &PartitionSpec::name);
  table.specs_ = std::move(specs);
  const PartitionSpec* before = nullptr;
  const PartitionSpec* chosen = nullptr;
  for (const PartitionSpec& spec : table.specs_) {
    const bool is_word =
        !spec.name.empty() && spec.name.size() <= 64 && std::ranges::none_of(spec.name, [](char c) {
          return c <= ' ' || c == ',' || c == '=' || c == '*' || c > '~';
        });
    if (!is_word)
      return fail(Errc::BadInput, "'" + spec.name.substr(0, 64) + "' cannot name a partition",
                  "use up to 64 characters without blanks, ',', '=' and '*'", "partition.name");
    if (before != nullptr && before->name == spec.name)
      return fail(Errc::BadInput, "partition " + spec.name + " is there twice", "merge the two",
                  "partition.name");
    if (spec.priority < 0 || spec.priority > kPriorityMax)
      return fail(Errc::BadInput, "the priority of partition " + spec.name + " is out of range",
                  "use 0 to " + std::to_string(kPriorityMax), "partition.priority");
    if (spec.max_time.us > 0 && spec.default_time > spec.max_time)
      return fail(Errc::BadInput,
                  "partition " + spec.name + " has a default time above its maximum",
                  "lower default_time", "partition.default_time");
    if (spec.is_default && chosen != nullptr)
      return fail(Errc::BadInput,
                  "partitions " + chosen->name + " and " + spec.name + " are both the default",
                  "let one of them be", "partition.default");
    if (spec.is_default) chosen = &spec;
    before = &spec;
  }
  return table;
}

const PartitionSpec* PartitionTable::find(std::string_view name) const {
  const auto found = std::ranges::lower_bound(
      specs_, name, {}, [](const PartitionSpec& spec) { return std::string_view(spec.name); });
  return found != specs_.end() && found->name == name ? &*found : nullptr;
}

std::int64_t PartitionTable::priority_max() const {
  std::int64_t most = 0;
  for (const PartitionSpec& spec : specs_) most = std::max(most, spec.priority);
  return most;
}

Result<void> PartitionTable::route(JobSpec& spec) const {
  if (!is_configured()) return {};
  std::string name = label(spec, "partition");
  if (name.empty()) {
    const auto chosen = std::ranges::find(specs_, true, &PartitionSpec::is_default);
    if (chosen == specs_.end())
      return fail(Errc::BadInput, "the job names no partition, and there is no default",
                  "add --partition=NAME", "partition");
    name = chosen->name;
  }
  const PartitionSpec* partition = find(name);
  if (partition == nullptr) {
    std::vector<std::string_view> names;
    for (const PartitionSpec& known : specs_) names.push_back(known.name);
    const std::string_view near = nearest_match(name, names);
    return fail(
        Errc::NotFound, "there is no partition " + name.substr(0, 64),
        near.empty() ? "drover partition ls shows them" : "did you mean " + std::string(near) + "?",
        "partition");
  }
  if (!partition->is_open)
    return fail(Errc::Denied, "partition " + name + " takes no new jobs at present",
                "choose another one", "partition");
  if (auto ok = check_allowed(*partition, partition->users, spec.user, "user"); !ok) return ok;
  if (auto ok = check_allowed(*partition, partition->accounts, label(spec, "account"), "account");
      !ok)
    return ok;
  if (auto ok = check_allowed(*partition, partition->qos, label(spec, "qos"), "qos"); !ok)
    return ok;
  if (auto ok = check_size(*partition, cpus_of(spec), partition->max_cpus_per_job, "CPUs"); !ok)
    return ok;
  if (auto ok =
          check_size(*partition, rm::nodes_of(spec.request), partition->max_nodes_per_job, "nodes");
      !ok)
    return ok;
  // Of a range as much as the partition allows.
  if (partition->max_nodes_per_job >= 0 && spec.request.nodes_max > partition->max_nodes_per_job)
    spec.request.nodes_max = partition->max_nodes_per_job;
  if (auto ok = set_time(spec, *partition); !ok) return ok;
  spec.labels["partition"] = name;
  Result<void> good;
  for_each_request(spec, [&](rm::Request& request) {
    if (partition->exclusive_user) request.sole_user = std::int64_t(spec.owner.uid) + 1;
    if (good) good = add_labels(*partition, request);
  });
  return good;
}

}  // namespace drover::sched
