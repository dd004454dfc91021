// sched/retry_rule.hpp - which failures of a task lead to another attempt, and after what time.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "sched/job_words.hpp"

namespace drover::sched {

// Ends that may be retried; a set of bits. What was cancelled, preempted or lost with its node is
// none of these: other rules bring it back. A statement whose engine was lost may have done its
// work: that it runs again is asked for by name, and no part of `any`.
using RetryOn = std::uint8_t;
inline constexpr RetryOn kRetryExit = 1, kRetrySignal = 2, kRetryTime = 4, kRetryMemory = 8,
                         kRetryLaunch = 16, kRetryUnknown = 32, kRetryAny = 63, kRetryLost = 64;

struct RetryRule {
  static constexpr std::uint32_t kMax = 1'000;
  static constexpr std::uint32_t kFactorMax = 10'000;

  std::uint32_t max = 0;               // further attempts after failures; 0 = none
  std::uint32_t factor_percent = 100;  // each delay is so much of the one before
  Duration delay;                      // before the first of them
  Duration delay_max;                  // 0 = no limit but that of time itself
  RetryOn on = kRetryAny;
  std::vector<std::int32_t> exit_codes;  // sorted; with kRetryExit only these; empty = any but 0
  friend auto operator<=>(const RetryRule&, const RetryRule&) = default;

  // Whether a task that has been retried `before` times and ended so is retried once more.
  bool covers(Reason reason, std::int32_t exit_code, std::uint32_t before) const;
  // Before the attempt that follows `before` earlier retries. O(before), at most a year.
  Duration delay_after(std::uint32_t before) const;
};

// "exit:75" or "oom", as options write it: any, exit, exit:CODE, signal, timeout, oom, launch,
// unknown, lost.
// Errors: BadInput with the words.
Result<void> add_retry_end(std::string_view word, RetryRule& rule);
// The reverse of the whole list; "any" when nothing is left out.
std::string retry_ends(const RetryRule& rule);
std::string to_text(const RetryRule& rule);  // for people; empty when there are no retries

}  // namespace drover::sched
