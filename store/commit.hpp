// store/commit.hpp - the effects of one turn inside one write transaction.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>

#include "base/result.hpp"
#include "proto/store.pb.h"
#include "store/blobs.hpp"
#include "store/environment.hpp"
#include "store/store.hpp"

namespace drover::store {

// Messages that keep their memory from one commit to the next. One per store.
struct Scratch {
  proto::JobSpec spec;
  proto::JobRecord job;
  proto::TaskRecord task;
  proto::NodeRecord node;
  proto::Event event;
  proto::IdempotencyRecord idempotency;
};

// Puts all of `batch` into the transaction, and the counters with its number.
// Errors: Conflict (an event or a key that exists already), Limit, Corrupt, Io.
Result<void> write_batch(WriteTxn& txn, const CommitBatch& batch, Scratch& scratch);

// write_workflows.cpp
Result<void> write_workflows(WriteTxn& txn, const flow::Changes& changes);

struct RetentionLimits {
  std::uint64_t events_max = 0, closed_jobs_max = 0;
  std::uint64_t closed_workflows_max = 0, step_results_max = 0;
};

// Trims old events and purges old closed jobs, with an effort in proportion to `added` records, so
// that no turn pays for a long past. `purge_from` remembers how far the search for closed jobs
// came; it moves only in memory.
Result<void> trim(WriteTxn& txn, const RetentionLimits& limits, std::uint64_t added_events,
                  std::uint64_t added_jobs, JobId& purge_from);

}  // namespace drover::store
