// dag/compile.cpp - the planner, and the five stages in their order.
// SPDX-License-Identifier: Apache-2.0
#include "dag/compile.hpp"

#include <utility>

namespace drover::dag {

LogicalPlan plan(const JobAst& job) {
  LogicalPlan logical;
  logical.stages.reserve(job.stages.size());
  for (const StageAst& stage : job.stages) {
    const auto step = std::uint32_t(logical.stages.size());
    LogicalStage planned{
        .label = stage.name, .strategy = stage.strategy, .execs = {}, .after = stage.after};
    planned.execs.push_back({.label = stage.name, .step = step, .is_array = stage.is_array});
    logical.stages.push_back(std::move(planned));
  }
  return logical;
}

Result<std::shared_ptr<const PhysicalPlan>> compile(JobRequest request, PlanCache& cache) {
  auto converted = convert(std::move(request));
  if (!converted) return fail(std::move(converted.error()));
  auto ast = parse(std::move(*converted));
  if (!ast) return fail(std::move(ast.error()));
  if (auto valid = validate(*ast); !valid) return fail(std::move(valid.error()));
  return optimize(plan(*ast), cache);
}

Result<std::shared_ptr<const PhysicalPlan>> compile(JobRequest request) {
  PlanCache cache;
  return compile(std::move(request), cache);
}

}  // namespace drover::dag
