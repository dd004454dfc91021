// sched/retry_rule.cpp - the ends that a rule covers, and the delays that grow.
// SPDX-License-Identifier: Apache-2.0
#include "sched/retry_rule.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/units.hpp"

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
  if (reason == Reason::EngineLost) return kRetryLost;
  return 0;
}

constexpr std::array<std::pair<std::string_view, RetryOn>, 7> kWords{{{"exit", kRetryExit},
                                                                      {"signal", kRetrySignal},
                                                                      {"timeout", kRetryTime},
                                                                      {"oom", kRetryMemory},
                                                                      {"launch", kRetryLaunch},
                                                                      {"unknown", kRetryUnknown},
                                                                      {"lost", kRetryLost}}};

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

Result<void> add_retry_end(std::string_view word, RetryRule& rule) {
  if (word == "any") {
    rule.on |= kRetryAny;
    return {};
  }
  const std::size_t colon = word.find(':');
  const auto row =
      std::ranges::find(kWords, word.substr(0, colon), [](const auto& one) { return one.first; });
  const bool has_code = colon != std::string_view::npos;
  if (row == kWords.end() || (has_code && row->second != kRetryExit))
    return fail(Errc::BadInput, "\"" + std::string(word.substr(0, 64)) + "\" is no end to retry on",
                "use any, exit, exit:CODE, signal, timeout, oom, launch, unknown or lost", "retry");
  rule.on |= row->second;
  if (!has_code) return {};
  const auto code = parse_integer(word.substr(colon + 1), 1, 255, "retry");
  if (!code) return fail(code.error());
  const auto at = std::ranges::lower_bound(rule.exit_codes, std::int32_t(*code));
  if (at == rule.exit_codes.end() || *at != *code) rule.exit_codes.insert(at, std::int32_t(*code));
  return {};
}

std::string retry_ends(const RetryRule& rule) {
  if ((rule.on & kRetryAny) == kRetryAny && rule.exit_codes.empty())
    return (rule.on & kRetryLost) != 0 ? "any,lost" : "any";
  std::string text;
  for (const auto& [word, bit] : kWords) {
    if ((rule.on & bit) == 0) continue;
    const bool codes = bit == kRetryExit && !rule.exit_codes.empty();
    if (!codes) text += (text.empty() ? "" : ",") + std::string(word);
    if (!codes) continue;
    for (const std::int32_t code : rule.exit_codes)
      text += (text.empty() ? "exit:" : ",exit:") + std::to_string(code);
  }
  return text;
}

std::string to_text(const RetryRule& rule) {
  if (rule.max == 0) return {};
  std::string text = "up to " + std::to_string(rule.max) + " times on " + retry_ends(rule);
  if (rule.delay.us > 0) text += ", after " + format_duration(rule.delay);
  if (rule.delay.us > 0 && rule.factor_percent != 100) {
    const std::string rest = std::to_string(rule.factor_percent % 100 + 100).substr(1);
    text += ", each delay " + std::to_string(rule.factor_percent / 100) +
            (rest == "00" ? "" : "." + rest) + " times the one before";
    if (rule.delay_max.us > 0) text += ", at most " + format_duration(rule.delay_max);
  }
  return text;
}

}  // namespace drover::sched
