// base/time.hpp - time as a number. The core never reads a clock: `Now` arrives with every input.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <compare>
#include <cstdint>

namespace drover {

struct Duration {  // microseconds
  std::int64_t us = 0;
  friend constexpr auto operator<=>(const Duration&, const Duration&) = default;
};
constexpr Duration seconds(std::int64_t s) { return {s * 1'000'000}; }
constexpr Duration millis(std::int64_t ms) { return {ms * 1'000}; }

// A point on one clock, in microseconds. 0 means "not yet"; wall times count from the Unix epoch.
struct Time {
  std::int64_t us = 0;
  friend constexpr auto operator<=>(const Time&, const Time&) = default;
  constexpr bool is_set() const { return us != 0; }
};
constexpr Time operator+(Time t, Duration d) { return {t.us + d.us}; }
constexpr Time operator-(Time t, Duration d) { return {t.us - d.us}; }
constexpr Duration operator-(Time a, Time b) { return {a.us - b.us}; }

// Both clocks at one moment. `wall` is for people and begin times, `mono` (CLOCK_BOOTTIME) for
// timers, so that a jump of the wall clock moves nothing but timestamps.
struct Now {
  Time wall;
  Time mono;
};

}  // namespace drover
