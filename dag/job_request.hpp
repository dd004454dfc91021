// dag/job_request.hpp - what the orchestrator is asked to run: steps, and who waits for whom.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace drover::dag {

inline constexpr std::size_t kStepsMax = 2'000'000;       // of one job
inline constexpr std::size_t kStepEdgesMax = 20'000'000;  // "after" entries of one job

// One piece of code. A batch script, and an array of it, are jobs of one step.
struct StepRequest {
  std::string name;      // unique within the job; empty = "task", or "array" for an array
  std::string strategy;  // empty = "single"
  std::string language;  // empty = from the first line of the code, or "command"
  std::string code;      // full text starting with #!; or empty when argv is the command
  std::vector<std::string> argv;
  bool is_array = false;
  std::uint64_t elements = 1;      // of the array: one node of the plan, whatever their number
  std::vector<std::string> after;  // names of steps that must have succeeded first
};

struct JobRequest {
  std::string name;
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> variables;  // "${key}" in steps' names and `after` is replaced
  std::vector<StepRequest> steps;
};

}  // namespace drover::dag
