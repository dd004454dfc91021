// linkis/log_text.hpp - lines of a task's log, and their split into error, warn, info and all.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"

namespace drover::linkis {

enum class Level : std::uint8_t { Error, Warn, Info };

// "2026-12-24 08:00:00.123 INFO text", in UTC.
std::string log_line(Time wall, Level level, std::string_view text);

// The order of the contract: error, warn, info, all.
using FourLogs = std::array<std::string, 4>;

// Lines say their level after a time stamp: "... ERROR text". Others count as information, or with
// `inherit` (logs read from a file) as the line before. Joined by newlines.
FourLogs split_log(std::span<const std::string_view> lines, bool inherit);

std::vector<std::string_view> lines_of(std::string_view text);  // the last may lack its newline

}  // namespace drover::linkis
