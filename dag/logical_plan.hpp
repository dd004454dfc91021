// dag/logical_plan.hpp - the logical tree: a job, its stages, the code of each.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "dag/ast.hpp"
#include "dag/strategy.hpp"

namespace drover::dag {

enum class ExecRole : std::uint8_t {
  Run,      // the stage's own code, or that of a member
  Target,   // the stage's code at one of several places
  Undo,     // makes up for the exec before it
  Summary,  // after all other members
  Gather,   // runs nothing, and ends after all stages of a workflow
};

struct LogicalExec {
  std::string label;
  std::uint32_t step = 0;  // position in the request; of a workflow, among its parts
  bool is_array = false;
  ExecRole role{};
  std::vector<StageNeed> after;  // of other members: positions in LogicalStage::execs
  Join join = Join::All;
};
struct LogicalStage {
  std::string label;
  Strategy strategy = Strategy::Single;
  std::vector<LogicalExec> execs;  // what the strategy runs; `single` runs one
  std::vector<StageNeed> after;    // stages that come first
  Join join = Join::All;
  StepForm form{};
  std::uint32_t group = kNoStage;  // the stage whose workflow it is in
  bool is_final = false;
  std::uint32_t fuse = 0;
  std::uint32_t weight = 1;
};
struct LogicalPlan {  // the root is the job itself
  std::vector<LogicalStage> stages;
};

std::string to_text(const LogicalPlan& plan);

}  // namespace drover::dag
