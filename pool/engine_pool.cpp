// pool/engine_pool.cpp - who waits gets engines; what nobody needs ends.
// SPDX-License-Identifier: Apache-2.0
#include "pool/engine_pool.hpp"

#include <algorithm>
#include <utility>

#include "pool/engine_pool_state.hpp"

namespace drover::pool {
namespace {

constexpr Duration kStopGrace = seconds(10);      // from the signal to the end by force
constexpr Duration kGivesWayAfter = seconds(10);  // idle while others wait for room
constexpr Duration kKeepsIdle = seconds(3600);    // min_idle holds so long after the last use
constexpr sched::Actor kDrover{0, true};
constexpr std::size_t kEndedColdMax = 10'000;

JobId first_of(const std::set<JobId>& jobs) { return jobs.empty() ? JobId{} : *jobs.begin(); }

}  // namespace

EnginePool::EnginePool(sched::Controller& controller, Prepare prepare)
    : controller_(controller),
      prepare_(std::move(prepare)),
      catalogue_(std::make_shared<const Catalogue>()) {}
EnginePool::~EnginePool() = default;

EnginePool::Pool& EnginePool::pool_of(const std::string& name) {
  dirty_.insert(name);
  const auto [at, is_new] = pools_.try_emplace(name);
  if (is_new) {
    at->second.kind = kind_of_pool(name);
    if (at->second.kind == PoolKind::Sized || at->second.kind == PoolKind::Once)
      special_.insert(name);
  }
  return at->second;
}

EnginePool::Engine* EnginePool::engine_by_name(const std::string& name) {
  const auto found = engines_.find(number_of(name));
  return found == engines_.end() ? nullptr : &found->second;
}

// Whoever waited for the end asks afterwards.
void EnginePool::remember_cold(JobId statement, std::string why) {
  if (!ended_cold_.emplace(statement, std::move(why)).second) return;
  ended_cold_order_.push_back(statement);
  if (ended_cold_order_.size() <= kEndedColdMax) return;
  ended_cold_.erase(ended_cold_order_.front());
  ended_cold_order_.pop_front();
}

void EnginePool::apply_to_controller(sched::Input input, Now now) {
  controller_.apply(std::move(input), now);
  has_acted_ = true;
}

void EnginePool::set_deadline(Engine& engine, std::optional<Time> at) {
  if (engine.deadline) deadlines_.erase({*engine.deadline, engine.number});
  engine.deadline = at;
  if (at) deadlines_.insert({*at, engine.number});
}

// The only code that changes the state of an engine. What the table does not know changes nothing:
// the news is late.
void EnginePool::move(Engine& engine, EngineEvent on, Now now) {
  const auto to = after(engine.state, on);
  if (!to || *to == engine.state) return;
  engine.state = *to;
  engine.since = now.wall;
  dirty_.insert(engine.pool);
  switch (engine.state) {
    case EngineState::Idle:
      engine.was_ready = true;
      engine.idle_since = now.mono;
      pools_[engine.pool].failures = 0;
      if (engine.is_locked()) return move(engine, EngineEvent::Lock, now);
      wake_siblings(engine.pool);
      return wait_idly(engine, now);
    case EngineState::Locked:
      if (!engine.lock_until.is_set()) engine.lock_until = now.mono + engine.lease;
      return set_deadline(engine, std::max(engine.lock_until, now.mono + millis(1)));
    case EngineState::Lost: return set_deadline(engine, now.mono + kLostMax);
    case EngineState::Stopping: return set_deadline(engine, now.mono + kStopGrace);
    case EngineState::Busy: return set_deadline(engine, engine.lease_end());
    case EngineState::Starting:
    case EngineState::Draining:
    case EngineState::Failed:
    case EngineState::Dead: return set_deadline(engine, std::nullopt);
  }
}

// Looked at again when its time is over, and before that now and then: others may want its room.
void EnginePool::wait_idly(Engine& engine, Now now) {
  const Plugin* plugin = catalogue_->find(engine.type);
  const Duration idle = plugin == nullptr        ? seconds(0)
                        : engine.session.empty() ? plugin->idle
                                                 : plugin->session_idle;
  Time at = engine.idle_since + idle;
  if (engine.session.empty()) {  // in a whole second: engines are many, and one turn does for all
    const Time look = now.mono + kGivesWayAfter;
    at = std::min(at, Time{(look.us + 999'999) / 1'000'000 * 1'000'000});
  }
  set_deadline(engine, std::max(at, now.mono + millis(1)));
}

bool EnginePool::may_stay_idle(const Engine& engine, Now now) {
  const Plugin* plugin = catalogue_->find(engine.type);
  if (plugin == nullptr) return false;
  const Duration passed = now.mono - engine.idle_since;
  if (!engine.session.empty()) return passed < plugin->session_idle;
  if (controller_.has_backlog()) return false;
  return passed < plugin->idle || keeps_idle(pools_[engine.pool], plugin, now);
}

// An engine that somebody waits for finds no room, or its user may have no more of them: the idlest
// makes place, at once. For a quota it is one of the same user's; others may be counted elsewhere.
void EnginePool::give_way(Now now) {
  bool is_wanted = false;
  std::set<std::string_view> over_quota;  // users
  for (const auto& [number, engine] : engines_) {
    if (engine.state == EngineState::Stopping) return;  // room is on its way
    if (engine.state != EngineState::Starting || engine.job_runs) continue;
    is_wanted = true;
    if (engine.is_over_quota) over_quota.insert(engine.user);
  }
  if (!is_wanted) return;
  const bool lacks_room = controller_.has_backlog();
  Engine* idlest = nullptr;
  for (auto& [number, engine] : engines_) {
    if (engine.state != EngineState::Idle || !engine.session.empty()) continue;
    if (kind_of_pool(engine.pool) == PoolKind::Once) continue;  // somebody is about to have it
    if (!lacks_room && !over_quota.contains(engine.user)) continue;
    if (idlest == nullptr || engine.idle_since < idlest->idle_since) idlest = &engine;
  }
  if (idlest == nullptr) return;
  ++counts_.ended_idle;
  stop(*idlest, now);
}

// Nothing new is placed on it from here on; it gets a signal, and later is ended by force.
void EnginePool::stop(Engine& engine, Now now) {
  if (engine.was_ready) {
    sched::ServeNode drain;
    drain.actor = kDrover;
    drain.node = engine.name();
    drain.reason = "the engine ends";
    apply_to_controller(std::move(drain), now);
  } else {
    engine.is_unwanted = true;
  }
  move(engine, EngineEvent::Stop, now);
  tell_to_end(engine, now);
}

// While its machine is away, nobody hears the signal: it is repeated when that is back.
void EnginePool::tell_to_end(const Engine& engine, Now now) {
  sched::Command command;
  command.verb = sched::Verb::Cancel;
  command.actor = kDrover;
  command.target.job = engine.job;
  command.reason = "the engine is not needed";
  if (engine.was_ready) command.signal = 15;
  apply_to_controller(std::move(command), now);
}

void EnginePool::fire_timers(Now now) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now.mono) {
    Engine& engine = engines_.at(deadlines_.begin()->second);
    set_deadline(engine, std::nullopt);
    if (engine.state == EngineState::Idle && may_stay_idle(engine, now)) {
      wait_idly(engine, now);  // nothing to decide about its pool
      continue;
    }
    Pool& pool = pool_of(engine.pool);
    if (engine.is_locked() &&
        (engine.state == EngineState::Locked || engine.state == EngineState::Busy)) {
      unlock(engine, now);
    } else if (engine.state == EngineState::Idle) {
      ++counts_.ended_idle;
      stop(engine, now);
    } else if (engine.state == EngineState::Lost) {
      ++counts_.lost;
      stop(engine, now);
    } else {  // it did not become ready, or did not end, in time
      if (engine.state == EngineState::Starting) pool.last_failure = "it was not ready in time";
      move(engine, EngineEvent::Stop, now);
      set_deadline(engine, std::nullopt);
      sched::Command command;
      command.verb = sched::Verb::Cancel;
      command.actor = kDrover;
      command.target.job = engine.job;
      command.reason = "the engine did not answer in time";
      apply_to_controller(std::move(command), now);
    }
  }
}

bool EnginePool::keeps_idle(const Pool& pool, const Plugin* plugin, Now now) const {
  if (plugin == nullptr || plugin->min_idle == 0 || !pool.last_use.is_set()) return false;
  if (pool.kind != PoolKind::Home) return false;
  if (now.mono - pool.last_use > kKeepsIdle) return false;
  const auto idle = std::ranges::count_if(pool.engines, [&](std::uint32_t number) {
    return engines_.at(number).state == EngineState::Idle;
  });
  return std::size_t(idle) <= plugin->min_idle;
}

std::uint32_t EnginePool::starts_wanted(const Pool& pool, const Plugin& plugin, Now now) const {
  std::uint32_t live = 0, starting = 0, idle = 0;
  for (const std::uint32_t number : pool.engines) {
    const EngineState state = engines_.at(number).state;
    if (state == EngineState::Stopping || state == EngineState::Draining) continue;
    ++live;
    starting += state == EngineState::Starting;
    idle += state == EngineState::Idle;
  }
  const std::uint32_t most = pool.session.empty() ? plugin.max_per_user : 1;
  if (live >= most) return 0;
  const bool has_seats = pool.kind == PoolKind::Home || pool.kind == PoolKind::Sized;
  const std::uint32_t seats = has_seats ? std::max(plugin.concurrency, 1u) : 1;
  const auto waiting = std::uint32_t(
      std::min<std::size_t>((pool.waiting.size() + seats - 1) / seats, kEnginesMax));  // engines
  const std::uint32_t spare = spare_of(pool, plugin, now);
  const std::uint32_t ready = idle + starting;
  std::uint32_t wanted = waiting + spare > ready ? waiting + spare - ready : 0;
  const std::uint32_t at_once = std::max(kStartsAtOnce, spare);
  wanted = std::min(wanted, starting < at_once ? at_once - starting : 0);
  return std::min(wanted, most - live);
}

// Of all pools of one user: sessions count as well.
std::size_t EnginePool::live_of(const Plugin& plugin, std::uint32_t uid) const {
  return std::size_t(std::ranges::count_if(engines_, [&](const auto& entry) {
    const Engine& engine = entry.second;
    return engine.owner.uid == uid && engine.type == plugin.type &&
           engine.state != EngineState::Stopping;
  }));
}

// The smallest that is free: nodes are few, whatever lived before.
std::uint32_t EnginePool::next_number() const {
  std::uint32_t number = 1;
  for (const auto& [used, engine] : engines_) {
    if (used != number) break;
    ++number;
  }
  return number;
}

Result<JobId> EnginePool::start(const Plugin& plugin, const EngineWish& wish, Now now) {
  if (live_of(plugin, wish.owner.uid) >= plugin.max_per_user)
    return fail(Errc::Limit,
                wish.user + " has " + std::to_string(plugin.max_per_user) + " " + plugin.type +
                    " engines, and no more are allowed",
                "end some, or close sessions: drover engine ls", "engine");
  const std::uint32_t number = next_number();
  if (number > kEnginesMax)
    return fail(Errc::Limit, "there are 100000 engines", "try again when some have ended");
  auto submit = prepare_(engine_job(plugin, wish, "engine-" + std::to_string(number)));
  if (!submit) return fail(std::move(submit.error()));
  auto job = controller_.submit_now(*submit, now);
  if (!job) return job;
  has_acted_ = true;
  ++counts_.started;
  learn(*job, *submit->spec, now);
  return job;
}

// How many are to be ready although nobody waits; none after a start that failed.
std::uint32_t EnginePool::spare_of(const Pool& pool, const Plugin& plugin, Now now) const {
  const bool is_used = pool.last_use.is_set() && now.mono - pool.last_use <= kKeepsIdle;
  return is_used && pool.kind == PoolKind::Home && pool.failures == 0 ? plugin.min_idle : 0;
}

// An engine whose start nobody waits for any more, and which has not begun.
void EnginePool::drop_unwanted(Pool& pool, const Plugin& plugin, Now now) {
  if (pool.kind == PoolKind::Once) return drop_unneeded_once(pool, now);
  if (!pool.waiting.empty() || spare_of(pool, plugin, now) > 0) return;
  for (const std::uint32_t number : pool.engines) {
    Engine& engine = engines_.at(number);
    if (engine.state == EngineState::Starting && !engine.job_runs && !engine.is_ahead)
      stop(engine, now);
  }
}

void EnginePool::fail_waiting(Pool& pool, const std::string& why, Now now) {
  for (const JobId statement : std::exchange(pool.waiting, {}))
    apply_to_controller(sched::FailStatement{statement, sched::Reason::EngineFailed, why}, now);
}

void EnginePool::decide(const std::string& name, Pool& pool, Now now) {
  const Plugin* plugin = catalogue_->find(pool.type);
  if (plugin == nullptr)
    return fail_waiting(pool, "engine " + pool.type + " is not installed", now);
  if (is_lock(pool.session)) return decide_about_lock(pool, now);
  // The plugin was changed since: nobody's statement runs with rights that are not declared now.
  const bool is_special = pool.kind == PoolKind::Sized || pool.kind == PoolKind::Once;
  if ((is_special ? home_of(name) : name) != pool_name(*plugin, pool.wish.owner.uid, pool.session))
    return fail_waiting(pool, "whose account runs engine " + pool.type + " has changed", now);
  if (pool.failures >= kFailuresMax) {
    fail_waiting(pool, "no " + pool.type + " engine could be started: " + pool.last_failure, now);
    pool.failures = 0;
  }
  for (const std::uint32_t number : std::set(pool.engines)) {
    Engine& engine = engines_.at(number);
    const bool is_worn = plugin->max_uses > 0 && engine.uses >= plugin->max_uses;
    if (engine.state == EngineState::Idle && is_worn && engine.session.empty()) stop(engine, now);
  }
  drop_unwanted(pool, *plugin, now);
  borrow(name, pool, *plugin, now);
  const std::uint32_t wanted = starts_wanted(pool, *plugin, now);
  if (wanted == 0) return leave_line(name);
  const std::string why = !pool.session.empty()         ? "the session had no engine"
                          : pool.kind == PoolKind::Once ? "it has an engine of its own"
                          : pool.engines.empty()        ? "no engine of pool " + name + " was there"
                                                 : "all engines of pool " + name + " were busy";
  for (const JobId statement : pool.waiting)
    if (Waiter& waiter = statements_.at(statement); waiter.why_cold.empty()) waiter.why_cold = why;
  pool.wish.pool = name;
  for (std::uint32_t i = 0; i < wanted; ++i) {
    if (!comes_first(name, pool) || make_room(name, pool, *plugin, now) == Room::Later)
      return join_line(name);
    auto job = start(*plugin, pool.wish, now);
    leave_line(name);
    if (job) continue;
    // With an engine of their own on the way, or at work, those who wait will be served.
    if (pool.engines.empty())
      fail_waiting(pool, "no " + pool.type + " engine can be started: " + job.error().message, now);
    return;
  }
}

namespace {

// Of engines that users share only the account itself starts some ahead.
Result<void> check_own(const Plugin& plugin, const EngineWish& wish) {
  if (!plugin.shared_as) return {};
  if (wish.session.empty() && wish.owner.uid == plugin.shared_as->owner.uid) return {};
  return fail(Errc::Unsupported,
              "engine " + plugin.type + " is shared by its users: " +
                  (wish.session.empty() ? plugin.shared_as->user + " alone starts some ahead"
                                        : "it has no sessions"),
              "submit statements: engines start when somebody waits", "engine");
}

}  // namespace

Result<sched::Done> EnginePool::start_engines(StartEngines in, Now now) {
  const auto found = catalogue_->named(in.type);
  if (!found) return fail(found.error());
  const Plugin* plugin = *found;
  if (auto good = check_own(*plugin, in.wish); !good) return fail(good.error());
  const EngineSize& size = in.wish.size;
  if (auto good = check_size(*plugin, {size.cpus, size.mem_mib, size.gpus}); !good)
    return fail(good.error());
  in.wish.pool = pool_name(*plugin, in.wish.owner.uid, in.wish.session);
  const auto known = pools_.find(in.wish.pool);
  std::size_t in_pool = 0;
  if (known != pools_.end())
    in_pool = std::size_t(std::ranges::count_if(known->second.engines, [&](std::uint32_t number) {
      return engines_.at(number).state != EngineState::Stopping;
    }));
  if (!in.wish.session.empty() && in_pool > 0)
    return fail(Errc::Conflict, "session " + in.wish.session + " is open already",
                "drover session ls; use it, close it, or choose another name", "session");
  const std::size_t live = live_of(*plugin, in.wish.owner.uid);
  if (live + in.count > plugin->max_per_user)
    return fail(Errc::Limit,
                "you have " + std::to_string(live) + " " + in.type + " engines; at most " +
                    std::to_string(plugin->max_per_user) + " are allowed",
                "ask for fewer, or end some: drover engine ls", "count");
  Pool& pool = pool_of(in.wish.pool);
  pool.type = in.type;
  pool.session = in.wish.session;
  pool.wish = in.wish;
  if (!in.wish.session.empty()) {
    session_sizes_.erase(in.wish.pool);  // of an earlier one of this name
    if (session_sizes_.size() < kSizesMax) session_sizes_.emplace(in.wish.pool, in.wish.size);
  }
  sched::Done done;
  for (std::uint32_t i = 0; i < in.count; ++i) {
    auto job = start(*plugin, in.wish, now);
    if (!job) return fail(std::move(job.error()));
    engines_.at(engine_jobs_.at(*job)).is_ahead = true;
    done = {*job, done.touched + 1};
  }
  return done;
}

Result<sched::Done> EnginePool::drain(const DrainEngine& in, Now now) {
  Engine* engine = engine_by_name(in.name);
  const bool is_meant = engine != nullptr && (raw(in.job) == 0 || in.job == engine->job);
  if (!is_meant || !(in.actor.is_operator || in.actor.uid == engine->owner.uid))
    return fail(Errc::NotFound, "there is no engine " + in.name.substr(0, 64),
                "drover engine ls lists yours", "engine");
  if (!engine->session.empty()) session_sizes_.erase(engine->pool);
  if (engine->state == EngineState::Draining && !in.at_once) return sched::Done{engine->job, 0};
  if (engine->state == EngineState::Busy && !in.at_once) {
    retire(*engine, now);
  } else if (in.at_once) {
    move(*engine, EngineEvent::Stop, now);
    engine->is_unwanted = !engine->was_ready;
    sched::Command command;
    command.verb = sched::Verb::Cancel;
    command.actor = in.actor;
    command.target.job = engine->job;
    apply_to_controller(std::move(command), now);
  } else if (engine->state != EngineState::Stopping) {
    stop(*engine, now);
  }
  return sched::Done{engine->job, 1};
}

Result<sched::Done> EnginePool::apply(Input input, Now now) {
  return std::visit(
      [&](auto& in) -> Result<sched::Done> {
        using In = std::decay_t<decltype(in)>;
        if constexpr (std::is_same_v<In, StartEngines>) return start_engines(std::move(in), now);
        if constexpr (std::is_same_v<In, DrainEngine>) return drain(in, now);
        if constexpr (std::is_same_v<In, AskEngine>) return ask(std::move(in), now);
        if constexpr (std::is_same_v<In, HoldEngine>) return hold(in, now);
        if constexpr (std::is_same_v<In, TellUses>) {
          Engine* engine = engine_by_name(in.name);
          if (engine != nullptr && engine->job == in.job)
            engine->uses = std::max(engine->uses, in.uses);
          return sched::Done{in.job, 0};
        }
      },
      input);
}

std::optional<Time> EnginePool::next_timer() const {
  return deadlines_.empty() ? std::nullopt : std::optional(deadlines_.begin()->first);
}

EngineView EnginePool::view_of(const Engine& engine) const {
  return {
      engine.name(), engine.type,      engine.pool,       engine.session,           engine.user,
      engine.job,    engine.owner.uid, engine.state,      first_of(engine.running), engine.uses,
      engine.since,  engine.lease,     engine.lock_until, engine.why_cold,          engine.amounts};
}

std::vector<EngineView> EnginePool::engines() const {
  std::vector<EngineView> all;
  for (const auto& [number, engine] : engines_) all.push_back(view_of(engine));
  return all;
}

std::optional<EngineView> EnginePool::find(const std::string& name) const {
  const auto found = engines_.find(number_of(name));
  return found == engines_.end() ? std::nullopt : std::optional(view_of(found->second));
}

std::string EnginePool::why_cold(JobId statement) const {
  if (const auto found = statements_.find(statement); found != statements_.end())
    return found->second.why_cold;
  const auto ended = ended_cold_.find(statement);
  return ended == ended_cold_.end() ? std::string() : ended->second;
}

std::optional<EngineView> EnginePool::engine_of(JobId statement) const {
  const auto found = statements_.find(statement);
  if (found == statements_.end()) return std::nullopt;
  const auto on = engines_.find(found->second.engine);
  if (on != engines_.end()) return view_of(on->second);
  const auto pool = pools_.find(found->second.pool);
  if (pool == pools_.end() || !pool->second.waiting.contains(statement)) return std::nullopt;
  for (const std::uint32_t number : pool->second.engines)
    if (const Engine& engine = engines_.at(number); engine.state == EngineState::Starting)
      return view_of(engine);
  return std::nullopt;
}

std::vector<JobId> EnginePool::running_on(JobId engine) const {
  const auto found = engine_jobs_.find(engine);
  if (found == engine_jobs_.end()) return {};
  const std::set<JobId>& running = engines_.at(found->second).running;
  return {running.begin(), running.end()};
}

std::vector<JobId> EnginePool::waiting_with(JobId engine) const {
  const auto found = engine_jobs_.find(engine);
  if (found == engine_jobs_.end()) return {};
  const auto pool = pools_.find(engines_.at(found->second).pool);
  if (pool == pools_.end()) return {};
  const std::set<JobId>& waiting = pool->second.waiting;
  return {waiting.begin(),
          std::next(waiting.begin(), std::min<std::ptrdiff_t>(std::ssize(waiting), 1000))};
}

std::size_t EnginePool::waiting() const {
  std::size_t sum = 0;
  for (const auto& [name, pool] : pools_) sum += pool.waiting.size();
  return sum;
}

}  // namespace drover::pool
