// server/api_admin.cpp - health, version, status, configuration, backup, check, metrics, OpenAPI.
// SPDX-License-Identifier: Apache-2.0
#include <spdlog/spdlog.h>

#include <utility>

#include "server/api.hpp"
#include "server/collect_metrics.hpp"
#include "server/command_json_in.hpp"
#include "server/job_json_out.hpp"
#include "server/openapi.hpp"
#include "server/version.hpp"

namespace drover::server::api {
namespace {

void append_jobs(JsonWriter& out, const sched::Stats& stats) {
  out.key("jobs");
  out.begin_object();
  for (std::size_t s = 0; s < std::size(stats.jobs_by_state); ++s)
    out.field(to_string(sched::JobState(s)), stats.jobs_by_state[s]);
  out.field("open", stats.jobs_open);
  out.field("submitted", stats.submitted);
  out.field("rejected", stats.rejected);
  out.end_object();
  out.key("tasks");
  out.begin_object();
  out.field("active", stats.tasks_active);
  out.field("launched", stats.launched);
  out.field("started", stats.started);
  out.field("ended", stats.ended);
  out.field("requeued", stats.requeued);
  out.field("stale_messages", stats.stale_messages);
  out.end_object();
}

void append_store(JsonWriter& out, const store::StoreStats& store) {
  out.key("store");
  out.begin_object();
  out.field("map_bytes", store.map_bytes);
  out.field("used_bytes", store.used_bytes);
  out.field("disk_free_bytes", store.disk_free_bytes);
  out.field("commits", store.commits);
  out.field("records_written", store.records_written);
  out.end_object();
}

}  // namespace

void show_health(Services& services, ExchangePtr exchange) {
  // No more than one word: this route needs no authentication.
  exchange->json(services.store.has_room() && !services.turn.is_full()
                     ? R"({"v":1,"status":"ok"})"
                     : R"({"v":1,"status":"degraded"})");
}

void show_version(Services&, ExchangePtr exchange) {
  std::string body;
  JsonWriter out(body);
  out.begin_object();
  out.field("v", 1);
  out.field("version", kVersion);
  out.field("api", 1);
  out.end_object();
  exchange->json(std::move(body));
}

void show_status(Services& services, ExchangePtr exchange) {
  const sched::Stats stats = services.controller.stats();
  const Time now = net::Loop::now().wall;
  std::string body;
  JsonWriter out(body);
  out.begin_object();
  out.field("v", 1);
  out.field("version", kVersion);
  append_time(out, "started", services.started);
  append_seconds(out, "uptime_s", now - services.started);
  append_jobs(out, stats);
  out.field("groups", stats.groups);
  out.field("turns", stats.turns);
  out.field("inputs_waiting", services.turn.waiting());
  out.field("streams", services.streams);
  append_store(out, services.store.stats());
  out.field("last_event", raw(services.events.last()));
  out.field("nodes", services.controller.resources().nodes().size());
  out.field("agents_connected", services.agents.connected());
  out.field("http_connections", services.http_counters().connections_open);
  out.end_object();
  exchange->json(std::move(body));
}

void show_config(Services& services, ExchangePtr exchange) {
  std::string body;
  JsonWriter out(body);
  out.begin_object();
  out.field("v", 1);
  out.key("config");
  out.begin_array();
  for (const ConfigKey& key : config_keys()) {
    out.begin_object();
    out.field("key", key.name);
    out.field("value", print_value(services.config, key));
    const auto origin = services.config.origin.find(std::string(key.name));
    out.field("origin",
              origin == services.config.origin.end() ? std::string("default") : origin->second);
    out.field("live", key.live);
    out.end_object();
  }
  out.end_array();
  out.field("quotas", services.config.quotas.size());
  out.end_object();
  exchange->json(std::move(body));
}

void back_up(Services& services, ExchangePtr exchange) {
  auto body = read_command(std::move(exchange->request.body), "dir");
  if (!body) return exchange->refuse(body.error());
  if (!body->dir.starts_with('/'))
    return exchange->refuse(
        {Errc::BadInput, "dir must be an absolute path", "an existing empty directory", "dir"});
  auto result = std::make_shared<Result<void>>();
  const store::Store& store = services.store;
  services.loop.offload([result, &store, dir = body->dir] { *result = store.backup(dir); },
                        [result, exchange, dir = body->dir] {
                          if (!*result) return exchange->refuse(result->error());
                          spdlog::info("backup written");
                          std::string text;
                          JsonWriter out(text);
                          out.begin_object();
                          out.field("v", 1);
                          out.field("dir", dir);
                          out.end_object();
                          exchange->json(std::move(text));
                        });
}

void check_now(Services& services, ExchangePtr exchange) {
  const std::vector<std::string> problems = services.controller.check();
  for (const std::string& problem : problems) spdlog::error("invariant: {}", problem);
  std::string body;
  JsonWriter out(body);
  out.begin_object();
  out.field("v", 1);
  out.key("problems");
  out.begin_array();
  for (const std::string& problem : problems) out.value(problem);
  out.end_array();
  out.end_object();
  exchange->json(std::move(body));
}

void show_metrics(Services& services, ExchangePtr exchange) {
  collect_metrics(services);
  exchange->text(services.metrics.scrape(), "text/plain; version=0.0.4; charset=utf-8");
}

void show_openapi(Services&, ExchangePtr exchange) { exchange->json(std::string(openapi_json())); }

}  // namespace drover::server::api
