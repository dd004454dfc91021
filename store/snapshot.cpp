// store/snapshot.cpp - reads from one consistent view of the tables.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "store/blobs.hpp"
#include "store/codec.hpp"
#include "store/environment.hpp"
#include "store/record.hpp"
#include "store/snapshot_state.hpp"
#include "store/store.hpp"

namespace drover::store {
namespace {

template <class Message, class Value>
Result<void> read_into(Table table, std::string_view key, std::string_view value, Message& message,
                       Value& out) {
  if (auto ok = open_record(table, key, value, message); !ok) return ok;
  if (!decode(message, out))
    return fail(bad_record(table, key, "damaged (a value is out of range)"));
  return {};
}

// The key is repeated in most records: a difference is damage that no checksum of one record shows.
Result<void> same_id(Table table, std::string_view key, bool same) {
  if (same) return {};
  return fail(bad_record(table, key, "damaged (it carries another id)"));
}

Result<void> fill_items(const ReadTxn& txn, const proto::JobSpec& in, sched::JobSpec& out) {
  proto::ItemsBlob items = in.items();
  if (!in.items_blob().empty()) {
    const auto content = read_blob(txn, in.items_blob());
    if (!content) return fail(content.error());
    if (!items.ParseFromArray(content->data(), int(content->size())))
      return fail(bad_record(Table::Blob, in.items_blob(), "damaged (these are no items)"));
  }
  out.items =
      sched::Items(std::move(*items.mutable_text()), {items.ends().begin(), items.ends().end()});
  if (out.items.size() == std::size_t(items.ends_size())) return {};
  return fail(bad_record(Table::Blob, in.items_blob(), "damaged (these are no items)"));
}

Result<void> fill_blobs(const ReadTxn& txn, const proto::JobSpec& in, sched::JobSpec& out) {
  out.script = in.script();
  if (!in.script_blob().empty()) {
    auto script = read_blob(txn, in.script_blob());
    if (!script) return fail(script.error());
    out.script = std::move(*script);
  }
  if (auto ok = fill_items(txn, in, out); !ok) return ok;
  out.env.assign(in.env().begin(), in.env().end());
  if (in.env_blob().empty()) return {};
  const auto content = read_blob(txn, in.env_blob());
  if (!content) return fail(content.error());
  proto::EnvBlob env;
  if (!env.ParseFromArray(content->data(), int(content->size())))
    return fail(bad_record(Table::Blob, in.env_blob(), "damaged (it is no environment)"));
  out.env.assign(env.env().begin(), env.env().end());
  return {};
}

Error unknown_job(JobId id) {
  return Error{Errc::NotFound, "there is no job " + std::to_string(raw(id)), "drover ls", {}};
}

// Job and spec records live under equal keys: two cursors go side by side, without a search per
// job.
class JobWalk {
 public:
  static Result<JobWalk> open(const ReadTxn& txn) {
    auto jobs = Cursor::open(txn, Table::Job);
    if (!jobs) return fail(jobs.error());
    auto specs = Cursor::open(txn, Table::Spec);
    if (!specs) return fail(specs.error());
    return JobWalk(std::move(*jobs), std::move(*specs));
  }

  Cursor& jobs() { return jobs_; }
  // Reads the job under the cursor and its spec.
  Result<bool> visit(bool backwards, const Snapshot::JobVisitor& visitor) {
    if (auto ok = read_into(Table::Job, jobs_.key(), jobs_.value(), job_message_, job_); !ok)
      return fail(ok.error());
    if (auto ok = same_id(Table::Job, jobs_.key(), raw(job_.id) == key_u64(jobs_.key())); !ok)
      return fail(ok.error());
    if (auto ok = find_spec(backwards); !ok) return fail(ok.error());
    if (auto ok = read_into(Table::Spec, specs_.key(), specs_.value(), spec_message_, spec_); !ok)
      return fail(ok.error());
    return visitor(job_, spec_);
  }
  Result<bool> visit_id(std::string_view key, bool backwards, const Snapshot::JobVisitor& visitor) {
    if (jobs_.key() != key) {
      auto moved = step(jobs_, key, backwards);
      if (!moved) return moved;
      if (!*moved) return fail(bad_record(Table::Job, key, "missing, though an index has it"));
    }
    return visit(backwards, visitor);
  }

 private:
  JobWalk(Cursor jobs, Cursor specs) : jobs_(std::move(jobs)), specs_(std::move(specs)) {}

  // The neighbour first: that is where the record is when jobs are dense.
  static Result<bool> step(Cursor& cursor, std::string_view key, bool backwards) {
    if (!cursor.key().empty()) {
      auto moved = backwards ? cursor.previous() : cursor.next();
      if (!moved) return moved;
      if (*moved && cursor.key() == key) return true;
    }
    auto found = cursor.seek(key);
    if (!found) return found;
    return *found && cursor.key() == key;
  }
  Result<void> find_spec(bool backwards) {
    const auto found = step(specs_, jobs_.key(), backwards);
    if (!found) return fail(found.error());
    if (*found) return {};
    return fail(bad_record(Table::Spec, jobs_.key(), "missing, though the job is there"));
  }

  Cursor jobs_, specs_;
  proto::JobRecord job_message_;
  proto::JobSpec spec_message_;
  sched::JobRecord job_;
  sched::JobSpec spec_;
};

}  // namespace

Snapshot::Snapshot(std::unique_ptr<State> state) : state_(std::move(state)) {}
Snapshot::~Snapshot() = default;
Snapshot::Snapshot(Snapshot&&) noexcept = default;

Result<Counters> Snapshot::counters() const {
  const auto value = state_->txn.find(Table::Meta, kCountersKey);
  if (!value) return fail(value.error());
  proto::Counters message;
  if (!*value) return fail(bad_record(Table::Meta, kCountersKey, "missing"));
  if (auto ok = open_record(Table::Meta, kCountersKey, **value, message); !ok)
    return fail(ok.error());
  return Counters{message.next_job_id(), message.next_epoch(), message.next_node_id(),
                  message.next_event_seq()};
}

Result<std::optional<rm::QuotaTable>> Snapshot::quotas() const {
  const auto value = state_->txn.find(Table::Meta, kQuotasKey);
  if (!value) return fail(value.error());
  if (!*value) return std::optional<rm::QuotaTable>();
  proto::QuotaTable message;
  rm::QuotaTable table;
  if (auto ok = read_into(Table::Meta, kQuotasKey, **value, message, table); !ok)
    return fail(ok.error());
  return std::optional(std::move(table));
}

Result<sched::JobSpec> Snapshot::spec(JobId id, bool with_blobs) const {
  const Key key = job_key(id);
  const auto value = state_->txn.find(Table::Spec, key.view());
  if (!value) return fail(value.error());
  if (!*value) return fail(unknown_job(id));
  proto::JobSpec message;
  sched::JobSpec spec;
  if (auto ok = read_into(Table::Spec, key.view(), **value, message, spec); !ok)
    return fail(ok.error());
  if (with_blobs)
    if (auto ok = fill_blobs(state_->txn, message, spec); !ok) return fail(ok.error());
  return spec;
}

Result<sched::JobRecord> Snapshot::job(JobId id) const {
  const Key key = job_key(id);
  const auto value = state_->txn.find(Table::Job, key.view());
  if (!value) return fail(value.error());
  if (!*value) return fail(unknown_job(id));
  proto::JobRecord message;
  sched::JobRecord record;
  if (auto ok = read_into(Table::Job, key.view(), **value, message, record); !ok)
    return fail(ok.error());
  if (auto ok = same_id(Table::Job, key.view(), record.id == id); !ok) return fail(ok.error());
  return record;
}

Result<std::optional<sched::TaskRecord>> Snapshot::task(TaskId id) const {
  const Key key = task_key(id);
  const auto value = state_->txn.find(Table::Task, key.view());
  if (!value) return fail(value.error());
  if (!*value) return std::nullopt;
  proto::TaskRecord message;
  sched::TaskRecord record;
  if (auto ok = read_into(Table::Task, key.view(), **value, message, record); !ok)
    return fail(ok.error());
  if (auto ok = same_id(Table::Task, key.view(), record.id == id); !ok) return fail(ok.error());
  return record;
}

Result<std::vector<sched::TaskRecord>> Snapshot::tasks(JobId id, std::uint32_t from,
                                                       std::size_t limit) const {
  auto cursor = Cursor::open(state_->txn, Table::Task);
  if (!cursor) return fail(cursor.error());
  std::vector<sched::TaskRecord> found;
  proto::TaskRecord message;
  const Key start = task_key({id, TaskIndex(from)});
  auto there = cursor->seek(start.view());
  for (; there && *there && found.size() < limit; there = cursor->next()) {
    if (key_u64(cursor->key()) != raw(id)) break;
    sched::TaskRecord& record = found.emplace_back();
    if (auto ok = read_into(Table::Task, cursor->key(), cursor->value(), message, record); !ok)
      return fail(ok.error());
    const bool same = raw(record.id.index) == key_u32(cursor->key(), 8) && record.id.job == id;
    if (auto ok = same_id(Table::Task, cursor->key(), same); !ok) return fail(ok.error());
  }
  if (!there) return fail(there.error());
  return found;
}

namespace {

// A table that is one record of `meta`; empty before it was first written.
template <class Message, class Value>
Result<Value> read_table(const ReadTxn& txn, std::string_view key) {
  Value table;
  const auto value = txn.find(Table::Meta, key);
  if (!value) return fail(value.error());
  if (!*value) return table;
  Message message;
  if (auto ok = read_into(Table::Meta, key, **value, message, table); !ok) return fail(ok.error());
  return table;
}

}  // namespace

Result<std::vector<sched::UsageRecord>> Snapshot::usage() const {
  return read_table<proto::UsageTable, std::vector<sched::UsageRecord>>(state_->txn, kUsageKey);
}

Result<std::vector<sched::Reservation>> Snapshot::reservations() const {
  return read_table<proto::ReservationTable, std::vector<sched::Reservation>>(state_->txn,
                                                                              kReservationsKey);
}

Result<std::vector<sched::GroupRecord>> Snapshot::groups() const {
  return read_table<proto::GroupTable, std::vector<sched::GroupRecord>>(state_->txn, kGroupsKey);
}

Result<std::vector<sched::NodeRecord>> Snapshot::nodes() const {
  auto cursor = Cursor::open(state_->txn, Table::Node);
  if (!cursor) return fail(cursor.error());
  std::vector<sched::NodeRecord> found;
  proto::NodeRecord message;
  auto there = cursor->first();
  for (; there && *there; there = cursor->next()) {
    sched::NodeRecord& record = found.emplace_back();
    if (auto ok = read_into(Table::Node, cursor->key(), cursor->value(), message, record); !ok)
      return fail(ok.error());
    if (auto ok = same_id(Table::Node, cursor->key(), raw(record.id) == key_u32(cursor->key()));
        !ok)
      return fail(ok.error());
  }
  if (!there) return fail(there.error());
  return found;
}

Result<void> Snapshot::visit_jobs(JobId before, bool only_open, const JobVisitor& visit) const {
  auto walk = JobWalk::open(state_->txn);
  if (!walk) return fail(walk.error());
  auto index = Cursor::open(state_->txn, Table::Open);
  if (!index) return fail(index.error());
  Cursor& leader = only_open ? *index : walk->jobs();
  auto there = raw(before) == 0 ? leader.last() : leader.seek_before(job_key(before).view());
  for (; there && *there; there = leader.previous()) {
    const auto more = walk->visit_id(leader.key(), true, visit);
    if (!more) return fail(more.error());
    if (!*more) return {};
  }
  if (!there) return fail(there.error());
  return {};
}

Result<void> Snapshot::visit_statements(std::uint32_t uid, JobId before,
                                        const JobVisitor& visit) const {
  auto walk = JobWalk::open(state_->txn);
  if (!walk) return fail(walk.error());
  auto index = Cursor::open(state_->txn, Table::Statement);
  if (!index) return fail(index.error());
  const JobId end = raw(before) == 0 ? JobId(~std::uint64_t(0)) : before;
  auto there = index->seek_before(statement_key(uid, end).view());
  for (; there && *there && key_u32(index->key()) == uid; there = index->previous()) {
    const auto more = walk->visit_id(index->key().substr(4), true, visit);
    if (!more) return fail(more.error());
    if (!*more) return {};
  }
  if (!there) return fail(there.error());
  return {};
}

Result<void> Snapshot::visit_open_ascending(const JobVisitor& visit) const {
  auto walk = JobWalk::open(state_->txn);
  if (!walk) return fail(walk.error());
  auto index = Cursor::open(state_->txn, Table::Open);
  if (!index) return fail(index.error());
  auto there = index->first();
  for (; there && *there; there = index->next()) {
    const auto more = walk->visit_id(index->key(), false, visit);
    if (!more) return fail(more.error());
    if (!*more) return {};
  }
  if (!there) return fail(there.error());
  return {};
}

Result<std::vector<sched::Event>> Snapshot::events(EventSeq since_exclusive,
                                                   std::size_t limit) const {
  auto cursor = Cursor::open(state_->txn, Table::Event);
  if (!cursor) return fail(cursor.error());
  std::vector<sched::Event> found;
  if (raw(since_exclusive) == ~std::uint64_t(0)) return found;
  proto::Event message;
  const Key start = event_key(EventSeq(raw(since_exclusive) + 1));
  auto there = cursor->seek(start.view());
  for (; there && *there && found.size() < limit; there = cursor->next()) {
    sched::Event& event = found.emplace_back();
    if (auto ok = read_into(Table::Event, cursor->key(), cursor->value(), message, event); !ok)
      return fail(ok.error());
    if (auto ok = same_id(Table::Event, cursor->key(), raw(event.seq) == key_u64(cursor->key()));
        !ok)
      return fail(ok.error());
  }
  if (!there) return fail(there.error());
  return found;
}

Result<EventSeq> Snapshot::last_event() const {
  auto cursor = Cursor::open(state_->txn, Table::Event);
  if (!cursor) return fail(cursor.error());
  const auto there = cursor->last();
  if (!there) return fail(there.error());
  return EventSeq(*there ? key_u64(cursor->key()) : 0);
}

Result<EventSeq> Snapshot::first_event() const {
  auto cursor = Cursor::open(state_->txn, Table::Event);
  if (!cursor) return fail(cursor.error());
  const auto there = cursor->first();
  if (!there) return fail(there.error());
  return EventSeq(*there ? key_u64(cursor->key()) : 0);
}

Result<std::optional<IdempotencyEntry>> Snapshot::find_idempotent(const IdempotencyKey& key) const {
  if (key.key.size() > kIdempotencyKeyMax) return std::nullopt;  // commit() refuses such keys
  const Key where = idem_key(key.uid, key.key);
  const auto value = state_->txn.find(Table::Idem, where.view());
  if (!value) return fail(value.error());
  if (!*value) return std::nullopt;
  proto::IdempotencyRecord message;
  IdempotencyEntry entry;
  if (auto ok = read_into(Table::Idem, where.view(), **value, message, entry); !ok)
    return fail(ok.error());
  entry.key = key;
  return entry;
}

Result<std::string> Snapshot::results(JobId job) const {
  const Key key = job_key(job);
  const auto bytes = state_->txn.find(Table::ResultList, key.view());
  if (!bytes) return fail(bytes.error());
  if (!*bytes) return std::string();
  proto::ResultList list;
  if (auto ok = open_record(Table::ResultList, key.view(), **bytes, list); !ok)
    return fail(ok.error());
  return list.json();
}

}  // namespace drover::store
