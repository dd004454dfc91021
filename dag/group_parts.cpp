// dag/group_parts.cpp - equal steps that start together.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "dag/doc_json.hpp"
#include "dag/workflow_plan.hpp"

namespace drover::dag {
namespace {

// Fields that mean for an element what they mean for a job of its own. Not among them: what is said
// of a job as a whole (hold, singleton, begin), and files that are named after it.
constexpr std::array<std::string_view, 30> kFields{
    "account",     "comment",         "constraints", "cpus_per_task", "cwd",
    "deadline",    "deadline_us",     "exclusive",   "gpu_model",     "gpu_share",
    "gpus",        "labels",          "licences",    "mem",           "mem_mib",
    "mem_per_cpu", "mem_per_cpu_mib", "nice",        "nodes",         "ntasks",
    "partition",   "priority",        "qos",         "requeue",       "reservation",
    "resources",   "retry",           "signal",      "time",          "time_limit_s"};
static_assert(std::ranges::is_sorted(kFields));

bool has_own_fields_only(const Json& job) {
  for (const auto& [name, value] : job.items()) {
    const bool runs = name == "argv" || name == "script" || (name == "env" && value.is_object());
    const bool is_file = (name == "out" || name == "err" || name == "in") && value.is_string() &&
                         value.get_ref<const std::string&>().find('%') == std::string::npos;
    if (!runs && !is_file && !std::ranges::binary_search(kFields, std::string_view(name)))
      return false;
  }
  return true;
}

// What steps of one group have in common, as text; empty: the step starts alone.
std::string likeness(const Workflow& flow, const Step& step, const Json& defaults) {
  const bool is_plain = step.kind == StepKind::Job && step.strategy == Strategy::Single &&
                        step.foreach.source == Foreach::Source::None && step.targets.empty() &&
                        step.undo.empty() && step.engine.empty() && step.rate.starts == 0 &&
                        !step.cache.is_on && step.replay.workflow == 0;
  if (!is_plain) return {};
  Json fields = parse_json(step.job);
  if (!fields.is_object() || !has_own_fields_only(defaults) || !has_own_fields_only(fields))
    return {};
  for (const char* own : {"argv", "script", "env"}) fields.erase(own);
  std::string text = std::to_string(step.parent) + (step.is_final ? " final" : " ") +
                     std::string(to_string(step.join));
  for (const Need& need : step.needs)
    text += ' ' + flow.steps[need.step].name + ':' + std::string(to_string(need.when));
  return text + ' ' + to_text(fields);
}

}  // namespace

std::vector<std::string> group_parts(const Workflow& flow, std::vector<Part>& parts) {
  constexpr std::size_t kNamed = 5;
  Json defaults = flow.defaults.empty() ? Json::object() : parse_json(flow.defaults);
  if (!defaults.is_object()) return {};
  std::map<std::string, std::vector<std::uint32_t>> alike;
  for (std::uint32_t p = 0; p < parts.size(); ++p) {
    const Part& part = parts[p];
    if (part.role != PartRole::Run || part.is_fused || part.is_left_out || !part.fused.empty())
      continue;
    if (std::string text = likeness(flow, flow.steps[part.step], defaults); !text.empty())
      alike[std::move(text)].push_back(p);
  }
  std::vector<std::pair<std::uint32_t, const std::vector<std::uint32_t>*>> groups;  // by first part
  for (const auto& [text, members] : alike)
    if (members.size() > 1) groups.emplace_back(members.front(), &members);
  std::ranges::sort(groups);
  std::vector<std::string> lines;
  for (const auto& [first, members] : groups) {
    std::string line;
    for (std::size_t i = 0; i < members->size(); ++i) {
      parts[(*members)[i]].group = std::uint32_t(lines.size() + 1);
      if (i < kNamed)
        line += (i == 0 ? "grouped " : ", ") + flow.steps[parts[(*members)[i]].step].name;
    }
    if (members->size() > kNamed) line += ", ... (" + std::to_string(members->size()) + " steps)";
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace drover::dag
