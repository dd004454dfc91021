// sched/keep_promises.cpp - who makes way for whom.
// SPDX-License-Identifier: Apache-2.0
#include "sched/keep_promises.hpp"

#include <utility>

#include "sched/keep_quotas.hpp"

namespace drover::sched {

// Nobody where the promise is kept. Who begins when the job would have ended is not in its way.
std::vector<Controller::State::KeepPromises::Later> Controller::State::KeepPromises::promised_later(
    const Partition& partition, const Job& job, const std::optional<rm::Slot>& slot) const {
  std::vector<Later> later;
  if (s.round >= kRoundsWithWays) return later;
  const auto promise = partition.precedence.find(job.id);
  if (promise == partition.precedence.end() || !slot || slot->start <= promise->second)
    return later;
  const Time end = rm::after(slot->start, s.shapes[job.shape].length);
  const std::vector<std::uint32_t> limits = s.rm.limits_on(job.what, job.path);
  for (Partition& other : s.partitions) {
    if (&other == &partition || other.priority > partition.priority) continue;
    for (const auto& [id, hold] : other.holds) {
      const auto theirs = other.precedence.find(id);
      if (theirs == other.precedence.end() || s.rm.slot_of(hold).start >= end) continue;
      const bool is_later = std::pair(theirs->second, id) > std::pair(promise->second, job.id);
      if (is_later && !KeepQuotas{s}.is_before(partition, job, limits, id))
        later.push_back({&other, hold});
    }
  }
  return later;
}

// They look for another place where they have room no more: in the next round of the pass.
void Controller::State::KeepPromises::make_way(const std::set<Partition*>& others) const {
  if (others.empty()) return;
  for (Partition* const other : others) other->is_stale = true;
  s.ended_since = s.serve_again = true;
}

}  // namespace drover::sched
