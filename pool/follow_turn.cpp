// pool/follow_turn.cpp - what a turn of the controller means for engines and those who wait.
// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <utility>

#include "pool/engine_pool_state.hpp"

namespace drover::pool {
namespace {

constexpr Duration kShort = millis(10);
constexpr std::uint32_t kShortRow = 4;

// Past its group's FIFO, and nothing but its place in the queue or an engine is wanting.
bool waits_for_engine(const sched::JobRecord& job) {
  if (job.state != sched::JobState::Scheduled) return false;
  using enum sched::Reason;
  return job.reason == None || job.reason == GroupOrder || job.reason == Priority ||
         job.reason == Engine;
}

bool closes_node(const sched::Event& event) {
  using enum sched::EventKind;
  if (event.kind == NodeRegistered) return event.state != "up";  // the words of sched::Service
  return event.kind == NodeDraining || event.kind == NodeDown || event.kind == NodeMaintenance;
}

EngineSize size_of(const sched::EngineAmounts& wish) {
  return {wish.cpus, wish.mem_mib, wish.gpus, {}};
}

}  // namespace

std::uint32_t EnginePool::number_of(std::string_view node) {
  constexpr std::string_view kPrefix = "engine-";
  if (!node.starts_with(kPrefix)) return 0;
  node.remove_prefix(kPrefix.size());
  std::uint32_t number = 0;
  const auto read = std::from_chars(node.data(), node.data() + node.size(), number);
  return read.ec == std::errc() && read.ptr == node.data() + node.size() ? number : 0;
}

// A session that lost its engine gets another one of the size that it was opened with.
EngineSize EnginePool::size_of_session(const std::string& pool) const {
  const auto known = session_sizes_.find(pool);
  return known == session_sizes_.end() ? EngineSize{} : known->second;
}

// A job that has to do with engines.
void EnginePool::learn(JobId id, const sched::JobSpec& spec, Now now) {
  if (spec.statement) {
    const auto [known, is_new] = statements_.try_emplace(id);
    Waiter& waiter = known->second;
    if (is_new) ++pool_of(spec.statement->pool).open;
    waiter.pool = spec.statement->pool;
    waiter.content_key = spec.statement->content_key;
    waiter.uid = spec.owner.uid;
    Pool& pool = pool_of(spec.statement->pool);
    pool.type = spec.statement->engine;
    pool.session = spec.statement->session;
    pool.needed = pool.kind == PoolKind::Sized ? spec.statement->wish : sched::EngineAmounts{};
    // What one of its users asks for is not asked for the others.
    const auto& as = spec.statement->runs_as;
    pool.wish = {sched::files_owner(spec),
                 as ? as->user : spec.user,
                 spec.statement->pool,
                 spec.statement->session,
                 as ? rm::Labels{} : spec.labels,
                 spec.statement->session.empty() ? size_of(spec.statement->wish)
                                                 : size_of_session(spec.statement->pool)};
    pool.last_use = now.mono;
  }
  if (!spec.engine || engine_jobs_.contains(id)) return;
  const std::uint32_t number = number_of(spec.engine->name);
  if (number == 0 || engines_.contains(number)) return;  // damaged: it is just a job
  Engine& engine = engines_[number];
  engine.number = number;
  engine.job = id;
  engine.type = spec.engine->type;
  engine.pool = spec.engine->pool;
  engine.session = spec.engine->session;
  engine.owner = spec.owner;
  engine.user = spec.user;
  engine.since = now.wall;
  engine.amounts = {spec.cpus_per_task, spec.request.mem_mib, spec.request.gpus};
  engine_jobs_[id] = number;
  Pool& pool = pool_of(engine.pool);
  pool.type = engine.type;
  pool.session = engine.session;
  pool.engines.insert(number);
  if (!engine.session.empty() && session_sizes_.size() < kSizesMax)
    session_sizes_.try_emplace(engine.pool, EngineSize{spec.cpus_per_task, spec.request.mem_mib,
                                                       spec.request.gpus, spec.request.constraint});
  if (pool.wish.user.empty())
    pool.wish = {spec.owner, spec.user, engine.pool, engine.session, spec.labels, {}};
  if (!engine.session.empty()) pool.wish.size = size_of_session(engine.pool);
}

void EnginePool::restore(const sched::JobSpec& spec, const sched::JobRecord& job,
                         const std::vector<sched::TaskRecord>& tasks, Now now) {
  if (!spec.statement && !spec.engine) return;
  learn(job.id, spec, now);
  if (spec.engine && engine_jobs_.contains(job.id)) see_engine_job(engine_jobs_[job.id], job, now);
  if (!spec.statement) return;
  for (const sched::TaskRecord& task : tasks)
    if (task.lease) statements_[job.id].engine = number_of(task.node);
  see_job(job, now);
  restored_.push_back(job.id);
}

// Statements may have been read before the engines that run them. An engine that ended while nobody
// watched took its statement with it.
void EnginePool::settle_restored(Now now) {
  for (const JobId id : std::exchange(restored_, {})) {
    const auto found = statements_.find(id);
    if (found == statements_.end() || found->second.engine == 0) continue;
    const std::uint32_t number = std::exchange(found->second.engine, 0);
    const auto engine = engines_.find(number);
    // Not one pool: locks move engines from one to another of their user.
    const bool is_there =
        engine != engines_.end() && home_of(engine->second.pool) == home_of(found->second.pool);
    if (is_there)
      take(engine->second, id, now), set_deadline(engine->second, now.mono + kLostMax);
    else
      apply_to_controller(sched::EngineGone{"engine-" + std::to_string(number)}, now);
  }
}

void EnginePool::take(Engine& engine, JobId statement, Now now) {
  Waiter& waiter = statements_.at(statement);
  if (waiter.engine == engine.number) return;
  waiter.engine = engine.number;
  engine.running.insert(statement);
  ++engine.uses;
  pools_[engine.pool].last_use = now.mono;
  ++(waiter.why_cold.empty() ? counts_.warm : counts_.cold);
  move(engine, EngineEvent::Took, now);
  if (engine.is_once() && engine.was_ready) serve_once(engine, now);
}

void EnginePool::see_task(const sched::TaskRecord& task, Now now) {
  const auto found = statements_.find(task.id.job);
  if (found == statements_.end()) return;
  if (!task.lease) {
    const auto left = engines_.find(found->second.engine);
    if (left != engines_.end()) judge(left->second, task, now);
    return leave_engine(task.id.job, now);
  }
  pool_of(found->second.pool).waiting.erase(task.id.job);
  const auto engine = engines_.find(number_of(task.node));
  if (engine != engines_.end()) take(engine->second, task.id.job, now);
}

// An engine whose statements are short gets them ahead of time, so that it need not wait for each
// until the one before is durable. One that takes longer holds up those behind it for the moment
// until the engine returns them; then the engine has to prove itself again. A session keeps its
// order, so that nothing may be returned there.
void EnginePool::judge(Engine& engine, const sched::TaskRecord& task, Now now) {
  const bool has_run = task.ended.is_set() && task.started.is_set();
  const bool is_short = has_run && task.ended - task.started <= kShort;
  engine.short_row = is_short ? std::min(engine.short_row + 1, kShortRow) : 0;
  const Plugin* plugin = catalogue_->find(engine.type);
  const bool may = plugin != nullptr && plugin->max_uses == 0 && engine.session.empty() &&
                   !engine.is_locked() && !engine.is_once() && engine.state == EngineState::Busy &&
                   engine.short_row >= kShortRow;
  const std::uint32_t ahead = may ? plugin->ahead : 0;
  if (std::exchange(engine.ahead, ahead) != ahead)
    apply_to_controller(sched::EngineAhead{engine.name(), ahead}, now);
}

void EnginePool::leave_engine(JobId statement, Now now) {
  Waiter& waiter = statements_.at(statement);
  const auto engine = engines_.find(std::exchange(waiter.engine, 0));
  if (engine == engines_.end() || engine->second.running.erase(statement) == 0) return;
  pools_[engine->second.pool].last_use = now.mono;
  if (!engine->second.running.empty()) return;
  const bool was_draining =
      engine->second.state == EngineState::Draining || engine->second.is_once();
  move(engine->second, EngineEvent::Done, now);
  if (was_draining) stop(engine->second, now);
}

void EnginePool::see_job(const sched::JobRecord& job, Now now) {
  if (const auto engine = engine_jobs_.find(job.id); engine != engine_jobs_.end())
    see_engine_job(engine->second, job, now);
  const auto found = statements_.find(job.id);
  if (found == statements_.end()) return;
  Pool& pool = pool_of(found->second.pool);
  const bool waits = waits_for_engine(job);
  if (waits && found->second.engine == 0)
    pool.waiting.insert(job.id);
  else
    pool.waiting.erase(job.id);
  if (!sched::is_final(job.state)) return;
  leave_engine(job.id, now);
  if (job.state == sched::JobState::Succeeded && !found->second.content_key.empty())
    offers_.push_back({found->second.uid, std::move(found->second.content_key), job.ended, job.id});
  if (!found->second.why_cold.empty()) remember_cold(job.id, std::move(found->second.why_cold));
  --pool.open;
  statements_.erase(found);
}

void EnginePool::see_engine_job(std::uint32_t number, const sched::JobRecord& job, Now now) {
  Engine& engine = engines_.at(number);
  if (sched::is_final(job.state)) return engine_ended(number, job, now);
  const bool runs = job.state == sched::JobState::Running;
  engine.is_over_quota = !runs && job.reason == sched::Reason::Quota;
  if (!runs || std::exchange(engine.job_runs, true)) return;
  const Plugin* plugin = catalogue_->find(engine.type);
  if (engine.state == EngineState::Starting)
    set_deadline(engine, now.mono + (plugin != nullptr ? plugin->start_timeout : seconds(60)));
}

void EnginePool::engine_ended(std::uint32_t number, const sched::JobRecord& job, Now now) {
  Engine& engine = engines_.at(number);
  if (engine.was_ready && engine.state != EngineState::Stopping) ++counts_.lost;  // nobody asked
  move(engine, EngineEvent::Ended, now);
  Pool& pool = pool_of(engine.pool);
  if (!engine.was_ready && !engine.is_unwanted) {
    ++counts_.start_failed;
    ++pool.failures;
    std::string why = "job " + std::to_string(raw(job.id)) + " ended " +
                      std::string(to_string(job.state)) + " (" +
                      std::string(to_string(job.reason)) + ")";
    if (!job.detail.empty()) why += ": " + job.detail;
    if (job.exit_code != 0) why += ", exit status " + std::to_string(job.exit_code);
    pool.last_failure = std::move(why) + "; drover log " + std::to_string(raw(job.id));
  }
  set_deadline(engine, std::nullopt);
  apply_to_controller(sched::EngineGone{engine.name()}, now);
  pool.engines.erase(number);
  wake_siblings(engine.pool);
  if (is_lock(engine.session)) session_sizes_.erase(engine.pool);
  engine_jobs_.erase(engine.job);
  engines_.erase(number);
}

// Nothing new is placed on its node: an operator says so, or the drain was begun before a restart.
void EnginePool::out_of_service(Engine& engine, Now now) {
  if (engine.is_once() && !engine.running.empty()) return;  // it ends with that anyway
  if (engine.state == EngineState::Busy) move(engine, EngineEvent::Drain, now);
  const bool rests = engine.state == EngineState::Idle || engine.state == EngineState::Locked;
  if (rests) stop(engine, now);
}

// In the same turn it may be on another engine already, or on this one again. The controller has
// left the engine its seats alone.
void EnginePool::see_return(JobId statement, Now now) {
  const auto found = statements_.find(statement);
  if (found == statements_.end()) return;
  const auto engine = engines_.find(found->second.engine);
  if (engine == engines_.end()) return;
  engine->second.ahead = engine->second.short_row = 0;
  leave_engine(statement, now);
}

void EnginePool::see_event(const sched::Event& event, Now now) {
  if (event.kind == sched::EventKind::JobRequeued) return see_return(event.job, now);
  const bool is_up = event.kind == sched::EventKind::NodeRegistered;
  const bool ends = closes_node(event);
  if (!is_up && !ends && event.kind != sched::EventKind::NodeLost) return;
  const std::uint32_t number = number_of(event.node);
  if (is_up &&
      number == 0)  // a machine; a second word to one that has heard the first does nothing
    for (const auto& [other, engine] : engines_)
      if (engine.state == EngineState::Stopping && engine.was_ready) tell_to_end(engine, now);
  const auto found = engines_.find(number);
  if (found == engines_.end()) return;
  Engine& engine = found->second;
  if (!is_up && ends) return out_of_service(engine, now);
  move(engine, is_up ? EngineEvent::Registered : EngineEvent::LostContact, now);
  if (is_up) engine.was_ready = true;
  const bool works = engine.state == EngineState::Busy || engine.state == EngineState::Draining;
  if (works) set_deadline(engine, is_up ? engine.lease_end() : std::optional(now.mono + kLostMax));
  if (is_up) engine.ahead = engine.short_row = 0;  // as it was registered
  if (is_up && !engine.running.empty()) {
    move(engine, EngineEvent::Took, now);
    if (engine.is_once()) serve_once(engine, now);
  }
  if (ends) out_of_service(engine, now);
}

bool EnginePool::follow(const sched::TurnOutput& output, Now now) {
  const sched::Changes& changes = output.changes;
  has_acted_ = false;
  if (!restored_.empty()) settle_restored(now);
  for (const auto& job : changes.new_jobs)
    if (job.spec->statement || job.spec->engine) learn(job.id, *job.spec, now);
  if (!statements_.empty() || !engines_.empty()) {
    for (const sched::Event& event : changes.events) see_event(event, now);
    for (const sched::TaskRecord& task : changes.tasks) see_task(task, now);
    for (const sched::JobRecord& job : changes.jobs) see_job(job, now);
  }
  fire_timers(now);
  while (!dirty_.empty()) {
    const std::string name = *dirty_.begin();
    dirty_.erase(dirty_.begin());
    const auto pool = pools_.find(name);
    if (pool == pools_.end()) continue;
    decide(name, pool->second, now);
    if (pool->second.engines.empty() && pool->second.open == 0) {
      special_.erase(name);
      std::erase(line_, name);
      pools_.erase(pool);  // known anew with the next statement
      dirty_.erase(name);
    }
  }
  if (!has_acted_) give_way(now);  // what was started has been offered what room there is
  return has_acted_;
}

}  // namespace drover::pool
