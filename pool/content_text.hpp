// pool/content_text.hpp - all that decides about a statement's result, as one text.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "pool/plugin.hpp"
#include "sched/job_spec.hpp"

namespace drover::pool {

// Of a statement that has passed the entrance: equal texts of one user mean the same work. Its
// owner is not part of it, nor what only decides when it runs (priority, time limit, name).
std::string content_text(const sched::JobSpec& spec, const Plugin& plugin);

}  // namespace drover::pool
