// cli/step_plan.hpp - which tasks `drover step` starts here, by what the job's environment says.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace drover::cli {

struct StepTask {
  std::uint32_t id = 0;             // in the job
  std::vector<std::uint32_t> cpus;  // empty = not bound
};

struct StepPlan {
  std::vector<StepTask> tasks;  // of this node
  std::uint32_t ntasks = 1;     // of the step on all nodes
  bool bind_memory = false, verbose = false;
  std::uint32_t elsewhere = 0;  // tasks of the job that are for other nodes
};

// The value of a variable, or nullptr.
using Lookup = std::function<const char*(const char*)>;

// With `only`, the first so many of the tasks of this node.
Result<StepPlan> plan_step(const Lookup& variable, std::optional<std::int64_t> only);

// "0-3,8" -> 0 1 2 3 8.
Result<std::vector<std::uint32_t>> parse_ranges(std::string_view text, std::string_view what);

}  // namespace drover::cli
