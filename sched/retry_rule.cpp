// sched/retry_rule.cpp - the ends that a rule covers, and the delays that grow.
// SPDX-License-Identifier: Apache-2.0
#include "sched/retry_rule.hpp"

#include <algorithm>

namespace drover::sched {
namespace {

constexpr Duration kLongest = seconds(366LL * 86'400);

RetryOn kind_of(Reason reason) {
  if (reason == Reason::ExitCode) return kRetryExit;
  if (reason == Reason::Signal) return kRetrySignal;
  if (reason == Reason::TimeLimit) return kRetryTime;
  if (reason == Reason::OutOfMemory) return kRetryMemory;
  if (reason == Reason::LaunchFailed) return kRetryLaunch;
  if (reason == Reason::ExitUnknown) return kRetryUnknown;
  return 0;
}

}  // namespace

bool RetryRule::covers(Reason reason, std::int32_t exit_code, std::uint32_t before) const {
  if (before >= max || (kind_of(reason) & on) == 0) return false;
  if (reason != Reason::ExitCode || exit_codes.empty()) return true;
  return std::ranges::binary_search(exit_codes, exit_code);
}

Duration RetryRule::delay_after(std::uint32_t before) const {
  const Duration longest = delay_max.us > 0 ? std::min(delay_max, kLongest) : kLongest;
  Duration next = std::min(delay, longest);
  // Both are bounded, so the product is far from the limits of the type.
  for (std::uint32_t n = 0; n < before && next < longest && next.us > 0; ++n)
    next = std::min(Duration{next.us / 100 * factor_percent + next.us % 100 * factor_percent / 100},
                    longest);
  return next;
}

}  // namespace drover::sched
