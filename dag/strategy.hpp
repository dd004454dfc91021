// dag/strategy.hpp - how a stage runs its code, and when it has succeeded or failed.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string_view>

#include "base/result.hpp"

namespace drover::dag {

enum class Strategy : std::uint8_t {
  Single,         // all members must succeed
  MultiRead,      // several at once, the first success wins, the losers are cancelled
  ActiveStandby,  // one after the other, the first success wins
  Transaction,    // all must succeed; one failure cancels the others
};

std::string_view to_string(Strategy strategy);

// "replay", "rate-limit" and "mixed" say what runs and when, not how a stage ends: they are
// `Single`. BadInput with the nearest match for any other word.
Result<Strategy> strategy_from(std::string_view word);

// What has become of the members of a stage.
struct StageProgress {
  std::uint32_t open = 0, succeeded = 0, failed = 0;  // failed: ended in any other way
};
enum class Verdict : std::uint8_t { Open, Succeeded, Failed };
struct Decision {
  Verdict verdict = Verdict::Open;
  bool stop_others = false;  // members that have not ended are cancelled
};

// The logic of a StageEnd node, asked after each of its members came to an end.
Decision decide(Strategy strategy, const StageProgress& progress);

}  // namespace drover::dag
