// server/linkis_engines.hpp - engines and nodes in the words of linkisManager.
//
// An engine is an EngineConn, its node an ECM. Its ticket is the number of its job, its instance
// its name and that number ("engine-7-12345"): the name alone is used again.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "linkis/engine_name.hpp"
#include "linkis/json.hpp"
#include "pool/engine_pool.hpp"
#include "server/exchange.hpp"
#include "server/services.hpp"

namespace drover::server {

inline constexpr const char* kEngineService = "linkis-cg-engineconn";
inline constexpr const char* kNodeService = "linkis-cg-engineconnmanager";
inline constexpr const char* kManagerService = "linkis-cg-linkismanager";

struct LinkisEngine {
  pool::EngineView view;
  std::string node;     // where it is, or was; empty = nowhere yet
  std::string version;  // of its plugin
  std::int64_t cpus = 0, mem_mib = 0;
  Time started{};  // its process; not set: it has not begun
  Time start() const { return started.is_set() ? started : view.since; }
  bool is_over = false, has_failed = false;
  // A once job: the statement `view.job` stands for its engine. Its status, else empty.
  std::string once_status{};
  bool is_once() const { return !once_status.empty(); }
  std::string instance() const { return linkis::engine_instance({view.name, raw(view.job)}); }
};

// {"instance":1,"instances":1,"memory":1073741824,"cores":2,"cpu":2}: pages read `cores` and bytes.
linkis::Json load_resource(std::int64_t instances, std::int64_t mem_mib, std::int64_t cpus);
// {"instance":1,"memory":"1.0 GB","cpu":2}: as records keep it.
std::string resource_text(std::int64_t instances, std::int64_t mem_mib, std::int64_t cpus);

// Those that the caller may see: his, an operator all. By name.
std::vector<LinkisEngine> engines_for(const Services& services, const Exchange& exchange);
// {"applicationName","instance","ticketId"}: the ticket decides when it is given, and finds engines
// that have ended too, as the instance does. A name alone is that of an engine of now. NotFound
// ("Not exists EngineConn ...") also of somebody else's.
Result<LinkisEngine> find_engine(const Services& services, const Exchange& exchange,
                                 std::string_view instance, std::string_view ticket);

// What the loop thread knows of engines, for a look at the store on another thread.
struct EngineBook {
  std::map<JobId, pool::EngineView> live;
  std::map<std::string, std::string> versions;  // of the plugins, by type
};
EngineBook engine_book(const Services& services);
// The engine that a job is or was, without its node. Any thread.
LinkisEngine engine_of(const EngineBook& book, const sched::JobRecord& record,
                       const sched::JobSpec& spec);

std::string_view node_status(const LinkisEngine& engine);  // "Unlock"
linkis::Json engine_node(const LinkisEngine& engine, const std::string& manager);
// An entry of listUserEngines and listEMEngines.
linkis::Json engine_row(const LinkisEngine& engine);
// An entry of rm/applicationlist; its startTime is a text.
linkis::Json application_row(const LinkisEngine& engine);
// An entry of listAllEMs: the machines, not the engines.
linkis::Json ecm_row(const Services& services, const rm::NodeView& node,
                     const std::vector<LinkisEngine>& engines);

}  // namespace drover::server
