// tests/simulation/fake_store.hpp - the tables as maps: what survives a crash of the simulated
// controller.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sched/controller.hpp"

namespace drover::simulation {

// Commits are all or nothing. Each one is checked against what was stored before: final states
// never change, epochs only grow, events have no gap.
class FakeStore {
 public:
  void commit(const sched::Changes& changes);
  // A controller as it would be after a restart.
  sched::Controller recover(const sched::ControllerConfig& config) const;

  const std::map<JobId, sched::JobRecord>& jobs() const { return jobs_; }
  const std::map<TaskId, sched::TaskRecord>& tasks() const { return tasks_; }
  const sched::JobSpec& spec(JobId id) const { return *specs_.at(id); }
  bool knows(JobId id) const { return jobs_.contains(id); }
  std::vector<sched::KnownEnd> ends_of(const std::vector<sched::Dependency>& dependencies) const;
  const std::vector<std::string>& violations() const { return violations_; }
  std::uint64_t event_count() const { return next_event_ - 1; }

 private:
  void commit_task(const sched::TaskRecord& task);

  std::map<JobId, std::shared_ptr<const sched::JobSpec>> specs_;
  std::map<JobId, sched::JobRecord> jobs_;
  std::map<TaskId, sched::TaskRecord> tasks_;
  std::map<NodeId, sched::NodeRecord> nodes_;
  std::vector<sched::Reservation> reservations_;
  std::uint64_t next_job_ = 1, next_epoch_ = 1, next_node_ = 1, next_event_ = 1;
  std::vector<std::string> violations_;
};

}  // namespace drover::simulation
