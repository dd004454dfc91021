// server/job_json_out.cpp - the JSON of jobs, tasks and events.
// SPDX-License-Identifier: Apache-2.0
#include "server/job_json_out.hpp"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <span>

#include "base/name_list.hpp"
#include "base/units.hpp"
#include "sched/components.hpp"
#include "server/launch_order.hpp"
#include "server/layout_words.hpp"
#include "server/retry_json.hpp"
#include "server/statement_json.hpp"

namespace drover::server {
namespace {

void append_labels(JsonWriter& out, std::string_view name, const rm::Labels& labels) {
  out.key(name);
  out.begin_object();
  for (const auto& [label, value] : labels) {
    out.text_key(label);
    out.value(value);
  }
  out.end_object();
}

void append_counts(JsonWriter& out, std::string_view name, const rm::Counts& counts) {
  out.key(name);
  out.begin_object();
  for (const auto& [what, count] : counts) {
    out.text_key(what);
    out.value(count);
  }
  out.end_object();
}

std::string_view kind_word(sched::DependencyKind kind) {
  switch (kind) {
    case sched::DependencyKind::After: return "after";
    case sched::DependencyKind::AfterAny: return "afterany";
    case sched::DependencyKind::AfterOk: return "afterok";
    case sched::DependencyKind::AfterNotOk: return "afternotok";
    case sched::DependencyKind::AfterCorr: return "aftercorr";
  }
  return "after";
}

void append_paths(JsonWriter& out, const sched::JobSpec& spec) {
  out.field("cwd", spec.cwd);
  out.field("out", spec.out);
  out.field("err", spec.err);
  out.field("in", spec.in);
  out.field("append_output", spec.append_output);
  out.key("argv");
  out.begin_array();
  for (const std::string& arg : spec.argv) out.value(arg);
  out.end_array();
}

// 0 = not said.
void append_rules(JsonWriter& out, const sched::JobSpec& spec) {
  const rm::TaskRules& rules = spec.layout;
  out.field("nodes_max", std::max(spec.request.nodes, spec.request.nodes_max));
  out.field("contiguous", spec.request.contiguous);
  out.field("distribution", distribution_text(rules));
  out.field("threads_per_core", rules.threads_per_core);
  out.field("ntasks_per_core", rules.ntasks_per_core);
  out.field("ntasks_per_socket", rules.ntasks_per_socket);
  out.field("sockets_per_node", rules.sockets_per_node);
  out.field("cores_per_socket", rules.cores_per_socket);
  out.field("cpu_bind", to_string(rules.cpu_bind));
  out.field("mem_bind", to_string(rules.mem_bind));
}

// What one component asks for and its tasks.
void append_request(JsonWriter& out, const sched::JobSpec& spec) {
  out.field("ntasks", spec.ntasks);
  out.field("cpus_per_task", spec.cpus_per_task);
  out.field("ntasks_per_node", spec.ntasks_per_node);
  append_rules(out, spec);
  out.field("gpu_model", spec.request.gpu_model);
  if (spec.request.sole_user != 0)
    out.field("exclusive", "user");
  else
    out.field("exclusive", spec.request.exclusive);
  if (spec.request.gpu_share > 0) out.field("gpu_share", spec.request.gpu_share);
  append_counts(out, "licences", spec.request.licences);
  append_counts(out, "resources", spec.request.resources);
  append_labels(out, "constraints", spec.request.node_labels);
  out.field("constraint", spec.request.constraint);
}

void append_amounts(JsonWriter& out, const rm::Request& request) {
  out.field("nodes", request.nodes);
  out.field("cpus", request.cpus);
  out.field("mem_mib", request.mem_mib);
  out.field("gpus", request.gpus);
}

// Beside the amounts, in lists as well: where it asks for more than those say.
void append_extras(JsonWriter& out, const rm::Request& request) {
  if (!request.gpu_model.empty()) out.field("gpu_model", request.gpu_model);
  if (request.gpu_share > 0) out.field("gpu_share", request.gpu_share);
  if (request.exclusive) out.field("exclusive", true);
  if (!request.resources.empty()) append_counts(out, "resources", request.resources);
}

// Each with its part of the nodes, whose names stand in the order of components.
void append_components(JsonWriter& out, const JobView& view) {
  const sched::JobSpec& spec = view.row.spec;
  if (spec.more_tasks.empty()) return;
  const std::string& node = view.row.node;
  auto names = unfold_names(node, std::size_t(rm::nodes_of(spec.request)));
  std::size_t used = 0;
  out.key("components");
  out.begin_array();
  for (std::size_t at = 0; at < sched::component_count(spec); ++at) {
    const sched::JobSpec part = sched::component_of(spec, at);
    const auto count = std::size_t(part.request.nodes);
    out.begin_object();
    append_amounts(out, part.request);
    if (!node.empty() && names && names->size() >= used + count)
      out.field("node", fold_names(std::span(*names).subspan(used, count)));
    else
      out.null_field("node");
    used += count;
    if (view.with_spec)
      append_request(out, part);
    else
      append_extras(out, part.request);
    out.end_object();
  }
  out.end_array();
}

void append_spec(JsonWriter& out, const sched::JobSpec& spec) {
  out.key("spec");
  out.begin_object();
  append_paths(out, spec);
  append_request(out, spec);
  out.field("hold", spec.hold);
  append_time(out, "begin", spec.begin);
  out.field("requeue", spec.requeue);
  out.field("array_throttle", spec.array_throttle);
  if (spec.warn.signal != 0) {
    out.key("signal");
    out.begin_object();
    out.field("signal", spec.warn.signal);
    out.field("before_s", spec.warn.before_s);
    out.end_object();
  }
  out.key("dependencies");
  out.begin_array();
  for (const sched::Dependency& dependency : spec.dependencies) {
    out.begin_object();
    out.field("kind", kind_word(dependency.kind));
    out.field("job", raw(dependency.job));
    if (dependency.minutes > 0) out.field("minutes", dependency.minutes);
    out.end_object();
  }
  out.end_array();
  out.field("dependency_any", spec.dependency_any);
  out.field("singleton", spec.singleton);
  out.field("kill_on_invalid_dependency", !spec.keep_invalid);
  out.field("nice", spec.nice);
  append_time(out, "deadline", spec.deadline);
  out.field("max_failures", spec.max_failures);
  out.field("reservation", spec.reservation);
  append_retry(out, spec.retry);
  if (spec.items_run) out.field("items_run", true);
  append_engine_parts(out, spec);
  out.end_object();
}

void append_counts(JsonWriter& out, const JobRow& row) {
  const sched::TaskCounts& counts = row.record.counts;
  const std::uint64_t total = row.spec.array.count();
  const std::uint64_t touched =
      counts.active + counts.succeeded + counts.failed + counts.cancelled + counts.timed_out;
  out.key("tasks");
  out.begin_object();
  out.field("total", total);
  out.field("waiting", total > touched ? total - touched : 0);
  out.field("active", counts.active);
  out.field("succeeded", counts.succeeded);
  out.field("failed", counts.failed);
  out.field("cancelled", counts.cancelled);
  out.field("timed_out", counts.timed_out);
  out.end_object();
}

// From one moment to another; null when the first has not come, up to now when the second has not.
void append_span(JsonWriter& out, std::string_view name, Time from, Time to, Time now) {
  if (!from.is_set()) return out.null_field(name);
  const Time end = to.is_set() ? to : now;
  append_seconds(out, name, end > from ? end - from : Duration{});
}

}  // namespace

void append_time(JsonWriter& out, std::string_view name, Time at) {
  if (!at.is_set()) return out.null_field(name);
  const std::time_t whole = at.us / 1'000'000;
  std::tm parts{};
  gmtime_r(&whole, &parts);
  char text[64];
  const std::size_t length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text + length, sizeof text - length, ".%06dZ", int(at.us % 1'000'000));
  out.field(name, std::string_view(text));
}

void append_seconds(JsonWriter& out, std::string_view name, Duration d) {
  out.field(name, double(d.us) / 1e6);
}

std::string group_name(const sched::JobSpec& spec, const std::vector<std::string>& group_by) {
  std::string name;
  for (const std::string& label : group_by) {
    if (!name.empty()) name += ',';
    name += label + "=";
    if (const auto found = spec.labels.find(label); found != spec.labels.end())
      name += found->second;
  }
  return name;
}

void append_job(JsonWriter& out, const JobView& view) {
  const auto& [record, spec, node] = view.row;
  const bool final_state = sched::is_final(record.state);
  out.begin_object();
  out.field("id", raw(record.id));
  out.field("name", spec.name);
  out.field("user", spec.user);
  out.field("uid", spec.owner.uid);
  out.field("group", group_name(spec, view.group_by));
  out.field("state", to_string(view.why ? view.why->state : record.state));
  out.field("reason", to_string(view.why ? view.why->reason : record.reason));
  out.field("detail", view.why ? view.why->text : record.detail);
  out.field("priority", record.priority);
  append_time(out, "submitted", record.submitted);
  append_time(out, "started", record.started);
  append_time(out, "ended", record.ended);
  append_span(out, "wait_s", record.submitted,
              record.started.is_set() ? record.started : record.ended, view.now);
  append_span(out, "run_s", record.started, record.ended, view.now);
  if (spec.is_array)
    out.field("array", spec.array.to_string() +
                           (record.throttle > 0 ? "%" + std::to_string(record.throttle) : ""));
  else
    out.null_field("array");
  append_counts(out, view.row);
  if (final_state && record.started.is_set() && record.reason != sched::Reason::LaunchFailed)
    out.field("exit_code", record.exit_code);
  else
    out.null_field("exit_code");
  append_amounts(out, spec.request);
  append_extras(out, spec.request);
  append_components(out, view);
  out.field("time_limit_s", spec.time_limit.us / 1'000'000);
  if (node.empty())
    out.null_field("node");
  else
    out.field("node", node);
  append_labels(out, "labels", spec.labels);
  out.field("comment", spec.comment);
  if (view.with_spec) append_spec(out, spec);
  out.end_object();
}

void append_task(JsonWriter& out, const sched::JobSpec& spec, const sched::TaskRecord& task,
                 Time now) {
  out.begin_object();
  out.field("index", raw(task.id.index));
  out.field("state", to_string(task.state));
  out.field("reason", to_string(task.reason));
  out.field("attempt", raw(task.attempt));
  out.field("retries", task.retries);
  append_time(out, "retry_at", task.retry_at);
  if (task.node.empty())
    out.null_field("node");
  else
    out.field("node", task.node);
  out.key("cpus");
  out.begin_array();
  for (const std::uint16_t pu : task.lease ? task.lease->pus : task.last_pus) out.value(pu);
  out.end_array();
  out.key("gpus");
  out.begin_array();
  for (const std::uint16_t gpu : task.lease ? task.lease->gpus : task.last_gpus) out.value(gpu);
  out.end_array();
  // A task that never ran has no exit code; 0 would read as success.
  if (is_final(task.state) && task.started.is_set() && task.reason != sched::Reason::LaunchFailed)
    out.field("exit_code", task.exit_code);
  else
    out.null_field("exit_code");
  out.field("signal", task.term_signal);
  append_time(out, "placed", task.placed);
  append_time(out, "started", task.started);
  append_time(out, "ended", task.ended);
  append_span(out, "wait_s", task.placed, task.started.is_set() ? task.started : task.ended, now);
  append_span(out, "run_s", task.started, task.ended, now);
  out.field("user_s", double(task.usage.user_us) / 1e6);
  out.field("system_s", double(task.usage.system_us) / 1e6);
  out.field("max_rss_kib", task.usage.max_rss_kib);
  if (raw(task.preempted_by) != 0)
    out.field("preempted_by", raw(task.preempted_by));
  else
    out.null_field("preempted_by");
  const bool has_notice = !is_final(task.state) && raw(task.preempted_by) != 0;
  append_time(out, "notice_until", has_notice ? task.notice : Time{});
  append_time(out, "suspended_since", task.suspended);
  const std::int64_t since =
      task.suspended.is_set() ? std::max<std::int64_t>(0, (now - task.suspended).us) : 0;
  out.field("suspended_s", double(task.suspended_for.us + since) / 1e6);
  const auto files = task_files(spec, task.id, task.node);
  out.field("out", files ? files->out : std::string());
  out.field("err", files ? (files->err.empty() ? files->out : files->err) : std::string());
  out.end_object();
}

void append_event(JsonWriter& out, const sched::Event& event) {
  out.begin_object();
  out.field("seq", raw(event.seq));
  append_time(out, "at", event.at);
  out.field("kind", to_string(event.kind));
  out.field("job", raw(event.job));
  if (event.task)
    out.field("task", raw(*event.task));
  else
    out.null_field("task");
  out.field("attempt", raw(event.attempt));
  out.field("node", event.node);
  out.field("state", event.state);
  if (!event.step.empty()) out.field("step", event.step);
  out.field("reason", to_string(event.reason));
  out.field("exit_code", event.exit_code);
  out.end_object();
}

void append_priority(JsonWriter& out, const sched::PriorityParts& parts) {
  out.key("score");
  out.begin_object();
  out.field("points", double(parts.total) / 1e6);
  out.key("factors");
  out.begin_array();
  for (std::size_t i = 0; i < sched::kFactors; ++i) {
    const sched::PriorityParts::Part& part = parts.parts[i];
    out.begin_object();
    out.field("factor", to_string(sched::Factor(i)));
    out.field("value", double(part.value_ppm) / 1e6);
    out.field("weight", part.weight);
    out.field("points", double(part.score) / 1e6);
    out.end_object();
  }
  out.end_array();
  out.end_object();
}

void append_why(JsonWriter& out, const sched::Why& why) {
  out.field("state", to_string(why.state));
  out.field("reason", to_string(why.reason));
  out.field("text", why.text);
  out.field("hint", why.hint);
}

void append_obstacles(JsonWriter& out, const sched::Why& why) {
  out.key("in_the_way");
  out.begin_array();
  for (const sched::Obstacle& one : why.in_the_way) {
    out.begin_object();
    out.field("node", one.node);
    if (raw(one.job) != 0)
      out.field("job", raw(one.job));
    else
      out.null_field("job");
    out.field("text", one.text);
    append_time(out, "until", one.until);
    out.end_object();
  }
  out.end_array();
  out.field("more_in_the_way", why.more_in_the_way);
}

void append_estimate(JsonWriter& out, const std::optional<sched::Estimate>& estimate) {
  if (!estimate) {
    out.null_field("expected_start");
    return;
  }
  append_time(out, "expected_start", estimate->start);
  if (estimate->start.is_set()) {
    out.field("start_bound", estimate->is_least ? "not_before" : "by");
    out.field("jobs_before", estimate->before);
  }
  out.field("start_because", estimate->because);
  append_time(out, "estimated_at", estimate->made);
}

}  // namespace drover::server
