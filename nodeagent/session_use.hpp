// nodeagent/session_use.hpp - what the processes of running attempts use, read from /proc.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>

namespace drover::nodeagent {

struct SessionUse {
  std::int64_t cpu_ticks = 0;  // of its processes, and of those that they have waited for
  std::int64_t rss_pages = 0;  // pages that several share count for each of them
  std::int32_t processes = 0;
};

struct ProcessUse {
  pid_t session = 0;
  std::int64_t cpu_ticks = 0, rss_pages = 0;
};

// One /proc/PID/stat; a command may have any name, brackets and spaces too. Nothing: not readable
// as such.
std::optional<ProcessUse> parse_stat(std::string_view text);

// One pass over all processes of the machine, whatever the number of sessions. A process that has
// left its session is not counted: good enough for advice, not for accounting.
using SessionUses = std::unordered_map<pid_t, SessionUse>;
SessionUses use_of_sessions();

}  // namespace drover::nodeagent
