// base/units.hpp - the numbers people write: durations, memory sizes, dates. Shared by CLI, API and
// config.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"

namespace drover {

// "90", "5:30", "1:00:00", "2-12", "2-12:30", "2-12:30:00" as Slurm reads them (a bare number is
// MINUTES), and "90s", "15m", "1h30m", "2d" with units. "infinite"/"unlimited" = Duration{0}.
// BadInput otherwise.
Result<Duration> parse_time_limit(std::string_view text);

// "512", "512M" MiB; K, M, G, T (and KiB/MB spellings, case-insensitive); result in MiB, rounded
// up.
Result<std::int64_t> parse_memory_mib(std::string_view text);

// "now", "now+1hour", "now+90" (seconds), "16:00", "2026-12-24", "2026-12-24T08:00[:00]",
// "tomorrow", "today", "midnight", "noon". Local time zone rules are the caller's: `utc_offset_s`
// is east of UTC.
Result<Time> parse_begin(std::string_view text, Time now, std::int64_t utc_offset_s);

// Whole number in [low, high]; BadInput names the field and the range.
Result<std::int64_t> parse_integer(std::string_view text, std::int64_t low, std::int64_t high,
                                   std::string_view field);

std::string format_duration(Duration d);          // "1-02:03:04", "02:03:04"; never negative
std::string format_memory_mib(std::int64_t mib);  // "512M", "1.5G", "2T"
std::string format_utc(Time t);                   // "2026-12-24T08:00:00Z"; "" when not set

// The candidate nearest to `word` by edit distance, or "" when none is near (distance > 1 +
// length/4).
template <class Range>
std::string_view nearest_match(std::string_view word, const Range& candidates);
std::size_t edit_distance(std::string_view a, std::string_view b);

template <class Range>
std::string_view nearest_match(std::string_view word, const Range& candidates) {
  std::string_view best;
  std::size_t best_distance = 2 + word.size() / 4;
  for (std::string_view candidate : candidates) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace drover
