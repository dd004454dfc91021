// sched/partition.hpp - one partition's queue and what is planned for it.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <boost/container/flat_map.hpp>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "sched/job_queue.hpp"
#include "sched/policy.hpp"

namespace drover::sched {

using HoldMap = boost::container::flat_map<JobId, rm::HoldId>;

inline bool foresees_quotas(const PartitionPolicy& policy) {
  return policy.backfill != Backfill::None;
}

// Where more than the first hold places, they keep what they were promised, also over a restart.
inline bool keeps_promises(const PartitionPolicy& policy) {
  return policy.backfill == Backfill::Conservative || policy.backfill == Backfill::DepthK;
}

struct Partition {
  Partition(std::string with_name, PartitionPolicy with, bool fills_behind)
      : name(std::move(with_name)),
        policy(with),
        queue({.shortest_first = with.backfill == Backfill::EasySjbf,
               .ages = with.order == Order::SafGuard,
               .keys_stay = with.order == Order::Fifo,
               .fills_behind = fills_behind}) {}

  rm::Payer planned(rm::PathId path) const { return {path, foresees_quotas(policy)}; }

  bool holds_places() const { return policy.backfill != Backfill::None || keeps_place; }
  bool holds_for_first() const {  // a place, and for nobody else
    return policy.backfill == Backfill::Easy || policy.backfill == Backfill::EasySjbf ||
           keeps_place;
  }

  void give_up_precedence(JobId job) {
    if (!precedence.empty()) precedence.erase(job);
  }

  std::string name;
  PartitionPolicy policy;
  std::int64_t priority = 0;
  std::uint32_t index = 0;              // in ControllerData::partition_at
  rm::ReservedId by = rm::kUnreserved;  // its jobs run in this reservation
  JobQueue queue;
  // Places in the future that are kept free: for the first job (easy), the first few, or all.
  // Side by side: with conservative every pass asks for every job that waits.
  HoldMap holds;
  std::map<JobId, Time> promised;  // mono; where the first hold of a waiting job began
  // Where the first place began that a job has not given up since: see KeepPromises.
  std::map<JobId, Time> precedence;
  // For whom, and at which count of starts and ends, victims were last looked for.
  std::pair<JobId, std::uint64_t> looked_for_victims{};
  bool keeps_place = false;      // no backfill, but its first holds a place: see rank_jobs.cpp
  bool is_stale = false;         // a hold might move forward
  bool waits_for_quota = false;  // easy: nodes have room for the first before its quotas do
  bool tries_head = false;       // quotas, not nodes, have stopped the first: in each pass
  JobId placed{};                // easy: the last that was the first, and held a place as such
};

}  // namespace drover::sched
