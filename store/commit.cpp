// store/commit.cpp - from a turn's changes to records.
// SPDX-License-Identifier: Apache-2.0
#include "store/commit.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "store/codec.hpp"
#include "store/record.hpp"
#include "store/snapshot_state.hpp"

namespace drover::store {
namespace {

// Pointers in key order: pages are then touched one after the other. Mostly in order already.
template <class Value, class KeyOf>
std::vector<const Value*> in_key_order(const std::vector<Value>& values, KeyOf key_of) {
  std::vector<const Value*> sorted;
  sorted.reserve(values.size());
  for (const Value& value : values) sorted.push_back(&value);
  const auto before = [&](const Value* a, const Value* b) { return key_of(*a) < key_of(*b); };
  if (!std::is_sorted(sorted.begin(), sorted.end(), before))
    std::stable_sort(sorted.begin(), sorted.end(), before);
  return sorted;
}

Result<void> place_script(BlobWriter& blobs, const std::string& script, proto::JobSpec& out) {
  if (script.size() > kInlineMaxBytes) {
    auto key = blobs.add(script);
    if (!key) return fail(key.error());
    out.set_script_blob(std::move(*key));
  }
  if (out.script_blob().empty()) out.set_script(script);
  return {};
}

Result<void> place_env(BlobWriter& blobs, const std::vector<std::string>& env,
                       proto::JobSpec& out) {
  std::size_t size = 0;
  for (const std::string& variable : env) size += variable.size() + 2;
  if (size > kInlineMaxBytes) {
    proto::EnvBlob blob;
    for (const std::string& variable : env) blob.add_env(variable);
    auto key = blobs.add_owned(blob.SerializeAsString());
    if (!key) return fail(key.error());
    out.set_env_blob(std::move(*key));
  }
  if (out.env_blob().empty())
    for (const std::string& variable : env) out.add_env(variable);
  return {};
}

Result<void> place_items(BlobWriter& blobs, const sched::Items& items, proto::JobSpec& out) {
  if (items.empty()) return {};
  proto::ItemsBlob blob;
  blob.set_text(items.text());
  blob.mutable_ends()->Assign(items.ends().begin(), items.ends().end());
  auto key = blobs.add_owned(blob.SerializeAsString());
  if (!key) return fail(key.error());
  out.set_items_blob(std::move(*key));
  if (out.items_blob().empty()) *out.mutable_items() = std::move(blob);
  return {};
}

Result<void> list_statement(WriteTxn& txn, const sched::Changes::NewJob& job) {
  if (!job.spec->statement) return {};
  return txn.put_index(Table::Statement, statement_key(job.spec->owner.uid, job.id));
}

Result<void> write_specs(WriteTxn& txn, const sched::Changes& changes, Scratch& scratch) {
  BlobWriter blobs(txn);
  const auto jobs = in_key_order(changes.new_jobs, [](const auto& job) { return job.id; });
  for (const sched::Changes::NewJob* job : jobs) {
    const Key key = job_key(job->id);
    const auto known = txn.contains(Table::Spec, key);
    if (!known) return fail(known.error());
    if (*known) return fail(Errc::Conflict, fmt::format("job {} is stored already", raw(job->id)));
    encode(*job->spec, scratch.spec);
    if (auto ok = place_script(blobs, job->spec->script, scratch.spec); !ok) return ok;
    if (auto ok = place_env(blobs, job->spec->env, scratch.spec); !ok) return ok;
    if (auto ok = place_items(blobs, job->spec->items, scratch.spec); !ok) return ok;
    if (auto ok = txn.put(Table::Spec, key, scratch.spec); !ok) return ok;
    if (auto ok = list_statement(txn, *job); !ok) return ok;
  }
  return blobs.finish();
}

// What is large stays where it is: neither script nor environment nor items can be altered.
Result<void> write_altered(WriteTxn& txn, const sched::Changes& changes, Scratch& scratch) {
  for (const sched::Changes::NewJob& job : changes.altered) {
    const Key key = job_key(job.id);
    const auto stored = txn.find(Table::Spec, key.view());
    if (!stored) return fail(stored.error());
    if (!*stored) return fail(Errc::Conflict, fmt::format("job {} is not stored", raw(job.id)));
    proto::JobSpec old;
    if (auto ok = open_record(Table::Spec, key.view(), **stored, old); !ok) return ok;
    encode(*job.spec, scratch.spec);
    *scratch.spec.mutable_script() = old.script();
    *scratch.spec.mutable_script_blob() = old.script_blob();
    *scratch.spec.mutable_env() = old.env();
    *scratch.spec.mutable_env_blob() = old.env_blob();
    if (old.has_items()) *scratch.spec.mutable_items() = old.items();
    *scratch.spec.mutable_items_blob() = old.items_blob();
    if (old.has_statement())
      if (auto gone = txn.erase(Table::Statement, statement_key(old.uid(), job.id)); !gone)
        return fail(gone.error());
    if (auto ok = list_statement(txn, job); !ok) return ok;
    if (auto ok = txn.put(Table::Spec, key, scratch.spec); !ok) return ok;
  }
  return {};
}

Result<void> write_jobs(WriteTxn& txn, const sched::Changes& changes, Scratch& scratch) {
  const auto jobs = in_key_order(changes.jobs, [](const auto& job) { return job.id; });
  for (const sched::JobRecord* job : jobs) {
    encode(*job, scratch.job);
    if (auto ok = txn.put(Table::Job, job_key(job->id), scratch.job); !ok) return ok;
  }
  for (const sched::JobRecord* job : jobs) {
    const Key key = job_key(job->id);
    if (is_final(job->state)) {
      if (auto gone = txn.erase(Table::Open, key); !gone) return fail(gone.error());
      continue;
    }
    const auto listed = txn.contains(Table::Open, key);
    if (!listed) return fail(listed.error());
    if (*listed) continue;
    if (auto ok = txn.put_index(Table::Open, key); !ok) return ok;
  }
  return {};
}

Result<void> write_tasks(WriteTxn& txn, const sched::Changes& changes, Scratch& scratch) {
  const auto tasks = in_key_order(changes.tasks, [](const auto& task) { return task.id; });
  for (const sched::TaskRecord* task : tasks) {
    encode(*task, scratch.task);
    if (auto ok = txn.put(Table::Task, task_key(task->id), scratch.task); !ok) return ok;
  }
  for (const sched::NodeRecord& node : changes.nodes) {
    encode(node, scratch.node);
    if (auto ok = txn.put(Table::Node, node_key(node.id), scratch.node); !ok) return ok;
  }
  return {};
}

Result<void> write_quotas(WriteTxn& txn, const sched::Changes& changes) {
  if (!changes.quotas) return {};
  proto::QuotaTable message;
  encode(*changes.quotas, message);
  return txn.put(Table::Meta, text_key(kQuotasKey), message);
}

Result<void> write_events(WriteTxn& txn, const sched::Changes& changes, Scratch& scratch) {
  if (changes.events.empty()) return {};
  const auto events = in_key_order(changes.events, [](const auto& event) { return event.seq; });
  const auto last = txn.last_key(Table::Event);
  if (!last) return fail(last.error());
  std::uint64_t before = key_u64(*last);
  for (const sched::Event* event : events) {
    // An event never changes, and followers rely on numbers without a gap.
    if (before != 0 && raw(event->seq) != before + 1)
      return fail(Errc::Conflict,
                  fmt::format("event {} does not follow event {}", raw(event->seq), before));
    before = raw(event->seq);
    encode(*event, scratch.event);
    if (auto ok = txn.put(Table::Event, event_key(event->seq), scratch.event); !ok) return ok;
  }
  return {};
}

Result<void> write_keys(WriteTxn& txn, const CommitBatch& batch, Scratch& scratch) {
  for (const IdempotencyEntry& entry : batch.idempotency) {
    if (entry.key.key.size() > kIdempotencyKeyMax)
      return fail(Errc::Limit, "an idempotency key has more than 200 bytes");
    const Key key = idem_key(entry.key.uid, entry.key.key);
    const auto known = txn.contains(Table::Idem, key);
    if (!known) return fail(known.error());
    if (*known) return fail(Errc::Conflict, record_name(Table::Idem, key.view()) + " is in use");
    encode(entry, scratch.idempotency);
    if (auto ok = txn.put(Table::Idem, key, scratch.idempotency); !ok) return ok;
  }
  const auto in_order =
      in_key_order(batch.idempotency, [](const auto& entry) { return entry.job; });
  for (const IdempotencyEntry* entry : in_order) {
    const Key key = idem_key(entry->key.uid, entry->key.key);
    if (auto ok = txn.put_index(Table::IdemOf, idem_of_key(entry->job, key.view())); !ok) return ok;
  }
  return {};
}

Result<void> write_policy(WriteTxn& txn, const sched::Changes& changes) {
  if (changes.usage) {
    proto::UsageTable message;
    encode(*changes.usage, message);
    if (auto ok = txn.put(Table::Meta, text_key(kUsageKey), message); !ok) return ok;
  }
  if (changes.groups) {
    proto::GroupTable message;
    encode(*changes.groups, message);
    if (auto ok = txn.put(Table::Meta, text_key(kGroupsKey), message); !ok) return ok;
  }
  if (!changes.reservations) return {};
  proto::ReservationTable message;
  encode(*changes.reservations, message);
  return txn.put(Table::Meta, text_key(kReservationsKey), message);
}

// Counters only grow; 0 in the batch means that the turn drew none.
Result<void> write_counters(WriteTxn& txn, const sched::Changes& changes) {
  proto::Counters counters;
  const auto value = txn.find(Table::Meta, kCountersKey);
  if (!value) return fail(value.error());
  if (!*value) return fail(bad_record(Table::Meta, kCountersKey, "missing"));
  if (auto ok = open_record(Table::Meta, kCountersKey, **value, counters); !ok) return ok;
  counters.set_next_job_id(std::max(counters.next_job_id(), changes.next_job_id));
  counters.set_next_epoch(std::max(counters.next_epoch(), changes.next_epoch));
  counters.set_next_node_id(std::max(counters.next_node_id(), changes.next_node_id));
  counters.set_next_event_seq(std::max(counters.next_event_seq(), changes.next_event_seq));
  counters.set_txn(txn.id());
  return txn.put(Table::Meta, text_key(kCountersKey), counters);
}

Result<void> write_results(WriteTxn& txn, const sched::Changes& changes) {
  proto::ResultList message;
  for (const auto& [job, json] : changes.results) {
    message.set_json(json);
    if (auto ok = txn.put(Table::ResultList, job_key(job), message); !ok) return ok;
  }
  return {};
}

}  // namespace

Result<void> write_batch(WriteTxn& txn, const CommitBatch& batch, Scratch& scratch) {
  if (auto ok = write_specs(txn, batch.changes, scratch); !ok) return ok;
  if (auto ok = write_altered(txn, batch.changes, scratch); !ok) return ok;
  if (auto ok = write_jobs(txn, batch.changes, scratch); !ok) return ok;
  if (auto ok = write_tasks(txn, batch.changes, scratch); !ok) return ok;
  if (auto ok = write_quotas(txn, batch.changes); !ok) return ok;
  if (auto ok = write_events(txn, batch.changes, scratch); !ok) return ok;
  if (auto ok = write_keys(txn, batch, scratch); !ok) return ok;
  if (auto ok = write_policy(txn, batch.changes); !ok) return ok;
  if (auto ok = write_workflows(txn, batch.workflows); !ok) return ok;
  if (auto ok = write_results(txn, batch.changes); !ok) return ok;
  return write_counters(txn, batch.changes);
}

}  // namespace drover::store
