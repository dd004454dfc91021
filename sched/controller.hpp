// sched/controller.hpp - the one place where anything is decided. A function of its inputs.
// SPDX-License-Identifier: Apache-2.0
//
// turn = apply(input)* then finish(): apply folds inputs into state, finish takes jobs from the
// groups' FIFOs, places tasks, and collects the after-images. No IO, clock, thread, lock or global;
// equal inputs give equal outputs.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rm/licence.hpp"
#include "sched/live_reservation.hpp"
#include "sched/messages.hpp"
#include "sched/policy.hpp"
#include "sched/policy_book.hpp"
#include "sched/prospect.hpp"

namespace drover::sched {

struct GroupLimits {
  std::uint32_t running_jobs = 0;  // jobs of the group past the FIFO at once; 0 = no limit
  std::uint64_t queued_jobs = 0;   // open jobs in the group; a full group refuses; 0 = no limit
};

struct ControllerConfig {
  std::vector<std::string> group_by = {"user", "creator"};  // labels whose values name the group
  GroupLimits group_limits{.running_jobs = 10'000, .queued_jobs = 2'000'000};
  std::uint32_t compile_ahead = 256;  // jobs of a group with its consumer at once; 1 = strictly
                                      // one, at a turn and a commit per job
  std::uint64_t open_jobs_max = 4'000'000;  // of the whole controller
  std::uint64_t array_size_max = 10'000'000;
  std::uint32_t node_losses_max = 3;  // then the task fails instead of running again
  Duration node_timeout =
      seconds(600);                   // out of contact: shown as lost (attempts are kept, see docs)
  std::vector<rm::QuotaRule> quotas;  // have passed check_quotas; until an edit replaces them
  std::vector<rm::QuotaRule> class_limits;  // of the book's qos; in force whatever is edited
  rm::Counts licences;  // in `resources` as "licence:NAME"; until SetLicences changes them
  rm::ResourceNames resources;
  rm::QuotaTree quota_tree;
  PartitionPolicy policy;                  // when the book has no partitions
  std::shared_ptr<const PolicyBook> book;  // accounts, classes and partitions; null = none
  // For simulation: the plan of every job, given at once when it leaves its FIFO. Null: the group's
  // consumer is asked, as CompileJob.
  std::shared_ptr<const dag::PhysicalPlan> inline_plan;
  rm::Slices slices;  // for large clusters: the search for nodes on several threads
  // For simulation: false = turns put out replies and actions only, nothing to store; usage is
  // charged only where an order goes by it.
  bool keep_records = true;
};

// Who holds a licence, those with most first.
struct LicenceHolder {
  JobId job{};
  std::int64_t count = 0;
};
struct LicenceUse {
  rm::LicenceView licence;
  std::vector<LicenceHolder> holders;
};

struct GroupView {
  GroupId id{};
  std::string name;                                // "user=ann,creator=cli"
  std::uint64_t open = 0, queued = 0, active = 0;  // active = past the FIFO
  GroupLimits limits;                              // its own, or those of all
  bool has_own_limits = false;
};

struct Stats {  // plain counters for metrics; cheap to copy
  std::uint64_t jobs_by_state[kJobStates] =
      {};  // open states are current, final ones count since start
  std::uint64_t submitted = 0, rejected = 0, launched = 0, started = 0, ended = 0, requeued = 0;
  std::uint64_t stale_messages = 0, placements_tried = 0, placements_made = 0, turns = 0;
  std::uint64_t rounds = 0;      // over all partitions: one a turn, or more
  std::uint64_t backfilled = 0;  // starts of jobs that were not the first in order
  std::uint64_t preempted = 0, suspended = 0, retried = 0;
  std::uint64_t groups = 0, tasks_active = 0, jobs_open = 0;
};

struct AuditReport {
  std::vector<std::string> mismatches;  // empty when what was looked at agrees
  bool complete = false;                // all has been looked at; the next slice begins anew
};

class Controller {
 public:
  explicit Controller(ControllerConfig config);
  ~Controller();
  Controller(Controller&&) noexcept;
  Controller& operator=(Controller&&) noexcept;

  // ---- recovery, before the first apply. Order: counters, quotas, nodes, reservations, then each
  // open job with its open tasks.
  void restore_counters(std::uint64_t next_job_id, std::uint64_t next_epoch,
                        std::uint64_t next_node_id, std::uint64_t next_event_seq);
  // The edited quotas of before, if there were any; config.resources was made from its slots.
  void restore_quotas(rm::QuotaTable stored);
  void restore_group(const GroupRecord& group);
  void restore_node(const NodeRecord& node);
  void restore_reservation(const Reservation& reservation);
  void restore_usage(const std::vector<UsageRecord>& usage);
  // `tasks`: the records of this job that are not of success, and all at or above the cursor.
  Result<void> restore_job(const JobSpec& spec, const JobRecord& job,
                           std::vector<TaskRecord> tasks);

  // ---- a turn
  void apply(Input&& input, Now now);
  // It will be applied in a moment: what it looks at is brought into the cache. Worth it for a few
  // inputs in a row, whose waits for memory are then one.
  void expect(const Input& input) const;
  // What Submit does, for whoever has to know the job at once.
  Result<JobId> submit_now(const Submit& in, Now now);
  // For workflows, which share the numbers and the log of jobs. `step`: what of it the event is of.
  JobId draw_id();
  void announce(EventKind kind, JobId workflow, std::uint32_t uid, std::string step,
                std::string state, Now now);
  // Takes, places and collects; may be called without inputs. The output's changes must be stored
  // before its replies and actions leave.
  TurnOutput finish(Now now);
  // What `out` holds is done with; its memory serves again. For callers of many turns.
  void finish(Now now, TurnOutput& out);
  // In force from the next turn on. A group that holds more than it may keeps it, and gets no more.
  void set_group_limits(GroupLimits limits);
  // When the next begin time or node timeout is due (mono), if any: the shell sends a Tick then.
  Time next_due(Now now) const;  // rm::kEver: never
  std::optional<Time> next_timer(Now now) const {
    const Time due = next_due(now);
    return due == rm::kEver ? std::nullopt : std::optional(due);
  }

  // ---- reading (same thread)
  // What would become of this submission: as look_at() would tell of the job, were it made now. Its
  // errors are submit's. Costs what when() and look_at() do.
  Result<Prospect> weigh(const Submit& in, Now now);
  // Whether anybody waits for room on machines now, after finish(). O(partitions)
  bool has_backlog() const;
  // Whether the attempt of this job, which is no array, is on this node.
  bool runs_on(TaskId task, NodeId node) const;
  // Whether the job could ever run here, however full the queues are now.
  Result<void> check_possible(const JobSpec& spec) const;
  std::optional<Why> why(JobId job, std::optional<TaskIndex> task, Now now) const;
  // The same with the nodes and jobs in the way, what would help, and the start. Nothing: no open
  // job. Costs what when() does, and a look at 64 nodes and their tasks. `spec`: its own, for what
  // other partitions could do; null = that is not looked for.
  std::optional<Prospect> look_at(JobId job, std::optional<TaskIndex> task, Now now,
                                  const JobSpec* spec = nullptr);
  // Nothing: it does not wait. Behind more than 2,000 jobs there is no telling.
  // O(jobs and own elements before it * nodes that may fit); short of a quota O(tasks on nodes).
  std::optional<Estimate> when(JobId job, Now now, std::optional<TaskIndex> task = {});
  std::vector<GroupView> groups(std::uint64_t offset, std::uint64_t limit) const;
  const rm::ResourceManager& resources() const;
  const rm::QuotaTable& quotas() const;  // its rules are those in force
  // What EditQuotas would do now, or how it would be refused. O(label combinations in use).
  Result<rm::QuotaDiff> preview(const rm::QuotaEdit& edit) const;
  std::vector<LicenceUse> licences() const;      // by name; O(tasks on nodes)
  std::optional<JobRecord> job(JobId id) const;  // open jobs only
  Stats stats() const;

  std::vector<ReservationView> reservations() const;  // by name; O(them + jobs that name them)
  const ReservationCalendar& calendar() const;
  std::vector<ShareView> shares(Now now) const;
  const PolicyBook& policy_book() const;
  // The factors of an open job's score; `spec` is its own.
  std::optional<PriorityParts> priority(JobId job, const JobSpec& spec, Now now) const;

  // Every invariant of jobs, tasks, groups, leases and quotas; empty when all hold. O(open jobs).
  std::vector<std::string> check() const;
  // The books of leases, nodes and quotas, a slice at a time: up to `nodes` nodes, or 16 times as
  // many quotas. Decides nothing; the caller sets the pace.
  AuditReport audit(std::size_t nodes);

 private:
  struct State;
  friend struct PreemptVerbs;  // its parts
  friend struct AlterVerbs;
  friend struct FollowVerbs;
  friend struct RetryVerbs;
  friend struct GroupVerbs;
  std::unique_ptr<State> state_;
};

}  // namespace drover::sched
