// sched/rough_room.hpp - a first answer to whether a room may be enough for what is wanted.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "rm/node_timeline.hpp"

namespace drover::sched {

// The amounts cut to numbers so small that the signs of differences tell: no branch but one for
// each question. An event asks it of every blocked shape, and rm::Room::covers of those that pass.
struct RoughRoom {
  std::array<std::int32_t, 4> of{};

  static RoughRoom room(const rm::Room& room) { return cut(room, -1); }  // may be negative
  static RoughRoom want(const rm::Room& want) { return cut(want, 0); }
  // False: certainly not.
  bool may_cover(const RoughRoom& want) const {
    std::int32_t signs = 0;
    for (std::size_t i = 0; i < of.size(); ++i) signs |= of[i] - want.of[i];
    return signs >= 0;
  }

 private:
  static RoughRoom cut(const rm::Room& all, std::int64_t least) {
    constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
    const auto one = [&](std::int64_t amount) {
      return std::int32_t(std::clamp(amount, least, kMost));
    };
    return {{one(all.cpu_milli), one(all.mem_mib), one(all.gpu_milli), one(all.seats)}};
  }
};

}  // namespace drover::sched
