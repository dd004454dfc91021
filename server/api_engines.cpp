// server/api_engines.cpp - engines, sessions, and statements with their results.
// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <utility>
#include <vector>

#include "server/api.hpp"
#include "server/end_waiter.hpp"
#include "server/job_rows.hpp"
#include "server/json_fields.hpp"
#include "server/statement_reuse.hpp"

namespace drover::server::api {
namespace {

using pool::EngineView;
constexpr Duration kLeaseDefault = seconds(600);

bool may_see(const Exchange& exchange, const EngineView& engine) {
  return exchange.caller.is_operator || engine.uid == exchange.caller.uid;
}

void append_lock(JsonWriter& out, const EngineView& engine) {
  out.key("lock");
  out.begin_object();
  out.field("name", engine.session);
  out.field("lease_s", engine.lease.us / 1'000'000);
  if (engine.lock_until.is_set()) {
    const Duration left = engine.lock_until - net::Loop::now().mono;
    out.field("left_s", std::max<std::int64_t>(0, left.us / 1'000'000));
  } else {
    out.null_field("left_s");
  }
  out.field("warm", engine.why_cold.empty());
  out.field("why_cold", engine.why_cold);
  out.end_object();
}

void append_engine(JsonWriter& out, const EngineView& engine) {
  out.begin_object();
  out.field("name", engine.name);
  out.field("type", engine.type);
  out.field("state", to_string(engine.state));
  out.field("job", raw(engine.job));
  out.field("user", engine.user);
  out.field("pool", engine.pool);
  out.field("session", engine.session);
  out.field("running", raw(engine.running));
  out.field("uses", engine.uses);
  out.field("cpus", engine.size.cpus);
  out.field("mem_mib", engine.size.mem_mib);
  out.field("gpus", engine.size.gpus);
  out.field("since_us", engine.since.us);
  if (engine.lease.us > 0) append_lock(out, engine);
  out.end_object();
}

void answer_engines(const Services& services, const Exchange& exchange, bool sessions_only) {
  std::string body;
  JsonWriter out(body);
  out.begin_object();
  out.field("v", 1);
  out.key(sessions_only ? "sessions" : "engines");
  out.begin_array();
  for (const EngineView& engine : services.engines.engines())
    if (may_see(exchange, engine) && (!sessions_only || !engine.session.empty()))
      append_engine(out, engine);
  out.end_array();
  out.end_object();
  exchange.json(std::move(body));
}

// Those of the caller; an operator's too, for there is one of each name and user.
std::optional<EngineView> session_of(const Services& services, const Exchange& exchange) {
  for (const EngineView& engine : services.engines.engines())
    if (engine.session == exchange.name && engine.uid == exchange.caller.uid &&
        engine.state != pool::EngineState::Stopping)
      return engine;
  return std::nullopt;
}

Result<void> keep(Result<std::string> read, std::string& into) {
  if (!read) return fail(read.error());
  into = *std::move(read);
  return {};
}

template <class Number>
Result<void> keep(Result<std::int64_t> read, Number& into) {
  if (!read) return fail(read.error());
  into = Number(*read);
  return {};
}

Result<void> read_wish(pool::StartEngines& start, std::string_view name, JsonValue v) {
  pool::EngineSize& size = start.wish.size;
  if (name == "engine") return keep(json_line(v, name, 64), start.type);
  if (name == "session") return keep(json_line(v, name, 64), start.wish.session);
  if (name == "cpus") return keep(json_integer(v, name, 1, 100'000), size.cpus);
  if (name == "mem_mib") return keep(json_integer(v, name, 1, std::int64_t(1) << 40), size.mem_mib);
  if (name == "gpus") return keep(json_integer(v, name, 0, 100'000), size.gpus);
  if (name == "constraint") return keep(json_line(v, name, 4096), size.constraint);
  if (name == "count") return keep(json_integer(v, name, 1, 1000), start.count);
  return keep(json_line(v, name, 256), start.wish.labels[std::string(name)]);
}

// {"engine":"python","session":"s1","cpus":2,"mem_mib":4096,"account":"physics"}
Result<pool::StartEngines> read_start(const Exchange& exchange, bool is_session) {
  static constexpr std::array<std::string_view, 9> kKnown{
      "engine", "cpus", "mem_mib", "gpus", "constraint", "account", "partition", "qos", "count"};
  std::vector<std::string_view> known(kKnown.begin(), kKnown.end());
  if (is_session) known.back() = "session";
  pool::StartEngines start;
  auto read = json_body(exchange.request.body, known, [&](std::string_view name, JsonValue v) {
    return read_wish(start, name, v);
  });
  if (!read) return fail(read.error());
  if (start.type.empty())
    return fail(Errc::BadInput, "which engine is not said", "\"engine\": \"python\"", "engine");
  if (is_session)
    if (auto good = sched::check_session_name(start.wish.session); !good) return fail(good.error());
  if (pool::is_lock(start.wish.session))
    return fail(Errc::BadInput, "names of sessions that begin with lock- are those of locks",
                "choose another name; drover engine ask locks an engine", "session");
  start.wish.owner = {exchange.caller.uid, exchange.caller.gid};
  start.wish.user = exchange.caller.user;
  return start;
}

Result<void> read_lease(JsonValue v, Duration& lease) {
  auto read = json_integer(v, "lease_s", 1, 86'400);
  if (!read) return fail(read.error());
  lease = seconds(*read);
  return {};
}

void start(Services& services, ExchangePtr exchange, bool is_session) {
  if (services.turn.is_full())
    return exchange->refuse(
        {Errc::Unavailable, "too many requests wait", "try again in a moment", ""});
  auto start = read_start(*exchange, is_session);
  if (!start) return exchange->refuse(start.error());
  services.turn.engines(*std::move(start), [exchange](const Result<sched::Done>& done) {
    if (!done) return exchange->refuse(done.error());
    // They were submitted one after the other in one turn: their ids follow each other.
    const std::uint64_t last = raw(done->job);
    std::string jobs;
    for (std::uint64_t id = last + 1 - done->touched; id <= last; ++id)
      jobs += (jobs.empty() ? "" : ",") + std::to_string(id);
    exchange->json("{\"v\":1,\"job\":" + std::to_string(last) + ",\"jobs\":[" + jobs +
                       "],\"count\":" + std::to_string(done->touched) + "}",
                   201);
  });
}

void end_engine(Services& services, ExchangePtr exchange, std::string name, bool at_once) {
  services.turn.engines(
      pool::DrainEngine{exchange->caller.actor(), std::move(name), at_once},
      [exchange](const Result<sched::Done>& done) {
        if (!done) return exchange->refuse(done.error());
        exchange->json("{\"v\":1,\"job\":" + std::to_string(raw(done->job)) + "}");
      });
}

void answer_engine(const Exchange& exchange, const EngineView& engine, int status) {
  std::string body;
  JsonWriter out(body);
  out.begin_object();
  out.field("v", 1);
  out.key("engine");
  append_engine(out, engine);
  out.end_object();
  exchange.json(std::move(body), status);
}

// The engine that a job is, as it is now. 201: it has been started for a lock.
void answer_engine_of(const Services& services, const Exchange& exchange, JobId job, bool is_ask) {
  for (const EngineView& engine : services.engines.engines())
    if (engine.job == job)
      return answer_engine(exchange, engine, is_ask && !engine.why_cold.empty() ? 201 : 200);
  exchange.refuse({Errc::Unavailable, "the engine has ended", "ask again", "engine"});
}

void hold_engine(Services& services, ExchangePtr exchange, std::string name, Duration lease) {
  services.turn.engines(pool::HoldEngine{exchange->caller.actor(), std::move(name), lease},
                        [&services, exchange](const Result<sched::Done>& done) {
                          if (!done) return exchange->refuse(done.error());
                          answer_engine_of(services, *exchange, done->job, false);
                        });
}

// Durable, so that the store knows it; it may have ended already when its key was seen before.
void show_statement_at_end(Services& services, ExchangePtr exchange, Duration timeout) {
  auto snapshot = services.store.snapshot();
  if (!snapshot) return exchange->refuse(snapshot.error());
  const auto record = snapshot->job(exchange->job);
  if (!record) return exchange->refuse(record.error());
  auto spec = snapshot->spec(exchange->job, false);
  if (!spec) return exchange->refuse(spec.error());
  exchange->spec = *std::move(spec);
  if (sched::is_final(record->state) || timeout.us == 0)
    return show_job(services, std::move(exchange));
  wait_for_end(services, std::move(exchange), timeout, show_job);
}

// The earlier job as it ended, and how old it is.
void show_reused(const Services& services, const Exchange& exchange, const Admitted& admitted) {
  auto snapshot = services.store.snapshot();
  if (!snapshot) return exchange.refuse(snapshot.error());
  auto spec = snapshot->spec(admitted.job, false);
  if (!spec) return exchange.refuse(spec.error());
  const auto row = read_row(*snapshot, admitted.job, *std::move(spec));
  if (!row) return exchange.refuse(row.error());
  std::string body = show_json(services, *snapshot, *row);
  body.pop_back();
  exchange.json(body + ",\"reused\":" + reused_json(admitted) + "}");
}

}  // namespace

void list_engine_types(Services& services, ExchangePtr exchange) {
  std::string body;
  JsonWriter out(body);
  out.begin_object();
  out.field("v", 1);
  out.key("types");
  out.begin_array();
  for (const auto& [type, plugin] : services.engines.catalogue().all()) {
    out.begin_object();
    out.field("type", type);
    out.field("version", plugin.version);
    out.field("description", plugin.description);
    out.key("languages");
    out.begin_array();
    for (const std::string& language : plugin.languages) out.value(language);
    out.end_array();
    out.field("cpus", plugin.cpus);
    out.field("mem_mib", plugin.mem_mib);
    out.field("gpus", plugin.gpus);
    out.field("idle_s", plugin.idle.us / 1'000'000);
    out.field("session_idle_s", plugin.session_idle.us / 1'000'000);
    out.field("max_per_user", plugin.max_per_user);
    out.field("min_idle", plugin.min_idle);
    out.field("max_uses", plugin.max_uses);
    out.field("reset", plugin.reset);
    if (plugin.shared_as)
      out.field("shared_as", plugin.shared_as->user);
    else
      out.null_field("shared_as");
    out.end_object();
  }
  out.end_array();
  out.end_object();
  exchange->json(std::move(body));
}

void list_engines(Services& services, ExchangePtr exchange) {
  answer_engines(services, *exchange, false);
}

void show_engine(Services& services, ExchangePtr exchange) {
  const auto engine = services.engines.find(exchange->name);
  if (!engine || !may_see(*exchange, *engine))
    return exchange->refuse({Errc::NotFound, "there is no engine " + exchange->name.substr(0, 64),
                             "drover engine ls lists yours", "engine"});
  answer_engine(*exchange, *engine, 200);
}

// {"engine":"python","lease_s":600}: 200 with a warm engine, 201 with one that starts.
void ask_engine(Services& services, ExchangePtr exchange) {
  if (services.turn.is_full())
    return exchange->refuse(
        {Errc::Unavailable, "too many requests wait", "try again in a moment", ""});
  static constexpr std::array<std::string_view, 5> kKnown{"engine", "lease_s", "account",
                                                          "partition", "qos"};
  pool::StartEngines wish;
  pool::AskEngine ask;
  ask.lease = kLeaseDefault;
  auto read = json_body(exchange->request.body, kKnown, [&](std::string_view name, JsonValue v) {
    return name == "lease_s" ? read_lease(v, ask.lease) : read_wish(wish, name, v);
  });
  if (!read) return exchange->refuse(read.error());
  if (wish.type.empty())
    return exchange->refuse(
        {Errc::BadInput, "which engine is not said", "\"engine\": \"python\"", "engine"});
  ask.type = std::move(wish.type);
  ask.wish = std::move(wish.wish);
  ask.wish.owner = {exchange->caller.uid, exchange->caller.gid};
  ask.wish.user = exchange->caller.user;
  services.turn.engines(std::move(ask), [&services, exchange](const Result<sched::Done>& done) {
    if (!done) return exchange->refuse(done.error());
    answer_engine_of(services, *exchange, done->job, true);
  });
}

// {"lease_s":600}, from now on.
void lock_engine(Services& services, ExchangePtr exchange) {
  static constexpr std::array<std::string_view, 1> kKnown{"lease_s"};
  Duration lease = kLeaseDefault;
  auto read = json_body(exchange->request.body, kKnown,
                        [&](std::string_view, JsonValue v) { return read_lease(v, lease); });
  if (!read) return exchange->refuse(read.error());
  std::string name = exchange->name;
  hold_engine(services, std::move(exchange), std::move(name), lease);
}

void unlock_engine(Services& services, ExchangePtr exchange) {
  std::string name = exchange->name;
  hold_engine(services, std::move(exchange), std::move(name), {});
}

void start_engines(Services& services, ExchangePtr exchange) {
  start(services, std::move(exchange), false);
}
void drain_engine(Services& services, ExchangePtr exchange) {
  std::string name = exchange->name;
  end_engine(services, std::move(exchange), std::move(name), false);
}
void kill_engine(Services& services, ExchangePtr exchange) {
  std::string name = exchange->name;
  end_engine(services, std::move(exchange), std::move(name), true);
}

void list_sessions(Services& services, ExchangePtr exchange) {
  answer_engines(services, *exchange, true);
}
void open_session(Services& services, ExchangePtr exchange) {
  start(services, std::move(exchange), true);
}
void close_session(Services& services, ExchangePtr exchange) {
  const auto engine = session_of(services, *exchange);
  if (!engine)
    return exchange->refuse({Errc::NotFound, "you have no session " + exchange->name.substr(0, 64),
                             "drover session ls lists yours", "session"});
  if (engine->lease.us > 0) return hold_engine(services, std::move(exchange), engine->name, {});
  end_engine(services, std::move(exchange), engine->name, false);
}

// As POST /jobs, but the answer comes when the statement has ended, with what it left.
void run_statement(Services& services, ExchangePtr exchange) {
  const auto timeout = exchange->number("timeout_s", 0, 3600, 60);
  if (!timeout) return exchange->refuse(timeout.error());
  std::string& body = exchange->request.body;
  body.reserve(body.size() + kJsonPadding);
  auto spec = services.reader.read_padded(body, net::Loop::now().wall);
  if (spec && !spec->statement)
    spec = fail(Errc::BadInput, "a statement names its engine or language",
                "\"engine\": \"python\"", "engine");
  if (!spec) {
    services.metrics.add(metrics::FamilyId::JobsRejected, {to_string(spec.error().code)});
    return exchange->refuse(spec.error());
  }
  std::optional<store::Snapshot> snapshot;
  services.admission.submit(
      std::move(*spec), exchange->caller, std::string(exchange->request.header("idempotency-key")),
      body, snapshot, [&services, exchange, timeout = *timeout](const Result<Admitted>& result) {
        if (!result) return exchange->refuse(result.error());
        exchange->job = result->job;
        if (result->reused_from.is_set()) return show_reused(services, *exchange, *result);
        show_statement_at_end(services, exchange, seconds(timeout));
      });
}

}  // namespace drover::server::api
