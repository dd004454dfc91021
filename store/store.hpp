// store/store.hpp - everything Drover remembers. One writer at a time, many snapshot readers.
// SPDX-License-Identifier: Apache-2.0
//
// A commit is one LMDB transaction (default durable mode, never NOSYNC or WRITEMAP): tables, event
// log, counters and idempotency keys together. When commit() has returned ok, all of it survives a
// power cut; when it has failed, none of it is there and the process must stop, since memory may be
// ahead of the disk.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "flow/records.hpp"
#include "sched/messages.hpp"

namespace drover::store {

struct IdempotencyKey {
  std::uint32_t uid = 0;
  std::string key;  // as the client sent it, at most 200 bytes
};
struct IdempotencyEntry {
  IdempotencyKey key;
  std::string body_hash;  // 16 bytes
  JobId job{};
  Time at;
};

struct Counters {
  std::uint64_t next_job_id = 1, next_epoch = 1, next_node_id = 1, next_event_seq = 1;
};

struct StoreOptions {
  std::string dir;  // created 0700 when missing; refused when owned by another user or on NFS
  std::uint64_t map_initial_mib = 256;  // grows by itself, doubling, while running
  std::uint64_t map_max_mib = 1 << 20;
  std::uint64_t reserve_mib =
      64;  // less free disk than this: commits of new jobs are refused first
  std::uint64_t events_max = 5'000'000;  // older events are trimmed a little in every commit
  std::uint64_t closed_jobs_max =
      10'000'000;  // older closed jobs are purged a little in every commit
  std::uint64_t closed_workflows_max = 100'000;  // likewise
  std::uint64_t step_results_max = 1'000'000;    // kept results, likewise
};

// A consistent view. Cheap; keep it short-lived (an old reader makes the file grow). Use on one
// thread at a time.
class Snapshot {
 public:
  ~Snapshot();
  Snapshot(Snapshot&&) noexcept;

  Result<Counters> counters() const;
  // with_blobs = false leaves script, env, items empty (listing, recovery); true gives the complete
  // spec (launch).
  Result<sched::JobSpec> spec(JobId id, bool with_blobs) const;  // NotFound when unknown
  Result<sched::JobRecord> job(JobId id) const;
  Result<std::optional<sched::TaskRecord>> task(TaskId id) const;
  // Records of one job's tasks with index >= from, in order, at most `limit`.
  Result<std::vector<sched::TaskRecord>> tasks(JobId id, std::uint32_t from,
                                               std::size_t limit) const;
  Result<std::vector<sched::NodeRecord>> nodes() const;
  Result<std::vector<sched::UsageRecord>> usage() const;  // empty when none was ever stored
  Result<std::vector<sched::Reservation>> reservations() const;
  Result<std::vector<sched::GroupRecord>> groups() const;
  Result<std::optional<rm::QuotaTable>> quotas() const;  // nothing when none was ever stored
  // Visits jobs from newest to oldest starting below `before` (0 = from the newest). `only_open`
  // walks the index of jobs that have not ended. The visitor answers false to stop. The spec comes
  // without blobs.
  using JobVisitor = std::function<bool(const sched::JobRecord&, const sched::JobSpec&)>;
  Result<void> visit_jobs(JobId before, bool only_open, const JobVisitor& visit) const;
  // The same of one user's statements alone; others are not looked at.
  Result<void> visit_statements(std::uint32_t uid, JobId before, const JobVisitor& visit) const;
  // Oldest to newest open jobs, for recovery.
  Result<void> visit_open_ascending(const JobVisitor& visit) const;
  Result<std::vector<sched::Event>> events(EventSeq since_exclusive, std::size_t limit) const;
  Result<EventSeq> last_event() const;
  Result<EventSeq> first_event() const;  // older ones were trimmed
  Result<std::optional<IdempotencyEntry>> find_idempotent(const IdempotencyKey& key) const;

  // read_workflows.cpp. NotFound when unknown.
  Result<flow::WorkflowRecord> workflow(JobId id) const;
  Result<flow::WorkflowSource> workflow_source(JobId id) const;
  Result<std::vector<dag::Fact>> workflow_facts(JobId id, std::uint64_t since_exclusive,
                                                std::size_t limit) const;
  // As visit_jobs.
  using WorkflowVisitor = std::function<bool(const flow::WorkflowRecord&)>;
  Result<void> visit_workflows(JobId before, bool only_open, const WorkflowVisitor& visit) const;
  // What a statement left, as JSON; empty = nothing.
  Result<std::string> results(JobId job) const;
  Result<std::optional<flow::CacheEntry>> step_result(std::uint32_t uid,
                                                      std::string_view content) const;

 private:
  friend class Store;
  struct State;
  explicit Snapshot(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

struct CommitBatch {
  sched::Changes changes;
  flow::Changes workflows;
  std::vector<IdempotencyEntry> idempotency;
};

struct StoreStats {
  std::uint64_t map_bytes = 0, used_bytes = 0, disk_free_bytes = 0, commits = 0,
                records_written = 0;
};

struct CheckReport {
  std::uint64_t jobs = 0, open_jobs = 0, tasks = 0, events = 0, blobs = 0, workflows = 0;
  std::vector<std::string> problems;  // each names table and key
};
class Store {
 public:
  // Opens or creates. Errors: Corrupt (damaged, or a newer schema: names the record, changes
  // nothing), Denied (wrong owner or mode), Conflict (another process holds it), Io.
  static Result<Store> open(const StoreOptions& options);
  ~Store();
  Store(Store&&) noexcept;

  // One thread at a time. Applies all or nothing; durable on return.
  Result<void> commit(const CommitBatch& batch);
  // As commit(), but without waiting for readers where the file must grow first: false, and nothing
  // was done.
  Result<bool> commit_at_once(const CommitBatch& batch);
  Result<Snapshot> snapshot() const;  // any thread
  // False when free disk is below the reserve: new submissions are to be refused with
  // Errc::Unavailable.
  bool has_room() const;     // any thread; cached for about a second
  StoreStats stats() const;  // any thread
  // A consistent copy of the running store into an existing empty directory (mdb_env_copy).
  Result<void> backup(const std::string& dir) const;
  // What check_store does, on a view of the running store. Any thread; seconds for a large one.
  Result<CheckReport> check() const;

 private:
  struct State;
  explicit Store(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Reads every record of a store that nobody has open, verifies checksums, versions and cross
// references. Changes nothing.
Result<CheckReport> check_store(const std::string& dir);

}  // namespace drover::store
