// dag/workflow_plan.hpp - a workflow's physical plan, and what each of its ExecTasks stands for.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "dag/plan.hpp"
#include "dag/workflow.hpp"

namespace drover::dag {

enum class PartRole : std::uint8_t {
  Run,      // the step's own job
  Target,   // the step's job on one of its targets
  Undo,     // what makes up for a member of a transaction
  Summary,  // of a group: runs when its members have succeeded
  Gather,   // of a sub-workflow: runs nothing, succeeds when all steps in it have
};

// One ExecTask. Facts refer to parts by position, so these depend on the steps alone: parts of
// earlier steps come first, and steps that are added later only append.
struct Part {
  std::uint32_t step = 0;  // in Workflow::steps
  PartRole role{};
  std::uint32_t target = 0;                // of Target: in Step::targets
  std::vector<std::uint32_t> fused;        // parts that run in the same job, behind it, in order
  bool is_fused = false;                   // runs in the job of another part: it has no ExecTask
  PlanNode node{};                         // in the plan; nothing when is_fused
};

struct PlanRules {  // of the optimizer; each can be switched off
  bool fuse = true;           // chains of steps that allow it share a job
  bool drop_implied = true;   // edges that others imply
  bool critical_path = true;  // longest path first; else in the document's order
  bool prune = true;          // steps that can never run
};

struct WorkflowPlan {
  std::shared_ptr<const PhysicalPlan> physical;
  std::vector<Part> parts;  // PhysicalPlan::step() of an ExecTask is a position here
  // Element-wise needs: the part waits for the *start* of that of these steps' and for all that
  // they wait for; the elements wait for each other in the queue.
  std::vector<std::string> applied;  // what the optimizer did, a line each: "fused a, b"
};

// AST, logical and physical plan of a workflow that was read. Limit for plans that are too large.
Result<WorkflowPlan> plan_workflow(const Workflow& workflow, const PlanRules& rules = {});

// "align", "align@2" (a target), "align~undo", "mix~summary": names parts in facts and messages.
std::string part_name(const Workflow& workflow, const Part& part);

}  // namespace drover::dag
