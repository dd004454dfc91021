// dag/check_workflow.hpp - what must hold between the steps of a workflow that was read.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "base/result.hpp"
#include "dag/read_step.hpp"
#include "dag/workflow.hpp"

namespace drover::dag {

// Where each step of a workflow came from, for messages.
struct StepOrigin {
  std::string document;
  std::vector<NameUse> uses;
  bool uses_item = false;
};

// Steps from `first` on, each with its origin; those before were checked, and cost nothing. Fills
// in the items of steps that need others element by element. BadInput for a circle, counts that
// differ, `item` without items, and a value of a step that is not waited for.
Result<void> check_workflow(Workflow& flow, const std::vector<StepOrigin>& origins,
                            std::uint32_t first = 0);

// The step that "steps.outer.inner.values.n" names: "outer.inner".
std::string_view step_of_value(std::string_view name);

}  // namespace drover::dag
