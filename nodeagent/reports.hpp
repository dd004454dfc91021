// nodeagent/reports.hpp - what a node says about an attempt; plain values of agent and supd.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "base/ids.hpp"

namespace drover::nodeagent {

// Same numbers as proto EndCause: they travel in supd frames and in the journal.
enum class EndCause : std::uint32_t {
  Exited = 0,
  Signalled = 1,
  TimeLimit = 2,
  OutOfMemory = 3,
  Killed = 4,
  LaunchFailed = 5,
  Unknown = 6,
};
inline constexpr std::uint32_t kEndCauses = 7;

struct EndReport {
  AttemptId id;
  EndCause cause = EndCause::Unknown;
  std::int32_t exit_code = 0, term_signal = 0;
  bool never_started = false;                 // refused, or killed before exec
  std::int64_t started_us = 0, ended_us = 0;  // wall clock
  std::int64_t user_us = 0, system_us = 0, max_rss_kib = 0;
  std::string message;  // for the person: why a launch failed, what is not known
  friend bool operator==(const EndReport&, const EndReport&) = default;
};

struct StartReport {
  AttemptId id;
  std::int64_t at_us = 0;  // wall clock
  std::int32_t pid = 0;
  friend bool operator==(const StartReport&, const StartReport&) = default;
};

struct HeldReport {  // accepted and not ended
  AttemptId id;
  bool started = false;
  friend bool operator==(const HeldReport&, const HeldReport&) = default;
};

struct AttemptIdHash {
  std::size_t operator()(const AttemptId& id) const noexcept {
    std::uint64_t h = raw(id.epoch) * 0x9e3779b97f4a7c15u;
    h ^= (raw(id.task.job) + (std::uint64_t{raw(id.task.index)} << 32)) * 0xbf58476d1ce4e5b9u;
    h ^= (h >> 29) ^ raw(id.number);
    return std::size_t(h);
  }
};

}  // namespace drover::nodeagent
