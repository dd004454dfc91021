// server/recovery.hpp - what the store knows, given back to a fresh controller. It decides nothing.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>

#include "base/result.hpp"
#include "flow/conductor.hpp"
#include "pool/engine_pool.hpp"
#include "sched/controller.hpp"
#include "store/store.hpp"

namespace drover::server {

struct Recovered {
  std::uint64_t jobs = 0, tasks = 0, nodes = 0, workflows = 0;
  EventSeq last_event{};
};
Result<Recovered> recover(const store::Store& store, sched::Controller& controller,
                          flow::Conductor& workflows, pool::EnginePool& engines);

}  // namespace drover::server
