// sched/keep_promises.cpp - who makes way for whom.
// SPDX-License-Identifier: Apache-2.0
#include "sched/keep_promises.hpp"

#include <utility>

namespace drover::sched {

// Nobody where the promise is kept. Who begins when the job would have ended is not in its way.
std::vector<Controller::State::KeepPromises::Later> Controller::State::KeepPromises::promised_later(
    const Partition& partition, const Job& job, const std::optional<rm::Slot>& slot) const {
  std::vector<Later> later;
  const auto promise = partition.promised.find(job.id);
  if (promise == partition.promised.end() || !slot || slot->start <= promise->second) return later;
  const Time end = rm::after(slot->start, s.shapes[job.shape].length);
  for (Partition& other : s.partitions) {
    if (&other == &partition || other.priority > partition.priority) continue;
    for (const auto& [id, hold] : other.holds) {
      const auto theirs = other.promised.find(id);
      if (theirs == other.promised.end() || s.rm.slot_of(hold).start >= end) continue;
      if (std::pair(theirs->second, id) > std::pair(promise->second, job.id))
        later.push_back({&other, hold});
    }
  }
  return later;
}

Controller::State::KeepQuotas::Place Controller::State::KeepPromises::planned_place(
    const Partition& partition, const Job& job, Time not_after, std::set<Partition*>& others,
    int& put_off) const {
  const auto look = [&] {
    return KeepQuotas{s}.first_place(partition, job, s.clock.mono, not_after);
  };
  if (!partition.promised.contains(job.id) || ++put_off > kPutOffMax) return look();
  return first_place(partition, job, others, look);
}

// They look for another place where they have room no more: in the next round of the pass.
void Controller::State::KeepPromises::make_way(const std::set<Partition*>& others) const {
  for (Partition* const other : others) other->is_stale = s.ended_since = s.serve_again = true;
}

}  // namespace drover::sched
