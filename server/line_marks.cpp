// server/line_marks.cpp - the place that is missed least goes when there are too many.
// SPDX-License-Identifier: Apache-2.0
#include "server/line_marks.hpp"

#include <iterator>

namespace drover::server {

std::optional<LineMark> LineMarks::before(std::int64_t line) const {
  auto found = places_.upper_bound(line);
  if (found == places_.begin()) return std::nullopt;
  --found;
  return LineMark{found->first, found->second};
}

// The last place stays: whoever follows a growing log goes on there; and so does the new one.
void LineMarks::set(LineMark mark) {
  places_[mark.line] = mark.offset;
  if (places_.size() <= kMost) return;
  auto least = places_.end();
  std::int64_t least_gap = 0, before = 0;
  for (auto at = places_.begin(); std::next(at) != places_.end(); ++at) {
    const std::int64_t gap = std::next(at)->first - before;
    before = at->first;
    if (at->first == mark.line || (least != places_.end() && gap >= least_gap)) continue;
    least = at;
    least_gap = gap;
  }
  places_.erase(least);
}

}  // namespace drover::server
