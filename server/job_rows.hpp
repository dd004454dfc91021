// server/job_rows.hpp - jobs as rows: read from a snapshot, explained by the controller.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>

#include "server/job_json_out.hpp"
#include "server/services.hpp"

namespace drover::server {

// The row of one job; its node too when it is a single job. Any thread.
Result<JobRow> read_row(const store::Snapshot& snapshot, JobId id, sched::JobSpec spec);
void fill_node(const store::Snapshot& snapshot, JobRow& row);

// To a statement that waits for an engine: that its user may have no more of them.
void add_engine_reason(const Services& services, JobId job, sched::Why& why);
// Why a waiting job waits now; nothing for jobs that run or have ended. Loop thread.
std::optional<sched::Why> why_waiting(const Services& services, const JobRow& row);

// {"v":1,"job":{...}} with spec, why, task, and the layout of its tasks.
std::string show_json(const Services& services, const store::Snapshot& snapshot, const JobRow& row);

}  // namespace drover::server
