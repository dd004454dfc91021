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

RecentEnds::Block& RecentEnds::block_of(JobId job) {
  const std::uint64_t key = raw(job) / kIds;
  if (const auto known = blocks_.find(key); known != blocks_.end()) return known->second;
  auto part = spare_.take();
  if (!part) return blocks_[key];
  part.key() = key;
  part.mapped() = {};
  return blocks_.insert(std::move(part)).position->second;
}

void RecentEnds::erase(JobId job) {
  const auto block = blocks_.find(raw(job) / kIds);
  block->second.known &= ~bit_of(job);
  if (block->second.known == 0) spare_.put(blocks_.extract(block));
}

void RecentEnds::add(JobId job, JobState state) {
  if (ring_.size() < kKept) {
    ring_.push_back(job);
  } else {
    erase(std::exchange(ring_[oldest_], job));
    oldest_ = (oldest_ + 1) % kKept;
  }
  Block& block = block_of(job);
  block.known |= bit_of(job);
  block.states[raw(job) % kIds] = state;
}

std::optional<JobState> RecentEnds::find(JobId job) const {
  const auto block = blocks_.find(raw(job) / kIds);
  if (block == blocks_.end() || (block->second.known & bit_of(job)) == 0) return std::nullopt;
  return block->second.states[raw(job) % kIds];
}

}  // namespace drover::sched
