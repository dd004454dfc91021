// sched/inputs.hpp - everything that goes into the controller, as values.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "dag/plan.hpp"
#include "rm/quota_edit.hpp"
#include "rm/resource_manager.hpp"
#include "sched/job_spec.hpp"
#include "sched/records.hpp"
#include "sched/reservation.hpp"

namespace drover::sched {

struct Actor {  // who asks; operators may act on everybody's jobs
  std::uint32_t uid = 0;
  bool is_operator = false;
};

// State of a dependency's job as the store knew it, for jobs that the controller no longer holds.
struct KnownEnd {
  JobId job{};
  JobState state{};
  IndexSet elements{}, succeeded{};  // of an array that is waited for element by element
};
struct Submit {
  ReplyToken reply{};
  std::shared_ptr<const JobSpec> spec;  // checked by the entrance (sched/entrance.hpp)
  std::vector<KnownEnd> known_ends;
};
enum class Verb : std::uint8_t { Cancel, Hold, Release, Requeue, Suspend, Resume };
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
// A job becomes what `after` says, which has passed the entrance; `before` is what it was at
// `revision`, as stored.
struct Alter {
  ReplyToken reply{};  // the answer's `touched` counts the changes
  Actor actor;
  JobId job{};
  std::uint32_t revision = 0;
  std::shared_ptr<const JobSpec> before, after;
  std::vector<KnownEnd> known_ends;  // of new dependencies
  bool dry_run = false;              // only say whether it could be done
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
  std::optional<JobId> host = {};  // of an engine: that it runs as
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
  bool returned = false;       // by an engine that had not begun it, so that another takes it
  bool permanent = false;      // a statement that would fail in the same way again
  std::string message;         // LaunchFailed: what went wrong
  Time started, ended;         // node's wall clock; started 0 when never_started
  Usage usage;
  std::string results;  // of a statement: what it left, JSON
};
struct ServeNode {
  ReplyToken reply{};
  Actor actor;
  std::string node;
  Service service = Service::Draining;  // InService = resume
  std::string reason;
  // Down only: nothing of the attempts there runs any more, says the operator. Without it they keep
  // what they hold until the node is heard of.
  bool attempts_lost = false;
};
struct LabelNode {
  ReplyToken reply{};
  Actor actor;
  std::string node;
  LabelEdits edits;  // on top of earlier ones
};
struct EditQuotas {
  ReplyToken reply{};  // the answer's `touched` is the version, the same where nothing changes
  Actor actor;
  rm::QuotaEdit edit;
};
struct EditGroup {
  ReplyToken reply{};  // the answer's `touched` is 1 when something changed
  Actor actor;
  std::string name;
  bool reset = false;  // first to nothing of its own
  std::optional<std::uint32_t> running;
  std::optional<std::uint64_t> queued;
};
struct SetLicences {  // all that there are from now on; their names have slots to go to
  rm::Counts totals;
};
struct PutReservation {  // makes one, or replaces the one of that name
  ReplyToken reply{};    // the answer's `touched` is the number of nodes
  Actor actor;
  Reservation reservation;
  std::uint32_t node_count = 0;  // so many of any nodes; the one in the reservation says how much
  bool ignore_jobs = false;      // running work may reach into it
  bool only_new = false;         // refused when there is one of that name
};
struct RemoveReservation {
  ReplyToken reply{};  // the answer's `touched` is the number of open jobs that name it
  Actor actor;
  std::string name;
};
struct FailStatement {  // no engine will come for it; nothing happens once it is on one
  JobId job{};
  Reason reason{};
  std::string detail;
};
struct EngineGone {  // its job has ended: nothing that it ran runs any more
  std::string node;
};
struct PoolEngine {  // which statements the engine takes, in place of what it registered with
  std::string node, pool;
};
struct EngineAhead {  // so many more statements may be on it than it runs: they wait there
  std::string node;
  std::uint32_t more = 0;
};
struct Tick {};  // time passed: begin times, node timeouts

using Input =
    std::variant<Submit, Command, Alter, PlanReady, NodeUp, NodeDown, TaskStarted, TaskEnded,
                 ServeNode, LabelNode, EditQuotas, EditGroup, SetLicences, PutReservation,
                 RemoveReservation, FailStatement, EngineGone, PoolEngine, EngineAhead, Tick>;

}  // namespace drover::sched
