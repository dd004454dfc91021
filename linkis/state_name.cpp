// linkis/state_name.cpp - the table of states.
// SPDX-License-Identifier: Apache-2.0
#include "linkis/state_name.hpp"

#include <string>

namespace drover::linkis {

using sched::JobState;

std::string_view state_name(JobState state) {
  switch (state) {
    case JobState::Held:
    case JobState::Inited: return "Inited";
    case JobState::Scheduled: return "Scheduled";
    case JobState::Running:
    case JobState::Suspended: return "Running";
    case JobState::Succeeded: return "Succeed";
    case JobState::Failed: return "Failed";
    case JobState::Cancelled: return "Cancelled";
    case JobState::TimedOut: return "Timeout";
  }
  return "Failed";
}

bool is_complete(std::string_view name) {
  return name == "Succeed" || name == "Failed" || name == "Cancelled" || name == "Timeout";
}

Result<std::vector<JobState>> parse_states(std::string_view csv) {
  std::vector<JobState> found;
  while (!csv.empty()) {
    const std::size_t comma = csv.find(',');
    const std::string_view word = csv.substr(0, comma);
    csv = comma == std::string_view::npos ? std::string_view{} : csv.substr(comma + 1);
    if (word.empty() || word == "WaitForRetry") continue;
    bool known = false;
    for (std::size_t i = 0; i < sched::kJobStates; ++i)
      if (state_name(JobState(i)) == word) {
        found.push_back(JobState(i));
        known = true;
      }
    if (!known)
      return fail(Errc::BadInput, "there is no state " + std::string(word.substr(0, 40)),
                  "Inited, Scheduled, Running, Succeed, Failed, Cancelled or Timeout", "status");
  }
  return found;
}

}  // namespace drover::linkis
