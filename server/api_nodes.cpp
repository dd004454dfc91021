// server/api_nodes.cpp - nodes and groups as the controller sees them now.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <utility>

#include "sched/entrance.hpp"
#include "server/api.hpp"
#include "server/command_json_in.hpp"
#include "server/job_json_out.hpp"

namespace drover::server::api {
namespace {

void append_words(JsonWriter& out, std::string_view name,
                  const std::map<std::string, std::string>& words) {
  out.key(name);
  out.begin_object();
  for (const auto& [word, value] : words) {
    out.text_key(word);
    out.value(value);
  }
  out.end_object();
}

void append_topology(JsonWriter& out, const rm::Topology& topology) {
  out.key("topology");
  out.begin_object();
  out.field("bindable", topology.bindable);
  out.key("numa_mem_mib");
  out.begin_array();
  for (const std::int64_t mib : topology.numa_mem_mib) out.value(mib);
  out.end_array();
  out.key("cores");
  out.begin_array();
  for (const rm::Core& core : topology.cores) {
    out.begin_object();
    out.field("package", core.package);
    out.field("numa", core.numa);
    out.field("l3", core.l3);
    out.key("pus");
    out.begin_array();
    for (const std::uint16_t pu : core.pus) out.value(pu);
    out.end_array();
    out.end_object();
  }
  out.end_array();
  out.key("gpus");
  out.begin_array();
  for (const rm::Gpu& gpu : topology.gpus) {
    out.begin_object();
    out.field("model", gpu.model);
    out.field("address", gpu.address);
    out.field("index", gpu.index);
    out.field("numa", gpu.numa);
    out.end_object();
  }
  out.end_array();
  out.key("nics");
  out.begin_array();
  for (const rm::Nic& nic : topology.nics) {
    out.begin_object();
    out.field("name", nic.name);
    out.field("address", nic.address);
    out.field("numa", nic.numa);
    out.end_object();
  }
  out.end_array();
  out.end_object();
}

// The next that begins here; nothing when none does.
void append_next_reservation(JsonWriter& out, const sched::ReservationCalendar& calendar,
                             const std::string& node, Time now) {
  std::optional<Time> first;
  std::string_view name;
  for (const std::string& known : calendar.on_node(node)) {
    const sched::Reservation& reservation = *calendar.find(known);
    auto span = occurrence_at(reservation, now);
    if (span && span->from <= now) span = occurrence_at(reservation, span->until);
    if (!span || span->from <= now || (first && *first <= span->from)) continue;
    first = span->from;
    name = known;
  }
  if (!first) return out.null_field("next_reservation");
  out.key("next_reservation");
  out.begin_object();
  out.field("name", name);
  append_time(out, "start", *first);
  out.end_object();
}

// Those that are counted.
void append_resources(JsonWriter& out, const rm::NodeSpec& spec, const rm::NodeView& node,
                      const rm::ResourceNames& names) {
  out.key("resources");
  out.begin_object();
  for (const auto& resource : spec.topology.resources) {
    const auto kind = names.custom(resource.first);
    if (!kind) continue;
    out.text_key(resource.first);
    out.begin_object();
    out.field("total", node.capacity[*kind]);
    out.field("free", node.free[*kind]);
    out.end_object();
  }
  out.end_object();
}

void append_node(JsonWriter& out, const rm::NodeView& node, const AgentView& agent,
                 const sched::Controller& controller, bool whole) {
  using rm::Kind;
  static const rm::NodeSpec kUnknown;
  const rm::NodeSpec& spec = node.spec != nullptr ? *node.spec : kUnknown;
  out.begin_object();
  out.field("id", raw(node.id));
  out.field("name", spec.name);
  out.field("state", rm::state_word(node));
  out.field("reason", node.reason);
  out.field("cpus", node.capacity[Kind::CpuMilli] / 1000);
  out.field("cpus_free", node.free[Kind::CpuMilli] / 1000);
  out.field("mem_mib", node.capacity[Kind::MemMib]);
  out.field("mem_mib_free", node.free[Kind::MemMib]);
  out.field("gpus", node.capacity[Kind::GpuMilli] / 1000);
  // Of GPUs that are shared, what is left counts: 2.25 is two whole ones, or none and many shares.
  if (node.free[Kind::GpuMilli] % 1000 == 0)
    out.field("gpus_free", node.free[Kind::GpuMilli] / 1000);
  else
    out.field("gpus_free", double(node.free[Kind::GpuMilli]) / 1000);
  append_resources(out, spec, node, controller.resources().names());
  out.field("running", node.leases);
  if (node.sole_user != 0)
    out.field("sole_user", node.sole_user - 1);
  else
    out.null_field("sole_user");
  out.field("reservation", node.reservation);
  append_next_reservation(out, controller.calendar(), spec.name, net::Loop::now().wall);
  append_words(out, "labels", spec.labels);
  out.field("connected", agent.connected);
  out.field("boot_id", agent.boot_id);
  out.field("version", agent.version);
  append_words(out, "capabilities", agent.capabilities);
  out.field("load1", agent.load1);
  append_time(out, "heard", agent.heard);
  if (whole) append_topology(out, spec.topology);
  out.end_object();
}

void answer_nodes(Services& services, const Exchange& exchange, const std::string& only,
                  bool topology) {
  std::string body;
  JsonWriter out(body);
  bool found = only.empty();
  out.begin_object();
  out.field("v", 1);
  out.key("nodes");
  out.begin_array();
  for (const rm::NodeView& node : services.controller.resources().nodes()) {
    if (node.spec != nullptr && node.spec->seats > 0) continue;  // an engine: GET /engines
    const std::string name = node.spec != nullptr ? node.spec->name : std::string();
    if (!only.empty() && name != only) continue;
    found = true;
    append_node(out, node, services.agents.view(name).value_or(AgentView{}), services.controller,
                topology);
  }
  out.end_array();
  out.end_object();
  if (!found)
    return exchange.refuse({Errc::NotFound, "no node has the name " + only, "drover node ls", ""});
  exchange.json(std::move(body));
}

// Answers with the node as it is then.
auto then_show(Services& services, const ExchangePtr& exchange) {
  return [&services, exchange](const Result<sched::Done>& result) {
    if (!result) return exchange->refuse(result.error());
    answer_nodes(services, *exchange, exchange->name, true);
  };
}

std::optional<CommandBody> command_body(Services& services, Exchange& exchange,
                                        std::string_view allowed) {
  auto body = read_command(std::move(exchange.request.body), allowed);
  if (!body) return exchange.refuse(body.error()), std::nullopt;
  if (services.turn.is_full()) {
    exchange.refuse({Errc::Unavailable, "too many requests wait", "try again in a moment", ""});
    return std::nullopt;
  }
  return std::move(*body);
}

void serve_node(Services& services, const ExchangePtr& exchange, sched::Service service) {
  const bool down = service == sched::Service::Down;
  auto body = command_body(services, *exchange, down ? "reason attempts_lost" : "reason");
  if (!body) return;
  sched::ServeNode input;
  input.actor = exchange->caller.actor();
  input.node = exchange->name;
  input.service = service;
  input.reason = std::move(body->reason);
  input.attempts_lost = body->attempts_lost;
  services.turn.serve_node(std::move(input), then_show(services, exchange));
}

}  // namespace

void list_nodes(Services& services, ExchangePtr exchange) {
  const auto topology = exchange->flag("topology");
  if (!topology) return exchange->refuse(topology.error());
  answer_nodes(services, *exchange, {}, *topology);
}
void show_node(Services& services, ExchangePtr exchange) {
  answer_nodes(services, *exchange, exchange->name, true);
}
void drain_node(Services& services, ExchangePtr exchange) {
  serve_node(services, exchange, sched::Service::Draining);
}
void resume_node(Services& services, ExchangePtr exchange) {
  serve_node(services, exchange, sched::Service::InService);
}
void down_node(Services& services, ExchangePtr exchange) {
  serve_node(services, exchange, sched::Service::Down);
}
void maintain_node(Services& services, ExchangePtr exchange) {
  serve_node(services, exchange, sched::Service::Maintenance);
}

void label_node(Services& services, ExchangePtr exchange) {
  auto body = command_body(services, *exchange, "set remove");
  if (!body) return;
  if (auto good = sched::check_label_map(body->set, "set"); !good)
    return exchange->refuse(good.error());
  sched::LabelNode input;
  input.actor = exchange->caller.actor();
  input.node = exchange->name;
  input.edits.set = std::move(body->set);
  input.edits.removed.insert(body->remove.begin(), body->remove.end());
  services.turn.label_node(std::move(input), then_show(services, exchange));
}

}  // namespace drover::server::api
