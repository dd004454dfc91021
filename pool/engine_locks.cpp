// pool/engine_locks.cpp - engines that are kept for who asked, until a lease is over.
// SPDX-License-Identifier: Apache-2.0
//
// A locked engine serves a pool of its own, that of a session whose name is the lock: so statements
// name it as they name any session, and nobody else's find it. A warm engine moves to that pool and
// back; one that is started for the lock begins there. Leases are not stored: after a restart of
// the controller engines are in the pools that they were started for. One that was started for a
// lock is then a session of that name.
#include <charconv>
#include <utility>

#include "pool/engine_pool_state.hpp"

namespace drover::pool {
namespace {

// Of one owner no two are the same: an engine is locked once at a time, and never twice at once.
std::string lock_name(std::uint32_t number, Now now) {
  char text[24];
  const auto end = std::to_chars(text, text + sizeof text, now.wall.us, 36);
  return std::string(kLockPrefix) + std::to_string(number) + "-" + std::string(text, end.ptr);
}

}  // namespace

// The one that worked last: what it has loaded is most likely still in memory.
EnginePool::Engine* EnginePool::idle_engine_of(const std::string& pool, const Plugin& plugin) {
  const auto known = pools_.find(pool);
  if (known == pools_.end()) return nullptr;
  Engine* best = nullptr;
  for (const std::uint32_t number : known->second.engines) {
    Engine& engine = engines_.at(number);
    const bool is_worn = plugin.max_uses > 0 && engine.uses >= plugin.max_uses;
    if (engine.state != EngineState::Idle || is_worn) continue;
    if (best == nullptr || engine.idle_since > best->idle_since) best = &engine;
  }
  return best;
}

Result<sched::Done> EnginePool::ask(AskEngine in, Now now) {
  const auto found = catalogue_->named(in.type);
  if (!found) return fail(found.error());
  const Plugin* plugin = *found;
  if (plugin->shared_as)
    return fail(Errc::Unsupported,
                "engine " + plugin->type + " is shared by its users: nobody may lock one",
                "submit statements: drover exec", "engine");
  const std::string home = pool_name(*plugin, in.wish.owner.uid, {});
  if (Engine* engine = idle_engine_of(home, *plugin)) {
    engine->lease = in.lease;
    engine->lock_until = now.mono + in.lease;
    engine->why_cold.clear();
    serve_pool(*engine, lock_name(engine->number, now), now);
    move(*engine, EngineEvent::Lock, now);
    return sched::Done{engine->job, 1};
  }
  const auto known = pools_.find(home);
  const bool has_some = known != pools_.end() && !known->second.engines.empty();
  in.wish.session = lock_name(next_number(), now);
  in.wish.pool = pool_name(*plugin, in.wish.owner.uid, in.wish.session);
  Pool& pool = pool_of(in.wish.pool);
  pool.type = in.type;
  pool.session = in.wish.session;
  pool.wish = in.wish;
  auto job = start(*plugin, in.wish, now);
  if (!job) return fail(std::move(job.error()));
  Engine& engine = engines_.at(engine_jobs_.at(*job));
  engine.is_ahead = true;
  engine.lease = in.lease;  // counts from when it is ready
  engine.why_cold = has_some ? "all engines of pool " + home + " were busy"
                             : "no engine of pool " + home + " was there";
  return sched::Done{*job, 1};
}

Result<sched::Done> EnginePool::hold(const HoldEngine& in, Now now) {
  Engine* engine = engine_by_name(in.name);
  const bool may = engine != nullptr && (in.actor.is_operator || in.actor.uid == engine->owner.uid);
  if (!may || !engine->is_locked())
    return fail(may ? Errc::Conflict : Errc::NotFound,
                may ? in.name + " is not locked" : "there is no engine " + in.name.substr(0, 64),
                may ? "drover engine ask TYPE locks one" : "drover engine ls lists yours",
                "engine");
  if (in.lease.us > 0) {
    engine->lease = in.lease;
    if (engine->was_ready) engine->lock_until = now.mono + in.lease;
    if (engine->state == EngineState::Locked || engine->state == EngineState::Busy)
      set_deadline(*engine, engine->lease_end());
  } else {
    unlock(*engine, now);
  }
  return sched::Done{engine->job, 1};
}

// What waits for the lock waits in vain. What runs goes on, and the engine is everybody's of its
// user when that has ended.
void EnginePool::unlock(Engine& engine, Now now) {
  const std::string lock = engine.pool;
  const Plugin* plugin = catalogue_->find(engine.type);
  engine.lease = {};
  engine.why_cold.clear();
  if (engine.state == EngineState::Busy) set_deadline(engine, std::nullopt);
  session_sizes_.erase(lock);
  if (engine.state == EngineState::Starting || plugin == nullptr) {
    stop(engine, now);
    return;
  }
  serve_pool(engine, {}, now);
  fail_waiting(pool_of(lock), "lock " + lock.substr(lock.find(kLockPrefix)) + " is over", now);
  move(engine, EngineEvent::Unlock, now);
}

// From here on the statements of this session are its own; empty = those of none.
void EnginePool::serve_pool(Engine& engine, std::string session, Now now) {
  const std::string to = pool_name(*catalogue_->find(engine.type), engine.owner.uid, session);
  move_to(engine, to, std::move(session), now);
}

void EnginePool::move_to(Engine& engine, const std::string& to, std::string session, Now now) {
  pool_of(engine.pool).engines.erase(engine.number);
  engine.pool = to;
  engine.session = std::move(session);
  Pool& pool = pool_of(to);
  pool.type = engine.type;
  pool.session = engine.session;
  pool.engines.insert(engine.number);
  if (pool.wish.user.empty()) pool.wish = {engine.owner, engine.user, to, engine.session, {}, {}};
  apply_to_controller(sched::PoolEngine{engine.name(), to}, now);
  engine.short_row = 0;
  if (std::exchange(engine.ahead, 0) != 0)
    apply_to_controller(sched::EngineAhead{engine.name(), 0}, now);
}

// Who names a lock that is no more, or whose engine could not be had.
void EnginePool::decide_about_lock(Pool& pool, Now now) {
  if (!pool.engines.empty() || pool.waiting.empty()) return;
  const std::string why =
      pool.last_failure.empty() ? "it was given back, or its lease is over" : pool.last_failure;
  fail_waiting(pool, "there is no lock " + pool.session + ": " + why, now);
}

}  // namespace drover::pool
