// server/api_linkis_resources.cpp - linkisManager/rm: who holds what of engines, and what there is.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iterator>
#include <map>
#include <utility>
#include <vector>

#include "server/api_linkis.hpp"
#include "server/linkis_answer.hpp"
#include "server/linkis_engines.hpp"

namespace drover::server::api::linkis {
namespace {

using drover::linkis::Json;
using drover::linkis::text_of;
using rm::Kind;

struct Sum {
  std::int64_t instances = 0, mem_mib = 0, cpus = 0;
  void add(const LinkisEngine& engine) {
    ++instances;
    mem_mib += engine.mem_mib;
    cpus += engine.cpus;
  }
  void add(const Sum& other) {
    instances += other.instances;
    mem_mib += other.mem_mib;
    cpus += other.cpus;
  }
  Json json() const { return load_resource(instances, mem_mib, cpus); }
};

// What one user holds of one type of engine, and may hold; or of several.
struct Share {
  Sum used, locked, max;
  std::vector<LinkisEngine> engines;
  void add(Share&& other) {
    used.add(other.used);
    locked.add(other.locked);
    max.add(other.max);
    std::ranges::move(other.engines, std::back_inserter(engines));
  }
};
using Shares = std::map<std::pair<std::string, std::string>, Share>;  // by user and type

// No more than the quota of the user, if there is one.
void cap(const Services& services, const std::string& user, Sum& max) {
  for (const rm::QuotaView& quota : services.controller.resources().quotas()) {
    if (quota.name != "user=" + user) continue;
    const auto lower = [&](std::int64_t& into, Kind kind, std::int64_t unit) {
      if (quota.max[kind] >= 0) into = std::min(into, quota.max[kind] / unit);
    };
    lower(max.instances, Kind::Engines, 1);
    lower(max.mem_mib, Kind::MemMib, 1);
    lower(max.cpus, Kind::CpuMilli, 1000);
  }
}

// Of one type: the plugin's limit, and that quota.
Sum most_of(const Services& services, const pool::Plugin& plugin, const std::string& user) {
  Sum max{plugin.max_per_user, std::int64_t(plugin.max_per_user) * plugin.mem_mib,
          std::int64_t(plugin.max_per_user) * plugin.cpus};
  cap(services, user, max);
  return max;
}

Shares shares_of(const Services& services, const Exchange& exchange) {
  Shares shares;
  for (LinkisEngine& engine : engines_for(services, exchange)) {
    Share& share = shares[{engine.view.user, engine.view.type}];
    if (engine.view.state == pool::EngineState::Starting)
      share.locked.add(engine);
    else
      share.used.add(engine);
    share.engines.push_back(std::move(engine));
  }
  for (auto& [who, share] : shares)
    if (const auto* plugin = services.engines.catalogue().find(who.second))
      share.max = most_of(services, *plugin, who.first);
  return shares;
}

double part_of(std::int64_t some, std::int64_t all) {
  return all > 0 ? std::min(1.0, double(some) / double(all)) : 0.0;
}

Json engine_entry(const LinkisEngine& engine) {
  const Json held = load_resource(1, engine.mem_mib, engine.cpus);
  Json row;
  row["applicationName"] = kEngineService;
  row["engineInstance"] = engine.instance();
  row["creator"] = "*";
  row["engineType"] = engine.view.type;
  row["labels"] = engine.view.user + "-*," + engine.view.type + "-" + engine.version;
  const bool is_starting = engine.view.state == pool::EngineState::Starting;
  row["preUsedResource"] = is_starting ? held : load_resource(0, 0, 0);
  row["usedResource"] = is_starting ? load_resource(0, 0, 0) : held;
  row["engineStatus"] = node_status(engine);
  return row;
}

Json resource_record(std::int64_t id, const std::string& user, const std::string& type,
                     const std::string& version, const Share& share) {
  const auto left = [](std::int64_t max, std::int64_t used, std::int64_t locked) {
    return std::max<std::int64_t>(0, max - used - locked);
  };
  const Sum& max = share.max;
  Json row;
  row["id"] = id;
  row["username"] = user;
  row["creator"] = "*";
  row["engineTypeWithVersion"] = type + "-" + version;
  row["resourceType"] = "LoadInstance";
  row["maxResource"] = max.json();
  row["minResource"] = load_resource(0, 0, 0);
  row["usedResource"] = share.used.json();
  row["lockedResource"] = share.locked.json();
  row["expectedResource"] = load_resource(0, 0, 0);
  const std::int64_t instances = left(max.instances, share.used.instances, share.locked.instances);
  row["leftResource"] =
      load_resource(instances, left(max.mem_mib, share.used.mem_mib, share.locked.mem_mib),
                    left(max.cpus, share.used.cpus, share.locked.cpus));
  row["createTime"] = nullptr;
  row["updateTime"] = nullptr;
  const double free = part_of(instances, max.instances);
  row["loadResourceStatus"] = free < 0.2 ? "critical" : free < 0.5 ? "warn" : "normal";
  row["queueResourceStatus"] = "normal";
  return row;
}

// Every type of engine for each user there is something to say about: the caller, and whoever has
// engines. Sorted, so that pages do not overlap.
std::vector<Json> resource_records(const Services& services, const Exchange& exchange) {
  const net::HttpRequest& request = exchange.request;
  const std::string_view user = request.query_value("username");
  const std::string_view creator = request.query_value("creator");
  std::string_view type = request.query_value("engineType");
  type = type.substr(0, type.find('-'));
  Shares shares = shares_of(services, exchange);
  for (const auto& [name, plugin] : services.engines.catalogue().all()) {
    Share& share = shares[{exchange.caller.user, name}];
    share.max = most_of(services, plugin, exchange.caller.user);
  }
  std::vector<Json> rows;
  std::int64_t id = 0;
  for (const auto& [who, share] : shares) {
    ++id;
    if ((!user.empty() && who.first != user) || (!type.empty() && who.second != type) ||
        (!creator.empty() && creator != "*"))
      continue;
    const auto* plugin = services.engines.catalogue().find(who.second);
    rows.push_back(resource_record(id, who.first, who.second,
                                   plugin != nullptr ? plugin->version : "1", share));
  }
  return rows;
}

std::vector<std::string> partition_names(const Services& services) {
  std::vector<std::string> names;
  for (const sched::PartitionSpec& partition : services.config.partitions)
    names.push_back(partition.name);
  if (names.empty()) names.emplace_back("default");
  return names;
}

struct Totals {
  std::int64_t mem_mib = 0, mem_free = 0, cpus = 0, cpus_free = 0;
};

Json queue_resource(std::int64_t mem_mib, std::int64_t cpus) {
  Json json;
  json["memory"] = mem_mib << 20;
  json["cores"] = cpus;
  return json;
}

// A queue is a partition; without any, all that there is. Nodes of a partition overlap, so each
// queue is shown what its nodes have, however many queues they serve.
Totals totals_of(const Services& services, const std::string& queue) {
  rm::Labels wanted;
  for (const sched::PartitionSpec& partition : services.config.partitions)
    if (partition.name == queue) wanted = partition.nodes;
  Totals totals;
  for (const rm::NodeView& node : services.controller.resources().nodes()) {
    if (node.spec == nullptr || node.spec->seats > 0) continue;
    const bool is_in = std::ranges::all_of(wanted, [&](const auto& label) {
      const auto found = node.spec->labels.find(label.first);
      return found != node.spec->labels.end() && found->second == label.second;
    });
    if (!is_in) continue;
    totals.mem_mib += node.capacity[Kind::MemMib];
    totals.mem_free += node.free[Kind::MemMib];
    totals.cpus += node.capacity[Kind::CpuMilli] / 1000;
    totals.cpus_free += node.free[Kind::CpuMilli] / 1000;
  }
  return totals;
}

Json queue_users(const Services& services, const Exchange& exchange, std::int64_t cpus) {
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> held;  // busy and idle CPUs
  for (const LinkisEngine& engine : engines_for(services, exchange)) {
    auto& [busy, idle] = held[engine.view.user];
    (raw(engine.view.running) != 0 ? busy : idle) += engine.cpus;
  }
  Json users = Json::array();
  for (const auto& [user, both] : held) {
    Json row;
    row["username"] = user;
    row["busyPercentage"] = part_of(both.first, cpus);
    row["idlePercentage"] = part_of(both.second, cpus);
    row["totalPercentage"] = part_of(both.first + both.second, cpus);
    users.push_back(std::move(row));
  }
  return users;
}

}  // namespace

void list_user_resources(Services& services, ExchangePtr exchange) {
  Json list = Json::array();
  std::string last;
  std::int64_t used = 0;
  Sum max;
  for (const auto& [who, share] : shares_of(services, *exchange)) {
    if (who.first != last) {
      used = 0;
      max = {};
      last = who.first;
      Json entry;
      entry["userCreator"] = who.first + "-*";
      entry["engineTypes"] = Json::array();
      entry["percent"] = 0.0;
      list.push_back(std::move(entry));
    }
    const std::int64_t here = share.used.instances + share.locked.instances;
    Json type;
    type["engineType"] = who.second;
    type["percent"] = part_of(here, share.max.instances);
    list.back()["engineTypes"].push_back(std::move(type));
    used += here;
    max.add(share.max);
    cap(services, who.first, max);  // of all types together
    list.back()["percent"] = part_of(used, max.instances);
  }
  Json data;
  data["userResources"] = std::move(list);
  answer_linkis(*exchange, data);
}

void list_rm_engines(Services& services, ExchangePtr exchange) {
  Json data;
  data["engines"] = Json::array();
  for (const LinkisEngine& engine : engines_for(services, *exchange))
    data["engines"].push_back(engine_entry(engine));
  answer_linkis(*exchange, data);
}

// One for each user: engines have no creators, and pages read the first application only.
void list_applications(Services& services, ExchangePtr exchange) {
  const auto body = linkis_body(*exchange);
  if (!body) return exchange->refuse(body.error());
  const std::string user_creator = text_of(*body, "userCreator");
  std::string type = text_of(*body, "engineType");
  type.resize(std::min(type.find('-'), type.size()));
  std::map<std::string, Share> by_user;
  for (auto& [who, share] : shares_of(services, *exchange)) {
    if (!type.empty() && who.second != type) continue;
    if (!user_creator.empty() && user_creator.substr(0, user_creator.rfind('-')) != who.first)
      continue;
    by_user[who.first].add(std::move(share));
  }
  Json applications = Json::array();
  for (auto& [user, share] : by_user) {
    cap(services, user, share.max);  // of all types together
    Json entry;
    entry["creator"] = "*";
    entry["userCreator"] = user + "-*";
    Json& list = entry["applicationList"];
    list["usedResource"] = share.used.json();
    list["maxResource"] = share.max.json();
    list["minResource"] = load_resource(0, 0, 0);
    list["lockedResource"] = share.locked.json();
    list["engineInstances"] = Json::array();
    for (const LinkisEngine& engine : share.engines)
      list["engineInstances"].push_back(application_row(engine));
    applications.push_back(std::move(entry));
  }
  Json data;
  data["applications"] = std::move(applications);
  answer_linkis(*exchange, data);
}

void list_all_resources(Services& services, ExchangePtr exchange) {
  const auto page = exchange->number("page", 1, 1'000'000, 1);
  const auto size = exchange->number("size", 1, 1'000, 20);
  if (!page) return exchange->refuse(page.error());
  if (!size) return exchange->refuse(size.error());
  const auto all = resource_records(services, *exchange);
  const std::size_t first = std::size_t(*page - 1) * std::size_t(*size);
  Json data;
  data["resources"] = Json::array();
  for (std::size_t i = first; i < std::min(all.size(), first + std::size_t(*size)); ++i)
    data["resources"].push_back(all[i]);
  data["total"] = all.size();
  answer_linkis(*exchange, data);
}

void show_user_resource(Services& services, ExchangePtr exchange) {
  Json data;
  data["resources"] = resource_records(services, *exchange);
  answer_linkis(*exchange, data);
}

void list_rm_engine_types(Services& services, ExchangePtr exchange) {
  Json data;
  data["engineType"] = Json::array();
  for (const auto& [type, plugin] : services.engines.catalogue().all())
    data["engineType"].push_back(type);
  answer_linkis(*exchange, data);
}

// There are none; pages ask for them at their start.
void list_label_keys(Services&, ExchangePtr exchange) {
  Json data;
  data["keyList"] = Json::array();
  answer_linkis(*exchange, data);
}

void list_queues(Services& services, ExchangePtr exchange) {
  Json cluster;
  cluster["clustername"] = "drover";
  cluster["clustertype"] = "drover";
  cluster["queues"] = partition_names(services);
  Json data;
  data["queues"] = Json::array({std::move(cluster)});
  answer_linkis(*exchange, data);
}

void show_queue(Services& services, ExchangePtr exchange) {
  const auto body = linkis_body(*exchange);
  if (!body) return exchange->refuse(body.error());
  const auto names = partition_names(services);
  const std::string name = text_of(*body, "queuename", names.front());
  if (std::ranges::find(names, name) == names.end())
    return exchange->refuse({Errc::NotFound, "there is no queue " + name.substr(0, 64),
                             "rm/queues lists them", "queuename"});
  const Totals totals = totals_of(services, name);
  const sched::Stats stats = services.controller.stats();
  Json data;
  Json& info = data["queueInfo"];
  info["queuename"] = name;
  info["maxResources"] = queue_resource(totals.mem_mib, totals.cpus);
  info["usedResources"] =
      queue_resource(totals.mem_mib - totals.mem_free, totals.cpus - totals.cpus_free);
  info["usedPercentage"]["memory"] = part_of(totals.mem_mib - totals.mem_free, totals.mem_mib);
  info["usedPercentage"]["cores"] = part_of(totals.cpus - totals.cpus_free, totals.cpus);
  info["maxApps"] = services.config.group_queued_jobs;
  const auto jobs_in = [&](sched::JobState state) {
    return stats.jobs_by_state[std::size_t(state)];
  };
  info["numActiveApps"] = jobs_in(sched::JobState::Running);
  info["numPendingApps"] = jobs_in(sched::JobState::Inited) + jobs_in(sched::JobState::Scheduled);
  data["userResources"] = queue_users(services, *exchange, totals.cpus);
  answer_linkis(*exchange, data);
}

// Amounts are the sums of leases, so there is nothing to set back; that is checked all the time.
void reset_resource(Services&, ExchangePtr exchange) {
  if (!exchange->caller.is_operator)
    return refuse_with(*exchange, {Errc::Denied, "only operators reset resources", "", ""}, 210003);
  answer_linkis(*exchange, Json::object(),
                "nothing to reset: amounts are the sums of what is held");
}

void predict_task(Services&, ExchangePtr exchange) { answer_linkis(*exchange, Json::object()); }

void refuse_queue_batch(Services&, ExchangePtr exchange) {
  exchange->refuse({Errc::Unsupported, "batchqueueresources is not served",
                    "ask rm/queueresources for each queue", ""});
}

}  // namespace drover::server::api::linkis
