// sched/plan_request.hpp - what the orchestrator needs to know of a job.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "dag/job_request.hpp"
#include "sched/job_spec.hpp"

namespace drover::sched {

// A batch job or array: one step.
dag::JobRequest to_plan_request(const JobSpec& spec);

}  // namespace drover::sched
