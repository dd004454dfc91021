// rm/amount_timeline.cpp - changes sorted by time, summed up when somebody asks.
// SPDX-License-Identifier: Apache-2.0
#include "rm/amount_timeline.hpp"

#include <algorithm>

namespace drover::rm {

void AmountTimeline::change(Time at, std::int64_t amount) {
  if (at == kEver) return;
  if (at == kAlways) {
    first_ += amount;
    return;
  }
  const auto [found, is_new] = changes_.try_emplace(at, amount);
  if (is_new) return;
  found->second += amount;
  if (found->second == 0) changes_.erase(found);
}

void AmountTimeline::add(Time from, Time until, std::int64_t amount) {
  if (!(from < until) || amount == 0) return;
  change(from, amount);
  change(until, -amount);
}

void AmountTimeline::forget_before(Time now) {
  while (!changes_.empty() && changes_.begin()->first <= now) {
    first_ += changes_.begin()->second;
    changes_.erase(changes_.begin());
  }
}

std::int64_t AmountTimeline::least(Time from, Time until) const {
  std::int64_t free = first_;
  auto next = changes_.begin();
  for (; next != changes_.end() && next->first <= from; ++next) free += next->second;
  std::int64_t least = free;
  for (; next != changes_.end() && next->first < until; ++next)
    least = std::min(least, free += next->second);
  return least;
}

std::optional<Time> AmountTimeline::earliest(std::int64_t want, Duration length, Time from,
                                             Time not_after) const {
  std::int64_t free = first_;
  auto next = changes_.begin();
  for (; next != changes_.end() && next->first <= from; ++next) free += next->second;
  for (Time start = from;; ++next) {
    const Time end = next == changes_.end() ? kEver : next->first;
    if (free >= want) {
      if (end == kEver || end >= after(start, length)) return start;
    } else {
      if (end == kEver || end > not_after) return std::nullopt;
      start = end;
    }
    free += next->second;
  }
}

}  // namespace drover::rm
