// pool/engine_pool_state.hpp - what the pool keeps of each engine and of those who wait.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "pool/engine_pool.hpp"

namespace drover::pool {

inline constexpr Duration kLostMax = seconds(60);  // out of contact

struct EnginePool::Engine {
  std::uint32_t number = 0;
  JobId job{};
  std::string type, pool, session, user;
  Owner owner;
  EngineState state = EngineState::Starting;
  bool job_runs = false, was_ready = false;
  bool is_ahead = false;         // asked for by name, not by those who wait
  bool is_unwanted = false;      // ended before it was ready, by us
  bool is_over_quota = false;    // its job waits for a quota
  sched::EngineAmounts amounts;  // that it holds
  std::set<JobId> running;
  std::uint32_t ahead = 0;      // so many more may be on it than it runs
  std::uint32_t short_row = 0;  // how many in a row were short
  std::uint64_t uses = 0;
  Time since;            // wall
  Time idle_since;       // mono
  Duration lease{};      // of its lock; 0 = it is not locked
  Time lock_until;       // mono; not set while it starts
  std::string why_cold;  // of a lock that had to start it
  bool is_locked() const { return lease.us > 0; }
  bool is_once() const { return kind_of_pool(pool) == PoolKind::Once; }
  std::optional<Time> lease_end() const {
    return is_locked() && lock_until.is_set() ? std::optional(lock_until) : std::nullopt;
  }
  std::optional<Time> deadline;  // mono; what happens then depends on the state
  std::string name() const { return "engine-" + std::to_string(number); }
};

struct EnginePool::Pool {
  PoolKind kind = PoolKind::Home;
  std::string type, session;
  sched::EngineAmounts needed;  // by each who waits; of a Sized pool
  EngineWish wish;              // of the statement that came last
  std::set<JobId> waiting;      // statements, in the order in which they came
  std::size_t open = 0;  // statements that have not ended, also those that are not ready to run
  std::set<std::uint32_t> engines;
  std::uint32_t failures = 0;  // starts in a row
  std::string last_failure;
  Time last_use;  // mono
};

}  // namespace drover::pool
