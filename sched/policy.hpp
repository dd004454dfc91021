// sched/policy.hpp - in which order a partition's jobs are served, and who may overtake whom.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"

namespace drover::sched {

enum class Order : std::uint8_t {
  Fifo,      // arrival
  Priority,  // higher priority first, then arrival
  SafGuard,  // smallest estimated area first; who has waited longer than the guard goes ahead of
  // all younger ones, in arrival order (Carastan-Santos et al., CCGrid 2019, with a guard)
};

// What may start although the first job in order cannot.
enum class Backfill : std::uint8_t {
  None,          // nothing: the head blocks
  Easy,          // the head has a reservation; others start if they do not delay it (Lifka 1995)
  EasySjbf,      // the same, candidates with the shortest estimate first (Tsafrir et al. 2007)
  Conservative,  // every job has a reservation that is never moved later (Mu'alem, Feitelson 2001)
  DepthK,        // the first `depth` jobs have reservations, the others start if they delay none
};

struct PartitionPolicy {
  Order order = Order::Priority;
  Backfill backfill = Backfill::Easy;
  std::uint32_t depth = 16;          // of DepthK
  Duration guard = seconds(86'400);  // of SafGuard
  friend bool operator==(const PartitionPolicy&, const PartitionPolicy&) = default;
};

std::string_view to_string(Order order);  // "fifo", "priority", "saf-guard"
std::string_view to_string(
    Backfill backfill);  // "none", "easy", "easy-sjbf", "conservative", "depth-k"

// "fifo+easy", "saf-guard:24h+easy-sjbf", "priority+depth-k:50". Short forms: "fcfs" = fifo+none,
// "easy" = fifo+easy, "easy-sjbf", "conservative", "depth-k:N" likewise with fifo, "saf-guard" =
// saf-guard+easy. BadInput names the word and the nearest one known.
Result<PartitionPolicy> parse_policy(std::string_view text);
std::string to_string(const PartitionPolicy& policy);  // what parse_policy reads

}  // namespace drover::sched
