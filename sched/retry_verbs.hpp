// sched/retry_verbs.hpp - the controller's verbs by which failed tasks run again.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "sched/follow_verbs.hpp"

namespace drover::sched {

// A part of Controller::State, as PreemptVerbs is.
struct RetryVerbs : FollowVerbs {
  // retry.cpp
  // True: the attempt has ended as the task's rule allows for, and the task waits for another.
  bool try_again(Job& job, Task& task, Reason reason, Now now);
  void wait_for_retry(Job& job, Now now);
  static bool waits_for_retries(const Job& job);
  void fire_retries();
  void forget_retry(TaskRecord& record) {
    if (record.retry_at.is_set()) erase_retry(record);
  }
  void erase_retry(TaskRecord& record);
  void restore_retries(Job& job);
  static bool has_startable(const Job& job);  // an element that waits for nothing but its job
  void leave_retry_gate(Job& job) {           // when there is one again
    if ((job.gates & kRetryGate) != 0 && has_startable(job)) open_retry_gate(job);
  }
  void open_retry_gate(Job& job);
  static Time next_retry(const Job& job);  // wall; of the first; 0 = none waits for one
  Why why_retry(const Job& job) const;
  Why why_retry(const Job& job, const TaskRecord& task) const;
  void check_retries(std::vector<std::string>& problems) const;
};

}  // namespace drover::sched
