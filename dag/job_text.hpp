// dag/job_text.hpp - the job that a part of a workflow asks for, as JSON with all values filled in.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "dag/run.hpp"

namespace drover::dag {

// As for POST /api/v1/jobs. Defaults, the step's own fields and those of its target, one over the
// other; variables replaced; items, retries and the workflow's environment added. BadInput when a
// value was never set.
Result<std::string> job_text(const Run& run, std::uint32_t part);

// An array of what parts ask for, each its own command, as far as they differ in nothing else.
struct ArrayText {
  std::string json;
  std::size_t count = 0;  // of the parts, from the first on
};
Result<ArrayText> array_text(const Run& run, const std::vector<std::uint32_t>& parts);

// The same before anything has run: fields with values of other steps are left out, and items.
struct DraftText {
  std::string json;     // as job_text
  std::string content;  // without its name and its workflow's environment: what it would do
};
Result<DraftText> draft_job_text(const Run& run, std::uint32_t part);

// What makes the part's result the same as that of another workflow: the same in every attempt, and
// whichever elements are retried.
Result<std::string> result_key(const Run& run, std::uint32_t part);

// What the part's last start asked for, without items, its name and its workflow's environment.
Result<std::string> recorded_job(const Run& run, std::uint32_t part);

}  // namespace drover::dag
