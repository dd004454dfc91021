// dag/workflow_plan.hpp - a workflow's physical plan, and what each of its ExecTasks stands for.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "dag/compile.hpp"
#include "dag/execution.hpp"
#include "dag/plan.hpp"
#include "dag/workflow.hpp"

namespace drover::dag {

enum class PartRole : std::uint8_t {
  Run,      // the step's own job
  Target,   // the step's job on one of its targets
  Undo,     // what makes up for a member of a transaction
  Summary,  // of a group: runs when its members have succeeded
  Gather,   // of a sub-workflow: runs nothing; ends as `gathered` says
};

// One ExecTask. Facts refer to parts by position, so these depend on the steps alone: parts of
// earlier steps come first, and steps that are added later only append.
struct Part {
  std::uint32_t step = 0;  // in Workflow::steps
  PartRole role{};
  std::uint32_t target = 0;          // of Target: in Step::targets
  std::vector<std::uint32_t> fused;  // parts that run in the same job, behind it, in order
  bool is_fused = false;             // runs in the job of another part: it has no ExecTask
  bool is_left_out = false;          // can never run: it has no ExecTask and counts as skipped
  std::uint32_t group = 0;  // those of one number, ready one behind the other, may be one array
  PlanNode node{};          // in the plan; of a fused one, that of the part it runs with
};

struct WorkflowPlan {
  std::shared_ptr<const PhysicalPlan> physical;
  std::vector<Part> parts;  // PhysicalPlan::step() of an ExecTask is a position here
  // The node whose mark is what became of each step: of a stage, its StageEnd. kNoNode: left out.
  std::vector<PlanNode> step_ends;
  PlanRules rules = {};
  std::vector<std::string> applied;  // what the optimizer did, a line each: "fused a, b"
};

// What the steps from `first` on run, in the order in which the planner numbers it.
std::vector<Part> parts_from(const Workflow& workflow, std::uint32_t first);

// Which of the parts may start as elements of one array: their steps need the same and ask for the
// same, and differ in what they run alone. A line for each group.
std::vector<std::string> group_parts(const Workflow& workflow, std::vector<Part>& parts);

// The AST, as the parser of jobs makes it of a workflow's steps.
Result<JobAst> workflow_ast(const Workflow& workflow);

// AST, logical and physical plan of a workflow that was read. Limit for plans that are too large.
// Of an element-wise need A -> B there is no edge: B has A's own needs, and whoever runs the plan
// starts B once A is submitted; the elements wait for each other in the queue.
Result<WorkflowPlan> plan_workflow(const Workflow& workflow, const PlanRules& rules = {});

// What a Gather part ends as, once it is ready: Failed when a step in it has failed that nobody in
// it made provision for, or a compensation has; else Cancelled when one was cancelled.
Mark gathered(const Workflow& workflow, const WorkflowPlan& plan, const Execution& execution,
              std::uint32_t part);

// "align", "align@2" (the second target), "align~undo", "mix~summary": names parts in facts and
// messages.
std::string part_name(const Workflow& workflow, const Part& part);

}  // namespace drover::dag
