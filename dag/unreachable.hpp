// dag/unreachable.hpp - which stages can never run, and how the others wait without them.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "dag/logical_plan.hpp"

namespace drover::dag {

struct Unreachable {
  std::vector<bool> left_out;      // by stage
  std::vector<std::string> lines;  // each contradiction, what stays all the same, what is left out
};

// Stages whose start would prove that another one has succeeded and that it has failed, and those
// that need such a stage. `needs` has no element-wise ones and no circle; it is
// changed so that the rest waits as if those stages were there and skipped. A stage
// stays when somebody needs any of it and others, or when only it asks for a failure. Costs stages
// times stages whose failure is asked for; too large plans are left as they are.
Unreachable find_unreachable(const LogicalPlan& logical,
                             std::vector<std::vector<StageNeed>>& needs);

}  // namespace drover::dag
