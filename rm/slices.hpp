// rm/slices.hpp - how a search for nodes is dealt out.
//
// The core owns no threads: whoever has some passes them in, as a function that runs the work of
// each slice. The answer does not depend on it, nor on the number of slices: each slice gives its
// best nodes in a total order, and the best of those are taken.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>

namespace drover::rm {

struct Slices {
  using Work = std::function<void(std::size_t slice)>;

  std::size_t count = 1;
  std::uint32_t nodes_min = 0;  // with fewer nodes there is one slice
  // Calls the work once for each of `count` slices, in any order or at the same time, and returns
  // when all is done. Empty: one after the other.
  std::function<void(std::size_t count, const Work& work)> run;

  void for_each(const Work& work) const {
    if (run) return run(count, work);
    for (std::size_t slice = 0; slice < count; ++slice) work(slice);
  }
};

}  // namespace drover::rm
