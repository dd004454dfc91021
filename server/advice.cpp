// server/advice.cpp - joins what the controller, the pool and the nodes know.
// SPDX-License-Identifier: Apache-2.0
#include "server/advice.hpp"

#include <algorithm>
#include <utility>

namespace drover::server {
namespace {

using sched::Advice;
using sched::AdviceKind;

// A statement waits for an engine; whether that one waits for a quota its own job tells.
std::optional<Advice> quota_of_engine(const Services& services, const pool::EngineView& engine) {
  if (engine.state != pool::EngineState::Starting) return std::nullopt;
  auto why = services.controller.why(engine.job, std::nullopt, net::Loop::now());
  if (!why || why->reason != sched::Reason::Quota) return std::nullopt;
  return Advice{AdviceKind::Quota, TaskIndex{0}, engine.name + ", started for it: " + why->text,
                why->hint};
}

// An adapter's statements run elsewhere: its own CPUs say nothing of them.
void add_polls(const Services& services, const std::string& engine, sched::JobUse& use) {
  const auto view = services.agents.view(engine);
  if (!view || view->pollers.empty()) return;
  use.cpus = 0;
  for (const auto& [kind, own] : view->pollers) {
    use.poll_late_ms = std::max(use.poll_late_ms, own.lag_ms);
    if (own.slowest_ms <= use.poll_slowest_ms) continue;
    use.poll_slowest_ms = own.slowest_ms;
    use.poll_target = own.slowest;
  }
}

std::vector<Advice> on_statement(const Services& services, JobId id) {
  const auto engine = services.engines.engine_of(id);
  if (!engine) return {};
  if (auto quota = quota_of_engine(services, *engine)) return {*std::move(quota)};
  const auto running = services.engines.running_on(engine->job);
  if (std::ranges::find(running, id) == running.end()) return {};
  const auto spec = services.specs.find(engine->job);
  if (!spec) return {};
  sched::JobUse use = services.agents.use().use_by(engine->job, id, **spec);
  add_polls(services, engine->name, use);
  return sched::diagnose(use);
}

}  // namespace

std::vector<Advice> advice_on(const Services& services, JobId id, const sched::JobSpec& spec,
                              const std::optional<sched::Why>& why) {
  std::vector<Advice> all;
  if (why && why->reason == sched::Reason::Quota)
    all.push_back({AdviceKind::Quota, TaskIndex{0}, why->text, why->hint});
  const auto more =
      spec.statement ? on_statement(services, id) : services.agents.use().advice(id, spec);
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

std::string advice_on_engine(const Services& services, JobId engine, const Caller& caller) {
  std::string text;
  for (const JobId id : services.engines.running_on(engine)) {
    const auto spec = services.specs.find(id);
    if (!spec || ((*spec)->owner.uid != caller.uid && !caller.is_operator)) continue;
    for (const Advice& advice : on_statement(services, id))
      text += "; " + advice.text + " (" + advice.hint + ")";
  }
  return text;
}

}  // namespace drover::server
