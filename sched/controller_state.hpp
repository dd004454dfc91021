// sched/controller_state.hpp - the controller's verbs, listed by the file that holds them.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "sched/asker.hpp"
#include "sched/statement_verbs.hpp"

namespace drover::sched {
struct Controller::State : StatementVerbs {
  explicit State(ControllerConfig with);
  struct Reserving;  // the headers are called as these are; Reserved is in the first
  struct Reserved;
  struct KeepQuotas;
  struct KeepPromises;
  struct Restoring;
  struct Prospects;
  // controller.cpp
  void apply(Input& input, Now now);
  void settle_milestones(Now now) {
    if (!milestones.empty() || !element_ends.empty()) tell_milestones(now);
  }
  void tell_milestones(Now now);
  void fire_timers();
  void miss_deadline(Job& job, Now now);
  void expect_end(const TaskId& id, Now now);  // place_tasks.cpp
  // job_moves.cpp: the only code that changes the state of a job
  Group& group_of(const Job& job) { return groups[raw(job.group)]; }
  const Group& group_of(const Job& job) const { return groups[raw(job.group)]; }
  void move(Job& job, JobEvent on);
  void open_gate(Job& job, Gates gate, Now now);
  void begin_later(Job& job, Time begin);
  void never_met(Job& job, std::string detail, Now now);  // `job` may be gone
  void return_to_fifo(Job& job, Now now);  // no attempt is out: plan and start are forgotten
  void explain_wait(Job& job);             // the reason that its gates give
  void update_queues(Job& job);            // brings every index up to date with the job; idempotent
  void follow_group(Job& job, bool free_to_go, bool counts, bool lacks_plan);
  void cancel_waiting(Job& job, Reason reason, Now now);
  bool close_if_done(Job& job, Reason reason, Now now);  // true: `job` is gone
  void close(Job& job, JobEvent on, Reason reason, std::string detail, Now now);  // `job` is gone
  void drop_group_if_empty(GroupId id);
  // task_moves.cpp: the only code that changes the state of a task
  std::uint32_t next_ready(const Job& job) const;  // kNoElement: none
  bool is_untouched(const Job& job, std::uint32_t index) const;
  Task& materialise(Job& job, std::uint32_t index, bool is_ready = true);
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
  Result<JobId> try_submit(const Submit& in, Now now);
  Result<Conditions> admit(const Submit& in, const Known& known) const;
  Result<void> check_possible(const JobSpec& spec, std::optional<rm::ClassId> what = {}) const;
  Result<Conditions> weigh_dependencies(const Submit& in) const;
  std::optional<Milestone> milestone_of(JobId id, const std::vector<KnownEnd>& known) const;
  Known known_of(const JobSpec& spec) const;
  Job& insert_job(JobId id, const JobSpec& spec, rm::PathId path, const Known& known);
  void wait_for(Job& job, Conditions conditions);
  GroupId group_for(const JobSpec& spec);
  const std::string& group_name(const JobSpec& spec) const;
  // command.cpp
  void command(const Command& in, Now now);
  Result<std::vector<std::uint32_t>> attempts_of(Job& job, const TaskRange& range);
  Result<std::uint64_t> obey(Job& job, const Command& in, Now now);
  Result<std::uint64_t> cancel(Job& job, const Command& in, Now now);
  Result<std::uint64_t> send_signal(Job& job, const Command& in);
  Result<std::uint64_t> hold(Job& job, const Command& in, Now now);
  Result<std::uint64_t> hold_elements(Job& job, const Command& in, Now now);
  Result<std::uint64_t> release(Job& job, const Command& in, Now now);
  Result<std::uint64_t> release_elements(Job& job, const Command& in, Now now);
  Result<std::uint64_t> requeue(Job& job, const Command& in);
  // take_jobs.cpp
  void take_planned(Job& job, Now now);
  bool take_at_once(Job& job, Now now);  // false: it waits in its group's FIFO
  void plan_ready(PlanReady in, Now now);
  void take_jobs(Now now);
  void take_from(GroupId id, Now now);
  void refuse_plan(Job& job, Reason reason, std::string why, Now now);
  // place_tasks.cpp
  enum class Try : std::uint8_t { Started, Parked, NoRoom, Held };
  OrderKey key_of(const Partition& partition, const JobQueue::Lane& lane, const Place& place) const;
  Partition& partition_of(const Job& job);
  const Partition& partition_of(const Job& job) const;
  const Partition& partition_for(const JobSpec& spec) const;
  void place_tasks(Now now);
  void serve(Partition& partition);
  void pass_the_guard(Partition& partition);
  void wake_waiters();
  Try try_to_start(Partition& partition, const JobQueue::Candidate& candidate,
                   bool is_planned = false, Time since = rm::kEver);
  Try settle_try(Partition& partition, Job& job, rm::Acquired&& answer, bool is_planned = false);
  rm::Window window_of(const Partition& partition, const Job& job, Time since = rm::kEver) const;
  void serve_heads(Partition& partition);
  void launch(Job& job, std::uint32_t index, rm::Lease&& lease, Now now);
  void order(const TaskRecord& record);
  std::string names_of(const rm::Lease& lease) const;
  // rank_jobs.cpp
  void make_partitions();
  Partition* add_partition(const std::string& name, const PartitionPolicy& policy);
  bool keeps_place(const Partition& partition) const;
  void rank(Job& job, const JobSpec& spec);
  void lengthen_paths(const Job& job);
  void note_lane(const Job& job);
  void follow_shares(Now now);
  bool ranks_by_priority() const;
  bool uses_shares() const;
  void check_shares(std::vector<std::string>& problems) const;
  // backfill.cpp
  bool plans_ahead() const;
  void drop_hold(Partition& partition, JobId job);
  void drop_holds_of(Partition& partition, LaneId lane);
  void put_hold(Partition& partition, const Job& job, const rm::Slot& slot);
  void move_hold(Partition&, HoldMap::iterator hold, const Job& job, const rm::Slot& slot);
  void mark_stale(Partition& partition, const rm::Freed& freed);
  void hold_for_head(Partition& partition);
  rm::Slot take_back(Partition& partition, HoldMap::iterator hold);
  void wake_unheld();
  rm::LastingRoom room_for(const Partition& partition, NodeId node) const;
  void fill_behind(Partition& partition);
  void extend_overdue();
  void note_start(Partition& partition, const Job& job);  // estimate.cpp
  // plan_ahead.cpp
  bool follow_plan(Partition& partition);
  bool is_short_of_quota(const Partition& partition, const Job& job, Time not_after) const;
  void drop_holds_except(Partition& partition, const std::vector<JobQueue::Candidate>& kept);
  bool hold_places(Partition& partition, const std::vector<JobQueue::Candidate>& in_order);
  bool move_forward(Partition& partition, const std::vector<JobQueue::Candidate>& in_order);
  bool start_due(Partition& partition, const std::vector<JobQueue::Candidate>& in_order);
  // attempts.cpp
  Task* live_attempt(NodeId node, const AttemptId& id, Job*& job);
  bool is_current(NodeId node, SessionId session) const;
  void fetch_ahead(NodeId node, const TaskId& task) const;
  void started(const TaskStarted& in, Now now);
  void ended(const TaskEnded& in, Now now);
  // register_node.cpp
  void node_up(NodeUp in, Now now);
  void name_resources(const rm::Topology& topology);
  void node_down(const NodeDown& in, Now now);
  void reconcile(NodeId id, Node& node, const NodeUp& in, Now now);
  void attempt_missing(Node& node, Job& job, Task& task, Now now);
  void attempt_lost(Job& job, Task& task, Now now);
  void part_lost(NodeId id, Job& job, Task& task, Now now);
  void kill_lost(Job& job, Task& task);
  void parts_lost(NodeId id, const Node& node, bool head_too, Now now);
  void watch(NodeId id, Node& node, Time deadline);
  void node_overdue(NodeId id, Now now);
  // serve_node.cpp
  Node* node_for(ReplyToken token, const Actor& actor, const std::string& name, NodeId& id);
  void serve(const ServeNode& in, Now now);
  void label(LabelNode in, Now now);
  void show_service(NodeId id, const Node& node);
  void declare_lost(NodeId id, const Node& node, Now now);
  // collect_changes.cpp
  JobRecord record_of(const Job& job) const;
  NodeRecord record_of(NodeId id, const Node& node) const;
  void collect();
  // explain.cpp
  std::optional<Why> why(JobId id, std::optional<TaskIndex> index) const;
  Why why_job(const Job& job) const;
  Why why_in_queue(const Job& job) const;
  Why why_unplaced(const Job& job) const;
  Why why_suspended(const Job& job, const TaskRecord& task) const;
  Why why_preempting(const Job& job) const;
  Why why_task(const Job& job, const TaskRecord& task) const;
  // explain_room.cpp
  Asker asker(const Job& job) const;
  Why why_no_room(const Asker& asker) const;
  Why why_behind(const Asker& asker) const;
  std::string place_held(const Asker& asker) const;
  std::string place_held(const Job& job, JobId asked) const;
  bool waits_for_unlimited(const rm::Slot& slot) const;
  // edit_quotas.cpp, licences.cpp
  std::vector<rm::QuotaRule> with_class_limits(std::vector<rm::QuotaRule> rules) const;
  Result<std::vector<rm::QuotaRule>> weigh_edit(const rm::QuotaEdit& edit) const;
  void edit_quotas(const EditQuotas& in, Now now);
  void set_licences(const SetLicences& in, Now now);
  Why short_of_licence(const Asker& asker, const rm::QuotaShort& parked) const;
  // restore.cpp
  Result<void> restore_job(const JobSpec&, const JobRecord&, std::vector<TaskRecord> tasks);
  Result<void> restore_tasks(Job& job, std::vector<TaskRecord> tasks);
  void restore_conditions(Job& job, const JobSpec& spec, const JobRecord& record);
  void restore_waiters(const Job& job);
  // check.cpp
  std::vector<std::string> check() const;
  void check_job(const Job& job, std::vector<std::string>& problems) const;
  void check_tasks(const Job& job, std::vector<std::string>& problems) const;
  void check_groups(std::vector<std::string>& problems) const;
  void check_nodes(std::vector<std::string>& problems) const;
  void check_partitions(std::vector<std::string>& problems) const;
};
}  // namespace drover::sched
