// dag/compile.hpp - request -> AST -> logical plan -> physical plan: the five stages.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "dag/ast.hpp"
#include "dag/job_request.hpp"
#include "dag/logical_plan.hpp"
#include "dag/plan.hpp"
#include "dag/plan_cache.hpp"

namespace drover::dag {

// Converter: fills in names, languages and variables. BadInput for a variable that is not set.
Result<JobRequest> convert(JobRequest request);

// The program that the line "#!" of a script names: "python3"; empty when it names none.
std::string interpreter_of(std::string_view code);

// Parser: resolves strategies and references between steps. BadInput for a step that does not
// exist.
Result<JobAst> parse(JobRequest request);

// Validator: code, labels, sizes, cycles. Says which step is wrong, and names the steps of a cycle.
Result<void> validate(const JobAst& job);

// Planner: the tree of job, stages and the code they run.
LogicalPlan plan(JobAst job);

struct PlanRules {                 // of the optimizer; each can be switched off
  bool fuse = true;                // chains of steps that allow it share a job
  bool drop_implied = true;        // edges that others imply
  bool critical_path = true;       // longest path first; else in the document's order
  bool prune = true;               // steps that can never run are left out, and count as skipped
  std::optional<bool> group = {};  // equal steps are one array; none: as the document says, else no
};

// A physical plan, and where the parts of the logical one have gone.
struct Lowered {
  std::shared_ptr<const PhysicalPlan> physical;
  // By LogicalExec::step; of a fused one that of its chain's head, of one left out kNoNode.
  std::vector<PlanNode> exec_nodes;
  // By stage: the node whose end is the stage's; kNoNode when it was left out.
  std::vector<PlanNode> stage_ends;
  std::vector<std::vector<std::uint32_t>> chains;  // fused: stages, the head first
  std::vector<std::string> applied;                // what was done, a line each
};
Result<Lowered> lower(const LogicalPlan& logical, const PlanRules& rules);

// Optimizer: lowers by all rules, and shares equal shapes.
Result<std::shared_ptr<const PhysicalPlan>> optimize(const LogicalPlan& logical, PlanCache& cache);

// All of them. Pure: equal requests give plans of equal shape, and with one cache the same object.
Result<std::shared_ptr<const PhysicalPlan>> compile(JobRequest request, PlanCache& cache);
Result<std::shared_ptr<const PhysicalPlan>> compile(JobRequest request);

}  // namespace drover::dag
