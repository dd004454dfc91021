// sched/job_state.hpp - the life of a job and of a task: the tables are the only specification.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "sched/job_words.hpp"

namespace drover::sched {

// What happens to a job. A submission makes it Inited, or Held when it asks for that.
enum class JobEvent : std::uint8_t {
  Hold,             // a person holds it; a running array starts no further elements
  Release,          // a person lets it go
  Taken,            // the group's consumer took it from the head of the FIFO
  PlanRefused,      // it cannot be compiled: it never ran and never will
  DependencyNever,  // a dependency can no longer be met
  TaskStarted,      // a task runs, or ended without a start that anybody saw
  Requeued,         // all its attempts are gone; back to the FIFO
  RequeuedHeld,     // the same, but a person must release it
  AllSuspended,     // every attempt that is out stands still
  SomeResumed,      // one of them runs again
  Cancel,           // a person asks; with attempts out, the job ends after the last of them
  // every task is final; the worst names the event: failed, timed out, cancelled
  AllSucceeded,
  SomeFailed,
  SomeTimedOut,
  SomeCancelled,
};
inline constexpr std::size_t kJobEvents = std::size_t(JobEvent::SomeCancelled) + 1;

// What happens to a task. Reports of older attempts are dropped before this table is asked.
enum class TaskEvent : std::uint8_t {
  Place,    // resources are locked and the launch is on its way
  Start,    // the node reports that it runs
  Kill,     // its attempt is to be ended so that the task can wait again
  Cancel,   // it is to be ended for good
  Requeue,  // its attempt is known to be gone without a result that counts
  Suspend,  // it stands still and has given its CPUs back
  Resume,   // it has them again
  EndOk,
  EndFailed,
  EndTimedOut,
  EndCancelled,  // the node's last word
};
inline constexpr std::size_t kTaskEvents = std::size_t(TaskEvent::EndCancelled) + 1;

template <class State, class Event>
struct Move {
  State from;
  Event on;
  State to;
};
using JobMove = Move<JobState, JobEvent>;
using TaskMove = Move<TaskState, TaskEvent>;
inline constexpr auto kJobMoves = [] {
  using enum JobState;
  using enum JobEvent;
  return std::to_array<JobMove>({
      {Held, Hold, Held},
      {Held, Release, Inited},
      {Held, DependencyNever, Cancelled},
      {Held, Cancel, Cancelled},
      // A requeued array whose last open elements were cancelled one by one.
      {Held, SomeFailed, Failed},
      {Held, SomeTimedOut, TimedOut},
      {Held, SomeCancelled, Cancelled},
      {Inited, Hold, Held},
      {Inited, Release, Inited},
      {Inited, Taken, Scheduled},
      {Inited, DependencyNever, Cancelled},
      {Inited, Cancel, Cancelled},
      {Inited, SomeFailed, Failed},
      {Inited, SomeTimedOut, TimedOut},
      {Inited, SomeCancelled, Cancelled},
      // Only while no attempt is out; else it stays where it is, marked as held.
      {Scheduled, Hold, Held},
      {Scheduled, Release, Scheduled},
      {Scheduled, PlanRefused, Failed},
      {Scheduled, TaskStarted, Running},
      {Scheduled, Requeued, Inited},
      {Scheduled, RequeuedHeld, Held},
      {Scheduled, Cancel, Scheduled},  // then SomeCancelled, at once when no attempt is out
      {Scheduled, AllSucceeded, Succeeded},
      {Scheduled, SomeFailed, Failed},
      {Scheduled, SomeTimedOut, TimedOut},
      {Scheduled, SomeCancelled, Cancelled},
      {Running, Hold, Running},
      {Running, Release, Running},
      {Running, TaskStarted, Running},
      {Running, Requeued, Inited},
      {Running, RequeuedHeld, Held},
      {Running, Cancel, Running},
      {Running, AllSuspended, Suspended},
      {Running, AllSucceeded, Succeeded},
      {Running, SomeFailed, Failed},
      {Running, SomeTimedOut, TimedOut},
      {Running, SomeCancelled, Cancelled},
      {Suspended, Hold, Suspended},
      {Suspended, Release, Suspended},
      {Suspended, TaskStarted, Running},  // another element
      {Suspended, SomeResumed, Running},
      {Suspended, Requeued, Inited},
      {Suspended, RequeuedHeld, Held},
      {Suspended, Cancel, Suspended},
      {Suspended, AllSucceeded, Succeeded},
      {Suspended, SomeFailed, Failed},
      {Suspended, SomeTimedOut, TimedOut},
      {Suspended, SomeCancelled, Cancelled},
  });
}();

inline constexpr auto kTaskMoves = [] {
  using enum TaskState;
  using enum TaskEvent;
  return std::to_array<TaskMove>({
      {Waiting, Place, Placed},
      {Waiting, Cancel, Cancelled},
      {Placed, Start, Running},
      {Placed, Kill, Ending},
      {Placed, Cancel, Ending},
      {Placed, Requeue, Waiting},
      {Placed, EndOk, Succeeded},  // so short that its start and end came in one report
      {Placed, EndFailed, Failed},
      {Placed, EndTimedOut, TimedOut},
      {Placed, EndCancelled, Cancelled},
      {Running, Start, Running},  // reported again after a reconnect
      {Running, Kill, Ending},
      {Running, Cancel, Ending},
      {Running, Requeue, Waiting},
      {Running, Suspend, Suspended},
      {Running, EndOk, Succeeded},
      {Running, EndFailed, Failed},
      {Running, EndTimedOut, TimedOut},
      {Running, EndCancelled, Cancelled},
      {Ending, Start, Ending},  // the start was on its way when the kill left
      {Ending, Kill, Ending},
      {Ending, Cancel, Ending},
      {Ending, Requeue, Waiting},
      {Ending, EndOk, Succeeded},  // it was done before the kill arrived
      {Ending, EndFailed, Failed},
      {Ending, EndTimedOut, TimedOut},
      {Ending, EndCancelled, Cancelled},
      {Suspended, Start, Suspended},  // reported again after a reconnect
      {Suspended, Kill, Ending},
      {Suspended, Cancel, Ending},
      {Suspended, Requeue, Waiting},
      {Suspended, Resume, Running},
      {Suspended, EndOk, Succeeded},  // it was done before it was stopped
      {Suspended, EndFailed, Failed},
      {Suspended, EndTimedOut, TimedOut},
      {Suspended, EndCancelled, Cancelled},
  });
}();

template <class State, const auto& kMoves, std::size_t kStates>
inline constexpr auto kMoveTable = [] {
  std::array<std::array<std::optional<State>, 32>, kStates> to{};  // by state and event
  for (const auto& move : kMoves) to[std::size_t(move.from)][std::size_t(move.on)] = move.to;
  return to;
}();
// The state after `on`, or nothing: the caller answers Errc::Conflict; nothing changes.
constexpr std::optional<JobState> find_move(JobState from, JobEvent on) {
  return kMoveTable<JobState, kJobMoves, kJobStates>[std::size_t(from)][std::size_t(on)];
}
constexpr std::optional<TaskState> find_move(TaskState from, TaskEvent on) {
  return kMoveTable<TaskState, kTaskMoves, kTaskStates>[std::size_t(from)][std::size_t(on)];
}

// Facts about the tables that the compiler keeps true.
template <class Table>
constexpr bool no_pair_is_listed_twice(const Table& moves) {
  for (std::size_t a = 0; a < moves.size(); ++a)
    for (std::size_t b = a + 1; b < moves.size(); ++b)
      if (moves[a].from == moves[b].from && moves[a].on == moves[b].on) return false;
  return true;
}
template <class Table>
constexpr bool finals_are_final(const Table& moves) {
  return std::ranges::none_of(moves, [](const auto& move) { return is_final(move.from); });
}
template <class State, std::size_t kStates, class Event>
constexpr bool every_open_state_answers(Event event) {
  for (std::uint8_t s = 0; s < kStates; ++s)
    if (!is_final(State(s)) && !find_move(State(s), event)) return false;
  return true;
}
static_assert(no_pair_is_listed_twice(kJobMoves) && no_pair_is_listed_twice(kTaskMoves) &&
              finals_are_final(kJobMoves) && finals_are_final(kTaskMoves));
static_assert(every_open_state_answers<JobState, kJobStates>(JobEvent::Cancel));
static_assert(every_open_state_answers<TaskState, kTaskStates>(TaskEvent::Cancel));

std::string_view to_string(JobEvent e);  // "hold", ...
std::string_view to_string(TaskEvent e);
}  // namespace drover::sched
