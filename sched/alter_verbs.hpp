// sched/alter_verbs.hpp - the controller's verbs by which a job is altered after it was accepted.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "sched/job_changes.hpp"
#include "sched/preempt_verbs.hpp"

namespace drover::sched {

tl::unexpected<Error> queue_full(const rm::QuotaShort& full);

// Whether a job could still end in time, if it started as soon as it may; submit.cpp.
Result<void> check_deadline(const JobSpec& spec, Now now);

// A part of Controller::State, as PreemptVerbs is.
struct AlterVerbs : PreemptVerbs {
  // alter.cpp
  void alter(const Alter& in, Now now);
  Result<std::uint64_t> change(Job& job, const Alter& in, Now now);
  Result<void> may_change(const Job& job, const Alter& in,
                          const std::vector<JobChange>& changes) const;
  void leave_queues(Job& job);
  Result<void> could_move(Job& job, const Alter& in);
  Result<void> check_group(const Job& job, const JobSpec& spec) const;
  Result<void> change_place(Job& job, const Alter& in, Now now);
  void change_conditions(Job& job, const Alter& in, Conditions conditions, Now now);
  void change_rest(Job& job, const JobSpec& spec);
  void change_name(Job& job, const JobSpec& spec, Now now);
  void change_limit(Job& job, const JobSpec& spec);
  void order_limit(const Job& job, const TaskRecord& record);
  void set_deadline(Job& job, const JobSpec& spec);
  // dependency_circle.cpp
  Result<void> check_circle(const Job& job, const JobSpec& spec, bool waits_anew, bool is_renamed,
                            bool keeps_place) const;
  std::optional<std::string> circle_through(const Job& job, std::vector<JobId> waits,
                                            std::uint64_t name_hash) const;
};

}  // namespace drover::sched
