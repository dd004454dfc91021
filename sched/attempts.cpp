// sched/attempts.cpp - what nodes report about attempts.
// SPDX-License-Identifier: Apache-2.0
//
// Late, doubled and foreign reports change nothing.
#include <utility>

#include "sched/controller_state.hpp"

namespace drover::sched {
namespace {

constexpr std::uint32_t kReturnsMax = 100;

struct Outcome {
  TaskEvent how{};
  Reason reason{};
};

Outcome outcome_of(const TaskEnded& in, const TaskRecord& record) {
  const bool asked = record.state == TaskState::Ending;
  Outcome cancelled{TaskEvent::EndCancelled, asked ? record.reason : Reason::CancelledByOperator};
  if (cancelled.reason == Reason::NodeLost) cancelled.how = TaskEvent::EndFailed;  // of a gang
  if (asked && in.never_started) return cancelled;
  switch (in.cause) {
    case EndCause::Exited:
      if (in.exit_code == 0) return {TaskEvent::EndOk, Reason::None};
      return {TaskEvent::EndFailed, Reason::ExitCode};
    case EndCause::Signalled: return {TaskEvent::EndFailed, Reason::Signal};
    case EndCause::TimeLimit: return {TaskEvent::EndTimedOut, Reason::TimeLimit};
    case EndCause::OutOfMemory: return {TaskEvent::EndFailed, Reason::OutOfMemory};
    case EndCause::Killed: return cancelled;
    case EndCause::LaunchFailed: return {TaskEvent::EndFailed, Reason::LaunchFailed};
    case EndCause::Unknown: return {TaskEvent::EndFailed, Reason::ExitUnknown};
  }
  return {TaskEvent::EndFailed, Reason::ExitUnknown};
}

void acknowledge(const TaskEnded& in, std::vector<Action>& actions) {
  auto& ack = std::get<AckEnded>(actions.emplace_back(std::in_place_type<AckEnded>));
  ack.node = in.node;
  ack.session = in.session;
  ack.id = in.id;
}

void fetch(const void* what) { __builtin_prefetch(what, 1); }
template <class T>
void fetch_all(const T& what) {
  for (std::size_t at = 0; at < sizeof(T); at += 64)
    fetch(reinterpret_cast<const char*>(&what) + at);
}

}  // namespace

// What the end of an attempt changes was last in use when it began, and has left the cache on a
// large cluster.
void Controller::State::fetch_ahead(NodeId where, const TaskId& id) const {
  rm.fetch_ahead(where);
  if (raw(where) < node_at.size() && node_at[raw(where)] != nullptr) {
    const Node& node = *node_at[raw(where)];
    fetch(&node.session);
    fetch_all(node.tasks);
  }
  const Job* job = find(id.job);
  if (job == nullptr || job->more == nullptr) return;
  fetch_all(*job);
  fetch_all(*job->more);
  if (job->earlier != nullptr) fetch(job->earlier);
  if (job->later != nullptr) fetch(job->later);
  const auto task = job->more->tasks.find(raw(id.index));
  if (task == job->more->tasks.end()) return;
  fetch_all(task->second);
  if (const auto& lease = task->second.record.lease) fetch(lease->pus.data());
}

// The task whose present attempt this is, on this node; or null.
Task* Controller::State::live_attempt(NodeId node, const AttemptId& id, Job*& job) {
  job = find(id.task.job);
  Task* task = job != nullptr ? find_task(*job, raw(id.task.index)) : nullptr;
  if (task == nullptr || !task->record.lease || task->record.lease->node != node) return nullptr;
  const bool same = task->record.attempt == id.number && task->record.epoch == id.epoch;
  return same ? task : nullptr;
}

bool Controller::State::is_current(NodeId node, SessionId session) const {
  if (raw(node) >= node_at.size() || node_at[raw(node)] == nullptr) return false;
  return raw(session) != 0 && node_of(node).session == session;
}

void Controller::State::started(const TaskStarted& in, Now now) {
  Job* job = nullptr;
  Task* task = live_attempt(in.node, in.id, job);
  if (task == nullptr || !is_current(in.node, in.session)) {
    ++stats.stale_messages;
    return;
  }
  if (task->record.started.is_set()) return;             // said twice
  const bool slept = job->state == JobState::Suspended;  // else it waits for what it waited for
  mark_started(*job, *task, in.at, now);
  if (slept) update_queues(*job);
}

// Every report is acknowledged so that agents do not repeat it for ever, save one: the end of a
// present attempt from a session that is over. It is fenced like everything foreign; acknowledged,
// it would be lost for good, unacknowledged it comes again in the node's new session.
void Controller::State::ended(const TaskEnded& in, Now now) {
  Job* job = nullptr;
  Task* task = live_attempt(in.node, in.id, job);
  const bool foreign = !is_current(in.node, in.session);
  if (task == nullptr || foreign) {
    ++stats.stale_messages;
    if (task == nullptr) acknowledge(in, out.actions);
    return;
  }
  acknowledge(in, out.actions);
  if (config.keep_records && job->is_statement && !in.results.empty())
    out.changes.results.emplace_back(job->id, in.results);
  if (!in.never_started && !task->record.started.is_set())
    mark_started(*job, *task, in.started, now);
  TaskRecord& record = task->record;
  if (record.state == TaskState::Ending && record.reason == Reason::None) {
    ++stats.ended;
    requeue_task(*job, *task, now);
    return;
  }
  // Nothing of it has run. An engine that returns it for ever is broken.
  const bool is_back = in.returned && in.never_started && job->is_statement &&
                       record.state != TaskState::Ending && raw(record.attempt) < kReturnsMax;
  if (is_back) {
    ++stats.ended;
    rm.set_ahead(in.node, 0);  // it must not get the same one again at once
    requeue_task(*job, *task, now);
    return;
  }
  const Outcome outcome = outcome_of(in, record);
  // Told to go, it went before it was ended. What it says it has done, it has done.
  const bool gave_way = record.state != TaskState::Ending && record.notice.is_set() &&
                        outcome.how != TaskEvent::EndOk && outcome.how != TaskEvent::EndTimedOut &&
                        outcome.reason != Reason::OutOfMemory;
  if (gave_way && record.gives_way == PreemptMode::Requeue) {
    ++stats.ended;
    requeue_task(*job, *task, now);
    return;
  }
  record.exit_code = in.exit_code;
  record.term_signal = in.term_signal;
  record.ended = in.ended;
  record.usage = in.usage;
  const bool asked = record.state == TaskState::Ending;
  const bool may_retry = !asked && !gave_way && !(in.permanent && job->is_statement);
  if (may_retry && try_again(*job, *task, outcome.reason, now)) return;
  if (!in.message.empty() && !job->is_array) job->extra().detail = in.message;
  if (gave_way)
    end_attempt(*job, *task, TaskEvent::EndCancelled, Reason::Preempted, now);
  else
    end_attempt(*job, *task, outcome.how, outcome.reason, now);
}

}  // namespace drover::sched
