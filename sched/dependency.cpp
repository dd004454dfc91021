// sched/dependency.cpp - when a dependency is met, and when it never will be.
// SPDX-License-Identifier: Apache-2.0
#include "sched/dependency.hpp"

#include <algorithm>

namespace drover::sched {

Outlook outlook(DependencyKind kind, JobState milestone) {
  const bool ended = is_final(milestone);
  const bool started = ended || milestone == JobState::Running;
  const bool succeeded = milestone == JobState::Succeeded;
  switch (kind) {
    case DependencyKind::After: return started ? Outlook::Met : Outlook::Waits;
    case DependencyKind::AfterAny: return ended ? Outlook::Met : Outlook::Waits;
    case DependencyKind::AfterOk:
      return !ended ? Outlook::Waits : succeeded ? Outlook::Met : Outlook::Never;
    case DependencyKind::AfterCorr: break;  // decided element by element
    case DependencyKind::AfterNotOk:
      return !ended ? Outlook::Waits : succeeded ? Outlook::Never : Outlook::Met;
  }
  return Outlook::Never;
}

Verdict settle(std::vector<Dependency>& waits, bool any, const Milestone& milestone) {
  bool one_met = false;
  bool one_never = false;
  Time not_before;
  std::erase_if(waits, [&](const Dependency& dependency) {
    if (dependency.job != milestone.job) return false;
    const Outlook verdict = outlook(dependency.kind, milestone.state);
    one_met |= verdict == Outlook::Met;
    if (dependency.minutes > 0 && milestone.started.is_set())
      not_before =
          std::max(not_before, milestone.started + seconds(std::int64_t(dependency.minutes) * 60));
    one_never |= verdict == Outlook::Never;
    return verdict != Outlook::Waits;
  });
  if (any) {
    if (one_met) return {Outlook::Met, not_before};
    return {waits.empty() && one_never ? Outlook::Never : Outlook::Waits, not_before};
  }
  if (one_never) return {Outlook::Never, not_before};
  return {waits.empty() ? Outlook::Met : Outlook::Waits, not_before};
}

std::vector<JobId> DependencyIndex::dependents(JobId target) const {
  std::vector<JobId> found;
  for (auto it = waiting_.lower_bound({target, JobId{0}});
       it != waiting_.end() && it->first == target; ++it)
    found.push_back(it->second);
  return found;
}

std::size_t RecentEnds::slot_of(JobId job) const {
  std::size_t slot = home_of(job);
  while (slots_[slot].place != 0 && slots_[slot].job != job)
    slot = (slot + 1) & (slots_.size() - 1);
  return slot;
}

void RecentEnds::grow() {
  slots_.assign(std::max<std::size_t>(64, slots_.size() * 2), Slot{});
  for (std::size_t i = 0; i < ends_.size(); ++i)
    slots_[slot_of(ends_[i].job)] = {ends_[i].job, std::uint32_t(i) + 1};
}

// Those behind it that are not where they would be at best move up.
void RecentEnds::erase(JobId job) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t hole = slot_of(job);
  for (std::size_t at = (hole + 1) & mask; slots_[at].place != 0; at = (at + 1) & mask) {
    const std::size_t home = home_of(slots_[at].job);
    if (((at - home) & mask) < ((at - hole) & mask)) continue;
    slots_[hole] = slots_[at];
    hole = at;
  }
  slots_[hole] = {};
}

void RecentEnds::add(JobId job, JobState state) {
  if (ends_.size() < kKept) {
    ends_.push_back({job, state});
    if (ends_.size() * 2 > slots_.size()) return grow();
    slots_[slot_of(job)] = {job, std::uint32_t(ends_.size())};
    return;
  }
  erase(ends_[oldest_].job);
  ends_[oldest_] = {job, state};
  slots_[slot_of(job)] = {job, std::uint32_t(oldest_) + 1};
  oldest_ = (oldest_ + 1) % kKept;
  constexpr std::size_t kAhead = 8;  // so many ends from now its place is emptied
  fetch_ahead(ends_[(oldest_ + kAhead) % kKept].job);
}

std::optional<JobState> RecentEnds::find(JobId job) const {
  if (slots_.empty()) return std::nullopt;
  const std::uint32_t place = slots_[slot_of(job)].place;
  if (place == 0) return std::nullopt;
  return ends_[place - 1].state;
}

}  // namespace drover::sched
