// sched/place_tasks.cpp - from the FIFO to the consumer, and from a plan to a node.
// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "base/check.hpp"
#include "base/name_list.hpp"
#include "sched/controller_state.hpp"

namespace drover::sched {

// Jobs leave the FIFO in order, while the group's running limit allows. The group's consumer
// compiles one at a time; a few more are handed to it so that it need not wait for a turn between
// two jobs.
void Controller::State::take_jobs(Now now) {
  while (!takeable.empty()) {
    const GroupId id = *takeable.begin();
    takeable.erase(takeable.begin());
    take_from(id, now);
    takeable.erase(id);  // what taking changed is taken into account already
  }
}

void Controller::State::take_from(GroupId id, Now now) {
  Group& group = groups[raw(id)];
  const std::uint32_t limit = config.group_limits.running_jobs;
  while (group.compiling.size() < config.compile_ahead) {
    if (!group.unplanned.empty()) {
      Job& job = jobs.at(group.unplanned.begin()->job);
      if (config.inline_plan != nullptr) {
        job.extra().execution.emplace(config.inline_plan);
        update_queues(job);
        continue;
      }
      group.compiling.insert(job.id);
      out.actions.emplace_back(CompileJob{job.id, id});
      update_queues(job);
      continue;
    }
    if (group.fifo.empty() || (limit > 0 && group.active >= limit)) return;
    Job& job = jobs.at(group.fifo.begin()->job);
    if (config.inline_plan != nullptr) {
      job.extra().execution.emplace(config.inline_plan);
      move(job, JobEvent::Taken);
      set_reason(job, Reason::GroupOrder);
      emit(EventKind::JobScheduled, job, nullptr, now);
      update_queues(job);
      continue;
    }
    // A job that was held while it compiled and has come back needs no second compilation.
    const bool asked = !group.compiling.insert(job.id).second;
    if (!asked) out.actions.emplace_back(CompileJob{job.id, id});
    move(job, JobEvent::Taken);
    set_reason(job, Reason::Compiling);
    emit(EventKind::JobScheduled, job, nullptr, now);
    update_queues(job);
  }
}

void Controller::State::plan_ready(PlanReady in, Now now) {
  if (raw(in.group) >= groups.size()) return;
  Group& group = groups[raw(in.group)];
  if (group.compiling.erase(in.job) == 0) return;
  takeable.insert(in.group);
  Job* job = find(in.job);
  if (job == nullptr || !job->is_active()) {
    drop_group_if_empty(in.group);
    return;
  }
  Result<std::shared_ptr<const dag::PhysicalPlan>> plan = std::move(in.plan);
  if (plan && *plan == nullptr) plan = fail(Errc::BadInput, "the job has no plan");
  if (plan) {
    dag::Execution execution(*std::move(plan));
    if (execution.ready().size() == 1) {
      job->extra().execution.emplace(std::move(execution));
      if (job->reason == Reason::Compiling) set_reason(*job, Reason::GroupOrder);
      update_queues(*job);
      return;
    }
    plan = fail(Errc::Unsupported, "plans with several steps are not offered yet");
  }
  refuse_plan(*job, plan.error(), now);
}

void Controller::State::refuse_plan(Job& job, const Error& error, Now now) {
  const bool untouched = job.untouched == job.total;
  if (job.state == JobState::Scheduled && untouched) {
    job.failed = job.total;
    job.untouched = 0;
    close(job, JobEvent::PlanRefused, Reason::PlanRefused, error.message, now);
    return;
  }
  // Compiled before a restart, refused after it: what runs goes on, what waits cannot.
  cancel_waiting(job, Reason::PlanRefused, now);
  if (!close_if_done(job, Reason::PlanRefused, now)) update_queues(job);
}

// Strict order inside a group, since only its head competes; between groups by Place, except that
// what fits nowhere now blocks nobody who asks for something else.
void Controller::State::place_tasks(Now now) {
  if (const std::uint64_t generation = rm.freed_generation(); generation != seen_generation) {
    seen_generation = generation;
    queue.wake();
  }
  while (const auto candidate = queue.best()) {
    Job& job = jobs.at(candidate->head.place.job);
    const auto index = next_ready(job);
    DROVER_CHECK(index.has_value(), "a job without ready tasks competes for a node");
    ++stats.placements_tried;
    rm::Acquired answer = rm.acquire(job.what, job.path);
    if (auto* lease = std::get_if<rm::Lease>(&answer)) {
      ++stats.placements_made;
      queue.on_placed(*candidate);
      launch(job, *index, std::move(*lease), now);
    } else if (const auto* quota = std::get_if<rm::QuotaShort>(&answer)) {
      queue.on_quota_short(*candidate, *quota);
      if (job.active == 0) set_reason(job, Reason::Quota);
    } else {
      queue.on_no_fit(*candidate, std::get<rm::NoFit>(answer));
      if (job.active == 0) set_reason(job, Reason::Resources);
    }
  }
}

std::string Controller::State::names_of(const rm::Lease& lease) const {
  std::vector<std::string> all;
  rm::for_each_part(lease,
                    [&](const rm::NodePart& part) { all.push_back(nodes.at(part.node).name); });
  return fold_names(all);
}

// To the head node; the script starts there, whatever it does on the others.
void Controller::State::order(const TaskRecord& record) {
  const rm::Lease& lease = *record.lease;
  out.actions.emplace_back(Launch{lease.node,
                                  nodes.at(lease.node).session,
                                  {record.id, record.attempt, record.epoch},
                                  lease,
                                  lease.more.empty() ? std::string() : record.node});
}

void Controller::State::launch(Job& job, std::uint32_t index, rm::Lease lease, Now now) {
  Task& task = materialise(job, index);
  move(task, TaskEvent::Place);
  TaskRecord& record = task.record;
  record.reason = Reason::None;
  record.attempt = AttemptNo{raw(record.attempt) + 1};
  record.epoch = Epoch{next_epoch++};
  record.node = lease.more.empty() ? nodes.at(lease.node).name : names_of(lease);
  record.placed = now.wall;
  record.lease = std::move(lease);
  job.more->ready.erase(index);
  ++job.active;
  ++stats.tasks_active;
  ++stats.launched;
  touch(job);
  set_reason(job, Reason::None);
  rm::for_each_part(*record.lease,
                    [&](const rm::NodePart& part) { nodes.at(part.node).tasks.insert(record.id); });
  emit(EventKind::AttemptLaunched, job, &task, now);
  order(record);
  update_queues(job);
}

}  // namespace drover::sched
