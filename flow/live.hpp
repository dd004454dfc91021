// flow/live.hpp - an open workflow in the conductor.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <utility>

#include "flow/conductor.hpp"

namespace drover::flow {

struct Conductor::Live {
  Live(WorkflowRecord with, dag::Run runs) : record(std::move(with)), run(std::move(runs)) {}

  WorkflowRecord record;
  dag::Run run;
  std::optional<Time> timer;  // in Conductor::timers_
  bool takes_arrays = true;   // one was refused: its steps start alone, without trying again
};

}  // namespace drover::flow
