// sched/ended_arrays.hpp - which elements of the arrays that ended last have succeeded.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <deque>
#include <vector>

#include "base/ids.hpp"
#include "sched/array_cursor.hpp"

namespace drover::sched {

// The successes of an array are stored with its end, but a submission that follows it element by
// element may arrive before they are: until then they are found here. Only arrays that did not
// wholly succeed are worth a place. Bounded by number and by what they hold; the oldest goes first.
class EndedArrays {
 public:
  static constexpr std::size_t kArrays = 64;
  static constexpr std::size_t kUnsuccessful = 1'000'000;  // of all together, but for the newest
  struct One {
    JobId job{};
    ArrayCursor cursor;                       // which elements ever began
    std::vector<std::uint32_t> unsuccessful;  // of those, in no order
  };

  void add(One one);                 // amortised O(1)
  const One* find(JobId job) const;  // nullptr: ended long ago, or wholly succeeded

 private:
  std::deque<One> kept_;  // newest last
  std::size_t unsuccessful_ = 0;
};

}  // namespace drover::sched
