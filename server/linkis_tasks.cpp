// server/linkis_tasks.cpp - names, progress and history of statements.
// SPDX-License-Identifier: Apache-2.0
#include "server/linkis_tasks.hpp"

#include <algorithm>

#include "base/units.hpp"
#include "linkis/engine_name.hpp"
#include "linkis/result_path.hpp"
#include "linkis/state_name.hpp"
#include "server/linkis_answer.hpp"
#include "server/linkis_desk.hpp"

namespace drover::server {
namespace {

using linkis::Json;

constexpr std::int64_t kMillisPerUs = 1000, kCostMax = 2'147'483'647;
constexpr std::size_t kFailureMax = 1000;

std::string label_of(const sched::JobSpec& spec, const char* name) {
  const auto found = spec.labels.find(name);
  return found == spec.labels.end() ? std::string() : found->second;
}

Json text_or_null(std::string text) { return text.empty() ? Json(nullptr) : Json(std::move(text)); }
Json millis_or_null(Time at) { return at.is_set() ? Json(at.us / kMillisPerUs) : Json(nullptr); }

Time last_change(const sched::JobRecord& record) {
  return std::max({record.submitted, record.started, record.ended});
}

Json labels_json(const Json& origin, const sched::JobSpec& spec) {
  Json labels = Json::array();
  for (const auto& [name, value] : linkis::object_of(origin, "labels").items())
    if (value.is_string())
      labels.push_back(name + ":" + value.get<std::string>());
    else
      labels.push_back(name + ":" + linkis::dump(value));
  if (labels.empty())
    for (const auto& [name, value] : spec.labels) labels.push_back(name + ":" + value);
  return labels;
}

std::string moment(Time at) {
  if (!at.is_set()) return {};
  std::string text = format_utc(at);  // 2026-12-24T08:00:00Z
  return text.substr(0, text.size() - 1) + "+0000";
}

// The spelling of jobToECTIme is the contract's.
std::string metrics_text(const LinkisTask& task) {
  Json metrics;
  metrics["submitTime"] = moment(task.record.submitted);
  if (task.record.started.is_set()) {
    metrics["scheduleTime"] = moment(task.record.started);
    metrics["jobToOrchestrator"] = moment(task.record.started);
    metrics["runningTime"] = moment(task.record.started);
    metrics["requestECTime"] = moment(task.record.started);
    metrics["jobToECTIme"] = moment(task.record.started);
  }
  if (task.record.ended.is_set()) metrics["completeTime"] = moment(task.record.ended);
  metrics["isReuse"] = task.record.started.is_set();
  if (!task.engine.empty()) metrics["engineInstance"] = task.engine;
  Json engines = Json::object();
  if (!task.engine.empty() && !task.ticket.empty()) {
    Json& engine = engines[task.ticket];
    engine["engineInstance"] = task.engine;
    engine["ticketId"] = task.ticket;
    engine["engineConnTaskId"] = std::to_string(raw(task.record.id));
  }
  metrics["engineconnMap"] = std::move(engines);
  metrics["yarnResource"] = Json::object();  // no engine of ours asks YARN for anything
  return linkis::dump(metrics);
}

// Numbers of the contract for ends that clients may act upon.
std::int64_t failure_code(sched::Reason reason) {
  if (reason == sched::Reason::EngineFailed) return 12003;
  if (reason == sched::Reason::EngineLost) return 13005;
  return 13000;
}

}  // namespace

linkis::TaskName task_name(const sched::JobSpec& spec, JobId id) {
  std::string creator = label_of(spec, "creator");
  if (creator.empty()) creator = "IDE";
  return {creator, spec.user, spec.statement ? spec.statement->engine : "batch", raw(id)};
}

std::string exec_id_of(const Services& services, const LinkisTask& task) {
  return linkis::exec_id(services.linkis->instance(), task_name(task.spec, task.record.id));
}

Json origin_of(const sched::JobSpec& spec) {
  if (!spec.statement || spec.statement->origin.empty()) return Json::object();
  auto origin = linkis::parse_object(spec.statement->origin);
  return origin ? *std::move(origin) : Json::object();
}

bool has_printed_result(const LinkisTask& task) {
  return task.prints_result && task.record.state == sched::JobState::Succeeded &&
         task.record.started.is_set();
}

bool prints_result(const Services& services, const sched::JobSpec& spec) {
  if (!spec.statement) return false;
  const pool::Plugin* plugin = services.engines.catalogue().find(spec.statement->engine);
  return plugin != nullptr && plugin->printed_is_result;
}

Result<LinkisTask> find_task(const Services& services, const Exchange& exchange,
                             std::string_view name) {
  auto reference = linkis::parse_task(name);
  if (!reference) return fail(reference.error());
  auto snapshot = services.store.snapshot();
  if (!snapshot) return fail(snapshot.error());
  const JobId id{reference->task};
  auto spec = snapshot->spec(id, false);
  if (!spec && spec.error().code != Errc::NotFound) return fail(spec.error());
  const Caller& caller = exchange.caller;
  const bool may = spec && spec->statement && (caller.is_operator || spec->owner.uid == caller.uid);
  if (!may || (!reference->short_id.empty() &&
               reference->short_id != linkis::short_id(task_name(*spec, id))))
    return fail(no_such_task(name, caller));
  auto record = snapshot->job(id);
  if (!record) return fail(record.error());
  LinkisTask task{*std::move(record), *std::move(spec), {}, {}, {}};
  task.prints_result = prints_result(services, task.spec);
  set_engine(*snapshot, task);
  return task;
}

void set_engine(const store::Snapshot& snapshot, LinkisTask& task) {
  const auto run = snapshot.task({task.record.id, TaskIndex{0}});
  if (!run || !*run) return;
  const std::uint64_t host = raw((*run)->host);
  task.engine = linkis::engine_instance({(*run)->node, host});
  if (task.spec.statement && task.spec.statement->once)
    task.ticket = std::to_string(raw(task.record.id));
  else if (host != 0)
    task.ticket = std::to_string(host);
  if (host == 0) return;
  if (const auto engine = snapshot.task({JobId{host}, TaskIndex{0}}); engine && *engine)
    task.node = (*engine)->node;
}

double progress_of(const Services& services, const LinkisTask& task) {
  if (sched::is_final(task.record.state)) return 1.0;
  const Progress* progress = services.agents.progress(task.record.id);
  if (progress == nullptr) return 0.0;
  return std::min(progress->thousandths, 990) / 1000.0;
}

Json progress_info(const Services& services, const LinkisTask& task) {
  Json list = Json::array();
  const bool is_final = sched::is_final(task.record.state);
  const Progress* progress = is_final ? nullptr : services.agents.progress(task.record.id);
  if (!is_final && progress == nullptr) return list;
  const bool good = task.record.state == sched::JobState::Succeeded;
  const std::int64_t total = progress == nullptr ? 1 : std::max<std::int64_t>(progress->total, 1);
  const std::int64_t done = progress == nullptr ? (good ? 1 : 0) : std::min(progress->done, total);
  Json one;
  one["id"] = linkis::short_id(task_name(task.spec, task.record.id));
  one["totalTasks"] = total;
  one["runningTasks"] = is_final ? 0 : std::min<std::int64_t>(1, total - done);
  one["failedTasks"] = is_final && !good ? 1 : 0;
  one["succeedTasks"] = done;
  list.push_back(std::move(one));
  return list;
}

void cut(std::string& text, std::size_t size) {
  if (text.size() <= size) return;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
  text.resize(size);
}

TaskEnd end_of(const store::Snapshot& snapshot, const LinkisTask& task) {
  const sched::JobRecord& record = task.record;
  TaskEnd end;
  if (!sched::is_final(record.state)) return end;
  const auto stored = snapshot.results(record.id);
  const Json all =
      stored && !stored->empty() ? drover::linkis::parse_stored(*stored) : Json::object();
  if (all.is_object() && all.contains("results") && all["results"].is_array())
    end.results = all["results"].size();
  if (end.results == 0 && has_printed_result(task)) end.results = 1;
  if (record.state == sched::JobState::Succeeded) return end;
  const Json& error = linkis::object_of(all, "error");
  const std::string name = linkis::text_of(error, "name");
  const std::string message = linkis::text_of(error, "message");
  end.failure = name + (name.empty() || message.empty() ? "" : ": ") + message;
  if (const std::int64_t line = linkis::number_of(error, "line", 0);
      line > 0 && !end.failure.empty())
    end.failure += " (line " + std::to_string(line) + ")";
  if (end.failure.empty()) {
    end.failure = "the task has " + std::string(to_string(record.state)) + ": " +
                  std::string(to_string(record.reason));
    if (!record.detail.empty()) end.failure += ", " + record.detail;
  }
  cut(end.failure, kFailureMax);
  for (char& c : end.failure)
    if (c == '\n' || c == '\r') c = ' ';
  return end;
}

Json task_json(const Services& services, const LinkisTask& task, const TaskEnd& end,
               std::string_view code, bool brief) {
  return task_json(services.linkis->instance(), progress_of(services, task), task, end, code,
                   brief);
}

Duration cost_of(const sched::JobRecord& record, Time now) {
  return (sched::is_final(record.state) ? record.ended : now) - record.submitted;
}

Json task_json(const std::string& instance, double progress, const LinkisTask& task,
               const TaskEnd& end, std::string_view code, bool brief) {
  const sched::JobRecord& record = task.record;
  const linkis::TaskName name = task_name(task.spec, record.id);
  const Json origin = origin_of(task.spec);
  const bool is_final = sched::is_final(record.state);
  const std::int64_t cost = cost_of(record, net::Loop::now().wall).us / kMillisPerUs;
  std::string type = linkis::text_of(linkis::object_of(origin, "labels"), "engineType");
  if (type.empty()) type = name.engine;
  Json out;
  out["taskID"] = raw(record.id);
  out["instance"] = instance;
  out["execId"] = linkis::short_id(name);
  out["strongerExecId"] = linkis::exec_id(instance, name);
  out["umUser"] = task.spec.user;
  out["executeUser"] = task.spec.user;
  out["engineInstance"] = text_or_null(task.engine);
  out["executionCode"] = brief ? "" : code;
  out["progress"] = is_final ? "1.0" : Json(progress).dump();
  out["logPath"] = linkis::log_path(task.spec.user, raw(record.id));
  out["resultLocation"] =
      end.results == 0 ? std::string() : linkis::results_path(task.spec.user, raw(record.id));
  out["status"] = linkis::state_name(record.state);
  out["createdTime"] = record.submitted.us / kMillisPerUs;
  out["updatedTime"] = last_change(record).us / kMillisPerUs;
  out["engineType"] = type.substr(0, type.find('-'));
  out["errCode"] = end.failure.empty() ? Json(nullptr) : Json(failure_code(record.reason));
  out["errDesc"] = text_or_null(end.failure);
  out["executeApplicationName"] = type.substr(0, type.find('-'));
  out["requestApplicationName"] = name.creator;
  out["runType"] = task.spec.statement ? task.spec.statement->language : "";
  out["paramsJson"] = brief ? "" : linkis::dump(linkis::object_of(origin, "params"));
  out["sourceJson"] = brief ? "" : linkis::dump(linkis::object_of(origin, "source"));
  out["sourceTailor"] = linkis::text_of(linkis::object_of(origin, "source"), "scriptPath");
  out["costTime"] = std::clamp<std::int64_t>(cost, 0, kCostMax);
  out["engineStartTime"] = nullptr;
  out["labels"] = labels_json(origin, task.spec);
  out["canRetry"] = record.state == sched::JobState::Failed && task.engine.empty();
  out["observeInfo"] = nullptr;
  out["isReuse"] = record.started.is_set();
  out["requestStartTime"] = millis_or_null(record.started);
  out["requestEndTime"] = millis_or_null(record.ended);
  out["requestSpendTime"] = record.started.is_set() && record.ended.is_set()
                                ? Json((record.ended - record.started).us / kMillisPerUs)
                                : Json(nullptr);
  out["metrics"] = metrics_text(task);
  const bool has_log = !task.ticket.empty() && !task.node.empty();
  out["engineLogPath"] = has_log ? Json(linkis::engine_log_folder(task.ticket)) : Json(nullptr);
  out["ecmInstance"] = text_or_null(task.node);
  out["ticketId"] = text_or_null(task.ticket);
  out["subJobs"] = nullptr;
  return out;
}

}  // namespace drover::server
