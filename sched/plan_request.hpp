// sched/plan_request.hpp - what the orchestrator needs to know of a job.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "dag/job_request.hpp"
#include "sched/job_spec.hpp"

namespace drover::sched {

// A batch job or array: one step. Takes the script out of `spec`, so pass a copy that nobody needs.
dag::JobRequest to_plan_request(JobSpec spec);

}  // namespace drover::sched
