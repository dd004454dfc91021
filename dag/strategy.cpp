// dag/strategy.cpp - the table of strategies.
// SPDX-License-Identifier: Apache-2.0
#include "dag/strategy.hpp"

#include <array>
#include <string>

#include "base/units.hpp"

namespace drover::dag {
namespace {

struct Row {
  Strategy strategy;
  std::string_view word;
  Verdict (*decide)(const StageProgress&);
};

// Every member counts. Members that already run are waited for, so that a stage never ends before
// its code.
Verdict decide_single(const StageProgress& progress) {
  if (progress.open > 0) return Verdict::Open;
  return progress.failed == 0 ? Verdict::Succeeded : Verdict::Failed;
}

constexpr std::array kRows{Row{Strategy::Single, "single", &decide_single}};

constexpr std::array<std::string_view, 7> kWords{
    "single", "multi-active", "active-standby", "transaction", "replay", "rate-limit", "mixed"};

}  // namespace

std::string_view to_string(Strategy strategy) { return kRows.at(std::size_t(strategy)).word; }

Result<Strategy> strategy_from(std::string_view word) {
  if (word.empty()) return Strategy::Single;
  for (const Row& row : kRows)
    if (row.word == word) return row.strategy;
  for (std::string_view known : kWords)
    if (known == word)
      return fail(Errc::Unsupported, "strategy '" + std::string(word) + "' is not offered",
                  "offered: single", "strategy");
  const std::string_view near = nearest_match(word, kWords);
  return fail(Errc::BadInput, "unknown strategy '" + std::string(word) + "'",
              near.empty() ? "offered: single" : "did you mean '" + std::string(near) + "'?",
              "strategy");
}

Verdict decide(Strategy strategy, const StageProgress& progress) {
  return kRows.at(std::size_t(strategy)).decide(progress);
}

}  // namespace drover::dag
