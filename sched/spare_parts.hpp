// sched/spare_parts.hpp - memory of closed jobs, kept for the next ones.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <utility>
#include <vector>

namespace drover::sched {

// Last in, first out: what a job that ends leaves behind is still in the processor's cache when the
// next one comes. A few only; memory follows the open jobs.
template <class Part>
class SpareParts {
 public:
  Part take() {  // nothing when there is none
    if (parts_.empty()) return {};
    Part part = std::move(parts_.back());
    parts_.pop_back();
    return part;
  }
  void put(Part part) {
    if (parts_.size() < kKept) parts_.push_back(std::move(part));
  }

 private:
  static constexpr std::size_t kKept = 1024;
  std::vector<Part> parts_;
};

}  // namespace drover::sched
