// store/check.cpp - reads everything and tells what does not fit together. Changes nothing.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "store/blobs.hpp"
#include "store/codec.hpp"
#include "store/directory.hpp"
#include "store/opening.hpp"
#include "store/page_check.hpp"
#include "store/record.hpp"
#include "store/snapshot_state.hpp"
#include "store/workflow_codec.hpp"

namespace drover::store {
namespace {

class Checker {
 public:
  Checker(const ReadTxn& txn, CheckReport& report) : txn_(txn), report_(report) {}

  void run() {
    check_counters();
    check_specs();
    check_jobs();
    check_open();
    check_tasks();
    check_nodes();
    check_policy();
    check_quotas();
    check_events();
    check_keys();
    check_blobs();
    check_workflows();
  }

 private:
  bool full() const { return report_.problems.size() >= kProblemsMax; }
  void complain(const Error& error) {
    if (!full()) report_.problems.push_back(error.message);
  }
  void complain(Table table, std::string_view key, std::string_view what) {
    complain(bad_record(table, key, what));
  }

  // Calls `see` for each record whose bytes are in order; the others become problems.
  template <class Message, class See>
  std::uint64_t each(Table table, Message& message, See&& see) {
    auto cursor = Cursor::open(txn_, table);
    if (!cursor) {
      complain(cursor.error());
      return 0;
    }
    std::uint64_t count = 0;
    auto there = cursor->first();
    for (; there && *there && !full(); there = cursor->next()) {
      ++count;
      const auto ok = open_record(table, cursor->key(), cursor->value(), message);
      if (!ok)
        complain(ok.error());
      else if (const std::string what = see(cursor->key()); !what.empty())
        complain(table, cursor->key(), what);
    }
    if (!there) complain(there.error());
    return count;
  }
  bool exists(Table table, std::string_view key) const {
    const auto found = txn_.find(table, key);
    return found && found->has_value();
  }

  // A table that is one record of `meta`, if it was ever written.
  template <class Message, class Value>
  void check_table(std::string_view key, Message& message, Value& into) {
    const auto value = txn_.find(Table::Meta, key);
    if (!value) return complain(value.error());
    if (!*value) return;
    if (auto ok = open_record(Table::Meta, key, **value, message); !ok) return complain(ok.error());
    if (!decode(message, into)) complain(Table::Meta, key, "a value is out of range");
  }

  void check_counters();
  void check_specs();
  void check_jobs();
  void check_open();
  void check_tasks();
  void check_nodes();
  void check_policy();
  void check_quotas();
  void check_events();
  void check_keys();
  void check_blobs();
  void check_workflows();

  const ReadTxn& txn_;
  CheckReport& report_;
  proto::Counters counters_;
  std::map<std::string, std::uint64_t, std::less<>> blob_refs_;  // as the specs have it
};

void Checker::check_counters() {
  const auto value = txn_.find(Table::Meta, kCountersKey);
  if (!value || !*value) return complain(Table::Meta, kCountersKey, "missing");
  if (auto ok = open_record(Table::Meta, kCountersKey, **value, counters_); !ok)
    return complain(ok.error());
  if (counters_.txn() != txn_.id()) complain(Table::Meta, kCountersKey, "not of the newest commit");
}

void Checker::check_specs() {
  proto::JobSpec message;
  sched::JobSpec spec;
  each(Table::Spec, message, [&](std::string_view key) -> std::string {
    if (key.size() != 8) return "its key has a wrong size";
    if (!decode(message, spec)) return "a value is out of range";
    for (const std::string& blob :
         {message.script_blob(), message.env_blob(), message.items_blob()})
      if (!blob.empty()) ++blob_refs_[blob];
    // A store from before this index gets it when it is opened for writing.
    if (message.has_statement() && txn_.has(Table::Statement) &&
        !exists(Table::Statement, statement_key(message.uid(), JobId(key_u64(key))).view()))
      return "it is a statement, but not listed as its owner's";
    return exists(Table::Job, key) ? "" : "there is no job of this id";
  });
  proto::Schema nothing;
  each(Table::Statement, nothing, [&](std::string_view key) -> std::string {
    if (key.size() != 12) return "its key has a wrong size";
    return exists(Table::Spec, key.substr(4)) ? "" : "there is no job of this id";
  });
}

void Checker::check_jobs() {
  proto::JobRecord message;
  sched::JobRecord job;
  report_.jobs = each(Table::Job, message, [&](std::string_view key) -> std::string {
    if (key.size() != 8) return "its key has a wrong size";
    if (!decode(message, job)) return "a value is out of range";
    if (raw(job.id) != key_u64(key)) return "it carries another id";
    if (raw(job.id) == 0 || raw(job.id) >= counters_.next_job_id()) return "its id was never drawn";
    if (!exists(Table::Spec, key)) return "its spec is missing";
    const bool open = !is_final(job.state);
    if (open == exists(Table::Open, key)) return "";
    return open ? "it has not ended, but is not listed as open"
                : "it has ended, but is listed as open";
  });
}

void Checker::check_open() {
  proto::Schema nothing;
  report_.open_jobs = each(Table::Open, nothing, [&](std::string_view key) -> std::string {
    return exists(Table::Job, key) ? "" : "there is no job of this id";
  });
}

void Checker::check_tasks() {
  proto::TaskRecord message;
  sched::TaskRecord task;
  std::uint64_t job = 0;
  bool job_exists = false;
  report_.tasks = each(Table::Task, message, [&](std::string_view key) -> std::string {
    if (key.size() != 12) return "its key has a wrong size";
    if (!decode(message, task)) return "a value is out of range";
    if (raw(task.id.job) != key_u64(key) || raw(task.id.index) != key_u32(key, 8))
      return "it carries another id";
    if (raw(task.epoch) >= counters_.next_epoch()) return "its epoch was never drawn";
    if (is_final(task.state) && task.lease) return "it has ended, but holds resources";
    if (job != key_u64(key)) {
      job = key_u64(key);
      job_exists = exists(Table::Job, key.substr(0, 8));
    }
    return job_exists ? "" : "there is no job of this id";
  });
}

void Checker::check_nodes() {
  proto::NodeRecord message;
  each(Table::Node, message, [&](std::string_view key) -> std::string {
    if (key.size() != 4 || message.id() != key_u32(key)) return "it carries another id";
    return message.id() < counters_.next_node_id() ? "" : "its id was never drawn";
  });
}

void Checker::check_policy() {
  proto::UsageTable usage;
  std::vector<sched::UsageRecord> users;
  check_table(kUsageKey, usage, users);
  proto::GroupTable group_table;
  std::vector<sched::GroupRecord> groups;
  check_table(kGroupsKey, group_table, groups);
  proto::ReservationTable reserved;
  std::vector<sched::Reservation> reservations;
  check_table(kReservationsKey, reserved, reservations);
}

void Checker::check_quotas() {
  proto::QuotaTable message;
  rm::QuotaTable table;
  check_table(kQuotasKey, message, table);
}

void Checker::check_events() {
  proto::Event message;
  sched::Event event;
  std::uint64_t before = 0;
  report_.events = each(Table::Event, message, [&](std::string_view key) -> std::string {
    if (key.size() != 8) return "its key has a wrong size";
    if (!decode(message, event)) return "a value is out of range";
    if (raw(event.seq) != key_u64(key)) return "it carries another number";
    const bool gap = before != 0 && raw(event.seq) != before + 1;
    before = raw(event.seq);
    if (gap) return "events before it are missing";
    return raw(event.seq) < counters_.next_event_seq() ? "" : "its number was never drawn";
  });
}

void Checker::check_keys() {
  proto::IdempotencyRecord message;
  IdempotencyEntry entry;
  each(Table::Idem, message, [&](std::string_view key) -> std::string {
    if (key.size() < 4 || !decode(message, entry)) return "damaged";
    const Key job = job_key(entry.job);
    if (!exists(Table::Job, job.view()) && !exists(Table::Workflow, job.view()))
      return "its job is missing";
    return exists(Table::IdemOf, idem_of_key(entry.job, key).view()) ? "" : "its index is missing";
  });
  proto::Schema nothing;
  each(Table::IdemOf, nothing, [&](std::string_view key) -> std::string {
    if (key.size() < 12) return "its key has a wrong size";
    return exists(Table::Idem, key.substr(8)) ? "" : "it names a key that is missing";
  });
}

void Checker::check_blobs() {
  proto::Blob message;
  std::string content;
  report_.blobs = each(Table::Blob, message, [&](std::string_view key) -> std::string {
    if (!unpack_blob(message, content)) return "it cannot be unpacked";
    for (std::uint64_t seed = 0; seed < kBlobSeeds; ++seed)
      if (blob_key(content, seed) == key)
        return exists(Table::BlobRefs, key) ? "" : "nothing counts its uses";
    return "its content is not what its key says";
  });
  proto::BlobRefs refs;
  each(Table::BlobRefs, refs, [&](std::string_view key) -> std::string {
    if (!exists(Table::Blob, key)) return "the blob itself is missing";
    const auto used = blob_refs_.find(key);
    const std::uint64_t count = used == blob_refs_.end() ? 0 : used->second;
    if (used != blob_refs_.end()) blob_refs_.erase(used);
    if (count == refs.refs()) return "";
    return fmt::format("it is used {} times, not {}", count, refs.refs());
  });
  for (const auto& [key, count] : blob_refs_)
    complain(Table::Blob, key, fmt::format("missing, though {} jobs need it", count));
}

void Checker::check_workflows() {
  proto::WorkflowRecord message;
  flow::WorkflowRecord record;
  report_.workflows = each(Table::Workflow, message, [&](std::string_view key) -> std::string {
    if (key.size() != 8) return "its key has a wrong size";
    if (!decode(message, record)) return "a value is out of range";
    if (raw(record.id) != key_u64(key)) return "it carries another id";
    if (raw(record.id) >= counters_.next_job_id()) return "its id was never drawn";
    if (!exists(Table::WorkflowSource, key)) return "its document is missing";
    const bool open = !is_final(record.state);
    if (open != exists(Table::WorkflowOpen, key)) return "the list of open workflows is wrong";
    const Key last = fact_key(record.id, record.facts);
    return record.facts == 0 || exists(Table::WorkflowFact, last.view()) ? "" : "facts are missing";
  });
  proto::WorkflowFact fact_message;
  dag::Fact fact;
  std::uint64_t workflow = 0, before = 0;
  each(Table::WorkflowFact, fact_message, [&](std::string_view key) -> std::string {
    if (key.size() != 16) return "its key has a wrong size";
    if (!decode(fact_message, fact)) return "a value is out of range";
    if (fact.number != key_u64(key, 8)) return "it carries another number";
    if (key_u64(key) != workflow) {
      workflow = key_u64(key);
      before = 0;
      if (!exists(Table::Workflow, key.substr(0, 8))) return "there is no workflow of this id";
    }
    // The first ones of a closed workflow may be purged already.
    const bool gap = before != 0 && fact.number != before + 1;
    before = fact.number;
    return gap ? "facts before it are missing" : "";
  });
  proto::StepResult result_message;
  flow::CacheEntry entry;
  each(Table::StepResult, result_message, [&](std::string_view key) -> std::string {
    return key.size() == 20 && decode(result_message, entry) ? "" : "a value is out of range";
  });
  proto::ResultList list;
  each(Table::ResultList, list, [&](std::string_view key) -> std::string {
    if (key.size() != 8) return "its key is not a job id";
    return exists(Table::Job, key) ? "" : "there is no job of this id";
  });
}

}  // namespace

CheckReport check_records(const ReadTxn& txn) {
  CheckReport report;
  Checker(txn, report).run();
  return report;
}

Result<CheckReport> check_store(const std::string& dir) {
  auto directory = Directory::open(dir, Directory::Missing::Refuse);
  if (!directory) return fail(directory.error());
  if (!directory->contains(kDataFile) && directory->contains("store"))
    return check_store(dir + "/store");  // the data directory, as `drover up` names it
  if (!directory->contains(kDataFile))
    return fail(Errc::NotFound, "there is no store in " + dir, "check the folder's name");
  CheckReport report;
  report.problems = check_pages(dir + "/" + kDataFile, kProblemsMax).problems;
  // LMDB may not be let near a file whose pages do not hang together.
  if (!report.problems.empty()) return report;
  auto environment = open_existing(directory->path(), 1, ~std::uint64_t(0), Environment::Use::Read);
  if (!environment) {
    if (environment.error().code != Errc::Corrupt) return fail(environment.error());
    report.problems.push_back(environment.error().message);
    return report;
  }
  const auto txn = (*environment)->begin_read();
  if (!txn) return fail(txn.error());
  return check_records(*txn);
}

}  // namespace drover::store
