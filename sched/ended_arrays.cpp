// sched/ended_arrays.cpp - which elements of the arrays that ended last have succeeded.
// SPDX-License-Identifier: Apache-2.0
#include "sched/ended_arrays.hpp"

#include <algorithm>
#include <utility>

namespace drover::sched {

void EndedArrays::add(One one) {
  unsuccessful_ += one.unsuccessful.size();
  kept_.push_back(std::move(one));
  while (kept_.size() > 1 && (kept_.size() > kArrays || unsuccessful_ > kUnsuccessful)) {
    unsuccessful_ -= kept_.front().unsuccessful.size();
    kept_.pop_front();
  }
}

const EndedArrays::One* EndedArrays::find(JobId job) const {
  const auto found = std::ranges::find(kept_, job, &One::job);
  return found == kept_.end() ? nullptr : &*found;
}

}  // namespace drover::sched
