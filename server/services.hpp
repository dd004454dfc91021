// server/services.hpp - what a route may use: the parts of one controller. Loop thread only.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <string>

#include "flow/conductor.hpp"
#include "metrics/metrics.hpp"
#include "net/http_server.hpp"
#include "net/loop.hpp"
#include "pool/engine_pool.hpp"
#include "sched/consumers.hpp"
#include "sched/controller.hpp"
#include "server/admission.hpp"
#include "server/agents.hpp"
#include "server/auth.hpp"
#include "server/config.hpp"
#include "server/event_hub.hpp"
#include "server/job_json_in.hpp"
#include "server/spec_cache.hpp"
#include "server/turn.hpp"
#include "store/store.hpp"

namespace drover::server {

class LinkisDesk;

struct Services {
  const Config& config;
  net::Loop& loop;
  store::Store& store;
  sched::Controller& controller;
  flow::Conductor& workflows;
  pool::EnginePool& engines;
  sched::Consumers& consumers;
  Turn& turn;
  Admission& admission;
  Agents& agents;
  EventHub& events;
  SpecCache& specs;
  Users& users;
  metrics::Metrics& metrics;
  std::uint32_t daemon_uid;
  Time started;  // wall
  std::function<net::HttpCounters()> http_counters;
  JobReader reader{};
  std::size_t streams = 0;       // followers of events and logs now
  LinkisDesk* linkis = nullptr;  // null: the contract is not served
};

}  // namespace drover::server
