// rm/quota_view.hpp - what the quota ledger answers: a refusal with its numbers, the state of a
// quota, a promise that is not kept.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "rm/quota_rule.hpp"

namespace drover::rm {

// A quota on the path is short: which, of what, and the numbers.
struct QuotaShort {
  std::string quota;  // "user=ann,creator=cli"
  Kind kind{};
  std::int64_t limit = 0, held = 0, asked = 0;
  std::uint32_t quota_index = 0;  // to park waiters per quota
  std::int64_t kept = 0;          // of the limit, for guarantees of others inside this quota
  // Of licences: for reservations and jobs that hold a place. Else 1: for jobs that hold one.
  std::int64_t set_aside = 0;
};

struct QuotaView {
  std::string name;
  Amounts max, locked, used;
  Amounts guaranteed{};
  Amounts kept{};  // of max, now not to be borrowed: unused guarantees of quotas inside this one
  std::string parent{};  // "" = none
  Reclaim reclaim = Reclaim::Wait;
  bool lend = true;
};

// A quota with reclaim = preempt asks for what it is guaranteed, and others hold it.
struct Claim {
  std::string claimant, quota;  // who is owed; inside which quota the room is missing
  std::uint32_t claimant_index = 0, quota_index = 0;
  Kind kind{};
  std::int64_t owed = 0;  // so much must be given back for the request that was refused
};

}  // namespace drover::rm
