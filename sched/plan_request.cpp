// sched/plan_request.cpp - a batch job as the orchestrator sees it.
// SPDX-License-Identifier: Apache-2.0
#include "sched/plan_request.hpp"

#include <utility>

namespace drover::sched {

dag::JobRequest to_plan_request(const JobSpec& spec) {
  dag::StepRequest step;
  step.code = spec.script;
  if (!spec.argv.empty()) step.argv = {spec.argv.front()};  // a plan knows the program only
  step.is_array = spec.is_array;
  step.elements = spec.is_array ? spec.array.count() : 1;

  dag::JobRequest request;
  request.name = spec.name;
  request.labels = spec.labels;
  request.steps.push_back(std::move(step));
  return request;
}

}  // namespace drover::sched
