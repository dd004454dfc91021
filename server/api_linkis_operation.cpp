// server/api_linkis_operation.cpp - entrance/operation/...: what operators' tools ask.
// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <memory>
#include <utility>

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
Result<Load> load_of(const store::Store& store, const Exchange& exchange, std::int64_t scan) {
  const auto snapshot = store.snapshot();
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
        return ++scanned < scan;
      });
  if (!visited) return fail(visited.error());
  return load;
}

// The jobs are looked at off the loop: there may be many.
void answer_load(Services& services, ExchangePtr exchange, Json (*data_of)(const Load&)) {
  auto load = std::make_shared<Result<Load>>();
  const store::Store& store = services.store;
  const std::int64_t scan = services.config.page_scan;
  services.loop.offload([load, &store, exchange, scan] { *load = load_of(store, *exchange, scan); },
                        [load, exchange, data_of] {
                          if (!*load) return exchange->refuse(load->error());
                          answer_linkis(*exchange, data_of(**load));
                        });
}

}  // namespace

void show_load(Services& services, ExchangePtr exchange) {
  answer_load(services, std::move(exchange), [](const Load& load) {
    Json data;
    data["taskNumber"] = load.waiting + load.running;
    data["runningNumber"] = load.running;
    data["queueNumber"] = load.waiting;
    return data;
  });
}

void show_running(Services& services, ExchangePtr exchange) {
  answer_load(services, std::move(exchange), [](const Load& load) {
    Json data;
    data["runningTaskNumber"] = load.running;
    data["isCompleted"] = load.running + load.waiting == 0;
    return data;
  });
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
