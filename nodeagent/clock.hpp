// nodeagent/clock.hpp - the two clocks of supd: wall for people, boot time for every timer.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <ctime>

namespace drover::nodeagent {

inline std::int64_t clock_us(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}
inline std::int64_t wall_us() { return clock_us(CLOCK_REALTIME); }
inline std::int64_t boot_us() { return clock_us(CLOCK_BOOTTIME); }

}  // namespace drover::nodeagent
