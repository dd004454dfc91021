// dag/compile.cpp - the five stages in their order.
// SPDX-License-Identifier: Apache-2.0
#include "dag/compile.hpp"

#include <utility>

namespace drover::dag {

Result<std::shared_ptr<const PhysicalPlan>> compile(JobRequest request, PlanCache& cache) {
  auto converted = convert(std::move(request));
  if (!converted) return fail(std::move(converted.error()));
  auto ast = parse(std::move(*converted));
  if (!ast) return fail(std::move(ast.error()));
  if (auto valid = validate(*ast); !valid) return fail(std::move(valid.error()));
  return optimize(plan(std::move(*ast)), cache);
}

Result<std::shared_ptr<const PhysicalPlan>> compile(JobRequest request) {
  PlanCache cache;
  return compile(std::move(request), cache);
}

}  // namespace drover::dag
