// base/heap_push.hpp - std::push_heap for a value that was made just now.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <vector>

namespace drover {

// As push_back and std::push_heap: `before(a, b)` says that a is nearer to the end than b. `value`
// must be no member of `heap`. O(log n).
// The value is written once, where it belongs. Those two read back what they have just written, in
// wider words than it was written with, and the processor waits until the writes have landed.
// Always inlined, so that the fields of `value` may stay in registers.
template <class T, class Before>
[[gnu::always_inline]] inline void heap_push(std::vector<T>& heap, const T& value, Before before) {
  std::size_t at = heap.size();
  heap.emplace_back();
  for (; at > 0 && before(heap[(at - 1) / 2], value); at = (at - 1) / 2)
    heap[at] = heap[(at - 1) / 2];
  heap[at] = value;
}

}  // namespace drover
