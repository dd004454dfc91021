// dag/compile.hpp - request -> AST -> logical plan -> physical plan: the five stages.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>

#include "base/result.hpp"
#include "dag/ast.hpp"
#include "dag/job_request.hpp"
#include "dag/logical_plan.hpp"
#include "dag/plan.hpp"
#include "dag/plan_cache.hpp"

namespace drover::dag {

// Converter: fills in names, languages and variables. BadInput for a variable that is not set.
Result<JobRequest> convert(JobRequest request);

// Parser: resolves strategies and references between steps. BadInput for a step that does not
// exist.
Result<JobAst> parse(JobRequest request);

// Validator: code, labels, sizes, cycles. Says which step is wrong, and names the steps of a cycle.
Result<void> validate(const JobAst& job);

// Planner: the tree of job, stages and the code they run.
LogicalPlan plan(const JobAst& job);

// Optimizer: fuses, drops what other edges imply, orders by critical path, and shares equal shapes.
Result<std::shared_ptr<const PhysicalPlan>> optimize(const LogicalPlan& logical, PlanCache& cache);

// All of them. Pure: equal requests give plans of equal shape, and with one cache the same object.
Result<std::shared_ptr<const PhysicalPlan>> compile(JobRequest request, PlanCache& cache);
Result<std::shared_ptr<const PhysicalPlan>> compile(JobRequest request);

}  // namespace drover::dag
