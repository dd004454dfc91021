// server/api_linkis_operation.cpp - entrance/operation/...: what operators' tools ask.
// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include "server/api_linkis.hpp"
#include "server/linkis_answer.hpp"
#include "server/linkis_desk.hpp"

namespace drover::server::api::linkis {
namespace {

using drover::linkis::Json;

struct Load {
  std::uint64_t waiting = 0, running = 0;
};

// Open tasks: of everybody for operators, else the caller's own; of one creator when it is named.
Result<Load> load_of(const Services& services, const Exchange& exchange) {
  const auto snapshot = services.store.snapshot();
  if (!snapshot) return fail(snapshot.error());
  const std::string creator(exchange.request.query_value("creator"));
  Load load;
  std::int64_t scanned = 0;
  auto visited = snapshot->visit_jobs(
      JobId{0}, true, [&](const sched::JobRecord& record, const sched::JobSpec& spec) {
        const auto label = spec.labels.find("creator");
        const bool named =
            creator.empty() || (label != spec.labels.end() && label->second == creator);
        const bool mine = exchange.caller.is_operator || spec.owner.uid == exchange.caller.uid;
        if (spec.statement && named && mine)
          ++(record.state == sched::JobState::Running ? load.running : load.waiting);
        return ++scanned < services.config.page_scan;
      });
  if (!visited) return fail(visited.error());
  return load;
}

}  // namespace

void show_load(Services& services, ExchangePtr exchange) {
  const auto load = load_of(services, *exchange);
  if (!load) return exchange->refuse(load.error());
  Json data;
  data["taskNumber"] = load->waiting + load->running;
  data["runningNumber"] = load->running;
  data["queueNumber"] = load->waiting;
  answer_linkis(*exchange, data);
}

void show_running(Services& services, ExchangePtr exchange) {
  const auto load = load_of(services, *exchange);
  if (!load) return exchange->refuse(load.error());
  Json data;
  data["runningTaskNumber"] = load->running;
  data["isCompleted"] = load->running + load->waiting == 0;
  answer_linkis(*exchange, data);
}

// Groups have no threads here, and so nothing that could be counted or killed.
void show_consumers(Services&, ExchangePtr exchange) {
  Json data;
  data["consumerNum"] = 0;
  answer_linkis(*exchange, data);
}

void show_online(Services&, ExchangePtr exchange) {
  Json data;
  data["isOnline"] = true;
  answer_linkis(*exchange, data);
}

void refuse_operation(Services&, ExchangePtr exchange) {
  exchange->refuse({Errc::Unsupported, "there is one entrance, and it is always on",
                    "drover node drain keeps work away from nodes", ""});
}

}  // namespace drover::server::api::linkis
