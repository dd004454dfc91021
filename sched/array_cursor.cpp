// sched/array_cursor.cpp - moving over the elements of an array.
// SPDX-License-Identifier: Apache-2.0
#include "sched/array_cursor.hpp"

#include <utility>

namespace drover::sched {

ArrayCursor::ArrayCursor(IndexSet elements)
    : elements_(std::move(elements)), cursor_(elements_.first().value_or(0)) {}

void ArrayCursor::restore(std::uint32_t cursor) {
  cursor_ = cursor;
  moved_ = true;
}

std::optional<std::uint32_t> ArrayCursor::next() const {
  if (elements_.contains(cursor_)) return cursor_;
  return std::nullopt;
}

bool ArrayCursor::is_untouched(std::uint32_t index) const {
  return index >= cursor_ && elements_.contains(index) && !ahead_.contains(index);
}

void ArrayCursor::touch(std::uint32_t index) {
  if (index < cursor_) return;
  if (index != cursor_) {
    ahead_.insert(index);
    return;
  }
  moved_ = true;
  skip_touched();
}

void ArrayCursor::skip_touched() {
  do {
    const auto after = elements_.next_after(cursor_);
    if (!after) {
      cursor_ =
          elements_.max() + 1;  // the entrance of the controller refuses the largest 32-bit index
      break;
    }
    cursor_ = *after;
  } while (ahead_.erase(cursor_) > 0);
}

}  // namespace drover::sched
