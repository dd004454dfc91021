// dag/logical_plan.hpp - the logical tree: a job, its stages, the code of each.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "dag/strategy.hpp"

namespace drover::dag {

struct LogicalExec {
  std::string label;
  std::uint32_t step = 0;  // position in the request
  bool is_array = false;
};
struct LogicalStage {
  std::string label;
  Strategy strategy = Strategy::Single;
  std::vector<LogicalExec> execs;    // what the strategy runs; `single` runs one
  std::vector<std::uint32_t> after;  // positions of stages that come first
};
struct LogicalPlan {  // the root is the job itself
  std::vector<LogicalStage> stages;
};

std::string to_text(const LogicalPlan& plan);

}  // namespace drover::dag
