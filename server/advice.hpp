// server/advice.hpp - what the owner of a job should know: said by the API, the CLI and in logs.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "sched/diagnose.hpp"
#include "server/services.hpp"

namespace drover::server {

// Of a job that waits (`why`) or runs; a statement is judged by its engine. Loop thread.
std::vector<sched::Advice> advice_on(const Services& services, JobId id, const sched::JobSpec& spec,
                                     const std::optional<sched::Why>& why);

// On the statements that an engine runs, as far as the caller may hear of them: "; TEXT (HINT)".
std::string advice_on_engine(const Services& services, JobId engine, const Caller& caller);

}  // namespace drover::server
