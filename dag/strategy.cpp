// dag/strategy.cpp - the table of strategies.
// SPDX-License-Identifier: Apache-2.0
#include "dag/strategy.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "base/units.hpp"

namespace drover::dag {
namespace {

struct Row {
  Strategy strategy;
  std::string_view word;
  Decision (*decide)(const StageProgress&);
};

// Members that already run are waited for, so that a stage never ends before its code.
Decision all_succeed(const StageProgress& progress) {
  if (progress.open > 0) return {};
  return {progress.failed == 0 ? Verdict::Succeeded : Verdict::Failed, false};
}

// The winner's success is the stage's at once: the losers are let go, and not waited for.
Decision first_success(const StageProgress& progress) {
  if (progress.succeeded > 0) return {Verdict::Succeeded, true};
  return {progress.open > 0 ? Verdict::Open : Verdict::Failed, false};
}

// What has to be undone is known when nothing runs any more.
Decision all_or_nothing(const StageProgress& progress) {
  if (progress.open > 0) return {Verdict::Open, progress.failed > 0};
  return {progress.failed == 0 ? Verdict::Succeeded : Verdict::Failed, false};
}

constexpr std::array kRows{
    Row{Strategy::Single, "single", &all_succeed},
    Row{Strategy::MultiRead, "multi-read", &first_success},
    Row{Strategy::ActiveStandby, "active-standby", &first_success},
    Row{Strategy::Transaction, "transaction", &all_or_nothing},
};

constexpr std::array<std::string_view, 7> kWords{
    "single", "multi-read", "active-standby", "transaction", "replay", "rate-limit", "mixed"};

}  // namespace

std::string_view to_string(Strategy strategy) { return kRows.at(std::size_t(strategy)).word; }

Result<Strategy> strategy_from(std::string_view word) {
  for (const Row& row : kRows)
    if (row.word == word) return row.strategy;
  if (word.empty() || std::ranges::count(kWords, word) > 0) return Strategy::Single;
  const std::string_view near = nearest_match(word, kWords);
  return fail(Errc::BadInput, "unknown strategy '" + std::string(word) + "'",
              near.empty() ? "known: single, multi-read, active-standby, transaction, mixed, "
                             "replay, rate-limit"
                           : "did you mean '" + std::string(near) + "'?",
              "strategy");
}

Decision decide(Strategy strategy, const StageProgress& progress) {
  return kRows.at(std::size_t(strategy)).decide(progress);
}

}  // namespace drover::dag
