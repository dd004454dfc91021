// pool/engine_sizes.cpp - engines of several sizes, and those that serve one statement alone.
//
// Engines of one user that are of no session may serve each other's pools when they are large
// enough: an idle one moves to the pool where somebody waits. Who wishes for more than any idle
// engine has, or for an engine of his own, gets one started; where the user may have no more, an
// idle one ends for it, and else he waits until one ends.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <tuple>
#include <utility>

#include "pool/engine_pool_state.hpp"

namespace drover::pool {
namespace {

constexpr sched::Actor kDrover{0, true};

}  // namespace

// Those of one user and type, without sessions: his home pool and what is in `special_`.
std::vector<std::string> EnginePool::siblings_of(const std::string& pool) const {
  const std::string home(home_of(pool));
  std::vector<std::string> found;
  if (home != pool && pools_.contains(home)) found.push_back(home);
  for (const char* mark : {"+", ".o."})
    for (auto at = special_.lower_bound(home + mark);
         at != special_.end() && at->starts_with(home + mark); ++at)
      if (*at != pool) found.push_back(*at);
  return found;
}

// An engine of this pool does nothing, or is no more: others of its user may wait for that.
void EnginePool::wake_siblings(const std::string& pool) {
  for (const std::string& name : line_)
    if (home_of(name) == home_of(pool)) dirty_.insert(name);
  if (special_.empty()) return;
  for (const std::string& name : siblings_of(pool))
    if (!pools_.at(name).waiting.empty()) dirty_.insert(name);
}

// The smallest idle engine that is enough, of pools where nobody waits.
EnginePool::Engine* EnginePool::idle_sibling(const std::string& name,
                                             const sched::EngineAmounts& needed,
                                             const Plugin& plugin) {
  Engine* best = nullptr;
  const auto rank = [](const Engine& engine) {
    return std::tuple(engine.amounts.gpus, engine.amounts.cpus, engine.amounts.mem_mib,
                      engine.number);
  };
  for (const std::string& other : siblings_of(name)) {
    const Pool& pool = pools_.at(other);
    if (pool.kind == PoolKind::Once || !pool.waiting.empty()) continue;
    for (const std::uint32_t number : pool.engines) {
      Engine& engine = engines_.at(number);
      const bool is_worn = plugin.max_uses > 0 && engine.uses >= plugin.max_uses;
      if (engine.state != EngineState::Idle || is_worn) continue;
      if (!is_enough(engine.amounts, needed)) continue;
      if (best == nullptr || rank(engine) < rank(*best)) best = &engine;
    }
  }
  return best;
}

void EnginePool::borrow(const std::string& name, Pool& pool, const Plugin& plugin, Now now) {
  if (special_.empty() || pool.kind == PoolKind::Session || pool.kind == PoolKind::Once) return;
  const std::size_t seats = std::max(plugin.concurrency, 1u);
  std::size_t idle = 0;
  for (const std::uint32_t number : pool.engines)
    idle += engines_.at(number).state == EngineState::Idle;
  for (std::size_t needed = (pool.waiting.size() + seats - 1) / seats; idle < needed; ++idle) {
    Engine* engine = idle_sibling(name, pool.needed, plugin);
    if (engine == nullptr) return;
    move_to(*engine, name, {}, now);
  }
}

bool EnginePool::has_engine(const Pool& pool) const {
  return std::ranges::any_of(pool.engines, [this](std::uint32_t number) {
    const EngineState state = engines_.at(number).state;
    return state != EngineState::Stopping && state != EngineState::Draining;
  });
}

// Pools without any engine go before those that want one more, in the order in which they came.
bool EnginePool::comes_first(const std::string& name, const Pool& pool) const {
  for (const std::string& other : line_) {
    if (home_of(other) != home_of(name)) continue;
    if (other == name && !has_engine(pool)) return true;
    if (other == name) continue;
    const auto ahead = pools_.find(other);
    if (ahead == pools_.end() || ahead->second.waiting.empty()) continue;
    if (!has_engine(ahead->second)) return false;
  }
  return true;
}

void EnginePool::join_line(const std::string& name) {
  if (std::ranges::find(line_, name) == line_.end()) line_.push_back(name);
}

// Whoever is next may have room as well.
void EnginePool::leave_line(const std::string& name) {
  if (std::erase(line_, name) == 0) return;
  for (const std::string& other : line_)
    if (home_of(other) == home_of(name)) dirty_.insert(other);
}

// Whether one more may be started for this pool: if the user has all that he may have, an idle one
// ends for it; else, if it has none at all, one that is busy, when it has done what it runs.
// Otherwise a pool that is never idle would keep the others waiting for ever.
EnginePool::Room EnginePool::make_room(const std::string& name, const Pool& pool,
                                       const Plugin& plugin, Now now) {
  const std::uint32_t uid = pool.wish.owner.uid;
  if (live_of(plugin, uid) < plugin.max_per_user) return Room::Free;
  bool is_some = false, is_on_its_way = false;
  Engine *idlest = nullptr, *busy = nullptr;
  for (auto& [number, engine] : engines_) {
    if (engine.owner.uid != uid || engine.type != plugin.type || !engine.session.empty()) continue;
    if (engine.pool == name || engine.state == EngineState::Stopping) continue;
    if (engine.state == EngineState::Idle && pools_.at(engine.pool).waiting.empty() &&
        (idlest == nullptr || engine.idle_since < idlest->idle_since))
      idlest = &engine;
    if (engine.state == EngineState::Busy && !engine.is_once() && busy == nullptr) busy = &engine;
    is_on_its_way = is_on_its_way || engine.state == EngineState::Draining;
    is_some = true;
  }
  if (idlest == nullptr) {
    if (busy != nullptr && !is_on_its_way && !has_engine(pool)) retire(*busy, now);
    return is_some ? Room::Later : Room::None;
  }
  ++counts_.ended_idle;
  stop(*idlest, now);
  return Room::Free;
}

std::string EnginePool::why_no_more(JobId statement) const {
  const auto waiter = statements_.find(statement);
  if (waiter == statements_.end() || waiter->second.engine != 0) return {};
  if (std::ranges::find(line_, waiter->second.pool) == line_.end()) return {};
  const auto pool = pools_.find(waiter->second.pool);
  const Plugin* plugin = pool == pools_.end() ? nullptr : catalogue_->find(pool->second.type);
  if (plugin == nullptr) return {};
  return pool->second.wish.user + " has " +
         std::to_string(live_of(*plugin, pool->second.wish.owner.uid)) + " " + plugin->type +
         " engines, as many as are allowed, and none that will do is idle";
}

// It takes nothing more: its node is drained at once, while it is busy as far as anybody sees.
void EnginePool::serve_once(const Engine& engine, Now now) {
  sched::ServeNode drain;
  drain.actor = kDrover;
  drain.node = engine.name();
  drain.reason = "it runs one statement alone";
  apply_to_controller(std::move(drain), now);
}

// It ends when it has done what it runs.
void EnginePool::retire(Engine& engine, Now now) {
  sched::ServeNode drain;
  drain.actor = kDrover;
  drain.node = engine.name();
  drain.reason = "draining";
  apply_to_controller(std::move(drain), now);
  move(engine, EngineEvent::Drain, now);
}

// More than there are statements that wait: nobody will ever want them.
void EnginePool::drop_unneeded_once(Pool& pool, Now now) {
  std::size_t ready = 0;
  for (const std::uint32_t number : std::set(pool.engines)) {
    Engine& engine = engines_.at(number);
    if (engine.state != EngineState::Idle && engine.state != EngineState::Starting) continue;
    if (++ready > pool.waiting.size()) stop(engine, now);
  }
}

}  // namespace drover::pool
