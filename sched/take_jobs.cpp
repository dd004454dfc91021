// sched/take_jobs.cpp - from the FIFO to the consumer, and back with a plan.
// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "sched/controller_state.hpp"

namespace drover::sched {

// Jobs leave the FIFO in order, while the group's running limit allows. The group's consumer
// compiles one at a time; a few more are handed to it so that it need not wait for a turn between
// two jobs.
void Controller::State::take_jobs(Now now) {
  while (const auto id = takeable.first_common(nullptr)) {
    take_from(*id, now);
    takeable.erase(*id);  // what taking changed is taken into account already
  }
}

void Controller::State::take_from(GroupId id, Now now) {
  Group& group = groups[raw(id)];
  const std::uint32_t limit = limits_of(group.name).running_jobs;
  while (group.compiling.size() < config.compile_ahead) {
    if (!group.unplanned.empty()) {
      Job& job = jobs.at(group.unplanned.begin()->job);
      if (needs_no_plan(job)) {
        job.planned = true;
        update_queues(job);
        continue;
      }
      group.compiling.insert(job.id);
      out.actions.push_back(CompileJob{job.id, id});
      update_queues(job);
      continue;
    }
    if (group.fifo.empty() || (limit > 0 && group.active >= limit)) return;
    Job& job = jobs.at(group.fifo.front().job);
    if (needs_no_plan(job)) {
      take_planned(job, now);
      continue;
    }
    // A job that was held while it compiled and has come back needs no second compilation.
    const bool asked = !group.compiling.insert(job.id).second;
    if (!asked) out.actions.push_back(CompileJob{job.id, id});
    move(job, JobEvent::Taken);
    set_reason(job, Reason::Compiling);
    emit(EventKind::JobScheduled, job, nullptr, now);
    update_queues(job);
  }
}

void Controller::State::take_planned(Job& job, Now now) {
  job.planned = true;
  move(job, JobEvent::Taken);
  set_reason(job, Reason::GroupOrder);
  emit(EventKind::JobScheduled, job, nullptr, now);
  update_queues(job);
}

// Who needs no plan and finds nobody before it need not stand in the FIFO until the turn ends.
// Where a limit counts, the first in order must have come before anybody is taken.
bool Controller::State::take_at_once(Job& job, Now now) {
  const Group& group = group_of(job);
  if (!needs_no_plan(job)) return false;
  if (job.state != JobState::Inited) return false;
  if (job.gates != 0) return false;
  if (limits_of(group.name).running_jobs > 0) return false;
  if (!group.fifo.empty() || !group.unplanned.empty()) return false;
  take_planned(job, now);
  return true;
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
    if ((*plan)->exec_nodes().size() == 1) {
      job->planned = true;
      if (job->reason == Reason::Compiling) set_reason(*job, Reason::GroupOrder);
      update_queues(*job);
      return;
    }
    plan = fail(Errc::Unsupported, "plans with several steps are not offered yet");
  }
  refuse_plan(*job, Reason::PlanRefused, plan.error().message, now);
}

void Controller::State::refuse_plan(Job& job, Reason reason, std::string why, Now now) {
  const bool marked = job.more != nullptr && job.more->counterparts != nullptr;
  const bool untouched = job.untouched == job.total && !marked;
  if (job.state == JobState::Scheduled && untouched) {
    job.failed = job.total;
    job.untouched = 0;
    close(job, JobEvent::PlanRefused, reason, std::move(why), now);
    return;
  }
  // Compiled before a restart, refused after it: what runs goes on, what waits cannot.
  cancel_waiting(job, reason, now);
  if (!close_if_done(job, reason, now)) update_queues(job);
}

}  // namespace drover::sched
