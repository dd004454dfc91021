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

void RecentEnds::add(JobId job, JobState state) {
  states_.emplace(job, state);
  order_.push_back(job);
  if (order_.size() <= kKept) return;
  states_.erase(order_.front());
  order_.pop_front();
}

std::optional<JobState> RecentEnds::find(JobId job) const {
  const auto found = states_.find(job);
  if (found == states_.end()) return std::nullopt;
  return found->second;
}

}  // namespace drover::sched
