// sched/keep_quotas.hpp - the controller's verbs that have to do with who is first at a quota.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "sched/controller_state.hpp"

namespace drover::sched {

// See QuotaHeads.
struct Controller::State::KeepQuotas {
  State& s;

  void ask(const Partition& partition, const Job& job, const rm::QuotaShort& shortage);
  // Where what is kept for those behind the job is all that stops it, it has its lease.
  void try_before(const Partition& partition, const Job& job, const rm::Window& window,
                  rm::Acquired& answer);
  // It is known when the job will have its quotas and a place: it held one, or is the first of all
  // and would have both but for what is kept for others.
  bool is_foreseen(const Partition& partition, const Job& job,
                   const rm::QuotaShort& shortage) const;
  // Its first place. What is kept for those behind it does not put that off: `behind` are those
  // whose keep overlaps with it, and is to be laid anew once the place is held.
  struct Place {
    std::optional<rm::Slot> slot;
    std::set<JobId> behind;
    bool waits = false;      // nodes have room before
    bool is_promise = true;  // false: nobody knows when its quotas will have room
  };
  Place first_place(const Partition& partition, const Job& job, Time from, Time not_after);
  // The same for who alone holds one in his partition: on nodes at least, if nobody knows when its
  // quotas will have room.
  Place place_on_nodes(const Partition& partition, const Job& job);
  void lay_anew(const std::set<JobId>& heads);
  // Of one who stands still, likewise.
  bool wake_up(const Job& job, Task& task, const rm::Window& window, bool heeds_claims);
  void drop(JobId job, bool wakes) {  // wakes: those behind it are tried
    if (!s.quota_heads.empty()) drop_head(job, wakes);
  }
  void started(const Partition& partition, const Job& job) {
    if (s.quota_heads.empty()) return;
    const bool is_head = s.quota_heads.find(job.id) != nullptr;
    if (is_head || !heads_behind(partition, job).empty())
      s.quota_heads.count_turn(partition.policy.order);
    if (is_head) drop_head(job.id, false);
  }
  void drop_all();
  // The heads of limits that were freed, and new ones, are tried, wherever they stand in line.
  void wake(const std::vector<std::uint32_t>& freed) {
    if (!s.quota_heads.empty()) wake_heads(freed);
  }
  void put_off(rm::PathId path);  // those whose limits it shares lay anew what they keep
  // After a pass: who was let go by its quota and waits for nodes keeps nothing.
  void settle();

  // They share one of these limits of the job, and the other comes first. Orders that differ say
  // nothing of that: they take turns.
  bool is_before(const Partition& partition, const Job& job,
                 const std::vector<std::uint32_t>& limits, JobId other) const {
    return s.partition_of(s.jobs.at(other)).policy.order == partition.policy.order &&
           shares(limits, other) && !goes_before(partition, job, other);
  }
  bool is_never_within(const Job& job) const;  // a node alone is more than they allow

 private:
  void drop_head(JobId job, bool wakes);
  void wake_heads(const std::vector<std::uint32_t>& freed);
  bool keeps_more(JobId head, const Job& next, const std::vector<std::uint32_t>& limits) const;
  bool is_behind_sleepers(const Job& job) const;
  struct HeldPlace {
    Partition* partition;
    JobId job;
    rm::HoldId hold;
  };
  std::vector<HeldPlace> places_behind(const Partition& partition, const Job& job,
                                       const std::vector<std::uint32_t>& limits) const;
  std::optional<rm::HoldId> keep_before(const std::vector<HeldPlace>& places, const Job& job,
                                        const rm::QuotaShort& shortage);
  std::optional<rm::HoldId> keep_again(const Partition& partition, const Job& job,
                                       const std::vector<std::uint32_t>& limits,
                                       const rm::QuotaShort& shortage, Time since,
                                       std::vector<HeldPlace>& places);
  void add_planned_behind(const Partition& partition, const Job& job,
                          const std::vector<std::uint32_t>& limits, Time since,
                          std::vector<HeldPlace>& places);
  bool shares(const std::vector<std::uint32_t>& limits, JobId other) const;
  void find_another(const HeldPlace& place);
  std::set<JobId> heads_behind(const Partition& partition, const Job& job) const;
  template <class Do>  // as if these kept nothing
  auto without(const std::set<JobId>& heads, const std::vector<HeldPlace>& places, Do act);
  bool goes_before(const Partition& partition, const Job& job, JobId head) const;
};

}  // namespace drover::sched
