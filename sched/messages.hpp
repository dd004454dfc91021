// sched/messages.hpp - everything that goes into the controller and everything that comes out, as
// values.
//
// Inputs arrive with the time. Outputs are collected during a turn: changes to store, events, and
// then - only after the commit of those is durable - replies and actions. See design section 5 and
// server/turn.hpp. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "dag/plan.hpp"
#include "rm/resource_manager.hpp"
#include "sched/job_spec.hpp"
#include "sched/records.hpp"

namespace drover::sched {

struct Actor {  // who asks; operators may act on everybody's jobs
  std::uint32_t uid = 0;
  bool is_operator = false;
};

// ---------------------------------------------------------------- inputs
// State of a dependency's job as the store knew it, for jobs that the controller no longer holds.
struct KnownEnd {
  JobId job{};
  JobState state{};
};
struct Submit {
  ReplyToken reply{};
  std::shared_ptr<const JobSpec> spec;  // checked by the entrance (sched/entrance.hpp)
  std::vector<KnownEnd> known_ends;
};
enum class Verb : std::uint8_t { Cancel, Hold, Release, Requeue };
struct TaskRange {  // one job, or some elements of an array
  JobId job{};
  bool whole_job = true;
  IndexSet elements;  // when not whole_job
};
struct Command {
  ReplyToken reply{};
  Verb verb{};
  Actor actor;
  TaskRange target;
  std::string reason;
  std::int32_t signal = 0;  // Cancel: send this signal only, do not end the job; 0 = cancel
};
struct PlanReady {  // from the group's consumer
  JobId job{};
  GroupId group{};
  Result<std::shared_ptr<const dag::PhysicalPlan>> plan;
};
struct HeldAttempt {  // what an agent has when it registers
  AttemptId id;
  bool started = false;
};
struct NodeUp {
  rm::NodeSpec spec;
  std::string boot_id;
  SessionId session{};
  std::vector<HeldAttempt>
      running;  // accepted and not ended; ends are reported as TaskEnded afterwards
};
struct NodeDown {
  NodeId node{};
  SessionId session{};
};
struct TaskStarted {
  NodeId node{};
  SessionId session{};
  AttemptId id;
  Time at;  // node's wall clock
};
enum class EndCause : std::uint8_t {
  Exited,
  Signalled,
  TimeLimit,
  OutOfMemory,
  Killed,
  LaunchFailed,
  Unknown
};
struct TaskEnded {
  NodeId node{};
  SessionId session{};
  AttemptId id;
  EndCause cause{};
  std::int32_t exit_code = 0, term_signal = 0;
  bool never_started = false;  // refused or killed before exec
  std::string message;         // LaunchFailed: what went wrong
  Time started, ended;         // node's wall clock; started 0 when never_started
  Usage usage;
};
struct DrainNode {
  ReplyToken reply{};
  Actor actor;
  std::string node;
  bool drain = true;  // false = resume
  std::string reason;
};
struct Tick {};  // time passed: begin times, node timeouts

using Input = std::variant<Submit, Command, PlanReady, NodeUp, NodeDown, TaskStarted, TaskEnded,
                           DrainNode, Tick>;

// ---------------------------------------------------------------- outputs
enum class EventKind : std::uint8_t {
  JobSubmitted,
  JobHeld,
  JobReleased,
  JobScheduled,
  JobStarted,
  JobEnded,
  JobRequeued,
  AttemptLaunched,
  AttemptStarted,
  AttemptEnded,
  TaskCancelled,
  NodeRegistered,
  NodeLost,
  NodeDraining,
  NodeResumed,
};
std::string_view to_string(EventKind kind);  // "job_submitted", ...

struct Event {  // a fact: stored, never changed, streamed to followers
  EventSeq seq{};
  Time at;  // wall
  EventKind kind{};
  JobId job{};
  std::optional<TaskIndex> task;
  AttemptNo attempt{};
  std::uint32_t uid = 0;  // owner of the job; events of others are not shown
  std::string node;
  std::string state;  // state after the event
  Reason reason{};
  std::int32_t exit_code = 0;
};

// After-images of everything that changed in the turn; one put per record however often it moved.
struct Changes {
  struct NewJob {
    JobId id{};
    std::shared_ptr<const JobSpec> spec;
  };
  std::vector<NewJob> new_jobs;
  std::vector<JobRecord> jobs;
  std::vector<TaskRecord> tasks;
  std::vector<NodeRecord> nodes;
  std::vector<Event> events;
  std::uint64_t next_job_id = 0, next_epoch = 0, next_node_id = 0, next_event_seq = 0;
  bool empty() const {
    return new_jobs.empty() && jobs.empty() && tasks.empty() && nodes.empty() && events.empty();
  }
};

// What the caller hears: the job id of a submission; how many tasks a command touched.
struct Done {
  JobId job{};
  std::uint64_t touched = 0;
};
struct Reply {
  ReplyToken token{};
  Result<Done> result;
};

struct CompileJob {  // for the group's consumer; the answer is PlanReady
  JobId job{};
  GroupId group{};
};
struct Launch {  // the outbox adds the spec's command, environment and paths
  NodeId node{};
  SessionId session{};
  AttemptId id;
  rm::Lease lease;
};
struct Kill {
  NodeId node{};
  SessionId session{};
  AttemptId id;
  std::int32_t signal = 0;  // 0 = end it: TERM, grace, KILL of the whole cgroup
};
struct AckEnded {  // the agent may forget the attempt
  NodeId node{};
  SessionId session{};
  AttemptId id;
};
struct Welcome {  // registration accepted under this node id
  NodeId node{};
  SessionId session{};
};
using Action = std::variant<CompileJob, Launch, Kill, AckEnded, Welcome>;

struct TurnOutput {
  Changes changes;
  std::vector<Reply> replies;
  std::vector<Action> actions;
};

}  // namespace drover::sched
