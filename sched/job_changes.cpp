// sched/job_changes.cpp - one row for each thing that can be altered.
// SPDX-License-Identifier: Apache-2.0
#include "sched/job_changes.hpp"

#include "base/units.hpp"

namespace drover::sched {
namespace {

std::string number(std::int64_t n) { return n == 0 ? std::string() : std::to_string(n); }
std::string yes(bool is) { return is ? "yes" : "no"; }
std::string when(Time at) { return at.is_set() ? format_utc(at) : std::string(); }

std::string label(const JobSpec& spec, const char* key) {
  const auto found = spec.labels.find(key);
  return found == spec.labels.end() ? std::string() : found->second;
}

std::string pairs(const rm::Labels& labels) {
  std::string text;
  for (const auto& [key, value] : labels) text += (text.empty() ? "" : ",") + key + "=" + value;
  return text;
}

std::string own_labels(const JobSpec& spec) {
  rm::Labels own = spec.labels;
  for (const char* key : {"account", "partition", "qos"}) own.erase(key);
  return pairs(own);
}

std::string counts(const rm::Counts& of) {
  std::string text;
  for (const auto& [name, n] : of)
    text += (text.empty() ? "" : ",") + name + ":" + std::to_string(n);
  return text;
}

std::string dependency(const JobSpec& spec) {
  static constexpr const char* kKinds[] = {"after", "afterany", "afterok", "afternotok",
                                           "aftercorr"};
  std::string text;
  for (const Dependency& one : spec.dependencies) {
    text += text.empty() ? "" : spec.dependency_any ? "?" : ",";
    text += kKinds[std::size_t(one.kind)];
    text += ":" + std::to_string(raw(one.job));
    if (one.minutes > 0) text += "+" + std::to_string(one.minutes);
  }
  return text;
}

std::string other_needs(const JobSpec& spec) {
  rm::Request rest = spec.request;
  std::string text = counts(rest.licences) + counts(rest.resources) + number(rest.gpu_share) +
                     number(rest.nodes_max);
  return text + (rest.contiguous ? "contiguous" : "");
}

struct Row {
  std::string_view name;
  std::string (*text)(const JobSpec& spec);
  bool on_node = false;  // may change while the job is on nodes
};

constexpr Row kRows[] = {
    {"name", [](const JobSpec& s) { return s.name; }, true},
    {"comment", [](const JobSpec& s) { return s.comment; }, true},
    {"time",
     [](const JobSpec& s) {
       return s.time_limit.us == 0 ? std::string("none") : format_duration(s.time_limit);
     },
     true},
    {"priority", [](const JobSpec& s) { return std::to_string(s.priority); }, true},
    {"nice", [](const JobSpec& s) { return std::to_string(s.nice); }, true},
    {"array_throttle", [](const JobSpec& s) { return number(s.array_throttle); }, true},
    {"max_failures", [](const JobSpec& s) { return number(s.max_failures); }, true},
    {"requeue", [](const JobSpec& s) { return yes(s.requeue); }, true},
    {"retry", [](const JobSpec& s) { return to_text(s.retry); }, true},
    {"deadline", [](const JobSpec& s) { return when(s.deadline); }, true},
    {"begin", [](const JobSpec& s) { return when(s.begin); }},
    {"dependency", dependency},
    {"kill_on_invalid_dependency", [](const JobSpec& s) { return yes(!s.keep_invalid); }, true},
    {"account", [](const JobSpec& s) { return label(s, "account"); }},
    {"partition", [](const JobSpec& s) { return label(s, "partition"); }},
    {"qos", [](const JobSpec& s) { return label(s, "qos"); }},
    {"labels", own_labels},
    {"reservation", [](const JobSpec& s) { return s.reservation; }},
    {"nodes", [](const JobSpec& s) { return std::to_string(s.request.nodes); }},
    {"ntasks", [](const JobSpec& s) { return std::to_string(s.ntasks); }},
    {"ntasks_per_node", [](const JobSpec& s) { return number(s.ntasks_per_node); }},
    {"cpus_per_task", [](const JobSpec& s) { return std::to_string(s.cpus_per_task); }},
    {"mem_mib", [](const JobSpec& s) { return number(s.request.mem_mib); }},
    {"gpus", [](const JobSpec& s) { return number(s.request.gpus); }},
    {"gpu_model", [](const JobSpec& s) { return s.request.gpu_model; }},
    {"exclusive",
     [](const JobSpec& s) {
       return s.request.sole_user != 0 ? std::string("user") : yes(s.request.exclusive);
     }},
    {"constraints",
     [](const JobSpec& s) { return pairs(s.request.node_labels) + s.request.constraint; }},
    {"resources", other_needs},
};

}  // namespace

std::vector<JobChange> changes_between(const JobSpec& before, const JobSpec& after) {
  std::vector<JobChange> changes;
  for (const Row& row : kRows) {
    std::string from = row.text(before), to = row.text(after);
    if (from != to) changes.push_back({row.name, std::move(from), std::move(to)});
  }
  return changes;
}

bool may_change_on_node(std::string_view name) {
  for (const Row& row : kRows)
    if (row.name == name) return row.on_node;
  return false;
}

}  // namespace drover::sched
