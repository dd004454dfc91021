// sched/plan_request.cpp - a batch job as the orchestrator sees it.
// SPDX-License-Identifier: Apache-2.0
#include "sched/plan_request.hpp"

#include <utility>

namespace drover::sched {

dag::JobRequest to_plan_request(JobSpec spec) {
  dag::StepRequest step;
  step.code = std::move(spec.script);
  step.argv = std::move(spec.argv);
  step.is_array = spec.is_array;
  step.elements = spec.is_array ? spec.array.count() : 1;

  dag::JobRequest request;
  request.name = std::move(spec.name);
  request.labels = std::move(spec.labels);
  request.steps.push_back(std::move(step));
  return request;
}

}  // namespace drover::sched
