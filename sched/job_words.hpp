// sched/job_words.hpp - the states of jobs and tasks, and the reasons for them.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace drover::sched {

enum class JobState : std::uint8_t {
  Held,
  Inited,
  Scheduled,
  Running,
  Succeeded,
  Failed,
  Cancelled,
  TimedOut,
  Suspended  // open; a later addition, and the numbers are stored
};
inline constexpr std::size_t kJobStates = std::size_t(JobState::Suspended) + 1;
enum class TaskState : std::uint8_t {
  Waiting,
  Placed,
  Running,
  Ending,
  Succeeded,
  Failed,
  Cancelled,
  TimedOut,
  Suspended  // likewise
};
inline constexpr std::size_t kTaskStates = std::size_t(TaskState::Suspended) + 1;

constexpr bool is_final(JobState s) { return s >= JobState::Succeeded && s <= JobState::TimedOut; }
constexpr bool is_final(TaskState s) {
  return s >= TaskState::Succeeded && s <= TaskState::TimedOut;
}

// Why a job waits, or how it or a task ended. A closed list: metric label and API.
enum class Reason : std::uint8_t {
  None,
  // waiting
  HeldByUser,
  HeldByOperator,
  BeginTime,
  Dependency,
  DependencyNever,
  GroupLimit,
  GroupOrder,
  Throttle,
  Quota,
  Resources,
  NodeUnavailable,
  NoNode,
  Compiling,
  // ended
  ExitCode,
  Signal,
  TimeLimit,
  OutOfMemory,
  CancelledByUser,
  CancelledByOperator,
  NodeLost,
  LaunchFailed,
  ExitUnknown,
  PlanRefused,
  // later additions: the numbers are stored
  Deadline,
  MaxFailures,
  Reservation,
  Preempted,
  Priority,    // waits: one that goes first holds the place
  Preempting,  // waits: others were asked to go
  Licences,    // waits: others hold them
  SuspendedByOperator,
  RetryDelay,  // waits: its last attempt failed, and the next one is not due
  Engine,        // waits: no engine of its pool is idle
  EngineFailed,  // ended: no engine could be started for it
  EngineLost,    // ended: the engine that ran it is gone
};
inline constexpr std::size_t kReasons = std::size_t(Reason::EngineLost) + 1;

// How work gives way to more urgent work.
enum class PreemptMode : std::uint8_t {
  Off,      // never
  Requeue,  // ended with notice and queued again
  Suspend,  // stopped in place; goes on when the preempting job has gone
  Cancel,   // ended with notice, for good
};

std::string_view to_string(JobState s);  // "held", "inited", ...
std::string_view to_string(TaskState s);
std::string_view to_string(Reason r);  // "held_by_user", "resources", ...
std::optional<JobState> job_state_from(
    std::string_view word);  // the reverse; nothing for an unknown word
std::optional<TaskState> task_state_from(std::string_view word);
std::optional<Reason> reason_from(std::string_view word);

}  // namespace drover::sched
