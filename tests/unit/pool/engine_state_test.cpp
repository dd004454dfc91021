// tests/unit/pool/engine_state_test.cpp - what the table of an engine's life promises.
// SPDX-License-Identifier: Apache-2.0
#include "pool/engine_state.hpp"

#include <gtest/gtest.h>

#include <set>

namespace drover::pool {
namespace {

constexpr EngineEvent kEvents[] = {
    EngineEvent::Registered,  EngineEvent::Took,  EngineEvent::Done,
    EngineEvent::LostContact, EngineEvent::Drain, EngineEvent::Stop,
    EngineEvent::Ended,       EngineEvent::Lock,  EngineEvent::Unlock};

TEST(EngineState, EveryMoveIsThereOnce) {
  std::set<std::pair<int, int>> seen;
  for (const EngineMove& move : kEngineMoves)
    EXPECT_TRUE(seen.emplace(int(move.from), int(move.on)).second)
        << to_string(move.from) << " " << int(move.on);
}

TEST(EngineState, EveryLivingEngineCanEndAndADeadOneDoesNothing) {
  for (std::size_t i = 0; i < kEngineStates; ++i) {
    const auto state = EngineState(i);
    for (const EngineEvent event : kEvents) {
      const auto to = after(state, event);
      if (is_over(state)) {
        EXPECT_FALSE(to) << to_string(state);
      } else if (event == EngineEvent::Ended) {
        ASSERT_TRUE(to) << to_string(state);
        EXPECT_TRUE(is_over(*to));
      }
    }
  }
}

TEST(EngineState, WhatWasToldToEndTakesNothingNew) {
  for (const EngineState state : {EngineState::Draining, EngineState::Stopping})
    for (const EngineEvent event : kEvents) {
      const auto to = after(state, event);
      const bool is_of_locks = event == EngineEvent::Lock || event == EngineEvent::Unlock;
      ASSERT_EQ(to.has_value(), !is_of_locks);
      EXPECT_TRUE(!to || *to == EngineState::Draining || *to == EngineState::Stopping ||
                  is_over(*to));
    }
}

}  // namespace
}  // namespace drover::pool
