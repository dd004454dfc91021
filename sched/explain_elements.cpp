// sched/explain_elements.cpp - which counterparts an element waits for.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "sched/controller_state.hpp"

namespace drover::sched {

// Nothing when it waits for something else.
std::optional<Why> FollowVerbs::why_element(const Job& job, std::uint32_t index) const {
  if (job.more == nullptr || job.more->counterparts == nullptr) return std::nullopt;
  const Counterparts& counterparts = *job.more->counterparts;
  const auto task = job.more->tasks.find(index);
  std::uint32_t bits = counterparts.bits_of(index) | counterparts.done;
  if (task != job.more->tasks.end()) {
    if (!counterparts.unmet.contains(index)) return std::nullopt;
    bits |= task->second.record.counterparts;
  }
  if (counterparts.has_all(bits)) return std::nullopt;
  std::string text, first;
  bool never =
      task != job.more->tasks.end() && task->second.record.reason == Reason::DependencyNever;
  for (std::size_t i = 0; i < counterparts.targets.size(); ++i) {
    if ((bits >> i & 1) != 0) continue;
    never = never || (counterparts.open >> i & 1) == 0;
    const std::string name =
        std::to_string(raw(counterparts.targets[i])) + "." + std::to_string(index);
    if (first.empty()) first = name;
    text += (text.empty() ? "" : ", ") + name;
  }
  if (never)
    return Why{job.state, Reason::DependencyNever,
               "it waits for the success of " + text + ", which can no longer happen",
               "drover cancel " + std::to_string(raw(job.id)) + "." + std::to_string(index)};
  return Why{job.state, Reason::Dependency, "waits for the success of " + text,
             "drover why " + first};
}

Why FollowVerbs::why_no_element(const Job& job) const {
  const Counterparts& counterparts = *job.more->counterparts;
  std::string text, first;
  for (std::size_t i = 0; i < counterparts.targets.size(); ++i) {
    if ((counterparts.open >> i & 1) == 0) continue;
    const std::string name = std::to_string(raw(counterparts.targets[i]));
    if (first.empty()) first = name;
    text += (text.empty() ? "" : ", ") + name;
  }
  const std::string waiting = std::to_string(job.waiting()) + " of its elements wait ";
  if (text.empty())
    return {job.state, Reason::DependencyNever,
            waiting + "for elements of other jobs that did not succeed, or are held",
            "drover cancel " + std::to_string(raw(job.id))};
  return {job.state, Reason::Dependency,
          waiting + "for the success of the same elements of job " + text, "drover why " + first};
}

}  // namespace drover::sched
