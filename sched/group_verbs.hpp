// sched/group_verbs.hpp - the controller's verbs by which groups get limits of their own.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "sched/retry_verbs.hpp"

namespace drover::sched {

// A part of Controller::State, as PreemptVerbs is.
struct GroupVerbs : RetryVerbs {
  // edit_groups.cpp
  void edit_group(const EditGroup& in);
  Result<void> check_group_name(const std::string& name) const;
  GroupLimits limits_of(const std::string& group) const;
};

}  // namespace drover::sched
