// sched/rehearsal.hpp - places of those before somebody, while he is told when he could start.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <vector>

#include "rm/forecast.hpp"

namespace drover::sched {

struct Rehearsal {
  std::vector<rm::HoldId> holds;
  std::uint32_t before = 0;  // jobs that go first
};

}  // namespace drover::sched
