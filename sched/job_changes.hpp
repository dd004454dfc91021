// sched/job_changes.hpp - what differs between two forms of a job, in the words of its options.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "sched/job_spec.hpp"

namespace drover::sched {

struct JobChange {
  std::string_view name;  // "time", "partition", ...
  std::string from, to;   // "" = none
  friend bool operator==(const JobChange&, const JobChange&) = default;
};

// By the order in which they are shown. What cannot be altered (the script, its environment, the
// array itself) is not looked at.
std::vector<JobChange> changes_between(const JobSpec& before, const JobSpec& after);

// Whether it may change while the job is on nodes.
bool may_change_on_node(std::string_view name);

}  // namespace drover::sched
