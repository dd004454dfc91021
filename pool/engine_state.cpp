// pool/engine_state.cpp - the words for states.
// SPDX-License-Identifier: Apache-2.0
#include "pool/engine_state.hpp"

namespace drover::pool {

std::string_view to_string(EngineState state) {
  switch (state) {
    case EngineState::Starting: return "starting";
    case EngineState::Idle: return "idle";
    case EngineState::Locked: return "locked";
    case EngineState::Busy: return "busy";
    case EngineState::Lost: return "lost";
    case EngineState::Draining: return "draining";
    case EngineState::Stopping: return "shutting_down";
    case EngineState::Failed: return "failed";
    case EngineState::Dead: return "dead";
  }
  return "unknown";
}

}  // namespace drover::pool
