// dag/unreachable.cpp - contradictions among conditions.
// SPDX-License-Identifier: Apache-2.0
#include "dag/unreachable.hpp"

#include <algorithm>
#include <cstdint>
#include <map>

namespace drover::dag {
namespace {

constexpr std::size_t kProofBitsMax = 1u << 27;  // 16 MiB
constexpr std::size_t kLinesMax = 100;
constexpr std::size_t kTextMax = 4'000;

class Finder {
 public:
  Finder(const LogicalPlan& logical, std::vector<std::vector<StageNeed>>& needs)
      : logical_(logical), needs_(needs) {}

  Unreachable find() {
    const std::size_t count = needs_.size();
    for (const auto& list : needs_)
      for (const StageNeed& need : list)
        if (need.when == When::Failed) asked_.try_emplace(need.stage, asked_.size());
    found_.left_out.resize(count);
    if (asked_.empty() || 2 * asked_.size() * count > kProofBitsMax) return std::move(found_);
    proofs_.assign(count,
                   Proof{std::vector<bool>(asked_.size()), std::vector<bool>(asked_.size())});
    sort();
    for (const std::uint32_t s : order_) look_at(s);
    if (found_.lines.empty()) return std::move(found_);
    keep_what_counts();
    for (const std::uint32_t s : order_) rewrite(s);
    return std::move(found_);
  }

 private:
  struct Proof {  // what has become of those whose failure is asked for, once a stage starts
    std::vector<bool> ok, failed;
    void join(const Proof& other) {
      for (std::size_t i = 0; i < ok.size(); ++i) {
        ok[i] = ok[i] || other.ok[i];
        failed[i] = failed[i] || other.failed[i];
      }
    }
  };

  // Each after those that it needs, and after the group that it is in.
  void sort() {
    const std::size_t count = needs_.size();
    std::vector<std::uint32_t> waits(count);
    std::vector<std::vector<std::uint32_t>> next(count);
    const auto wait = [&](std::uint32_t first, std::uint32_t then) {
      ++waits[then];
      next[first].push_back(then);
    };
    for (std::uint32_t s = 0; s < count; ++s) {
      for (const StageNeed& need : needs_[s]) wait(need.stage, s);
      if (logical_.stages[s].group != kNoStage) wait(logical_.stages[s].group, s);
    }
    for (std::uint32_t s = 0; s < count; ++s)
      if (waits[s] == 0) order_.push_back(s);
    for (std::size_t i = 0; i < order_.size(); ++i)
      for (const std::uint32_t s : next[order_[i]])
        if (--waits[s] == 0) order_.push_back(s);
  }

  bool needs_any(std::uint32_t s) const {
    return logical_.stages[s].join == Join::Any && needs_[s].size() > 1;
  }
  // An end of one that never runs is never a success, nor a failure.
  bool can_never_be(const StageNeed& need) const {
    return need.when != When::Ended && found_.left_out[need.stage];
  }

  void look_at(std::uint32_t s) {
    Proof& mine = proofs_[s];
    const std::uint32_t group = logical_.stages[s].group;
    if (group != kNoStage) {
      mine.join(proofs_[group]);
      if (found_.left_out[group]) found_.left_out[s] = true;
    }
    const auto never = [&](const StageNeed& need) { return can_never_be(need); };
    if (needs_any(s)) {
      if (std::ranges::all_of(needs_[s], never)) found_.left_out[s] = true;
      return;
    }
    if (std::ranges::any_of(needs_[s], never)) found_.left_out[s] = true;
    for (const StageNeed& need : needs_[s]) {
      if (need.when == When::Ended) continue;
      mine.join(proofs_[need.stage]);
      const auto asked = asked_.find(need.stage);
      if (asked != asked_.end())
        (need.when == When::Ok ? mine.ok : mine.failed)[asked->second] = true;
    }
    if (found_.left_out[s]) return;
    for (const auto& [stage, at] : asked_) {
      if (!mine.ok[at] || !mine.failed[at]) continue;
      found_.left_out[s] = true;
      if (found_.lines.size() < kLinesMax)
        found_.lines.push_back("never runs: " + logical_.stages[s].label + " asks that " +
                               logical_.stages[stage].label + " succeeds and that it fails");
      return;
    }
  }

  // Who needs any of several is skipped when all of them have ended, or goes by such an end. And a
  // failure that only such
  // a one asks for is nobody's failure. Those stay, and what skips them does too.
  void keep_what_counts() {
    std::vector<bool> kept(needs_.size()), answered(needs_.size());
    for (std::uint32_t s = 0; s < needs_.size(); ++s)
      for (const StageNeed& need : needs_[s])
        if (need.when == When::Failed && !found_.left_out[s]) answered[need.stage] = true;
    for (std::uint32_t s = 0; s < needs_.size(); ++s)
      for (const StageNeed& need : needs_[s]) {
        if (need.when != When::Failed || answered[need.stage] || found_.left_out[need.stage])
          continue;
        answered[need.stage] = kept[s] = true;
        if (found_.lines.size() < kLinesMax)
          found_.lines.push_back(logical_.stages[s].label + " stays: only it asks that " +
                                 logical_.stages[need.stage].label + " fails");
      }
    for (auto at = order_.rbegin(); at != order_.rend(); ++at) {
      const std::uint32_t s = *at;
      if (found_.left_out[s] && !kept[s]) continue;
      for (const StageNeed& need : needs_[s])
        if (kept[s] || needs_any(s)) kept[need.stage] = true;
      const std::uint32_t group = logical_.stages[s].group;
      if (kept[s] && group != kNoStage) kept[group] = true;
    }
    std::string gone;
    for (std::uint32_t s = 0; s < needs_.size(); ++s) {
      found_.left_out[s] = found_.left_out[s] && !kept[s];
      if (found_.left_out[s] && gone.size() < kTextMax)
        gone += (gone.empty() ? "left out " : ", ") + logical_.stages[s].label;
    }
    if (!gone.empty()) found_.lines.push_back(std::move(gone));
  }

  // Who waited for the end of one that is left out waits for the ends of those that it waited for.
  void rewrite(std::uint32_t s) {
    std::vector<StageNeed> mine;
    for (const StageNeed& need : needs_[s])
      if (!found_.left_out[need.stage]) mine.push_back(need);
    if (mine.size() == needs_[s].size()) return;
    for (const StageNeed& need : needs_[s]) {
      if (!found_.left_out[need.stage]) continue;
      for (const StageNeed& before : needs_[need.stage])
        if (std::ranges::find(mine, before.stage, &StageNeed::stage) == mine.end())
          mine.push_back({.stage = before.stage, .when = When::Ended});
    }
    std::ranges::sort(mine);
    needs_[s] = std::move(mine);
  }

  const LogicalPlan& logical_;
  std::vector<std::vector<StageNeed>>& needs_;
  std::map<std::uint32_t, std::size_t> asked_;  // stages whose failure is asked for
  std::vector<Proof> proofs_;
  std::vector<std::uint32_t> order_;
  Unreachable found_;
};

}  // namespace

Unreachable find_unreachable(const LogicalPlan& logical,
                             std::vector<std::vector<StageNeed>>& needs) {
  return Finder(logical, needs).find();
}

}  // namespace drover::dag
