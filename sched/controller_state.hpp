// sched/controller_state.hpp - everything the controller knows between turns.
// SPDX-License-Identifier: Apache-2.0
//
// Its verbs are listed by the file that holds them.
#pragma once
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "sched/controller.hpp"
#include "sched/dependency.hpp"
#include "sched/live_job.hpp"
#include "sched/placement_queue.hpp"

namespace drover::sched {

struct Group {
  std::string name;
  std::set<Place> fifo;       // Inited and free to go
  std::set<Place> unplanned;  // past the FIFO, with waiting tasks, their plan lost by a restart
  std::set<Place> ready;      // past the FIFO, with tasks that may be placed
  std::set<JobId> compiling;  // asked of the consumer, not answered
  std::uint64_t open = 0, active = 0;
  bool exists = false;  // false: the id is free for the next new group
};

struct Node {
  std::string name, boot_id;
  bool draining = false;
  std::string drain_reason;
  SessionId session{};       // 0 = out of contact
  bool seen = false;         // has registered since the controller started
  std::set<TaskId> tasks;    // attempts with a part here, in whatever state
  std::set<TaskId> missing;  // ran, but the agent that came back has them neither running nor ended
  Time deadline;             // mono; when silence (of node or missing attempts) has lasted too long
  bool dirty = false;
};

struct Conditions {  // what a new job waits for
  std::vector<Dependency> waits;
  Outlook outlook = Outlook::Met;
  Time not_before;  // wall
};

struct Controller::State {
  explicit State(ControllerConfig with);

  ControllerConfig config;
  rm::ResourceManager rm;
  std::uint64_t next_job = 1, next_epoch = 1, next_node = 1, next_event = 1;
  std::uint64_t stored_job = 0, stored_epoch = 0, stored_node = 0, stored_event = 0;
  std::unordered_map<JobId, Job> jobs;  // never iterated for a decision
  std::deque<Group> groups;             // by GroupId
  std::map<std::string, GroupId, std::less<>> group_ids;
  std::vector<GroupId> free_groups;
  std::set<GroupId> takeable;  // whose consumer may have something to take
  PlacementQueue queue;
  std::uint64_t seen_generation = 0;
  NameIndex names;
  DependencyIndex dependencies;
  RecentEnds recent;
  std::deque<Milestone> milestones;            // not yet told to those who wait for them
  std::set<std::pair<Time, JobId>> begins;     // wall
  std::set<std::pair<Time, JobId>> deadlines;  // wall; when those who wait need not start any more
  std::map<NodeId, Node> nodes;
  std::map<std::string, NodeId, std::less<>> node_ids;
  std::set<std::pair<Time, NodeId>> node_deadlines;  // mono
  std::uint32_t unseen_nodes = 0;                    // known from the store, not registered yet
  bool clock_seen = false;
  Stats stats;
  TurnOutput out;
  std::vector<JobId> dirty_jobs;
  std::vector<TaskId> dirty_tasks;
  std::vector<NodeId> dirty_nodes;

  // controller.cpp
  void apply(Input input, Now now);
  void settle_milestones(Now now);
  void fire_timers(Now now);
  void miss_deadline(Job& job, Now now);
  // job_moves.cpp: the only code that changes the state of a job
  Job* find(JobId id);
  const Job* find(JobId id) const;
  Group& group_of(const Job& job) { return groups[raw(job.group)]; }
  const Group& group_of(const Job& job) const { return groups[raw(job.group)]; }
  void move(Job& job, JobEvent on);
  void set_reason(Job& job, Reason reason, std::string detail = {});
  void open_gate(Job& job, Gates gate, Now now);
  void begin_later(Job& job, Time begin);
  void never_met(Job& job, std::string detail, Now now);  // `job` may be gone
  void return_to_fifo(Job& job, Now now);  // no attempt is out: plan and start are forgotten
  void explain_wait(Job& job);             // the reason that its gates give
  void update_queues(Job& job);            // brings every index up to date with the job; idempotent
  void index_head(GroupId id);
  void cancel_waiting(Job& job, Reason reason, Now now);
  bool close_if_done(Job& job, Reason reason, Now now);  // true: `job` is gone
  void close(Job& job, JobEvent on, Reason reason, std::string detail, Now now);  // `job` is gone
  void drop_group_if_empty(GroupId id);
  // task_moves.cpp: the only code that changes the state of a task
  std::optional<std::uint32_t> next_ready(const Job& job) const;
  bool is_untouched(const Job& job, std::uint32_t index) const;
  Task& materialise(Job& job, std::uint32_t index);
  Task* find_task(Job& job, std::uint32_t index);
  void move(Task& task, TaskEvent on);
  void close_task(Job& job, Task& task, TaskEvent on, Reason reason, Now now);
  void drop_attempt(Job& job, Task& task);
  void requeue_task(Job& job, Task& task, Now now);
  void end_attempt(Job& job, Task& task, TaskEvent how, Reason reason, Now now);
  void kill(Job& job, Task& task, TaskEvent how, Reason reason);
  void end_as_asked(Job& job, Task& task, Now now);
  void mark_started(Job& job, Task& task, Time at, Now now);
  // submit.cpp
  void submit(const Submit& in, Now now);
  Result<Conditions> admit(const Submit& in) const;
  Result<Conditions> weigh_dependencies(const Submit& in) const;
  std::optional<Milestone> milestone_of(JobId id, const std::vector<KnownEnd>& known) const;
  Job& insert_job(JobId id, const JobSpec& spec, rm::PathId path);
  void wait_for(Job& job, Conditions conditions);
  static Result<void> check_deadline(const JobSpec& spec, Now now);
  GroupId group_for(const JobSpec& spec);
  std::string group_name(const JobSpec& spec) const;
  // command.cpp
  void command(const Command& in, Now now);
  Result<std::vector<std::uint32_t>> attempts_of(Job& job, const TaskRange& range);
  static bool is_held(const Task& task);
  Result<std::uint64_t> obey(Job& job, const Command& in, Now now);
  Result<std::uint64_t> cancel(Job& job, const Command& in, Now now);
  Result<std::uint64_t> send_signal(Job& job, const Command& in);
  Result<std::uint64_t> hold(Job& job, const Command& in, Now now);
  Result<std::uint64_t> hold_elements(Job& job, const Command& in, Now now);
  Result<std::uint64_t> release(Job& job, const Command& in, Now now);
  Result<std::uint64_t> release_elements(Job& job, const Command& in, Now now);
  Result<std::uint64_t> requeue(Job& job, const Command& in);
  // place_tasks.cpp
  void plan_ready(PlanReady in, Now now);
  void take_jobs(Now now);
  void take_from(GroupId id, Now now);
  void place_tasks(Now now);
  void refuse_plan(Job& job, const Error& error, Now now);
  void launch(Job& job, std::uint32_t index, rm::Lease lease, Now now);
  void order(const TaskRecord& record);
  std::string names_of(const rm::Lease& lease) const;
  // attempts.cpp
  Task* live_attempt(NodeId node, const AttemptId& id, Job*& job);
  bool is_current(NodeId node, SessionId session) const;
  void started(const TaskStarted& in, Now now);
  void ended(const TaskEnded& in, Now now);
  // register_node.cpp
  void node_up(NodeUp in, Now now);
  void node_down(const NodeDown& in, Now now);
  void drain(const DrainNode& in, Now now);
  void reconcile(NodeId id, Node& node, const NodeUp& in, Now now);
  void attempt_missing(Node& node, Job& job, Task& task, Now now);
  void attempt_lost(Job& job, Task& task, Now now);
  void part_lost(NodeId id, Job& job, Task& task, Now now);
  void parts_lost(NodeId id, const Node& node, bool head_too, Now now);
  void watch(NodeId id, Node& node, Time deadline);
  void node_overdue(NodeId id, Now now);
  // collect_changes.cpp
  void touch(Job& job);
  void touch(Task& task);
  void touch(NodeId id, Node& node);
  void emit(EventKind kind, const Job& job, const Task* task, Now now);
  void emit(EventKind kind, const Node& node, std::string state, Now now);
  void reply(ReplyToken token, Result<Done> result);
  JobRecord record_of(const Job& job) const;
  NodeRecord record_of(NodeId id, const Node& node) const;
  TurnOutput collect();
  // explain.cpp
  std::optional<Why> why(JobId id, std::optional<TaskIndex> index) const;
  Why why_job(const Job& job) const;
  Why why_in_queue(const Job& job) const;
  Why why_unplaced(const Job& job) const;
  Why why_task(const Job& job, const TaskRecord& task) const;
  // restore.cpp
  Result<void> restore_job(const JobSpec& spec, const JobRecord& record,
                           std::vector<TaskRecord> tasks);
  Result<void> restore_tasks(Job& job, std::vector<TaskRecord> tasks);
  void restore_conditions(Job& job, const JobSpec& spec, const JobRecord& record);
  // check.cpp
  std::vector<std::string> check() const;
  void check_job(const Job& job, std::vector<std::string>& problems) const;
  void check_tasks(const Job& job, std::vector<std::string>& problems) const;
  void check_groups(std::vector<std::string>& problems) const;
  void check_nodes(std::vector<std::string>& problems) const;
};

}  // namespace drover::sched
