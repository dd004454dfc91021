// sched/quota_heads.hpp - who is first in line for the limits of quotas, and keeps them.
// SPDX-License-Identifier: Apache-2.0
//
// Without this a job that asks for much of a quota would wait for ever: what comes free a little at
// a time is enough for others. So the first in order of those whom a quota stops keeps what it
// needs of every limit on its path, and others take of it only what it will not miss when it is
// likely to start (the reservation of EASY backfilling, Lifka 1995, for amounts in place of nodes;
// without backfill: nothing). A limit has one such job at most, and that one has all of its limits
// or none: whoever waits for two would be overtaken at one of them for ever.
//
// The partition of higher priority goes first, then what comes first by its partition's order. Keys
// of different orders do not compare: those take turns, so that none starves another. Who
// is tried and stopped asks for its turn; so it costs O(limits on the path) where a job is parked,
// and nothing where no quota is short.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "rm/node_timeline.hpp"
#include "sched/policy.hpp"
#include "sched/shape.hpp"

namespace drover::sched {

class QuotaHeads {
 public:
  using Lane = std::pair<std::uint32_t, LaneId>;  // of a partition, by its index
  struct Head {
    rm::HoldId kept{};
    Lane lane;
    std::vector<std::uint32_t> limits;  // quotas by index, each once
    bool is_put_off = false;            // somebody who has them outlives his limit
  };
  bool empty() const { return heads_.empty(); }
  std::size_t size() const { return heads_.size(); }
  const Head* find(JobId job) const {
    if (heads_.empty()) return nullptr;
    const auto found = heads_.find(job);
    return found == heads_.end() ? nullptr : &found->second;
  }
  std::optional<JobId> at(std::uint32_t limit) const {
    const auto found = limits_.find(limit);
    return found == limits_.end() ? std::nullopt : std::optional(found->second);
  }
  std::optional<JobId> in(Lane lane) const {  // jobs of one lane have the same limits
    const auto found = lanes_.find(lane);
    return found == lanes_.end() ? std::nullopt : std::optional(found->second);
  }
  // Its limits have no head, or the job itself.
  void put(JobId job, Head head) {
    for (const std::uint32_t limit : head.limits) limits_.insert_or_assign(limit, job);
    lanes_.insert_or_assign(head.lane, job);
    heads_.insert_or_assign(job, std::move(head));
  }
  std::optional<rm::HoldId> remove(JobId job) {
    const auto found = heads_.find(job);
    if (found == heads_.end()) return std::nullopt;
    for (const std::uint32_t limit : found->second.limits) limits_.erase(limit);
    lanes_.erase(found->second.lane);
    const rm::HoldId kept = found->second.kept;
    heads_.erase(found);
    return kept;
  }
  void put_off(JobId job) { heads_.at(job).is_put_off = true; }
  // Of partitions whose orders differ the one goes first whose heads have started longest ago.
  void count_turn(Order order) { turns_[std::size_t(order)] = ++turn_; }
  bool is_before(Order one, Order other) const {
    return turns_[std::size_t(one)] < turns_[std::size_t(other)];
  }
  std::vector<JobId> jobs() const {
    std::vector<JobId> all;
    for (const auto& [job, head] : heads_) all.push_back(job);
    return all;
  }

 private:
  std::map<JobId, Head> heads_;
  std::map<Lane, JobId> lanes_;
  std::unordered_map<std::uint32_t, JobId> limits_;                      // never iterated
  std::array<std::uint64_t, std::size_t(Order::SafGuard) + 1> turns_{};  // of the last start
  std::uint64_t turn_ = 0;
};

}  // namespace drover::sched
