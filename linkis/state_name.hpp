// linkis/state_name.hpp - Drover's states in the words of the contract, case and all.
//
// WaitForRetry is never said: a task that waits for its next attempt is Scheduled, since the
// original command line client gives up on a word that it does not know.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "sched/job_words.hpp"

namespace drover::linkis {

std::string_view state_name(sched::JobState state);  // "Succeed"
bool is_complete(std::string_view name);             // Succeed, Failed, Cancelled, Timeout

// "Running,Inited" as the states that are shown so. BadInput for what is no state of the contract.
Result<std::vector<sched::JobState>> parse_states(std::string_view csv);

}  // namespace drover::linkis
