// dag/validate.cpp - what a job must satisfy before it is planned.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <string_view>

#include "dag/compile.hpp"

namespace drover::dag {
namespace {

constexpr std::size_t kWordMax = 128;

bool is_word(std::string_view text) {
  return !text.empty() && text.size() <= kWordMax && std::ranges::all_of(text, [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == '/';
  });
}

Result<void> check_code(const StageAst& stage) {
  const std::string where = "step '" + stage.name + "'";
  if (stage.code.empty())
    return fail(Errc::BadInput, where + " has nothing to run", "give it a script or a command",
                "script");
  if (stage.code.find('\0') != std::string::npos)
    return fail(Errc::BadInput, where + ": the code contains a NUL byte",
                "submit a text file; run a binary with 'drover submit -- PROGRAM'", "script");
  if (stage.kind == CodeKind::Script && !stage.code.starts_with("#!"))
    return fail(Errc::BadInput, where + ": the script does not start with #!",
                "make its first line #!/bin/sh, or the path of its interpreter", "script");
  if (stage.kind == CodeKind::Script && stage.language.empty())
    return fail(Errc::BadInput, where + ": the line #! names no interpreter",
                "make the first line #!/bin/sh, or the path of its interpreter", "script");
  return {};
}

// A strategy needs something to choose from.
Result<void> check_strategy(const StageAst& stage, bool has_members) {
  const std::string where =
      "strategy " + std::string(to_string(stage.strategy)) + " of step '" + stage.name + "'";
  const bool chooses =
      stage.strategy == Strategy::MultiRead || stage.strategy == Strategy::ActiveStandby;
  const bool over_elements = stage.strategy == Strategy::MultiRead && stage.is_array;
  if (chooses && stage.targets < 2 && !over_elements)
    return fail(Errc::BadInput, where + " needs two targets", "name two places to run at",
                "strategy");
  if (stage.strategy == Strategy::Transaction && stage.form != StepForm::Stage)
    return fail(Errc::BadInput, where + " needs steps of its own", "make it a workflow",
                "strategy");
  if (stage.form == StepForm::Stage && !has_members)
    return fail(Errc::BadInput, where + " has no steps", "give it one", "steps");
  return {};
}

Result<void> check_labels(const JobAst& job) {
  for (const auto& [key, value] : job.labels) {
    if (!is_word(key))
      return fail(Errc::BadInput, "label '" + key + "' is not a valid name",
                  "use up to 128 letters, digits, '_', '-', '.' and '/'", "labels");
    if (value.size() > 256 || value.find('\0') != std::string::npos)
      return fail(Errc::BadInput,
                  "the value of label '" + key + "' is too long or contains a NUL byte",
                  "use at most 256 bytes", "labels");
  }
  return {};
}

// The stages of one cycle, in the order in which each waits for the next; empty when there is none.
std::vector<std::uint32_t> find_cycle(const JobAst& job) {
  std::vector<std::size_t> waits(job.stages.size());
  std::vector<std::vector<std::uint32_t>> next(job.stages.size());
  std::vector<std::uint32_t> open;
  for (std::uint32_t s = 0; s < job.stages.size(); ++s) {
    waits[s] = job.stages[s].after.size();
    if (waits[s] == 0) open.push_back(s);
    for (const StageNeed& before : job.stages[s].after) next[before.stage].push_back(s);
  }
  for (std::size_t i = 0; i < open.size(); ++i)
    for (const std::uint32_t s : next[open[i]])
      if (--waits[s] == 0) open.push_back(s);
  if (open.size() == job.stages.size()) return {};

  // Every stage that is left waits for another that is left: following them must come round.
  std::uint32_t at =
      std::uint32_t(std::ranges::find_if(waits, [](auto w) { return w > 0; }) - waits.begin());
  std::vector<std::uint32_t> path;
  while (std::ranges::find(path, at) == path.end()) {
    path.push_back(at);
    at = std::ranges::find_if(job.stages[at].after, [&](const StageNeed& need) {
           return waits[need.stage] > 0;
         })->stage;
  }
  path.erase(path.begin(), std::ranges::find(path, at));
  return path;
}

Result<void> check_cycles(const JobAst& job) {
  const std::vector<std::uint32_t> cycle = find_cycle(job);
  if (cycle.empty()) return {};
  std::string names;
  for (std::size_t i = 0; i < std::min<std::size_t>(cycle.size(), 10); ++i)
    names += job.stages[cycle[i]].name + " -> ";
  names += cycle.size() > 10 ? "..." : job.stages[cycle.front()].name;
  return fail(Errc::BadInput, "steps wait for each other: " + names,
              "drop one of these dependencies", "after");
}

}  // namespace

Result<void> validate(const JobAst& job) {
  if (job.stages.empty())
    return fail(Errc::BadInput, "the job has no steps", "give it a script or a command", "steps");
  std::vector<bool> has_members(job.stages.size());
  for (const StageAst& stage : job.stages)
    if (stage.group != kNoStage) has_members[stage.group] = true;
  for (std::size_t s = 0; s < job.stages.size(); ++s) {
    const StageAst& stage = job.stages[s];
    if (!is_word(stage.name))
      return fail(Errc::BadInput,
                  "'" + stage.name.substr(0, kWordMax) + "' is not a valid name of a step",
                  "use up to 128 letters, digits, '_', '-', '.' and '/'", "steps");
    if (stage.elements == 0)
      return fail(Errc::BadInput, "step '" + stage.name + "' is an array without elements",
                  "give at least one index", "array");
    if (auto right = check_strategy(stage, has_members[s]); !right) return right;
    if (stage.form == StepForm::Workflow || (stage.form == StepForm::Stage && stage.code.empty()))
      continue;
    if (auto code = check_code(stage); !code) return code;
  }
  if (auto labels = check_labels(job); !labels) return labels;
  return check_cycles(job);
}

}  // namespace drover::dag
