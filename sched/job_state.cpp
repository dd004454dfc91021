// sched/job_state.cpp - the words for states, reasons and events in JSON, logs and metrics.
// SPDX-License-Identifier: Apache-2.0
#include "sched/job_state.hpp"

#include "sched/messages.hpp"

namespace drover::sched {

std::string_view to_string(JobState s) {
  switch (s) {
    case JobState::Held: return "held";
    case JobState::Inited: return "inited";
    case JobState::Scheduled: return "scheduled";
    case JobState::Running: return "running";
    case JobState::Succeeded: return "succeeded";
    case JobState::Failed: return "failed";
    case JobState::Cancelled: return "cancelled";
    case JobState::TimedOut: return "timed_out";
    case JobState::Suspended: return "suspended";
  }
  return "unknown";
}

std::string_view to_string(TaskState s) {
  switch (s) {
    case TaskState::Waiting: return "waiting";
    case TaskState::Placed: return "placed";
    case TaskState::Running: return "running";
    case TaskState::Ending: return "ending";
    case TaskState::Succeeded: return "succeeded";
    case TaskState::Failed: return "failed";
    case TaskState::Cancelled: return "cancelled";
    case TaskState::TimedOut: return "timed_out";
    case TaskState::Suspended: return "suspended";
  }
  return "unknown";
}

std::string_view to_string(Reason r) {
  switch (r) {
    case Reason::None: return "none";
    case Reason::HeldByUser: return "held_by_user";
    case Reason::HeldByOperator: return "held_by_operator";
    case Reason::BeginTime: return "begin_time";
    case Reason::Dependency: return "dependency";
    case Reason::DependencyNever: return "dependency_never";
    case Reason::GroupLimit: return "group_limit";
    case Reason::GroupOrder: return "group_order";
    case Reason::Throttle: return "throttle";
    case Reason::Quota: return "quota";
    case Reason::Resources: return "resources";
    case Reason::NodeUnavailable: return "node_unavailable";
    case Reason::NoNode: return "no_node";
    case Reason::Compiling: return "compiling";
    case Reason::ExitCode: return "exit_code";
    case Reason::Signal: return "signal";
    case Reason::TimeLimit: return "time_limit";
    case Reason::OutOfMemory: return "out_of_memory";
    case Reason::CancelledByUser: return "cancelled_by_user";
    case Reason::CancelledByOperator: return "cancelled_by_operator";
    case Reason::NodeLost: return "node_lost";
    case Reason::LaunchFailed: return "launch_failed";
    case Reason::ExitUnknown: return "exit_unknown";
    case Reason::PlanRefused: return "plan_refused";
    case Reason::Deadline: return "deadline";
    case Reason::MaxFailures: return "max_failures";
    case Reason::Reservation: return "reservation";
    case Reason::Preempted: return "preempted";
    case Reason::Priority: return "priority";
    case Reason::Preempting: return "preempting";
    case Reason::Licences: return "licences";
    case Reason::SuspendedByOperator: return "suspended_by_operator";
    case Reason::RetryDelay: return "retry_delay";
    case Reason::Engine: return "engine";
    case Reason::EngineFailed: return "engine_failed";
    case Reason::EngineLost: return "engine_lost";
  }
  return "unknown";
}

std::string_view to_string(JobEvent e) {
  switch (e) {
    case JobEvent::Hold: return "hold";
    case JobEvent::Release: return "release";
    case JobEvent::Taken: return "taken";
    case JobEvent::PlanRefused: return "plan_refused";
    case JobEvent::DependencyNever: return "dependency_never";
    case JobEvent::TaskStarted: return "task_started";
    case JobEvent::Requeued: return "requeued";
    case JobEvent::RequeuedHeld: return "requeued_held";
    case JobEvent::Cancel: return "cancel";
    case JobEvent::AllSuspended: return "all_suspended";
    case JobEvent::SomeResumed: return "some_resumed";
    case JobEvent::AllSucceeded: return "all_succeeded";
    case JobEvent::SomeFailed: return "some_failed";
    case JobEvent::SomeTimedOut: return "some_timed_out";
    case JobEvent::SomeCancelled: return "some_cancelled";
  }
  return "unknown";
}

std::string_view to_string(TaskEvent e) {
  switch (e) {
    case TaskEvent::Place: return "place";
    case TaskEvent::Start: return "start";
    case TaskEvent::Kill: return "kill";
    case TaskEvent::Cancel: return "cancel";
    case TaskEvent::Requeue: return "requeue";
    case TaskEvent::Suspend: return "suspend";
    case TaskEvent::Resume: return "resume";
    case TaskEvent::EndOk: return "end_ok";
    case TaskEvent::EndFailed: return "end_failed";
    case TaskEvent::EndTimedOut: return "end_timed_out";
    case TaskEvent::EndCancelled: return "end_cancelled";
  }
  return "unknown";
}

std::string_view to_string(EventKind kind) {
  switch (kind) {
    case EventKind::JobSubmitted: return "job_submitted";
    case EventKind::JobHeld: return "job_held";
    case EventKind::JobReleased: return "job_released";
    case EventKind::JobScheduled: return "job_scheduled";
    case EventKind::JobStarted: return "job_started";
    case EventKind::JobEnded: return "job_ended";
    case EventKind::JobRequeued: return "job_requeued";
    case EventKind::AttemptLaunched: return "attempt_launched";
    case EventKind::AttemptStarted: return "attempt_started";
    case EventKind::AttemptEnded: return "attempt_ended";
    case EventKind::TaskCancelled: return "task_cancelled";
    case EventKind::NodeRegistered: return "node_registered";
    case EventKind::NodeLost: return "node_lost";
    case EventKind::NodeDraining: return "node_draining";
    case EventKind::NodeResumed: return "node_resumed";
    case EventKind::NodeDown: return "node_down";
    case EventKind::NodeMaintenance: return "node_maintenance";
    case EventKind::NodeLabelled: return "node_labelled";
    case EventKind::AttemptPreempted: return "attempt_preempted";
    case EventKind::QuotasEdited: return "quotas_edited";
    case EventKind::AttemptSpared: return "attempt_spared";
    case EventKind::ReservationSet: return "reservation_set";
    case EventKind::ReservationRemoved: return "reservation_removed";
    case EventKind::ReservationBegan: return "reservation_began";
    case EventKind::ReservationEnded: return "reservation_ended";
    case EventKind::AttemptSuspended: return "attempt_suspended";
    case EventKind::AttemptResumed: return "attempt_resumed";
    case EventKind::JobAltered: return "job_altered";
    case EventKind::AttemptRetried: return "attempt_retried";
    case EventKind::WorkflowSubmitted: return "workflow_submitted";
    case EventKind::WorkflowChanged: return "workflow_changed";
    case EventKind::WorkflowEnded: return "workflow_ended";
    case EventKind::StepStarted: return "step_started";
    case EventKind::StepEnded: return "step_ended";
  }
  return "unknown";
}

namespace {

// The words are few and asked for rarely: a scan keeps one list instead of two.
template <class Word>
std::optional<Word> scan(std::string_view word, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i)
    if (to_string(Word(i)) == word) return Word(i);
  return std::nullopt;
}

}  // namespace

std::optional<JobState> job_state_from(std::string_view word) {
  return scan<JobState>(word, kJobStates);
}

std::optional<TaskState> task_state_from(std::string_view word) {
  return scan<TaskState>(word, kTaskStates);
}

std::optional<Reason> reason_from(std::string_view word) { return scan<Reason>(word, kReasons); }

}  // namespace drover::sched
