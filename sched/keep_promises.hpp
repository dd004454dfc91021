// sched/keep_promises.hpp - what was promised first comes first.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <set>
#include <vector>

#include "sched/controller_state.hpp"

namespace drover::sched {

// A place may have to be put off: somebody outlives his limit, a node is lost. The jobs of other
// partitions have planned theirs around it. If it went behind those, it would be overtaken by them,
// by others the next time, and so for ever. So whoever was promised a place later makes way, unless
// his partition has a higher priority. Only the first of a partition, in its order, asks for it:
// promises stay what they were and no two are equal, so that nobody makes way in a circle, while
// others may be promised something before those who go before them in their own partition. Of those
// who share a quota the order of KeepQuotas counts. Both together could still go round in a circle:
// so nobody makes way any more in a pass in which that happened often.
struct Controller::State::KeepPromises {
  State& s;

  // The first promise counts: later ones know more. Who gave his place up to those before him in
  // his partition, or because of a quota, was not put off: his next place is his first.
  void note(Partition& partition, const Job& job, Time start) const {
    if (start - s.clock.mono >= kUnlimited) return;
    partition.promised.emplace(job.id, start);
    if (s.partitions.size() > 2)  // one and the engines': there is nobody to go before
      partition.precedence.emplace(job.id, start);
  }
  // What `look` finds, which has the place in `slot`: as if those who are to make way held none,
  // where it would be later than promised and that helps. Adds their partitions to `others`.
  // O(jobs that hold a place) more where it would be later.
  template <class Look>
  auto first_place(const Partition& partition, const Job& job, std::set<Partition*>& others,
                   Look look) const {
    auto place = look();
    const std::vector<Later> later = promised_later(partition, job, place.slot);
    if (later.empty()) return place;
    for (const Later& one : later) s.rm.lift(one.hold);
    auto sooner = look();
    for (const Later& one : later) s.rm.lay(one.hold);
    if (!sooner.slot || sooner.slot->start >= place.slot->start) return place;
    for (const Later& one : later) others.insert(one.partition);
    return sooner;
  }
  // Once that place is held.
  void make_way(const std::set<Partition*>& others) const;

 private:
  struct Later {
    Partition* partition;
    rm::HoldId hold;
  };
  std::vector<Later> promised_later(const Partition& partition, const Job& job,
                                    const std::optional<rm::Slot>& slot) const;
};

}  // namespace drover::sched
