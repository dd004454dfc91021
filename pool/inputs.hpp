// pool/inputs.hpp - what users ask of engines, as values.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "pool/engine_job.hpp"
#include "sched/inputs.hpp"

namespace drover::pool {

struct StartEngines {  // ahead of need, or a session
  std::string type;
  EngineWish wish;  // its pool is filled in
  std::uint32_t count = 1;
};
struct DrainEngine {  // ends when it has done what it runs
  sched::Actor actor;
  std::string name;
  bool at_once = false;  // what it runs ends with it
  JobId job{};           // the engine of that name which is this job; 0 = whichever it is
};
struct AskEngine {  // a warm one if there is one, else a new one: for who asks alone
  std::string type;
  EngineWish wish;  // its pool and session are filled in
  Duration lease;
};
struct HoldEngine {  // that is locked: for so long from now
  sched::Actor actor;
  std::string name;
  Duration lease{};  // 0 = it is given back
};
struct TellUses {  // by the engine that runs as this job: older than this controller's count
  std::string name;
  JobId job{};
  std::uint64_t uses = 0;
};
using Input = std::variant<StartEngines, DrainEngine, AskEngine, HoldEngine, TellUses>;

// Sessions of such names are locks.
inline constexpr std::string_view kLockPrefix = "lock-";
inline constexpr bool is_lock(std::string_view session) { return session.starts_with(kLockPrefix); }

}  // namespace drover::pool
