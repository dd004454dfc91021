// sched/job_state.hpp - the life of a job and of a task. The tables are the specification; there is no other copy.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace drover::sched {

enum class JobState : std::uint8_t { Held, Inited, Scheduled, Running, Succeeded, Failed, Cancelled, TimedOut };
enum class TaskState : std::uint8_t { Waiting, Placed, Running, Ending, Succeeded, Failed, Cancelled, TimedOut };

constexpr bool is_final(JobState s) { return s >= JobState::Succeeded; }
constexpr bool is_final(TaskState s) { return s >= TaskState::Succeeded; }

// Why a job waits, or how it or a task ended. Closed list: it is a metric label and part of the API.
enum class Reason : std::uint8_t {
  None,
  // waiting
  HeldByUser, HeldByOperator, BeginTime, Dependency, DependencyNever, GroupLimit, GroupOrder, Throttle, Quota,
  Resources, NodeUnavailable, NoNode, Compiling,
  // ended
  ExitCode, Signal, TimeLimit, OutOfMemory, CancelledByUser, CancelledByOperator, NodeLost, LaunchFailed,
  ExitUnknown, PlanRefused,
};
std::string_view to_string(JobState s);   // "held", "inited", ...
std::string_view to_string(TaskState s);
std::string_view to_string(Reason r);     // "held_by_user", "resources", ...

}  // namespace drover::sched
