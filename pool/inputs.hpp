// pool/inputs.hpp - what users ask of engines, as values.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
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
};
using Input = std::variant<StartEngines, DrainEngine>;

}  // namespace drover::pool
