// cli/step_child.hpp - one task's process: its variables, CPUs, memory and streams, then exec.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <signal.h>
#include <sys/types.h>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "cli/step_plan.hpp"

namespace drover::cli {

struct StepChild {
  const StepPlan& plan;
  std::size_t index = 0;  // of its task in the plan
  const std::vector<std::string>& command;
  sigset_t signals;                     // the mask it starts with
  std::pair<int, int> streams{-1, -1};  // its output and errors; -1 = ours
};

// Forks. What fails before exec is said on the task's stderr, and it exits with 126 (127: there is
// no such program).
Result<pid_t> start_child(const StepChild& child);

}  // namespace drover::cli
