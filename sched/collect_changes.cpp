// sched/collect_changes.cpp - what the turn changed.
// SPDX-License-Identifier: Apache-2.0
//
// One after-image per record, however often it moved.
#include <algorithm>
#include <utility>

#include "sched/restoring.hpp"

namespace drover::sched {

void ChangeVerbs::note_dirty(Job& job) {
  job.dirty = true;
  dirty_jobs.push_back(job.id);
}

void ChangeVerbs::note_dirty(Task& task) {
  task.dirty = true;
  dirty_tasks.push_back(task.record.id);
}

void ChangeVerbs::touch(NodeId id, Node& node) {
  if (node.dirty || !config.keep_records) return;
  node.dirty = true;
  dirty_nodes.push_back(id);
}

void ChangeVerbs::add_event(EventKind kind, const Job& job, const Task* task, Now now) {
  Event event;
  event.seq = EventSeq{next_event++};
  event.at = now.wall;
  event.kind = kind;
  event.job = job.id;
  event.uid = job.uid;
  if (task != nullptr) {
    const TaskRecord& record = task->record;
    event.task = record.id.index;
    event.attempt = record.attempt;
    event.node = record.node;
    event.state = to_string(record.state);
    event.reason = record.reason;
    event.exit_code = record.exit_code;
  } else {
    event.state = to_string(job.state);
    event.reason = job.reason;
    event.exit_code = job.exit_code;
  }
  out.changes.events.push_back(std::move(event));
}

void ChangeVerbs::emit(EventKind kind, const Node& node, std::string state, Now now) {
  if (!config.keep_records) return;
  Event event;
  event.seq = EventSeq{next_event++};
  event.at = now.wall;
  event.kind = kind;
  event.node = node.name;
  event.state = std::move(state);
  out.changes.events.push_back(std::move(event));
}

void ChangeVerbs::set_reason(Job& job, Reason reason, std::string detail) {
  const bool same_detail = job.more != nullptr ? job.more->detail == detail : detail.empty();
  if (job.reason == reason && same_detail) return;
  job.reason = reason;
  if (!same_detail) job.extra().detail = std::move(detail);
  touch(job);
}

void ChangeVerbs::reply(ReplyToken token, Result<Done> result) {
  if (raw(token) != 0) out.replies.push_back({token, std::move(result)});
}

// Each submission is answered so: made where it is to be, not moved there.
void ChangeVerbs::reply(ReplyToken token, const Done& done) {
  if (raw(token) == 0) return;
  Reply& made = out.replies.emplace_back();
  made.token = token;
  made.result->job = done.job;
  made.result->touched = done.touched;
}

JobRecord Controller::State::record_of(const Job& job) const {
  JobRecord record;
  record.id = job.id;
  record.state = job.state;
  record.reason = job.reason;
  record.submitted = job.submitted;
  record.started = job.started;
  record.priority = job.priority;
  record.held = (job.gates & kHeldGate) != 0;
  record.counts = {job.active, job.succeeded, job.failed, job.cancelled, job.timed_out};
  record.exit_code = job.exit_code;
  record.dependencies_met = job.dependencies_met;
  record.dependencies_never = job.dependencies_never;
  record.singleton_met = job.singleton && (job.gates & kSingletonGate) == 0;
  if (job.elements_met) record.counterparts = kAllCounterparts;
  Restoring::write(*this, job, record);
  if (job.more == nullptr) return record;
  record.detail = job.more->detail;
  record.throttle = job.more->throttle;
  record.revision = job.more->revision;
  record.starts_known = !job.more->waits_for.empty();
  for (const Dependency& wait : job.more->waits_for)
    if (wait.kind == DependencyKind::After) record.starts_left.push_back(wait.job);
  std::ranges::sort(record.starts_left);
  if (job.more->counterparts != nullptr) record.counterparts = job.more->counterparts->done;
  if (job.delayed && (job.gates & kBeginGate) != 0) record.begin = job.more->begin;
  if (job.more->cursor && job.more->cursor->has_moved()) {
    record.cursor = job.more->cursor->position();
    record.cursor_set = true;
  }
  return record;
}

NodeRecord Controller::State::record_of(NodeId id, const Node& node) const {
  return {id, node.name, node.boot_id, node.service, node.reason, node.labels, node.is_engine};
}

// Closed jobs and tasks have put their last image when they left memory, so what is not found is
// done.
void Controller::State::collect() {
  if (!config.keep_records) return;
  Changes& changes = out.changes;
  const auto changed = [](std::uint64_t next, std::uint64_t& stored) {
    return next == stored ? 0 : stored = next;
  };
  changes.next_job_id = changed(next_job, stored_job);
  changes.next_epoch = changed(next_epoch, stored_epoch);
  changes.next_node_id = changed(next_node, stored_node);
  changes.next_event_seq = changed(next_event, stored_event);
  for (const JobId id : dirty_jobs) {
    Job* job = find(id);
    if (job == nullptr) continue;
    job->dirty = false;
    changes.jobs.push_back(record_of(*job));
  }
  for (const TaskId& id : dirty_tasks) {
    Job* job = find(id.job);
    Task* task = job != nullptr ? find_task(*job, raw(id.index)) : nullptr;
    if (task == nullptr || !task->dirty) continue;
    task->dirty = false;
    changes.tasks.push_back(task->record);
  }
  collect_counterparts();
  for (const NodeId id : dirty_nodes) {
    Node& node = nodes.at(id);
    node.dirty = false;
    changes.nodes.push_back(record_of(id, node));
  }
  if (std::exchange(quotas_dirty, false)) {
    changes.quotas = quotas;
    if (!quotas.edited) changes.quotas->rules.clear();  // the configuration has them
  }
  if (std::exchange(groups_dirty, false)) {
    changes.groups.emplace();
    for (const auto& [name, own] : group_limits) changes.groups->push_back({name, own});
  }
  if (std::exchange(reservations_dirty, false)) {
    changes.reservations.emplace();
    for (const auto& [name, reservation] : calendar.all())
      changes.reservations->push_back(reservation);
  }
  dirty_jobs.clear();
  dirty_tasks.clear();
  dirty_nodes.clear();
  if (auto usage = ranking.take_dirty(clock); !usage.empty()) changes.usage = std::move(usage);
}

}  // namespace drover::sched
