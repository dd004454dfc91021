// server/job_rows.cpp - joins record, spec, task and explanation.
// SPDX-License-Identifier: Apache-2.0
#include "server/job_rows.hpp"

#include "sched/layout.hpp"
#include "server/advice.hpp"
#include "server/layout_words.hpp"

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
  if (why) {
    why->state = row.record.state;
    add_engine_reason(services, row.record.id, *why);
  }
  return why;
}

void add_engine_reason(const Services& services, JobId job, sched::Why& why) {
  if (why.reason != sched::Reason::Engine) return;
  const std::string more = services.engines.why_no_more(job);
  if (more.empty()) return;
  why.text += "; " + more;
  why.hint = "one ends for it; drover engine ls shows them, and sessions that hold some";
}

namespace {

// Which task runs where, while it does; null before and after.
void append_layout(JsonWriter& out, const Services& services, const sched::JobSpec& spec,
                   const std::optional<rm::Lease>& lease) {
  if (!lease) return out.null_field("layout");
  const auto& resources = services.controller.resources();
  const std::vector<rm::NodeSeats> layout = sched::layout_of(spec, *lease, resources);
  out.key("layout");
  out.begin_array();
  std::size_t at = 0;
  rm::for_each_part(*lease, [&](const rm::NodePart& part) {
    const auto node = resources.node(part.node);
    out.begin_object();
    out.field("node", node && node->spec != nullptr ? node->spec->name : std::string());
    if (!spec.more_tasks.empty()) out.field("component", part.component);
    out.field("cpus", ranges(part.pus));
    out.key("tasks");
    out.begin_array();
    for (const rm::TaskSeat& seat : layout[at++]) {
      out.begin_object();
      out.field("task", seat.task);
      out.field("cpus", ranges(seat.pus));
      out.end_object();
    }
    out.end_array();
    out.end_object();
  });
  out.end_array();
}

// While it waits for a quota, or runs: what its owner should know.
void append_advice(JsonWriter& out, const Services& services, const JobRow& row,
                   const std::optional<sched::Why>& why) {
  const auto field = [&out](std::string_view kind, std::string_view text, std::string_view hint) {
    out.field("kind", kind);
    out.field("text", text);
    out.field("hint", hint);
  };
  out.key("advice");
  out.begin_array();
  for (const sched::Advice& advice : advice_on(services, row.record.id, row.spec, why)) {
    out.begin_object();
    field(to_string(advice.kind), advice.text, advice.hint);
    if (row.spec.is_array && advice.kind != sched::AdviceKind::Quota)
      out.field("element", raw(advice.task));
    out.end_object();
  }
  out.end_array();
}

}  // namespace

// What a statement does and leaves: how far it is, why its engine was cold, its results.
void append_outcome(JsonWriter& out, const Services& services, const store::Snapshot& snapshot,
                    const JobRow& row) {
  if (const Progress* progress = services.agents.progress(row.record.id)) {
    out.key("progress");
    out.begin_object();
    out.field("thousandths", progress->thousandths);
    out.field("done", progress->done);
    out.field("total", progress->total);
    out.field("text", progress->text);
    out.end_object();
  }
  const std::string cold = services.engines.why_cold(row.record.id);
  if (!cold.empty()) out.field("why_cold", cold);
  out.key("results");
  const auto results = snapshot.results(row.record.id);
  if (results && !results->empty())
    out.raw() += *results;
  else
    out.null();
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
  append_advice(out, services, row, why);
  out.key("task");
  const auto task = row.spec.is_array ? Result<std::optional<sched::TaskRecord>>(std::nullopt)
                                      : snapshot.task({row.record.id, TaskIndex{0}});
  if (task && *task)
    append_task(out, row.spec, **task, now);
  else
    out.null();
  if (row.spec.statement) append_outcome(out, services, snapshot, row);
  append_layout(out, services, row.spec, task && *task ? (*task)->lease : std::nullopt);
  out.end_object();
  return body;
}

}  // namespace drover::server
