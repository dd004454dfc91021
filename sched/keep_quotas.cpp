// sched/keep_quotas.cpp - what comes free of a quota is kept for the first in line for it.
// SPDX-License-Identifier: Apache-2.0
#include "sched/keep_quotas.hpp"

#include <algorithm>
#include <set>
#include <vector>

#include "rm/licence.hpp"

namespace drover::sched {
namespace {

bool is_kept_for_others(const rm::QuotaShort& shortage) {
  return shortage.set_aside > 0 && !rm::is_licence(shortage);
}

}  // namespace

bool Controller::State::KeepQuotas::goes_before(const Partition& partition, const Job& job,
                                                JobId head) const {
  const Job& other = s.jobs.at(head);
  const Partition& elsewhere = s.partition_of(other);
  // In a lane the number counts: of all its jobs only the first has a key.
  if (&partition == &elsewhere && job.lane == other.lane) return job.place() < other.place();
  if (partition.priority != elsewhere.priority) return partition.priority > elsewhere.priority;
  const auto key = [&](const Partition& in, const Job& of) {
    return s.key_of(in, in.queue.lane(of.lane), of.place());
  };
  return key(partition, job) < key(elsewhere, other);
}

// It was tried and a quota stopped it. What it keeps is laid anew each time: it may come earlier.
void Controller::State::KeepQuotas::ask(const Partition& partition, const Job& job,
                                        const rm::QuotaShort& shortage) {
  const std::vector<std::uint32_t> limits = s.rm.limits_on(job.what, job.path);
  std::set<JobId> behind;
  for (const std::uint32_t limit : limits)
    if (const auto head = s.quota_heads.at(limit); head && *head != job.id) {
      if (!goes_before(partition, job, *head)) return;
      behind.insert(*head);
    }
  drop(job.id, false);
  const auto keep = [&] {
    return s.rm.keep_quotas(job.what, job.path, s.shapes[job.shape].length, s.clock.mono, shortage);
  };
  auto kept = keep();
  if (!kept) return;
  if (!behind.empty()) {  // what they keep may have stopped it, and put its own time off
    s.rm.drop_quotas(*kept, false);
    for (const JobId other : behind) displace(other, limits);
    kept = keep();
    if (shortage.set_aside > 0) {
      s.heads_to_try.push_back(job.id);
      s.serve_again = true;
    }
  }
  s.quota_heads.put(job.id, {*kept, {partition.index, job.lane}, limits});
}

bool Controller::State::KeepQuotas::is_foreseen(const Partition& partition, const Job& job,
                                                const rm::QuotaShort& shortage) const {
  if (!is_kept_for_others(shortage) || !holds_for_first(partition.policy)) return false;
  const Duration length = s.shapes[job.shape].length;
  return s.rm
      .earliest(job.what, length, s.clock.mono, partition.by, rm::kEver,
                partition.planned(job.path))
      .has_value();
}

bool Controller::State::KeepQuotas::make_way(const Partition& partition, const Job& job,
                                             const rm::QuotaShort& shortage) {
  if (!is_kept_for_others(shortage)) return false;
  bool made = false;
  for (const std::uint32_t limit : s.rm.limits_on(job.what, job.path))
    if (const auto head = s.quota_heads.at(limit);
        head && *head != job.id && goes_before(partition, job, *head)) {
      drop(*head, true);
      made = true;
    }
  return made;
}

// Nothing comes free for others where the one before it keeps it now.
void Controller::State::KeepQuotas::displace(JobId job, const std::vector<std::uint32_t>& limits) {
  const bool has_more = std::ranges::any_of(
      s.quota_heads.find(job)->limits,
      [&](std::uint32_t limit) { return std::ranges::find(limits, limit) == limits.end(); });
  drop(job, has_more);
}

void Controller::State::KeepQuotas::drop_head(JobId job, bool wakes) {
  const auto kept = s.quota_heads.remove(job);
  if (!kept) return;
  s.rm.drop_quotas(*kept, wakes);
  // Places that were laid around it may come forward.
  for (Partition& partition : s.partitions) partition.is_stale |= !partition.holds.empty();
  s.ended_since = true;
  s.serve_again |= wakes;
}

void Controller::State::KeepQuotas::drop_all() {
  for (const JobId job : s.quota_heads.jobs()) drop(job, true);
}

void Controller::State::KeepQuotas::wake_heads(const std::vector<std::uint32_t>& freed) {
  for (const std::uint32_t limit : freed)
    if (const auto head = s.quota_heads.at(limit)) s.heads_to_try.push_back(*head);
  for (const JobId head : s.heads_to_try) {
    if (s.quota_heads.find(head) == nullptr) continue;
    Job& job = s.jobs.at(head);
    s.partition_of(job).queue.let_go(job.lane);
  }
  s.heads_to_try.clear();
}

void Controller::State::KeepQuotas::settle() {
  for (Partition& partition : s.partitions) {
    JobQueue& queue = partition.queue;
    for (const LaneId lane : queue.those_let_go()) {  // its head may not be its first any more
      const auto head = s.quota_heads.in({partition.index, lane});
      if (head && queue.parked(lane) == nullptr) drop(*head, true);
    }
    queue.forget_let_go();
  }
}

}  // namespace drover::sched
