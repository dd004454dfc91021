// pool/engine_pool.hpp - which engines live: started when statements wait, ended when nobody does.
// SPDX-License-Identifier: Apache-2.0
//
// Part of the turn. An engine is a job and, once it has registered, a node; statements are placed
// on it by the controller. The pool only watches what the controller's turns say, submits engines
// for those who wait, and ends engines that are idle, worn out, lost or not wanted. Everything it
// knows follows from open jobs, so that a restart needs no records of its own.
#pragma once
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "pool/catalogue.hpp"
#include "pool/engine_state.hpp"
#include "pool/inputs.hpp"
#include "sched/controller.hpp"

namespace drover::pool {

struct EngineView {
  std::string name, type, pool, session, user;
  JobId job{};
  std::uint32_t uid = 0;
  EngineState state{};
  JobId running{};  // statement; 0 = none, of several the first
  std::uint64_t uses = 0;
  Time since;            // wall; of the state
  Duration lease{};      // of its lock; 0 = it is not locked
  Time lock_until;       // mono; not set before it is ready
  std::string why_cold;  // it was started for a lock, because
  sched::EngineAmounts size;
};

// A statement that asked for reuse has succeeded: its result may answer later ones.
struct Offer {
  std::uint32_t uid = 0;
  std::string content_key;
  Time at;  // wall
  JobId job{};
};

struct Counts {  // since the start
  std::uint64_t warm = 0, cold = 0, started = 0, start_failed = 0, lost = 0, ended_idle = 0;
};

class EnginePool {
 public:
  static constexpr std::uint32_t kEnginesMax = 100'000;
  static constexpr std::uint32_t kStartsAtOnce = 4;  // per pool
  static constexpr std::uint32_t kFailuresMax = 2;   // starts in a row; then who waits fails
  static constexpr std::size_t kSizesMax = 10'000;   // of sessions, remembered

  // An engine's job through the entrance.
  using Prepare = std::function<Result<sched::Submit>(sched::JobSpec)>;
  EnginePool(sched::Controller& controller, Prepare prepare);
  ~EnginePool();
  // The new plugins hold for engines that are started from now on.
  void set_catalogue(std::shared_ptr<const Catalogue> catalogue) { catalogue_ = catalogue; }
  const Catalogue& catalogue() const { return *catalogue_; }

  // ---- recovery, after the controller's: each open job. The first follow() acts.
  void restore(const sched::JobSpec& spec, const sched::JobRecord& job,
               const std::vector<sched::TaskRecord>& tasks, Now now);

  // ---- a turn
  // The answer's job is that of the (last) engine. Errors change nothing, but engines that were
  // started before the one that was refused stay.
  Result<sched::Done> apply(Input input, Now now);
  // After the controller's finish(). True: it has given the controller something to do, so that
  // finish() is to be called again. O(what changed)
  bool follow(const sched::TurnOutput& output, Now now);
  std::optional<Time> next_timer() const;  // mono
  std::vector<Offer> take_offers() { return std::exchange(offers_, {}); }

  // ---- reading (same thread)
  std::vector<EngineView> engines() const;  // by number
  std::optional<EngineView> find(const std::string& name) const;
  // Of a statement whose engine was started for it: why none was warm; empty = it was, or the
  // statement ended long ago or before a restart.
  std::string why_cold(JobId statement) const;
  // Of one that waits because its user may have no more engines; else empty.
  std::string why_no_more(JobId statement) const;
  // Of a statement on an engine, that engine; of one that waits, an engine that starts for it.
  std::optional<EngineView> engine_of(JobId statement) const;
  std::vector<JobId> running_on(JobId engine) const;    // statements, of an engine's job
  std::vector<JobId> waiting_with(JobId engine) const;  // statements of its pool, at most 1,000
  std::size_t waiting() const;
  const Counts& counts() const { return counts_; }

 private:
  struct Engine;
  struct Pool;
  struct Waiter {
    std::string pool;
    std::uint32_t engine = 0;  // number; 0 = on none
    std::string why_cold;      // an engine was started because of it
    std::string content_key;   // it offers its result; empty = it does not
    std::uint32_t uid = 0;     // then
  };

  EngineSize size_of_session(const std::string& pool) const;
  void learn(JobId id, const sched::JobSpec& spec, Now now);
  void see_task(const sched::TaskRecord& task, Now now);
  void see_job(const sched::JobRecord& job, Now now);
  void see_engine_job(std::uint32_t number, const sched::JobRecord& job, Now now);
  void see_event(const sched::Event& event, Now now);
  void out_of_service(Engine& engine, Now now);
  void leave_engine(JobId statement, Now now);
  void see_return(JobId statement, Now now);
  void judge(Engine& engine, const sched::TaskRecord& task, Now now);
  void engine_ended(std::uint32_t number, const sched::JobRecord& job, Now now);
  void move(Engine& engine, EngineEvent on, Now now);
  void set_deadline(Engine& engine, std::optional<Time> at);
  void wait_idly(Engine& engine, Now now);
  bool may_stay_idle(const Engine& engine, Now now);
  void give_way(Now now);
  void stop(Engine& engine, Now now);
  void tell_to_end(const Engine& engine, Now now);
  void fire_timers(Now now);
  void decide(const std::string& name, Pool& pool, Now now);
  void fail_waiting(Pool& pool, const std::string& why, Now now);
  std::uint32_t spare_of(const Pool& pool, const Plugin& plugin, Now now) const;
  std::size_t live_of(const Plugin& plugin, std::uint32_t uid) const;
  void drop_unwanted(Pool& pool, const Plugin& plugin, Now now);
  void settle_restored(Now now);
  void take(Engine& engine, JobId statement, Now now);
  bool keeps_idle(const Pool& pool, const Plugin* plugin, Now now) const;
  Result<sched::Done> start_engines(StartEngines in, Now now);
  Result<sched::Done> drain(const DrainEngine& in, Now now);
  Result<sched::Done> ask(AskEngine in, Now now);
  Result<sched::Done> hold(const HoldEngine& in, Now now);
  Engine* idle_engine_of(const std::string& pool, const Plugin& plugin);
  void serve_pool(Engine& engine, std::string session, Now now);
  void move_to(Engine& engine, const std::string& pool, std::string session, Now now);
  // engine_sizes.cpp
  enum class Room : std::uint8_t { Free, Later, None };
  std::vector<std::string> siblings_of(const std::string& pool) const;
  void wake_siblings(const std::string& pool);
  Engine* idle_sibling(const std::string& name, const sched::EngineAmounts& needed,
                       const Plugin& plugin);
  void borrow(const std::string& name, Pool& pool, const Plugin& plugin, Now now);
  Room make_room(const std::string& name, const Pool& pool, const Plugin& plugin, Now now);
  void serve_once(const Engine& engine, Now now);
  void retire(Engine& engine, Now now);
  bool has_engine(const Pool& pool) const;
  bool comes_first(const std::string& name, const Pool& pool) const;
  void join_line(const std::string& name);
  void leave_line(const std::string& name);
  void drop_unneeded_once(Pool& pool, Now now);
  void unlock(Engine& engine, Now now);
  void decide_about_lock(Pool& pool, Now now);
  std::uint32_t next_number() const;
  std::uint32_t starts_wanted(const Pool& pool, const Plugin& plugin, Now now) const;
  Result<JobId> start(const Plugin& plugin, const EngineWish& wish, Now now);
  Pool& pool_of(const std::string& name);
  static std::uint32_t number_of(std::string_view node);  // 7 of "engine-7"; 0 of anything else
  Engine* engine_by_name(const std::string& name);
  void remember_cold(JobId statement, std::string why);
  EngineView view_of(const Engine& engine) const;
  void apply_to_controller(sched::Input input, Now now);

  sched::Controller& controller_;
  Prepare prepare_;
  std::shared_ptr<const Catalogue> catalogue_;
  std::map<std::uint32_t, Engine> engines_;  // by number
  std::unordered_map<JobId, std::uint32_t> engine_jobs_;
  std::map<std::string, Pool> pools_;
  std::set<std::string> special_;  // of pools_: Sized and Once
  std::vector<std::string> line_;  // pools that wait for room among their user's engines, in order
  std::unordered_map<JobId, Waiter> statements_;        // open ones
  std::set<std::pair<Time, std::uint32_t>> deadlines_;  // mono
  std::set<std::string> dirty_;                         // pools to decide about
  std::map<std::string, EngineSize> session_sizes_;     // by pool, until its user closes it
  Counts counts_;
  std::unordered_map<JobId, std::string> ended_cold_;  // lately
  std::deque<JobId> ended_cold_order_;
  std::vector<Offer> offers_;
  std::vector<JobId> restored_;  // statements on engines, until the first follow()
  bool has_acted_ = false;
};

}  // namespace drover::pool
