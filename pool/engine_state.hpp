// pool/engine_state.hpp - the life of an engine: states, events, and the only moves between them.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace drover::pool {

enum class EngineState : std::uint8_t {
  Starting,  // its job waits or runs, and it has not registered
  Idle,
  Locked,    // idle, and kept for who asked for it
  Busy,      // runs a statement
  Lost,      // out of contact; what it runs may go on
  Draining,  // takes nothing new, and ends when it has done what it runs
  Stopping,  // told to end
  Failed,    // its job has ended, and it never was ready
  Dead       // its job has ended
};
inline constexpr std::size_t kEngineStates = std::size_t(EngineState::Dead) + 1;

enum class EngineEvent : std::uint8_t {
  Registered,
  Took,  // a statement
  Done,  // with it
  Lock,
  Unlock,
  LostContact,
  Drain,
  Stop,
  Ended  // its job
};

struct EngineMove {
  EngineState from;
  EngineEvent on;
  EngineState to;
};

// Registered again: an agent or controller was restarted; what it runs is then told anew.
inline constexpr auto kEngineMoves = [] {
  using enum EngineState;
  using enum EngineEvent;
  return std::to_array<EngineMove>({
      {Starting, Registered, Idle},
      {Starting, Took, Busy},
      {Starting, Drain, Stopping},
      {Starting, Stop, Stopping},
      {Starting, Ended, Failed},
      {Idle, Registered, Idle},
      {Idle, Took, Busy},
      {Idle, LostContact, Lost},
      {Idle, Drain, Stopping},
      {Idle, Stop, Stopping},
      {Idle, Ended, Dead},
      {Idle, Lock, Locked},
      {Locked, Registered, Locked},
      {Locked, Took, Busy},
      {Locked, Unlock, Idle},
      {Locked, LostContact, Lost},
      {Locked, Drain, Stopping},
      {Locked, Stop, Stopping},
      {Locked, Ended, Dead},
      {Busy, Registered, Busy},
      {Busy, Took, Busy},
      {Busy, Done, Idle},
      {Busy, LostContact, Lost},
      {Busy, Drain, Draining},
      {Busy, Stop, Stopping},
      {Busy, Ended, Dead},
      {Lost, Registered, Idle},  // or busy: a statement on it is told after this
      {Lost, Took, Lost},
      {Lost, Done, Lost},
      {Lost, Drain, Stopping},
      {Lost, Stop, Stopping},
      {Lost, Ended, Dead},
      {Draining, Registered, Draining},
      {Draining, Took, Draining},
      {Draining, Done, Stopping},
      {Draining, Drain, Draining},
      {Draining, LostContact, Draining},
      {Draining, Stop, Stopping},
      {Draining, Ended, Dead},
      {Stopping, Registered, Stopping},
      {Stopping, Took, Stopping},
      {Stopping, Done, Stopping},
      {Stopping, Drain, Stopping},
      {Stopping, LostContact, Stopping},
      {Stopping, Stop, Stopping},
      {Stopping, Ended, Dead},
  });
}();

constexpr std::optional<EngineState> after(EngineState from, EngineEvent on) {
  for (const EngineMove& move : kEngineMoves)
    if (move.from == from && move.on == on) return move.to;
  return std::nullopt;
}

constexpr bool is_over(EngineState s) { return s == EngineState::Failed || s == EngineState::Dead; }

std::string_view to_string(EngineState state);  // "starting", "idle", ...

}  // namespace drover::pool
