// sched/dependency_circle.cpp - who would wait for himself, and by which way.
// SPDX-License-Identifier: Apache-2.0
//
// A new job can only wait for older ones, so no circle comes from a submission; it can from an
// alteration. A singleton job waits for every older job of its owner and name as well.
#include <set>

#include "sched/controller_state.hpp"

namespace drover::sched {

// "job 3 waits for job 5, which waits for job 3"; nothing when there is none. Depth first, each job
// once.
std::optional<std::string> AlterVerbs::circle_through(JobId job,
                                                      const std::vector<Dependency>& waits) const {
  struct Step {
    JobId at{};
    std::vector<JobId> next;
  };
  const auto targets = [&](const std::vector<Dependency>& from) {
    std::vector<JobId> found;
    for (const Dependency& one : from) found.push_back(one.job);
    return found;
  };
  std::set<JobId> seen;
  std::vector<Step> path{{job, targets(waits)}};
  while (!path.empty()) {
    if (path.back().next.empty()) {
      path.pop_back();
      continue;
    }
    const JobId next = path.back().next.back();
    path.back().next.pop_back();
    if (next == job) {
      std::string text = "job " + std::to_string(raw(job)) + " waits for ";
      for (std::size_t i = 1; i < path.size(); ++i)
        text += "job " + std::to_string(raw(path[i].at)) + ", which waits for ";
      return text + (path.size() == 1 ? "itself" : "job " + std::to_string(raw(job)));
    }
    const Job* known = self().find(next);
    if (known == nullptr || !seen.insert(next).second) continue;
    Step step{next, {}};
    if (known->more != nullptr) step.next = targets(known->more->waits_for);
    if (known->more != nullptr && known->more->counterparts != nullptr)
      for (const JobId target : known->more->counterparts->targets) step.next.push_back(target);
    if ((known->gates & kSingletonGate) != 0)
      for (const Job* older = known->earlier; older != nullptr; older = older->earlier)
        step.next.push_back(older->id);
    path.push_back(std::move(step));
  }
  return std::nullopt;
}

}  // namespace drover::sched
