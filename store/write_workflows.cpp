// store/write_workflows.cpp - what a turn changed of workflows, as records.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "store/commit.hpp"
#include "store/record.hpp"
#include "store/workflow_codec.hpp"

namespace drover::store {
namespace {

Result<void> write_records(WriteTxn& txn, const flow::Changes& changes) {
  proto::WorkflowRecord message;
  for (const flow::WorkflowRecord& record : changes.records) {
    const Key key = job_key(record.id);
    encode(record, message);
    if (auto ok = txn.put(Table::Workflow, key, message); !ok) return ok;
    if (is_final(record.state)) {
      if (auto gone = txn.erase(Table::WorkflowOpen, key); !gone) return fail(gone.error());
      continue;
    }
    const auto listed = txn.contains(Table::WorkflowOpen, key);
    if (!listed) return fail(listed.error());
    if (*listed) continue;
    if (auto ok = txn.put_index(Table::WorkflowOpen, key); !ok) return ok;
  }
  return {};
}

Result<void> write_facts(WriteTxn& txn, const flow::Changes& changes) {
  proto::WorkflowFact message;
  for (const auto& [id, fact] : changes.facts) {
    const Key key = fact_key(id, fact.number);
    const auto known = txn.contains(Table::WorkflowFact, key);
    if (!known) return fail(known.error());
    if (*known)  // a fact never changes
      return fail(Errc::Conflict, record_name(Table::WorkflowFact, key.view()) + " is stored");
    encode(fact, message);
    if (auto ok = txn.put(Table::WorkflowFact, key, message); !ok) return ok;
  }
  return {};
}

// The oldest workflow may have been purged, in part or wholly, since somebody read it in order to
// run it again: then its source and facts go back, before what is new of it.
Result<void> write_again(WriteTxn& txn, const flow::Changes::Reopened& one) {
  proto::WorkflowSource source;
  const Key key = job_key(one.id);
  const auto known = txn.contains(Table::WorkflowSource, key);
  if (!known) return fail(known.error());
  if (!*known) {
    encode(*one.source, source);
    if (auto ok = txn.put(Table::WorkflowSource, key, source); !ok) return ok;
  }
  proto::WorkflowFact message;
  for (const dag::Fact& fact : *one.facts) {
    const Key at = fact_key(one.id, fact.number);
    const auto is_there = txn.contains(Table::WorkflowFact, at);
    if (!is_there) return fail(is_there.error());
    if (*is_there) continue;
    encode(fact, message);
    if (auto ok = txn.put(Table::WorkflowFact, at, message); !ok) return ok;
  }
  return {};
}

}  // namespace

Result<void> write_workflows(WriteTxn& txn, const flow::Changes& changes) {
  proto::WorkflowSource source;
  for (const flow::Changes::New& one : changes.sources) {
    encode(*one.source, source);
    if (auto ok = txn.put(Table::WorkflowSource, job_key(one.id), source); !ok) return ok;
  }
  for (const flow::Changes::Reopened& one : changes.reopened)
    if (auto ok = write_again(txn, one); !ok) return ok;
  if (auto ok = write_records(txn, changes); !ok) return ok;
  if (auto ok = write_facts(txn, changes); !ok) return ok;
  proto::StepResult result;
  for (const flow::CacheEntry& entry : changes.cache) {
    encode(entry, result);
    const Key key = result_key(entry.uid, entry.key);
    if (auto ok = txn.put(Table::StepResult, key, result); !ok) return ok;
  }
  return {};
}

}  // namespace drover::store
