// sched/obstacles.cpp - who holds what a job waits for, and until when.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "base/units.hpp"
#include "rm/quota_ledger.hpp"
#include "sched/prospects.hpp"

namespace drover::sched {
namespace {

constexpr std::size_t kHoldersShown = 5;

// Without a limit last.
bool ends_first(Time a, Time b) { return a.is_set() && (!b.is_set() || a < b); }

}  // namespace

// By its limit; who outlives it is being ended.
Time Controller::State::Prospects::end_of(const Job& job, const TaskRecord& task) const {
  const Duration length = s.shapes[job.shape].length;
  if (is_unlimited(length) || task.state == TaskState::Suspended) return {};
  return std::max(task.placed + length + task.suspended_for, s.clock.wall);
}

// Of each attempt, who ends first before others. O(tasks on nodes * quotas on a path).
const std::vector<Controller::State::Prospects::Holder>& Controller::State::Prospects::holders_of(
    std::uint32_t quota, rm::Kind kind) {
  if (held_of_ == std::pair(quota, kind)) return held_;
  held_of_ = std::pair(quota, kind);
  held_.clear();
  for (const auto& [id, node] : s.nodes) {
    for (const TaskId& task : node.tasks) {
      const Job& job = s.jobs.at(task.job);
      const TaskRecord& record = job.more->tasks.at(raw(task.index)).record;
      if (record.lease->node != id || !s.rm.ledger().is_on(record.lease->path, quota)) continue;
      const std::int64_t amount = record.lease->total()[kind];
      if (amount > 0) held_.push_back({task.job, amount, end_of(job, record)});
    }
  }
  std::ranges::stable_sort(held_, [](const Holder& a, const Holder& b) {
    return ends_first(a.until, b.until) || (a.until == b.until && a.job < b.job);
  });
  return held_;
}

// Those whose ends free as much, and when the last of them is due.
Controller::State::Prospects::Ease Controller::State::Prospects::ease_of(std::uint32_t quota,
                                                                         rm::Kind kind,
                                                                         std::int64_t missing) {
  Ease ease;
  for (const Holder& holder : holders_of(quota, kind)) {
    if (missing <= 0) break;
    missing -= holder.amount;
    ease.holders.push_back(holder);
  }
  ease.is_enough = missing <= 0;
  if (ease.is_enough && !ease.holders.empty()) ease.at = ease.holders.back().until;
  return ease;
}

void Controller::State::Prospects::name_holders(const rm::QuotaShort& shortage, Why& why) {
  const std::int64_t missing = shortage.held + shortage.asked + shortage.kept - shortage.limit;
  const Ease ease = ease_of(shortage.quota_index, shortage.kind, missing);
  std::vector<Holder> jobs;  // in the order in which the first of theirs ends
  for (const Holder& holder : ease.holders) {
    const auto same = std::ranges::find(jobs, holder.job, &Holder::job);
    if (same == jobs.end()) {
      jobs.push_back(holder);
      continue;
    }
    same->amount += holder.amount;
    same->until = holder.until;
  }
  for (const Holder& holder : jobs) {
    if (why.in_the_way.size() == kHoldersShown) {
      ++why.more_in_the_way;
      continue;
    }
    why.in_the_way.push_back({{},
                              holder.job,
                              "holds " +
                                  rm::amount_text(holder.amount, shortage.kind, s.rm.names()) +
                                  " of quota " + shortage.quota,
                              holder.until});
  }
}

}  // namespace drover::sched
