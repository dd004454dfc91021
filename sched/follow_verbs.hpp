// sched/follow_verbs.hpp - the controller's verbs by which elements of arrays wait for others.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

#include "sched/alter_verbs.hpp"

namespace drover::sched {

// A part of Controller::State, as PreemptVerbs is.
struct FollowVerbs : AlterVerbs {
  // weigh_elements.cpp
  Result<void> weigh_elements(const Submit& in, Conditions& conditions) const;
  Result<void> weigh_open(const Job& target, const JobSpec& spec, Conditions& conditions) const;
  Result<void> weigh_ended(JobId target, const Submit& in, Conditions& conditions) const;
  // follow_elements.cpp
  void follow_elements(Job& job, Conditions& conditions);
  void lose_known(Job& job, const Conditions& conditions, Now now);  // `job` may be gone
  void tell_followers(const ElementEnd& end, Now now);
  void element_succeeded(Job& job, std::uint32_t bit, std::uint32_t index, Now now);
  void target_ended(Job& job, const Milestone& news, Now now);  // `job` may be gone
  void lose_element(Job& job, std::uint32_t index, Now now);
  void lose_rest(Job& job, std::uint32_t bits, Now now);
  void forget_targets(Job& job);
  void touch_counterparts(const Job& job, std::uint32_t index);
  void collect_counterparts();
  void refresh_ready(Job& job, Task& task);  // whether it waits for nothing but room
  void let_go(Job& job, Task& task);         // of one that was held
  static bool may_be_placed(const Job& job, const Task& task);
  // Counts against its group's limit. One that can only wait for others does not, or two jobs could
  // wait for each other: one for a success, the other for its place.
  bool counts_in_group(const Job& job) const;
  void restore_elements(Job& job, const JobSpec& spec, const JobRecord& record);
  bool restore_mark(Job& job, const TaskRecord& record);
  void restore_gate(Job& job);
  // explain_elements.cpp
  std::optional<Why> why_element(const Job& job, std::uint32_t index) const;  // that waits
  Why why_no_element(const Job& job) const;  // none of those that wait may start
  void check_elements(const Job& job, std::vector<std::string>& problems) const;
};

}  // namespace drover::sched
