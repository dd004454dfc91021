// dag/job_text.hpp - the job that a part of a workflow asks for, as JSON with all values filled in.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "dag/run.hpp"

namespace drover::dag {

struct JobText {
  std::string json;     // as for POST /api/v1/jobs
  std::string content;  // what it would do, whichever workflow asks: the key of stored results
};

// Defaults, the step's own fields and those of its target, one over the other; variables replaced;
// items, retries and the workflow's environment added. BadInput when a value was never set.
Result<JobText> job_text(const Run& run, std::uint32_t part);

// The same before anything has run: fields with values of other steps are left out, and items.
Result<JobText> draft_job_text(const Run& run, std::uint32_t part);

}  // namespace drover::dag
