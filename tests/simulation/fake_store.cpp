// tests/simulation/fake_store.cpp - commit and recovery of the simulated tables.
// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/fake_store.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace drover::simulation {

void FakeStore::commit(const sched::Changes& changes) {
  for (const auto& job : changes.new_jobs) {
    if (!specs_.emplace(job.id, job.spec).second)
      violations_.push_back("job id " + std::to_string(raw(job.id)) + " was given twice");
  }
  for (const sched::JobRecord& job : changes.jobs) {
    const auto known = jobs_.find(job.id);
    if (known != jobs_.end() && is_final(known->second.state) && known->second.state != job.state)
      violations_.push_back("job " + std::to_string(raw(job.id)) + " left its final state");
    jobs_[job.id] = job;
  }
  for (const sched::TaskRecord& task : changes.tasks) commit_task(task);
  for (const sched::NodeRecord& node : changes.nodes) nodes_[node.id] = node;
  for (const sched::Event& event : changes.events) {
    if (raw(event.seq) != next_event_)
      violations_.push_back("event " + std::to_string(raw(event.seq)) + " where " +
                            std::to_string(next_event_) + " was due");
    next_event_ = raw(event.seq) + 1;
  }
  if (changes.reservations) reservations_ = *changes.reservations;
  next_job_ = std::max(next_job_, changes.next_job_id);
  next_epoch_ = std::max(next_epoch_, changes.next_epoch);
  next_node_ = std::max(next_node_, changes.next_node_id);
}

void FakeStore::commit_task(const sched::TaskRecord& task) {
  const auto known = tasks_.find(task.id);
  if (known != tasks_.end()) {
    const std::string name =
        "task " + std::to_string(raw(task.id.job)) + "." + std::to_string(raw(task.id.index));
    if (is_final(known->second.state) && known->second.state != task.state)
      violations_.push_back(name + " left its final state");
    if (raw(task.epoch) < raw(known->second.epoch))
      violations_.push_back(name + " went back an epoch");
  }
  if (is_final(task.state) && task.lease)
    violations_.push_back("a closed task holds a lease: job " + std::to_string(raw(task.id.job)));
  tasks_[task.id] = task;
}

sched::Controller FakeStore::recover(const sched::ControllerConfig& config) const {
  sched::Controller controller(config);
  controller.restore_counters(next_job_, next_epoch_, next_node_, next_event_);
  for (const auto& [id, node] : nodes_) controller.restore_node(node);
  for (const sched::Reservation& known : reservations_) controller.restore_reservation(known);
  for (const auto& [id, job] : jobs_) {
    if (is_final(job.state)) continue;
    std::vector<sched::TaskRecord> tasks;
    const auto first = tasks_.lower_bound(TaskId{id, TaskIndex{0}});
    for (auto at = first; at != tasks_.end() && at->first.job == id; ++at) {
      const bool above_cursor = !job.cursor_set || raw(at->first.index) >= job.cursor;
      if (at->second.state != sched::TaskState::Succeeded || above_cursor)
        tasks.push_back(at->second);
    }
    const auto ok = controller.restore_job(*specs_.at(id), job, std::move(tasks));
    DROVER_CHECK(ok.has_value(), ok ? "" : ok.error().message.c_str());
  }
  return controller;
}

std::vector<sched::KnownEnd> FakeStore::ends_of(
    const std::vector<sched::Dependency>& dependencies) const {
  std::vector<sched::KnownEnd> ends;
  for (const sched::Dependency& dependency : dependencies) {
    const auto job = jobs_.find(dependency.job);
    if (job == jobs_.end() || !is_final(job->second.state)) continue;
    sched::KnownEnd end{dependency.job, job->second.state};
    end.elements = specs_.at(dependency.job)->array;
    std::vector<IndexSet::Run> succeeded;
    for (auto at = tasks_.lower_bound(TaskId{dependency.job, TaskIndex{0}});
         at != tasks_.end() && at->first.job == dependency.job; ++at)
      if (at->second.state == sched::TaskState::Succeeded)
        succeeded.push_back({raw(at->first.index), raw(at->first.index), 1});
    end.succeeded = IndexSet::from_runs(std::move(succeeded));
    ends.push_back(std::move(end));
  }
  return ends;
}

}  // namespace drover::simulation
