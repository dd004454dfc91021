// server/linkis_engines.cpp - from the pool's and the controller's views to the contract's rows.
// SPDX-License-Identifier: Apache-2.0
#include "server/linkis_engines.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

#include "base/units.hpp"
#include "linkis/memory_text.hpp"

namespace drover::server {
namespace {

using linkis::Json;
using pool::EngineState;

bool may_see(const Exchange& exchange, std::uint32_t uid) {
  return exchange.caller.is_operator || exchange.caller.uid == uid;
}

void fill(const Services& services, const store::Snapshot& snapshot, LinkisEngine& engine) {
  if (const auto* plugin = services.engines.catalogue().find(engine.view.type))
    engine.version = plugin->version;
  if (const auto spec = snapshot.spec(engine.view.job, false)) {
    engine.cpus = spec->cpus_per_task;
    engine.mem_mib = spec->request.mem_mib;
  }
  if (const auto task = snapshot.task({engine.view.job, TaskIndex{0}}); task && *task) {
    engine.node = (*task)->node;
    engine.started = (*task)->started;
  }
}

// An engine that the pool has forgotten.
LinkisEngine over_engine(const sched::JobRecord& record, const sched::JobSpec& spec) {
  LinkisEngine engine;
  engine.view.name = spec.engine->name;
  engine.view.type = spec.engine->type;
  engine.view.pool = spec.engine->pool;
  engine.view.session = spec.engine->session;
  engine.view.user = spec.user;
  engine.view.uid = spec.owner.uid;
  engine.view.job = record.id;
  engine.view.state = EngineState::Dead;
  engine.view.since = record.ended;
  engine.is_over = true;
  engine.has_failed =
      record.state == sched::JobState::Failed || record.state == sched::JobState::TimedOut;
  return engine;
}

// From the store.
std::optional<LinkisEngine> ended_engine(const Services& services, const store::Snapshot& snapshot,
                                         JobId job) {
  const auto spec = snapshot.spec(job, false);
  const auto record = snapshot.job(job);
  if (!spec || !record || !spec->engine) return std::nullopt;
  LinkisEngine engine = over_engine(*record, *spec);
  fill(services, snapshot, engine);
  return engine;
}

std::string once_status_of(sched::JobState state) {
  if (state == sched::JobState::Succeeded) return "Success";
  if (state == sched::JobState::Cancelled) return "ShuttingDown";
  if (sched::is_final(state)) return "Failed";
  const bool began = state == sched::JobState::Running || state == sched::JobState::Suspended;
  return began ? "Busy" : "Starting";
}

// A once job, in whatever state it is. Its instance is known from the beginning and stays.
LinkisEngine once_engine(const Services& services, const store::Snapshot& snapshot,
                         const sched::JobRecord& record, const sched::JobSpec& spec) {
  LinkisEngine engine;
  engine.view.name = linkis::once_name(raw(record.id));
  engine.view.type = spec.statement->engine;
  engine.view.pool = spec.statement->pool;
  engine.view.user = spec.user;
  engine.view.uid = spec.owner.uid;
  engine.view.job = record.id;
  engine.view.since = record.submitted;
  engine.is_over = sched::is_final(record.state);
  engine.once_status = once_status_of(record.state);
  engine.has_failed = engine.once_status == "Failed";
  engine.view.state = engine.is_over                             ? EngineState::Dead
                      : record.state == sched::JobState::Running ? EngineState::Busy
                                                                 : EngineState::Starting;
  if (engine.view.state == EngineState::Busy) engine.view.running = record.id;
  sched::EngineAmounts size = spec.statement->wish;
  if (const auto* plugin = services.engines.catalogue().find(engine.view.type)) {
    engine.version = plugin->version;
    size = pool::size_for(*plugin, size);
  }
  engine.cpus = size.cpus;
  engine.mem_mib = size.mem_mib;
  if (const auto host = services.engines.engine_of(record.id))
    if (const auto task = snapshot.task({host->job, TaskIndex{0}}); task && *task)
      engine.node = (*task)->node;
  return engine;
}

std::optional<LinkisEngine> find_once(const Services& services, const store::Snapshot& snapshot,
                                      JobId job) {
  const auto spec = snapshot.spec(job, false);
  if (!spec || !spec->statement || !spec->statement->once) return std::nullopt;
  const auto record = snapshot.job(job);
  if (!record) return std::nullopt;
  return once_engine(services, snapshot, *record, *spec);
}

LinkisEngine live_engine(const Services& services, const store::Snapshot& snapshot,
                         pool::EngineView view) {
  LinkisEngine engine;
  engine.view = std::move(view);
  fill(services, snapshot, engine);
  return engine;
}

// A once job, an engine of now, or one that has ended.
std::optional<LinkisEngine> engine_of_job(const Services& services, const store::Snapshot& snapshot,
                                          JobId job) {
  if (auto once = find_once(services, snapshot, job)) return once;
  for (pool::EngineView& view : services.engines.engines())
    if (view.job == job) return live_engine(services, snapshot, std::move(view));
  return ended_engine(services, snapshot, job);
}

tl::unexpected<Error> no_such_engine(std::string_view instance, std::string_view ticket) {
  const std::string_view name = instance.empty() ? ticket : instance;
  return fail(Errc::NotFound, "Not exists EngineConn " + std::string(name.substr(0, 80)),
              "listUserEngines lists yours", "instance");
}

Json service_instance(const char* service, const std::string& instance) {
  Json json;
  json["applicationName"] = service;
  json["instance"] = instance;
  return json;
}

Json label(const char* key, std::string value) {
  Json json;
  json["labelKey"] = key;
  json["stringValue"] = std::move(value);
  return json;
}

std::string type_label(const LinkisEngine& engine) {
  return engine.view.type + "-" + (engine.version.empty() ? "1" : engine.version);
}

void put_resources(Json& row, const Json& max, const Json& used, const Json& locked,
                   const Json& left) {
  row["resourceType"] = "LoadInstance";
  row["maxResource"] = max;
  row["minResource"] = load_resource(0, 0, 0);
  row["usedResource"] = used;
  row["lockedResource"] = locked;
  row["expectedResource"] = load_resource(0, 0, 0);
  row["leftResource"] = left;
}

// "Fri Nov 27 15:07:00 GMT 2026"
std::string java_date(Time at) {
  const std::time_t seconds = at.us / 1'000'000;
  std::tm parts{};
  std::array<char, 64> text{};
  if (!at.is_set() || ::gmtime_r(&seconds, &parts) == nullptr) return "";
  return {text.data(), std::strftime(text.data(), text.size(), "%a %b %d %H:%M:%S GMT %Y", &parts)};
}

std::string_view health_of(const LinkisEngine& engine) {
  return engine.view.state == EngineState::Lost ? "UnHealthy" : "Healthy";
}

struct NodeHealth {
  const char *status, *health;
};
NodeHealth health_of(const rm::NodeView& node, bool connected) {
  switch (node.state) {
    case rm::NodeState::Up:
      return {"Running", connected && !node.in_maintenance ? "Healthy" : "StockAvailable"};
    case rm::NodeState::Draining:
    case rm::NodeState::Maintenance: return {"Running", "StockAvailable"};
    case rm::NodeState::Lost: return {"Running", "UnHealthy"};
    case rm::NodeState::Down: return {"Failed", "StockUnavailable"};
  }
  return {"Failed", "UnHealthy"};
}

}  // namespace

Json load_resource(std::int64_t instances, std::int64_t mem_mib, std::int64_t cpus) {
  Json json;
  json["instance"] = instances;
  json["instances"] = instances;
  json["memory"] = mem_mib << 20;
  json["cores"] = cpus;
  json["cpu"] = cpus;
  return json;
}

std::string resource_text(std::int64_t instances, std::int64_t mem_mib, std::int64_t cpus) {
  Json json;
  json["instance"] = instances;
  json["memory"] = linkis::memory_text(mem_mib);
  json["cpu"] = cpus;
  return linkis::dump(json);
}

std::vector<LinkisEngine> engines_for(const Services& services, const Exchange& exchange) {
  std::vector<LinkisEngine> found;
  const auto snapshot = services.store.snapshot();
  for (pool::EngineView& view : services.engines.engines()) {
    if (!may_see(exchange, view.uid)) continue;
    LinkisEngine engine;
    engine.view = std::move(view);
    if (snapshot) fill(services, *snapshot, engine);
    found.push_back(std::move(engine));
  }
  return found;
}

Result<LinkisEngine> find_engine(const Services& services, const Exchange& exchange,
                                 std::string_view instance, std::string_view ticket) {
  const linkis::EngineName named = linkis::parse_instance(instance);
  std::uint64_t number = named.job;
  if (!ticket.empty()) {
    const auto given = parse_integer(ticket, 1, INT64_MAX, "ticketId");
    if (!given) return no_such_engine(instance, ticket);
    number = std::uint64_t(*given);
  }
  auto snapshot = services.store.snapshot();
  if (!snapshot) return fail(snapshot.error());
  std::optional<LinkisEngine> found;
  if (number == 0) {
    if (auto live = services.engines.find(named.name))
      found = live_engine(services, *snapshot, *live);
  } else {
    found = engine_of_job(services, *snapshot, JobId{number});
    // Another engine's number with this one's name is neither.
    if (found && ticket.empty() && found->instance() != instance) found.reset();
  }
  if (!found || !may_see(exchange, found->view.uid)) return no_such_engine(instance, ticket);
  return *std::move(found);
}

EngineBook engine_book(const Services& services) {
  EngineBook book;
  for (pool::EngineView& view : services.engines.engines()) {
    const JobId job = view.job;
    book.live.emplace(job, std::move(view));
  }
  for (const auto& [type, plugin] : services.engines.catalogue().all())
    book.versions.emplace(type, plugin.version);
  return book;
}

LinkisEngine engine_of(const EngineBook& book, const sched::JobRecord& record,
                       const sched::JobSpec& spec) {
  LinkisEngine engine = over_engine(record, spec);
  if (const auto live = book.live.find(record.id); live != book.live.end()) {
    engine.view = live->second;
    engine.is_over = engine.has_failed = false;
  } else if (!sched::is_final(record.state) && !record.started.is_set()) {
    // It was made since the book was.
    engine.view.state = EngineState::Starting;
    engine.is_over = false;
  }
  if (const auto version = book.versions.find(engine.view.type); version != book.versions.end())
    engine.version = version->second;
  engine.cpus = spec.cpus_per_task;
  engine.mem_mib = spec.request.mem_mib;
  return engine;
}

// Unlock: free for anybody of its user. Idle: kept by a session.
std::string_view node_status(const LinkisEngine& engine) {
  if (engine.is_once()) return engine.once_status;
  if (engine.is_over) return engine.has_failed ? "Failed" : "ShuttingDown";
  switch (engine.view.state) {
    case EngineState::Starting: return "Starting";
    case EngineState::Idle: return engine.view.session.empty() ? "Unlock" : "Idle";
    case EngineState::Locked: return "Locked";
    case EngineState::Busy: return "Busy";
    case EngineState::Lost: return raw(engine.view.running) != 0 ? "Busy" : "Unlock";
    case EngineState::Draining:
    case EngineState::Stopping: return "ShuttingDown";
    case EngineState::Failed: return "Failed";
    case EngineState::Dead: return "ShuttingDown";
  }
  return "Failed";
}

Json engine_node(const LinkisEngine& engine, const std::string& manager) {
  Json json;
  json["serviceInstance"] = service_instance(kEngineService, engine.instance());
  json["nodeStatus"] = node_status(engine);
  json["ticketId"] = std::to_string(raw(engine.view.job));
  json["ecmServiceInstance"] = service_instance(kNodeService, engine.node);
  json["managerServiceInstance"] = service_instance(kManagerService, manager);
  json["mark"] = "process";
  json["owner"] = engine.view.user;
  return json;
}

Json engine_row(const LinkisEngine& engine) {
  const bool is_starting = engine.view.state == EngineState::Starting;
  const bool is_busy = raw(engine.view.running) != 0;
  const Json held = load_resource(1, engine.mem_mib, engine.cpus);
  const Json none = load_resource(0, 0, 0);
  Json row;
  row["emInstance"] = engine.node;
  row["nodeStatus"] = node_status(engine);
  row["lock"] = is_busy ? Json("busy") : Json(nullptr);
  row["labels"] = Json::array(
      {label("engineType", type_label(engine)), label("userCreator", engine.view.user + "-*"),
       label("engineInstance", std::string(kEngineService) + "-" + engine.instance())});
  row["applicationName"] = kEngineService;
  row["instance"] = engine.instance();
  put_resources(row, held, is_starting ? none : held, is_starting ? held : none, none);
  row["owner"] = engine.view.user;
  row["runningTasks"] = is_busy ? 1 : 0;
  row["pendingTasks"] = 0;
  row["succeedTasks"] = engine.view.uses - std::uint64_t(is_busy && engine.view.uses > 0);
  row["failedTasks"] = 0;
  row["maxMemory"] = engine.mem_mib << 20;
  row["usedMemory"] = nullptr;
  row["systemCPUUsed"] = nullptr;
  row["systemLeftMemory"] = nullptr;
  row["nodeHealthy"] = health_of(engine);
  row["msg"] = "";
  row["startTime"] = engine.start().us / 1000;
  row["engineType"] = engine.view.type;
  row["mappingPorts"] = nullptr;
  row["mappingHost"] = nullptr;
  row["ticketId"] = std::to_string(raw(engine.view.job));
  return row;
}

Json application_row(const LinkisEngine& engine) {
  const bool is_starting = engine.view.state == EngineState::Starting;
  const Json held = load_resource(1, engine.mem_mib, engine.cpus);
  const Json none = load_resource(0, 0, 0);
  Json row;
  row["creator"] = "*";
  row["engineType"] = engine.view.type;
  row["instance"] = engine.instance();
  row["label"] = type_label(engine);
  put_resources(row["resource"], held, is_starting ? none : held, is_starting ? held : none, none);
  row["status"] = node_status(engine);
  row["startTime"] = java_date(engine.start());
  row["owner"] = engine.view.user;
  return row;
}

Json ecm_row(const Services& services, const rm::NodeView& node,
             const std::vector<LinkisEngine>& engines) {
  using rm::Kind;
  const std::string name = node.spec != nullptr ? node.spec->name : std::string();
  const AgentView agent = services.agents.view(name).value_or(AgentView{});
  const NodeHealth health = health_of(node, agent.connected);
  std::int64_t here = 0, running = 0;
  for (const LinkisEngine& engine : engines)
    if (engine.node == name) {
      ++here;
      running += raw(engine.view.running) != 0 ? 1 : 0;
    }
  const std::int64_t cpus = node.capacity[Kind::CpuMilli] / 1000;
  const std::int64_t cpus_free = node.free[Kind::CpuMilli] / 1000;
  const std::int64_t mem = node.capacity[Kind::MemMib], mem_free = node.free[Kind::MemMib];
  Json row;
  row["applicationName"] = kNodeService;
  row["instance"] = name;
  row["labels"] = Json::array({label("emInstance", std::string(kNodeService) + "-" + name)});
  if (node.spec != nullptr)
    for (const auto& [key, value] : node.spec->labels)
      row["labels"].push_back(label(key.c_str(), value));
  row["nodeStatus"] = health.status;
  put_resources(row, load_resource(cpus, mem, cpus),
                load_resource(here, mem - mem_free, cpus - cpus_free), load_resource(0, 0, 0),
                load_resource(cpus_free, mem_free, cpus_free));
  row["owner"] = services.users.of(services.daemon_uid).name;
  row["runningTasks"] = running;
  row["pendingTasks"] = 0;
  row["succeedTasks"] = 0;
  row["failedTasks"] = 0;
  row["maxMemory"] = mem << 20;
  row["usedMemory"] = (mem - mem_free) << 20;
  row["systemCPUUsed"] = cpus > 0 ? std::clamp(agent.load1 / double(cpus), 0.0, 1.0) : 0.0;
  row["systemLeftMemory"] = mem_free << 20;
  row["nodeHealthy"] = health.health;
  row["msg"] = node.reason;
  row["startTime"] = agent.since.us / 1000;
  row["description"] = node.reason;
  return row;
}

}  // namespace drover::server
