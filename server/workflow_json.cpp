// server/workflow_json.cpp - what the API says of workflows.
// SPDX-License-Identifier: Apache-2.0
#include "server/workflow_json.hpp"

#include <string>

namespace drover::server {
namespace {

constexpr std::size_t kValueShown = 4096;  // bytes; the whole is in the facts

void append_time(JsonWriter& out, std::string_view name, Time at) {
  if (at.is_set())
    out.field(name, at.us);
  else
    out.null_field(name);
}

// "queued" and "running" are what the job of an open part does.
std::string state_of(const dag::Run& run, std::uint32_t part, const store::Snapshot& snapshot) {
  const dag::Mark mark = run.mark(part);
  const dag::PartState& state = run.part(part);
  if (mark != dag::Mark::Ready) return std::string(to_string(mark));
  if (!state.is_open) return "ready";
  if (state.element != dag::kNoElement) {
    const auto task = snapshot.task({state.job, TaskIndex{state.element}});
    if (!task || !*task || (*task)->state == sched::TaskState::Waiting) return "queued";
    return (*task)->state == sched::TaskState::Suspended ? "suspended" : "running";
  }
  const auto job = snapshot.job(state.job);
  if (job && (job->state == sched::JobState::Running || sched::is_final(job->state)))
    return "running";
  return job && job->state == sched::JobState::Suspended ? "suspended" : "queued";
}

void append_values(JsonWriter& out, const dag::PartState& state) {
  out.key("values");
  out.begin_object();
  for (const auto& [name, value] : state.values) {
    out.text_key(name);
    out.value(std::string_view(value).substr(0, kValueShown));
  }
  out.end_object();
}

void append_part(JsonWriter& out, const dag::Run& run, std::uint32_t index,
                 const store::Snapshot& snapshot) {
  const dag::Part& part = run.plan().parts[index];
  const dag::Step& step = run.workflow().steps[part.step];
  const dag::PartState& state = run.part(run.head_of(index));
  out.begin_object();
  out.field("name", dag::part_name(run.workflow(), part));
  out.field("step", step.name);
  out.field("state", state_of(run, index, snapshot));
  if (part.role == dag::PartRole::Target) out.field("target", step.targets[part.target]);
  if (!step.engine.empty() && part.role != dag::PartRole::Undo) out.field("engine", step.engine);
  if (part.is_fused) out.field("fused", true);
  if (part.is_left_out) out.field("why", "unreachable");
  if (raw(state.job) != 0) {
    out.field("job", raw(state.job));
    if (state.element != dag::kNoElement) out.field("element", state.element);
    if (state.items)
      if (const auto job = snapshot.job(state.job)) {
        const sched::TaskCounts& counts = job->counts;
        out.field("elements", state.items->size());
        out.field("elements_active", counts.active);
        out.field("elements_succeeded", counts.succeeded);
        out.field("elements_failed", counts.failed + counts.timed_out);
      }
  }
  out.field("starts", state.starts);
  append_time(out, "started_us", state.started);
  append_time(out, "ended_us", state.ended);
  if (dag::has_ended(run.mark(index)) && state.ended.is_set()) {
    out.field("exit_code", state.exit_code);
    out.field("why", state.why);
    out.field("detail", state.detail);
  }
  if (!state.values.empty()) append_values(out, state);
  out.key("needs");
  out.begin_array();
  for (const dag::Need& need : step.needs) {
    std::string text = run.workflow().steps[need.step].name;
    if (need.element_wise) text += ":each";
    if (need.when != dag::When::Ok) text += ":" + std::string(to_string(need.when));
    out.value(text);
  }
  out.end_array();
  out.end_object();
}

}  // namespace

void append_workflow(JsonWriter& out, const flow::WorkflowRecord& record, Time now) {
  out.begin_object();
  out.field("id", raw(record.id));
  out.field("name", record.name);
  out.field("user", record.user);
  out.field("state", to_string(record.state));
  append_time(out, "submitted_us", record.submitted);
  append_time(out, "ended_us", record.ended);
  const Time end = record.ended.is_set() ? record.ended : now;
  out.field("elapsed_s", (end - record.submitted).us / 1'000'000);
  const dag::PartCounts& counts = record.counts;
  out.key("steps");
  out.begin_object();
  out.field("total", counts.total);
  out.field("waiting", counts.waiting);
  out.field("ready", counts.ready);
  out.field("running", counts.running);
  out.field("succeeded", counts.succeeded);
  out.field("failed", counts.failed);
  out.field("skipped", counts.skipped);
  out.field("cancelled", counts.cancelled);
  out.end_object();
  const double share =
      counts.weight == 0 ? 1.0 : double(counts.weight_done) / double(counts.weight);
  out.field("progress", share);
  if (raw(record.first_failed) != 0) {
    out.field("first_failed_job", raw(record.first_failed));
    out.field("first_failed_step", record.first_failed_step);
  }
  if (raw(record.resumes) != 0) out.field("resumes", raw(record.resumes));
  out.field("facts", record.facts);
  out.end_object();
}

void append_fact(JsonWriter& out, const dag::Fact& fact, const dag::Run& run) {
  out.begin_object();
  out.field("number", fact.number);
  out.field("at_us", fact.at.us);
  out.field("kind", to_string(fact.kind));
  if (fact.part < run.plan().parts.size())
    out.field("part", dag::part_name(run.workflow(), run.plan().parts[fact.part]));
  if (raw(fact.job) != 0) out.field("job", raw(fact.job));
  if (fact.kind == dag::FactKind::Ended || fact.kind == dag::FactKind::Closed)
    out.field("mark", to_string(fact.mark));
  if (fact.exit_code != 0) out.field("exit_code", fact.exit_code);
  if (!fact.name.empty()) out.field("name", fact.name);
  if (!fact.text.empty()) out.field("text", fact.text);
  out.end_object();
}

std::string workflow_json(const flow::WorkflowRecord& record, const dag::Run& run,
                          const store::Snapshot& snapshot, Time now) {
  std::string body;
  JsonWriter out(body);
  out.begin_object();
  out.field("v", 1);
  out.key("workflow");
  append_workflow(out, record, now);
  out.key("steps");
  out.begin_array();
  for (std::uint32_t i = 0; i < run.plan().parts.size(); ++i)
    if (run.plan().parts[i].role != dag::PartRole::Gather) append_part(out, run, i, snapshot);
  out.end_array();
  out.end_object();
  return body;
}

}  // namespace drover::server
