// sched/outputs.hpp - everything that comes out of a turn: changes to store, then replies and
// actions.
//
// Replies and actions leave only after the commit of the changes is durable (design section 5).
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "rm/quota_edit.hpp"
#include "rm/resource_manager.hpp"
#include "sched/fair_share.hpp"
#include "sched/job_spec.hpp"
#include "sched/records.hpp"
#include "sched/reservation.hpp"

namespace drover::sched {

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
  NodeDown,
  NodeMaintenance,
  NodeLabelled,
  AttemptPreempted,
  QuotasEdited,
  AttemptSpared,  // nobody needs its room any more
  ReservationSet,
  ReservationRemoved,
  ReservationBegan,
  ReservationEnded,
  AttemptSuspended,
  AttemptResumed,
  JobAltered,
  AttemptRetried,  // it failed, and another follows
  WorkflowSubmitted,
  WorkflowChanged,  // paused, resumed, cancelled, rewritten: `state` says how
  WorkflowEnded,
  StepStarted,
  StepEnded,
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
  std::string step;   // of a workflow
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
  std::vector<NewJob>
      altered;  // specs that take the place of the stored ones, script and env apart
  std::vector<JobRecord> jobs;
  std::vector<TaskRecord> tasks;
  std::vector<NodeRecord> nodes;
  std::vector<Event> events;
  std::vector<std::pair<JobId, std::string>> results;    // of statements that have ended
  std::optional<std::vector<UsageRecord>> usage;         // of all users, when it is time
  std::optional<std::vector<Reservation>> reservations;  // all, when one has changed
  std::optional<rm::QuotaTable> quotas;                  // when they were edited
  std::optional<std::vector<GroupRecord>> groups;        // all with own limits, when one changed
  std::uint64_t next_job_id = 0, next_epoch = 0, next_node_id = 0, next_event_seq = 0;
  bool empty() const {
    return new_jobs.empty() && altered.empty() && jobs.empty() && tasks.empty() && nodes.empty() &&
           events.empty() && results.empty() && !usage && !reservations && !quotas && !groups;
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
struct Launch {  // to the head node; the outbox adds the spec's command, environment and paths
  NodeId node{};
  SessionId session{};
  AttemptId id;
  rm::Lease lease;
  std::string nodes;  // a gang's names, n[1-4]; empty for one node
};
struct Kill {
  NodeId node{};
  SessionId session{};
  AttemptId id;
  std::int32_t signal = 0;  // 0 = end it: TERM, grace, KILL of the whole cgroup
};
struct Pause {  // stops what runs, or lets it go on
  NodeId node{};
  SessionId session{};
  AttemptId id;
  bool suspended = false;
};
struct Relimit {  // another time limit, since the attempt's start; 0 = none
  NodeId node{};
  SessionId session{};
  AttemptId id;
  Duration time_limit;
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
struct TurnAway {  // registration refused
  SessionId session{};
  std::string why;
};
using Action = std::variant<CompileJob, Launch, Kill, Pause, Relimit, AckEnded, Welcome, TurnAway>;

struct StartEstimate {  // of a job that has started now; mono
  Time promised, started;
};

struct TurnOutput {
  Changes changes;
  std::vector<StartEstimate> estimates;
  std::vector<Reply> replies;
  std::vector<Action> actions;

  // Becomes what the other is, which becomes empty; both keep the memory of what every turn has.
  void take(TurnOutput& other) {
    if (!changes.empty()) changes = {};
    std::swap(changes, other.changes);
    estimates.clear();
    estimates.swap(other.estimates);
    take_orders(other);
  }
  // Where nothing is stored.
  void take_orders(TurnOutput& other) {
    replies.clear();
    actions.clear();
    replies.swap(other.replies);
    actions.swap(other.actions);
  }
};

}  // namespace drover::sched
