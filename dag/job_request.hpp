// dag/job_request.hpp - what the orchestrator is asked to run: steps, and who waits for whom.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "dag/plan.hpp"

namespace drover::dag {

inline constexpr std::size_t kStepsMax = 2'000'000;       // of one job
inline constexpr std::size_t kStepEdgesMax = 20'000'000;  // "after" entries of one job

// What a step asks of one that comes first. With `each`, element by element: of its start only.
struct Ask {
  When when = When::Ok;
  bool each = false;
};

enum class StepForm : std::uint8_t {
  Task,      // runs code
  Stage,     // runs its members under a strategy, and then code of its own if it has any
  Workflow,  // holds the steps of another workflow
};

// One piece of code. A batch script, and an array of it, are jobs of one step.
struct StepRequest {
  std::string name;           // unique within the job; empty = "task", or "array" for an array
  std::string strategy;       // empty = "single"
  std::string language;       // empty = from the first line of the code, or "command"
  bool is_statement = false;  // the code is for an engine and has no first line of its own
  std::string code;           // full text starting with #!; or empty when argv is the command
  std::vector<std::string> argv;
  bool is_array = false;
  std::uint64_t elements = 1;      // of the array: one node of the plan, whatever their number
  std::vector<std::string> after;  // names of steps that come first
  std::vector<Ask> asks;           // what of each; empty = that they have succeeded
  Join join = Join::All;

  // Of workflows only.
  StepForm form{};
  std::string group;          // the step that it is a member of, or whose workflow it is in
  std::uint32_t targets = 0;  // places that the strategy runs it at
  bool has_undo = false;      // and what makes up for it follows it
  bool is_final = false;      // runs when all others beside it have ended
  std::uint32_t weight = 1;   // how long it takes, in any unit: for the longest path
  std::uint32_t fuse = 0;     // chains of the same number may share a job; 0 = never
};

struct JobRequest {
  std::string name;
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> variables;  // "${key}" in steps' names and `after` is replaced
  std::vector<StepRequest> steps;
};

}  // namespace drover::dag
