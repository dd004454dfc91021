// server/alter_fields.cpp - the fields that stay, and those that are emptied before they are read.
// SPDX-License-Identifier: Apache-2.0
#include "server/alter_fields.hpp"

#include <algorithm>
#include <string>

namespace drover::server {
namespace {

// What a job keeps as it was accepted.
constexpr std::string_view kKept[] = {
    "append_output", "argv",    "array",  "cwd",    "engine",    "env",      "language",
    "reset",         "session", "err",    "hold",   "in",        "items",    "out",
    "once",          "reuse",   "script", "signal", "singleton", "variables"};

bool is_amount(std::string_view field) {
  return field == "cpus_per_task" || field.starts_with("mem") || field.starts_with("gpu");
}

}  // namespace

Result<void> clear_altered(sched::JobSpec& spec, std::string_view field) {
  const bool is_wish = spec.statement && is_amount(field);  // an engine may have begun for it
  if (is_wish || std::ranges::find(kKept, field) != std::end(kKept))
    return fail(Errc::Unsupported, "an accepted job keeps its " + std::string(field),
                field == "hold" ? "drover hold, drover release" : "cancel it and submit it anew",
                std::string(field));
  if (field == "dependency" || field == "dependencies") {
    spec.dependencies.clear();
    spec.dependency_any = false;
  }
  if (field == "constraints") {
    spec.request.constraint.clear();
    spec.request.node_labels.clear();
  }
  if (field == "nodes" || field == "nodes_max") spec.request.nodes_max = spec.request.tasks = 0;
  if (field.starts_with("mem")) spec.request.mem_mib = 0;
  if (field == "licences") spec.request.licences.clear();
  if (field.starts_with("gpus")) spec.request.gpus = 0;
  if (field == "account" || field == "partition" || field == "qos")
    spec.labels.erase(std::string(field));
  return {};
}

Result<void> check_altered_labels(sched::JobSpec& spec, const rm::Labels& before) {
  const rm::Labels& now = spec.labels;
  for (const char* key : {"user", "creator"}) {
    const auto was = before.find(key), is = now.find(key);
    if (was != before.end() && (is == now.end() || is->second != was->second))
      return fail(Errc::Denied, "the label " + std::string(key) + " of a job stays", {}, "labels");
  }
  std::erase_if(spec.labels, [](const auto& label) { return label.second.empty(); });
  return {};
}

}  // namespace drover::server
