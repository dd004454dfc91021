// server/job_rows.cpp - joins record, spec, task and explanation.
// SPDX-License-Identifier: Apache-2.0
#include "server/job_rows.hpp"

namespace drover::server {

void fill_node(const store::Snapshot& snapshot, JobRow& row) {
  if (row.spec.is_array || !(row.record.started.is_set() || row.record.counts.active > 0)) return;
  const auto task = snapshot.task({row.record.id, TaskIndex{0}});
  if (task && *task) row.node = (*task)->node;
}

Result<JobRow> read_row(const store::Snapshot& snapshot, JobId id, sched::JobSpec spec) {
  auto record = snapshot.job(id);
  if (!record) return fail(record.error());
  JobRow row{std::move(*record), std::move(spec), {}};
  fill_node(snapshot, row);
  return row;
}

std::optional<sched::Why> why_waiting(const Services& services, const JobRow& row) {
  if (row.record.state >= sched::JobState::Running) return std::nullopt;
  auto why = services.controller.why(row.record.id, std::nullopt, net::Loop::now());
  // The controller may be a turn ahead of the disk: what is not durable yet is not told.
  if (why && why->state >= sched::JobState::Running) return std::nullopt;
  if (why) why->state = row.record.state;
  return why;
}

std::string show_json(const Services& services, const store::Snapshot& snapshot,
                      const JobRow& row) {
  const Time now = net::Loop::now().wall;
  const auto why = why_waiting(services, row);
  std::string body;
  JsonWriter out(body);
  out.begin_object();
  out.field("v", 1);
  out.key("job");
  append_job(out, {row, services.config.group_by, now, why ? &*why : nullptr, true});
  out.key("why");
  if (why) {
    out.begin_object();
    append_why(out, *why);
    out.end_object();
  } else {
    out.null();
  }
  out.key("task");
  const auto task = row.spec.is_array ? Result<std::optional<sched::TaskRecord>>(std::nullopt)
                                      : snapshot.task({row.record.id, TaskIndex{0}});
  if (task && *task)
    append_task(out, row.spec, **task, now);
  else
    out.null();
  out.end_object();
  return body;
}

}  // namespace drover::server
