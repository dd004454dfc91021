// server/alter_fields.hpp - what a PATCH of a job may name, and what it leaves of what was there.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string_view>

#include "base/result.hpp"
#include "sched/job_spec.hpp"

namespace drover::server {

// A field that is named anew says all of it: nothing is left of what was there. Unsupported, by
// name, for what an accepted job keeps.
Result<void> clear_altered(sched::JobSpec& spec, std::string_view field);

// A label that is set to nothing goes. Who the job belongs to is no label to be altered.
Result<void> check_altered_labels(sched::JobSpec& spec, const rm::Labels& before);

}  // namespace drover::server
