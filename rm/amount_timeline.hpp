// rm/amount_timeline.hpp - how much of one thing that lies on no node is free, now and later.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <map>
#include <optional>

#include "rm/node_timeline.hpp"

namespace drover::rm {

// A step function of time, kept as its changes: all running jobs of a cluster may be in one, so a
// change costs O(log changes). Questions cost O(changes up to the end of what is asked for).
// Negative amounts are possible and cover nothing.
class AmountTimeline {
 public:
  // Adds `amount` (negative: takes it) during [from, until).
  void add(Time from, Time until, std::int64_t amount);
  // Drops what lies before `now`; asking about earlier times is then wrong.
  void forget_before(Time now);

  std::int64_t least(Time from, Time until) const;  // that is free at all of [from, until)
  // The first time >= `from` at which `want` is free for `length`; nothing when that is later than
  // `not_after` or never.
  std::optional<Time> earliest(std::int64_t want, Duration length, Time from,
                               Time not_after = kEver) const;
  std::size_t changes() const { return changes_.size(); }

 private:
  void change(Time at, std::int64_t amount);
  std::int64_t first_ = 0;  // before the first change
  std::map<Time, std::int64_t> changes_;
};

}  // namespace drover::rm
