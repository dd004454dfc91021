// server/collect_metrics.cpp - which number goes to which family.
// SPDX-License-Identifier: Apache-2.0
#include "server/collect_metrics.hpp"

#include <algorithm>

#include "rm/licence.hpp"
#include "server/version.hpp"

namespace drover::server {
namespace {

using metrics::FamilyId;
using metrics::Metrics;

double whole_seconds(Duration d) { return double(d.us) / 1e6; }

void collect_jobs(Metrics& m, const sched::Stats& stats) {
  using sched::JobState;
  for (std::size_t s = 0; s < std::size(stats.jobs_by_state); ++s) {
    const auto state = JobState(s);
    const double count = double(stats.jobs_by_state[s]);
    if (sched::is_final(state))
      m.raise_to(FamilyId::JobsFinished, {to_string(state)}, count);
    else
      m.set(FamilyId::Jobs, {to_string(state)}, count);
  }
  m.raise_to(FamilyId::JobsSubmitted, {}, double(stats.submitted));
  m.raise_to(FamilyId::JobsRequeued, {}, double(stats.requeued));
  m.set(FamilyId::TasksActive, {}, double(stats.tasks_active));
  m.raise_to(FamilyId::AttemptsLaunched, {}, double(stats.launched));
  m.raise_to(FamilyId::AttemptsStarted, {}, double(stats.started));
  m.raise_to(FamilyId::AttemptsEnded, {}, double(stats.ended));
  m.set(FamilyId::Groups, {}, double(stats.groups));
  m.raise_to(FamilyId::Placements, {"placed"}, double(stats.placements_made));
  m.raise_to(
      FamilyId::Placements, {"no_fit"},
      double(stats.placements_tried - std::min(stats.placements_tried, stats.placements_made)));
}

void collect_nodes(Metrics& m, const Services& services) {
  using rm::Kind;
  double all = 0, cpus[3] = {}, memory[3] = {}, gpus[3] = {};  // used, free, unavailable
  std::map<std::string_view, double> nodes;
  for (const std::string_view word : rm::kNodeStateWords) nodes[word] = 0;
  for (const rm::NodeView& node : services.controller.resources().nodes()) {
    if (node.spec != nullptr && node.spec->seats > 0) continue;  // an engine
    all += 1;
    ++nodes[rm::state_word(node)];
    const auto add = [&](double(&sums)[3], Kind kind, double unit) {
      const double free = double(node.free[kind]) * unit,
                   used = double(node.capacity[kind]) * unit - free;
      sums[0] += used;
      sums[node.state == rm::NodeState::Up ? 1 : 2] += free;
    };
    add(cpus, Kind::CpuMilli, 0.001);
    add(memory, Kind::MemMib, 1 << 20);
    add(gpus, Kind::GpuMilli, 0.001);
  }
  for (const auto& [word, count] : nodes) m.set(FamilyId::Nodes, {std::string(word)}, count);
  const char* const words[3] = {"used", "free", "unavailable"};
  for (std::size_t i = 0; i < 3; ++i) {
    m.set(FamilyId::Cpus, {words[i]}, cpus[i]);
    m.set(FamilyId::Memory, {words[i]}, memory[i]);
    m.set(FamilyId::Gpus, {words[i]}, gpus[i]);
  }
  const double connected = double(services.agents.connected());
  m.set(FamilyId::Agents, {"connected"}, connected);
  m.set(FamilyId::Agents, {"lost"}, std::max(0.0, all - connected));
}

void collect_engines(Metrics& m, const Services& services) {
  std::map<std::string_view, double> engines;
  for (std::size_t i = 0; i < pool::kEngineStates; ++i)
    if (!pool::is_over(pool::EngineState(i))) engines[to_string(pool::EngineState(i))] = 0;
  for (const pool::EngineView& engine : services.engines.engines())
    ++engines[to_string(engine.state)];
  for (const auto& [state, count] : engines) m.set(FamilyId::Engines, {std::string(state)}, count);
  const pool::Counts& counts = services.engines.counts();
  m.raise_to(FamilyId::EngineAcquisitions, {"warm"}, double(counts.warm));
  m.raise_to(FamilyId::EngineAcquisitions, {"cold"}, double(counts.cold));
  m.raise_to(FamilyId::EngineStarts, {"begun"}, double(counts.started));
  m.raise_to(FamilyId::EngineStarts, {"failed"}, double(counts.start_failed));
  m.raise_to(FamilyId::EngineStarts, {"lost"}, double(counts.lost));
  m.raise_to(FamilyId::EngineStarts, {"ended_idle"}, double(counts.ended_idle));
  m.set(FamilyId::EngineWaiting, {}, double(services.engines.waiting()));
}

void collect_pollers(Metrics& m, const Services& services) {
  for (const auto& [whose, pollers] : services.agents.pollers()) {
    const auto& [type, kind] = whose;
    m.set(FamilyId::PollerThreads, {type, kind, "busy"}, double(pollers.busy));
    m.set(FamilyId::PollerThreads, {type, kind, "idle"},
          double(pollers.threads - std::min(pollers.busy, pollers.threads)));
    m.set(FamilyId::PollerItems, {type, kind}, double(pollers.items));
    m.set(FamilyId::PollerLag, {type, kind}, double(pollers.lag_ms) * 1e-3);
    m.set(FamilyId::PollerSlowest, {type, kind}, double(pollers.slowest_ms) * 1e-3);
  }
}

void collect_licences(Metrics& m, const Services& services) {
  for (const rm::LicenceView& licence : rm::licences_of(services.controller.resources())) {
    const std::int64_t held = licence.locked + licence.used;
    m.set(FamilyId::Licences, {licence.name, "used"}, double(held));
    m.set(FamilyId::Licences, {licence.name, "free"},
          double(std::max<std::int64_t>(licence.total - held, 0)));
  }
}

// One quota on user=* has a series for each user, so these are asked for by name. Past kSeriesMax
// the registry drops and counts them.
void collect_labels(Metrics& m, const Services& services) {
  using rm::Kind;
  for (const rm::QuotaView& quota : services.controller.resources().quotas()) {
    const auto show = [&](FamilyId family, Kind kind, double unit) {
      m.set(family, {quota.name, "used"}, double(quota.used[kind]) * unit);
      m.set(family, {quota.name, "locked"}, double(quota.locked[kind]) * unit);
      if (quota.max[kind] < 0) return false;
      const std::int64_t left = quota.max[kind] - quota.used[kind] - quota.locked[kind];
      m.set(family, {quota.name, "left"}, double(std::max<std::int64_t>(left, 0)) * unit);
      return true;
    };
    if (show(FamilyId::LabelCpus, Kind::CpuMilli, 0.001))
      m.set(FamilyId::LabelCpusLimit, {quota.name}, double(quota.max[Kind::CpuMilli]) * 0.001);
    if (show(FamilyId::LabelMemory, Kind::MemMib, 1 << 20))
      m.set(FamilyId::LabelMemoryLimit, {quota.name}, double(quota.max[Kind::MemMib]) * (1 << 20));
    show(FamilyId::LabelEngines, Kind::Engines, 1);
  }
}

// Configured accounts alone, so that no user can make series. Past kSeriesMax the registry drops
// and counts them.
void collect_accounts(Metrics& m, const Services& services) {
  if (services.config.accounts.empty()) return;
  for (const sched::ShareView& share : services.controller.shares(net::Loop::now())) {
    if (!share.user.empty() || share.account.empty()) continue;
    m.set(FamilyId::AccountUsage, {share.account}, double(share.usage_milli_cpu_s) * 0.001);
    m.set(FamilyId::AccountCpus, {share.account}, double(share.rate_milli_cpu) * 0.001);
    m.set(FamilyId::AccountShare, {share.account, "entitled"},
          double(share.shares_of_level_ppm) * 1e-6);
    m.set(FamilyId::AccountShare, {share.account, "used"}, double(share.usage_of_level_ppm) * 1e-6);
  }
}

void collect_rest(Metrics& m, const Services& services) {
  const sched::Consumers::Stats consumers = services.consumers.stats();
  m.set(FamilyId::ConsumerSlots, {"busy"}, double(consumers.active_groups));
  m.set(FamilyId::ConsumerQueueLength, {}, double(consumers.queued));
  m.set(FamilyId::InputsWaiting, {}, double(services.turn.waiting()));
  const store::StoreStats store = services.store.stats();
  m.set(FamilyId::StoreSize, {"map"}, double(store.map_bytes));
  m.set(FamilyId::StoreSize, {"used"}, double(store.used_bytes));
  m.set(FamilyId::StoreDiskFree, {}, double(store.disk_free_bytes));
  m.raise_to(FamilyId::StoreCommits, {}, double(store.commits));
  m.raise_to(FamilyId::StoreRecords, {}, double(store.records_written));
  m.raise_to(FamilyId::Events, {}, double(raw(services.events.last())));
  m.set(FamilyId::StreamSubscribers, {"events"}, double(services.events.followers()));
  m.set(FamilyId::StreamSubscribers, {"all"}, double(services.streams));
  const net::HttpCounters http = services.http_counters();
  m.set(FamilyId::HttpConnections, {}, double(http.connections_open));
  m.raise_to(FamilyId::HttpRefused, {"limit"}, double(http.refused));
  m.raise_to(FamilyId::HttpRefused, {"protocol"}, double(http.bad_requests));
  m.set(FamilyId::BuildInfo, {kVersion, kCompiler}, 1);
}

}  // namespace

void collect_metrics(Services& services) {
  const Time begun = net::Loop::now().mono;
  collect_jobs(services.metrics, services.controller.stats());
  collect_nodes(services.metrics, services);
  collect_engines(services.metrics, services);
  collect_pollers(services.metrics, services);
  collect_licences(services.metrics, services);
  if (services.config.label_metrics) collect_labels(services.metrics, services);
  collect_accounts(services.metrics, services);
  collect_rest(services.metrics, services);
  services.metrics.set(FamilyId::CollectDuration, {"controller"},
                       whole_seconds(net::Loop::now().mono - begun));
}

void observe_changes(Metrics& m, const sched::Changes& changes) {
  for (const sched::JobRecord& job : changes.jobs)
    if (sched::is_final(job.state) && job.started.is_set())
      m.observe(FamilyId::JobWait, {}, whole_seconds(job.started - job.submitted));
  for (const sched::TaskRecord& task : changes.tasks) {
    if (!sched::is_final(task.state) || !task.started.is_set()) continue;
    m.observe(FamilyId::TaskRun, {}, whole_seconds(task.ended - task.started));
    m.observe(FamilyId::DispatchDuration, {},
              whole_seconds(std::max(task.started - task.placed, Duration{})));
  }
}

}  // namespace drover::server
