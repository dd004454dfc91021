// server/api_jobs.cpp - one job: submit, show, wait, why, script, plan.
// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "dag/compile.hpp"
#include "sched/plan_request.hpp"
#include "server/api.hpp"
#include "server/end_waiter.hpp"
#include "server/job_rows.hpp"
#include "server/statement_reuse.hpp"

namespace drover::server::api {
namespace {

// The controller weighs it as it would weigh the submission; nothing becomes a job.
void answer_would_run(const Services& services, const Exchange& exchange,
                      const sched::Submit& submit) {
  auto prospect = services.controller.weigh(submit, net::Loop::now());
  if (!prospect && prospect.error().code == Errc::NotFound)
    return exchange.refuse(prospect.error());
  if (prospect && prospect->outlook == sched::Outlook::Never)
    prospect = fail(Errc::Conflict, "a job it depends on ended otherwise: it would be cancelled",
                    "drover show " + std::to_string(raw(submit.spec->dependencies[0].job)));
  std::string body;
  JsonWriter out(body);
  out.begin_object();
  out.field("v", 1);
  out.field("would_run", prospect.has_value());
  if (!prospect) {
    out.field("text", prospect.error().message);
    out.field("hint", prospect.error().hint);
  } else {
    const sched::Why& why = prospect->why;
    std::string text = "the job is right and would start at once";
    if (why.reason == sched::Reason::NoNode)
      text = "the job is right; no node has registered yet";
    else if (why.reason != sched::Reason::None)
      text = "the job is right, but would not start at once: " + why.text;
    out.field("text", text);
    out.field("hint", why.hint);
    out.field("reason", to_string(why.reason));
    append_obstacles(out, why);
    append_estimate(out, prospect->start);
  }
  out.end_object();
  exchange.json(std::move(body));
}

}  // namespace

void submit_job(Services& services, ExchangePtr exchange) {
  std::string& body = exchange->request.body;
  body.reserve(body.size() + kJsonPadding);
  auto spec = services.reader.read_padded(body, net::Loop::now().wall);
  if (!spec) {
    services.metrics.add(metrics::FamilyId::JobsRejected, {to_string(spec.error().code)});
    return exchange->refuse(spec.error());
  }
  const auto test_only = exchange->flag("test_only");
  if (!test_only) return exchange->refuse(test_only.error());
  if (*test_only) {
    if (auto good = pool::take_wishes(*spec); !good) return exchange->refuse(good.error());
    auto submit = services.admission.prepare(std::move(*spec), exchange->caller);
    if (!submit) return exchange->refuse(submit.error());
    return answer_would_run(services, *exchange, *submit);
  }
  std::optional<store::Snapshot> snapshot;
  services.admission.submit(
      std::move(*spec), exchange->caller, std::string(exchange->request.header("idempotency-key")),
      body, snapshot, [exchange](const Result<Admitted>& result) {
        if (!result) return exchange->refuse(result.error());
        std::string answer = "{\"v\":1,\"id\":" + std::to_string(raw(result->job));
        if (result->reused_from.is_set()) answer += ",\"reused\":" + reused_json(*result);
        exchange->json(answer + "}", result->seen ? 200 : 201);
      });
}

void show_job(Services& services, ExchangePtr exchange) {
  auto snapshot = services.store.snapshot();
  if (!snapshot) return exchange->refuse(snapshot.error());
  auto row = read_row(*snapshot, exchange->job, *exchange->spec);
  if (!row) return exchange->refuse(row.error());
  exchange->json(show_json(services, *snapshot, *row));
}

void wait_job(Services& services, ExchangePtr exchange) {
  const auto timeout = exchange->number("timeout_s", 0, 3600, 30);
  if (!timeout) return exchange->refuse(timeout.error());
  auto snapshot = services.store.snapshot();
  if (!snapshot) return exchange->refuse(snapshot.error());
  const auto record = snapshot->job(exchange->job);
  if (!record) return exchange->refuse(record.error());
  // Nothing can end between this look and the hook: both are on the loop thread, after the commit.
  if (sched::is_final(record->state) || *timeout == 0)
    return show_job(services, std::move(exchange));
  wait_for_end(services, std::move(exchange), seconds(*timeout), show_job);
}

namespace {

// "the job was cancelled: deadline"
std::string ended_text(const sched::JobRecord& record) {
  const bool known = record.reason != sched::Reason::None;
  std::string text = record.state == sched::JobState::Cancelled ? "the job was cancelled"
                     : record.state == sched::JobState::TimedOut
                         ? "the job ran out of time"
                         : "the job has " + std::string(to_string(record.state));
  if (known && record.state != sched::JobState::TimedOut)
    text += ": " + std::string(to_string(record.reason));
  return text;
}

}  // namespace

void explain_job(Services& services, ExchangePtr exchange) {
  const auto task = exchange->number("task", 0, UINT32_MAX, -1);
  if (!task) return exchange->refuse(task.error());
  auto snapshot = services.store.snapshot();
  if (!snapshot) return exchange->refuse(snapshot.error());
  const auto record = snapshot->job(exchange->job);
  if (!record) return exchange->refuse(record.error());
  std::optional<TaskIndex> index;
  if (*task >= 0) {
    index = TaskIndex(std::uint32_t(*task));
    if (!exchange->spec->array.contains(std::uint32_t(*task)))
      return exchange->refuse({Errc::NotFound, "the job has no element " + std::to_string(*task),
                               "its elements are " + exchange->spec->array.to_string(), "task"});
  }
  auto prospect =
      services.controller.look_at(exchange->job, index, net::Loop::now(), &*exchange->spec);
  if (!prospect) {
    prospect.emplace();
    prospect->why = {record->state, record->reason, record->detail, {}};
    if (record->detail.empty()) prospect->why.text = ended_text(*record);
  }
  sched::Why& why = prospect->why;
  if (exchange->spec->statement) add_engine_reason(services, exchange->job, why);
  std::string body;
  JsonWriter out(body);
  out.begin_object();
  out.field("v", 1);
  append_why(out, why);
  append_obstacles(out, why);
  append_estimate(out, prospect->start);
  if (const auto parts =
          services.controller.priority(exchange->job, *exchange->spec, net::Loop::now()))
    append_priority(out, *parts);
  out.end_object();
  exchange->json(std::move(body));
}

// A page of them: {"items":[{"index":0,"item":"a"}],"next":1}.
void show_items(Services& services, ExchangePtr exchange) {
  const auto from = exchange->number("from", 0, UINT32_MAX, 0);
  if (!from) return exchange->refuse(from.error());
  const auto limit = exchange->number("limit", 1, 1000, 100);
  if (!limit) return exchange->refuse(limit.error());
  auto spec = services.specs.find(exchange->job);
  if (!spec) return exchange->refuse(spec.error());
  const sched::Items& items = (*spec)->items;
  std::string body;
  JsonWriter out(body);
  out.begin_object();
  out.field("v", 1);
  out.field("total", items.size());
  out.key("items");
  out.begin_array();
  const std::size_t end = std::min(items.size(), std::size_t(*from + *limit));
  for (std::size_t i = std::size_t(*from); i < end; ++i) {
    out.begin_object();
    out.field("index", i);
    out.field("item", items[i]);
    out.end_object();
  }
  out.end_array();
  if (end < items.size())
    out.field("next", end);
  else
    out.null_field("next");
  out.end_object();
  exchange->json(std::move(body));
}

void show_script(Services& services, ExchangePtr exchange) {
  auto spec = services.specs.find(exchange->job);
  if (!spec) return exchange->refuse(spec.error());
  if ((*spec)->script.empty())
    return exchange->refuse(
        {Errc::NotFound, "the job runs a command, not a script", "drover show lists argv", ""});
  exchange->text((*spec)->script);
}

void show_plan(Services& services, ExchangePtr exchange) {
  const std::string format(exchange->request.query_value("format"));
  if (!format.empty() && format != "text" && format != "dot" && format != "json")
    return exchange->refuse(
        {Errc::BadInput, "unknown format " + format, "text, dot or json", "format"});
  auto spec = services.specs.find(exchange->job);
  if (!spec) return exchange->refuse(spec.error());
  auto text = std::make_shared<Result<std::string>>();
  services.loop.offload(
      [text, spec = *spec, format] {
        auto plan = dag::compile(sched::to_plan_request(*spec));
        if (!plan)
          *text = fail(plan.error());
        else
          *text = format == "dot"    ? (*plan)->to_dot()
                  : format == "json" ? (*plan)->to_json()
                                     : (*plan)->to_text();
      },
      [exchange, text, format] {
        if (!*text) return exchange->refuse(text->error());
        if (format == "json") return exchange->json(std::move(**text));
        exchange->text(std::move(**text));
      });
}

}  // namespace drover::server::api
