// store/retention.cpp - forgetting the oldest, a little with every commit.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "store/commit.hpp"
#include "store/record.hpp"

namespace drover::store {
namespace {

// Twice what came in, so that a store over its limit shrinks while it is used, and something when
// nothing came.
constexpr std::uint64_t effort(std::uint64_t added) { return 2 * added + 64; }

Result<void> trim_events(WriteTxn& txn, std::uint64_t max, std::uint64_t steps) {
  for (; steps > 0 && txn.entries(Table::Event) > max; --steps) {
    const auto key = txn.first_key_from(Table::Event, {});
    if (!key) return fail(key.error());
    if (key->empty()) return {};
    if (auto gone = txn.erase(Table::Event, text_key(*key)); !gone) return fail(gone.error());
  }
  return {};
}

// Removes up to `steps` records whose keys start with the job's id. True when none is left.
template <class AlsoErase>
Result<bool> erase_of_job(WriteTxn& txn, Table table, JobId id, std::uint64_t& steps,
                          AlsoErase&& also) {
  const Key prefix = job_key(id);
  for (;;) {
    const auto key = txn.first_key_from(table, prefix.view());
    if (!key) return fail(key.error());
    if (key->empty() || key_u64(*key) != raw(id)) return true;
    if (steps == 0) return false;
    --steps;
    if (auto ok = also(*key); !ok) return fail(ok.error());
    if (auto gone = txn.erase(table, text_key(*key)); !gone) return fail(gone.error());
  }
}

// What the spec alone leads to: its blobs, and its place in the index of statements.
Result<void> drop_what_it_names(WriteTxn& txn, BlobWriter& blobs, JobId id) {
  const Key key = job_key(id);
  const auto value = txn.find(Table::Spec, key.view());
  if (!value) return fail(value.error());
  if (!*value) return {};
  proto::JobSpec spec;
  if (auto ok = open_record(Table::Spec, key.view(), **value, spec); !ok) return ok;
  if (!spec.script_blob().empty()) blobs.drop(spec.script_blob());
  if (!spec.env_blob().empty()) blobs.drop(spec.env_blob());
  if (!spec.items_blob().empty()) blobs.drop(spec.items_blob());
  if (spec.has_statement())
    if (auto gone = txn.erase(Table::Statement, statement_key(spec.uid(), id)); !gone)
      return fail(gone.error());
  return {};
}

// Tasks first, the job last: a purge that stops half-way leaves a job with fewer tasks, never tasks
// without a job. Answers whether the job is gone.
Result<bool> purge_job(WriteTxn& txn, BlobWriter& blobs, JobId id, std::uint64_t& steps) {
  const Key key = job_key(id);
  const auto no_more = [](std::string_view) -> Result<void> { return {}; };
  auto empty = erase_of_job(txn, Table::Task, id, steps, no_more);
  if (!empty || !*empty) return empty;
  const auto its_key = [&](std::string_view found) -> Result<void> {
    const auto gone = txn.erase(Table::Idem, text_key(found.substr(8)));
    if (!gone) return fail(gone.error());
    return {};
  };
  empty = erase_of_job(txn, Table::IdemOf, id, steps, its_key);
  if (!empty || !*empty) return empty;
  if (auto ok = drop_what_it_names(txn, blobs, id); !ok) return fail(ok.error());
  if (auto gone = txn.erase(Table::ResultList, key); !gone) return gone;
  if (auto gone = txn.erase(Table::Spec, key); !gone) return gone;
  if (auto gone = txn.erase(Table::Job, key); !gone) return gone;
  return true;
}

Result<void> purge_jobs(WriteTxn& txn, std::uint64_t max, std::uint64_t steps, JobId& from) {
  BlobWriter blobs(txn);
  while (steps > 0 && txn.entries(Table::Job) - txn.entries(Table::Open) > max) {
    --steps;
    const auto key = txn.first_key_from(Table::Job, job_key(from).view());
    if (!key) return fail(key.error());
    if (key->empty()) {  // behind the newest job: start over with the next commit
      from = JobId{};
      break;
    }
    const auto id = JobId(key_u64(*key));
    const auto open = txn.find(Table::Open, *key);
    if (!open) return fail(open.error());
    if (*open) {
      from = JobId(raw(id) + 1);
      continue;
    }
    const auto done = purge_job(txn, blobs, id, steps);
    // A damaged old job stays for `droverd --check` to report; it must not stop the running ones.
    if (!done && done.error().code != Errc::Corrupt) return fail(done.error());
    from = done && !*done ? id : JobId(raw(id) + 1);  // records are left: go on here next time
  }
  return blobs.finish();
}

// As purge_job: what hangs on the workflow goes first.
Result<bool> purge_workflow(WriteTxn& txn, JobId id, std::uint64_t& steps) {
  const Key key = job_key(id);
  const auto no_more = [](std::string_view) -> Result<void> { return {}; };
  auto empty = erase_of_job(txn, Table::WorkflowFact, id, steps, no_more);
  if (!empty || !*empty) return empty;
  const auto its_key = [&](std::string_view found) -> Result<void> {
    const auto gone = txn.erase(Table::Idem, text_key(found.substr(8)));
    if (!gone) return fail(gone.error());
    return {};
  };
  empty = erase_of_job(txn, Table::IdemOf, id, steps, its_key);
  if (!empty || !*empty) return empty;
  if (auto gone = txn.erase(Table::WorkflowSource, key); !gone) return gone;
  if (auto gone = txn.erase(Table::Workflow, key); !gone) return gone;
  return true;
}

// Workflows are few: those that are open are walked over, so many of them in a commit.
Result<void> purge_workflows(WriteTxn& txn, std::uint64_t max, std::uint64_t steps) {
  constexpr int kOpenWalked = 1'000;
  JobId from{};
  int walked = 0;
  while (steps > 0 && walked < kOpenWalked &&
         txn.entries(Table::Workflow) - txn.entries(Table::WorkflowOpen) > max) {
    const auto key = txn.first_key_from(Table::Workflow, job_key(from).view());
    if (!key) return fail(key.error());
    if (key->empty()) return {};
    const auto id = JobId(key_u64(*key));
    from = JobId(raw(id) + 1);
    const auto open = txn.find(Table::WorkflowOpen, *key);
    if (!open) return fail(open.error());
    if (*open) {
      ++walked;
      continue;
    }
    --steps;
    if (auto done = purge_workflow(txn, id, steps); !done) return fail(done.error());
  }
  return {};
}

// Their keys are hashes: whichever comes first is as good as any.
Result<void> trim_results(WriteTxn& txn, std::uint64_t max, std::uint64_t steps) {
  for (; steps > 0 && txn.entries(Table::StepResult) > max; --steps) {
    const auto key = txn.first_key_from(Table::StepResult, {});
    if (!key) return fail(key.error());
    if (key->empty()) return {};
    if (auto gone = txn.erase(Table::StepResult, text_key(*key)); !gone) return fail(gone.error());
  }
  return {};
}

}  // namespace

Result<void> trim(WriteTxn& txn, const RetentionLimits& limits, std::uint64_t added_events,
                  std::uint64_t added_jobs, JobId& purge_from) {
  if (auto ok = trim_events(txn, limits.events_max, effort(added_events)); !ok) return ok;
  if (auto ok = purge_workflows(txn, limits.closed_workflows_max, effort(added_events)); !ok)
    return ok;
  if (auto ok = trim_results(txn, limits.step_results_max, effort(added_events)); !ok) return ok;
  return purge_jobs(txn, limits.closed_jobs_max, effort(added_jobs), purge_from);
}

}  // namespace drover::store
