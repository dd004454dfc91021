// sched/dependency_circle.cpp - who would wait for himself, and by which way.
// SPDX-License-Identifier: Apache-2.0
//
// A new job can only wait for older ones, so no circle comes from a submission; it can from an
// alteration. A singleton job waits for every older job of its owner and name as well, so that a
// new name can make a circle too. A restart makes none: what was waited for no more before it is
// not waited for after it (see JobRecord).
#include <set>

#include "sched/controller_state.hpp"

namespace drover::sched {
namespace {

std::vector<JobId> targets(const std::vector<Dependency>& waits) {
  std::vector<JobId> found;
  for (const Dependency& one : waits) found.push_back(one.job);
  return found;
}

std::vector<JobId> waits_of(const Job& job) {
  if (job.more == nullptr) return {};
  std::vector<JobId> found = targets(job.more->waits_for);
  if (job.more->counterparts != nullptr)
    for (const JobId target : job.more->counterparts->targets) found.push_back(target);
  return found;
}

}  // namespace

// A new name closes the gate of a singleton again, unless it is past its queue and stays there
// (`keeps_place`); without one an open gate stays open.
Result<void> AlterVerbs::check_circle(const Job& job, const JobSpec& spec, bool waits_anew,
                                      bool is_renamed, bool keeps_place) const {
  if (!waits_anew && !is_renamed) return {};
  const std::uint64_t name_hash = NameIndex::hash(spec.owner.uid, spec.name);
  std::vector<JobId> waits = waits_anew ? targets(spec.dependencies) : waits_of(job);
  const bool by_name = is_renamed ? job.singleton && !(job.is_active() && keeps_place)
                                  : (job.gates & kSingletonGate) != 0;
  if (by_name)
    for (const Job* same = names.newest(job.uid, name_hash); same != nullptr; same = same->earlier)
      if (same->id < job.id) waits.push_back(same->id);
  const auto circle = circle_through(job, std::move(waits), name_hash);
  if (!circle) return {};
  return fail(Errc::BadInput, "the jobs would wait for each other: " + *circle,
              waits_anew ? "leave one of them out" : "another name would not",
              waits_anew ? "dependency" : "name");
}

// "job 3 waits for job 5, which waits for job 3", if it waited for `waits` and had that name;
// nothing when there is none. Depth first, each job once.
std::optional<std::string> AlterVerbs::circle_through(const Job& job, std::vector<JobId> waits,
                                                      std::uint64_t name_hash) const {
  struct Step {
    JobId at{};
    std::vector<JobId> next;
  };
  std::set<JobId> seen;
  std::vector<Step> path{{job.id, std::move(waits)}};
  while (!path.empty()) {
    if (path.back().next.empty()) {
      path.pop_back();
      continue;
    }
    const JobId next = path.back().next.back();
    path.back().next.pop_back();
    if (next == job.id) {
      std::string text = "job " + std::to_string(raw(job.id)) + " waits for ";
      for (std::size_t i = 1; i < path.size(); ++i)
        text += "job " + std::to_string(raw(path[i].at)) + ", which waits for ";
      return text + (path.size() == 1 ? "itself" : "job " + std::to_string(raw(job.id)));
    }
    const Job* known = self().find(next);
    if (known == nullptr || !seen.insert(next).second) continue;
    Step step{next, waits_of(*known)};
    if ((known->gates & kSingletonGate) != 0) {
      for (const Job* older = known->earlier; older != nullptr; older = older->earlier)
        if (older != &job) step.next.push_back(older->id);
      const bool is_same = known->uid == job.uid && known->name_hash == name_hash;
      if (is_same && job.id < known->id) step.next.push_back(job.id);
    }
    path.push_back(std::move(step));
  }
  return std::nullopt;
}

}  // namespace drover::sched
