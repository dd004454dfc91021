// store/read_workflows.cpp - workflows from one consistent view of the tables.
// SPDX-License-Identifier: Apache-2.0
#include "store/record.hpp"
#include "store/snapshot_state.hpp"
#include "store/workflow_codec.hpp"

namespace drover::store {
namespace {

template <class Message, class Value>
Result<void> read_into(Table table, std::string_view key, std::string_view bytes, Value& out) {
  Message message;
  if (auto ok = open_record(table, key, bytes, message); !ok) return ok;
  if (!decode(message, out))
    return fail(bad_record(table, key, "damaged (a value is out of range)"));
  return {};
}

tl::unexpected<Error> unknown(JobId id) {
  return fail(Errc::NotFound, "there is no workflow " + std::to_string(raw(id)), "drover dag ls");
}

template <class Message, class Value>
Result<Value> read_one(const ReadTxn& txn, Table table, JobId id) {
  const Key key = job_key(id);
  const auto bytes = txn.find(table, key.view());
  if (!bytes) return fail(bytes.error());
  if (!*bytes) return unknown(id);
  Value value;
  if (auto ok = read_into<Message>(table, key.view(), **bytes, value); !ok) return fail(ok.error());
  return value;
}

}  // namespace

Result<flow::WorkflowRecord> Snapshot::workflow(JobId id) const {
  return read_one<proto::WorkflowRecord, flow::WorkflowRecord>(state_->txn, Table::Workflow, id);
}

Result<flow::WorkflowSource> Snapshot::workflow_source(JobId id) const {
  return read_one<proto::WorkflowSource, flow::WorkflowSource>(state_->txn, Table::WorkflowSource,
                                                               id);
}

Result<std::vector<dag::Fact>> Snapshot::workflow_facts(JobId id, std::uint64_t since_exclusive,
                                                        std::size_t limit) const {
  auto cursor = Cursor::open(state_->txn, Table::WorkflowFact);
  if (!cursor) return fail(cursor.error());
  std::vector<dag::Fact> facts;
  const Key start = fact_key(id, since_exclusive + 1);
  auto there = cursor->seek(start.view());
  for (; there && *there && facts.size() < limit; there = cursor->next()) {
    if (key_u64(cursor->key()) != raw(id)) break;
    auto ok = read_into<proto::WorkflowFact>(Table::WorkflowFact, cursor->key(), cursor->value(),
                                             facts.emplace_back());
    if (!ok) return fail(ok.error());
  }
  if (!there) return fail(there.error());
  return facts;
}

Result<void> Snapshot::visit_workflows(JobId before, bool only_open,
                                       const WorkflowVisitor& visit) const {
  auto cursor = Cursor::open(state_->txn, only_open ? Table::WorkflowOpen : Table::Workflow);
  if (!cursor) return fail(cursor.error());
  const Key end = job_key(before);
  auto there = raw(before) == 0 ? cursor->last() : cursor->seek_before(end.view());
  for (; there && *there; there = cursor->previous()) {
    auto record = workflow(JobId(key_u64(cursor->key())));
    if (!record) return fail(record.error());
    if (!visit(*record)) return {};
  }
  if (!there) return fail(there.error());
  return {};
}

Result<std::optional<flow::CacheEntry>> Snapshot::step_result(std::uint32_t uid,
                                                              std::string_view content) const {
  const Key key = result_key(uid, content);
  const auto bytes = state_->txn.find(Table::StepResult, key.view());
  if (!bytes) return fail(bytes.error());
  if (!*bytes) return std::nullopt;
  flow::CacheEntry entry;
  if (auto ok = read_into<proto::StepResult>(Table::StepResult, key.view(), **bytes, entry); !ok)
    return fail(ok.error());
  return entry;
}

}  // namespace drover::store
