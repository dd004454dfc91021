// sched/array_cursor.hpp - which elements of an array nobody has touched yet.
// SPDX-License-Identifier: Apache-2.0
//
// Without a record for each: elements below the cursor have been touched; above it only the few
// that were cancelled or held by name, or ran ahead after a release. The cursor always stands on
// the smallest untouched element, so that a stored cursor plus the records above it restore the
// array exactly.
#pragma once
#include <cstdint>
#include <optional>
#include <set>

#include "base/index_set.hpp"

namespace drover::sched {

class ArrayCursor {
 public:
  explicit ArrayCursor(IndexSet elements);
  // After a restart: the stored cursor; then touch() for each record at or above it.
  void restore(std::uint32_t cursor);

  const IndexSet& elements() const { return elements_; }
  std::uint32_t position() const { return cursor_; }
  bool has_moved() const { return moved_; }
  // The smallest untouched element, if one is left.
  std::optional<std::uint32_t> next() const;
  bool is_untouched(std::uint32_t index) const;
  // Those that have been touched, in order. O(touched).
  template <class Visit>
  void visit_touched(Visit visit) const {
    for (auto index = elements_.first(); index && *index < cursor_;
         index = elements_.next_after(*index))
      visit(*index);
    for (const std::uint32_t index : ahead_) visit(index);
  }
  // Takes an element out of the untouched ones, wherever it stands. O(log n) amortised.
  void touch(std::uint32_t index);

 private:
  void skip_touched();
  IndexSet elements_;
  std::set<std::uint32_t> ahead_;  // touched, above the cursor
  std::uint32_t cursor_ = 0;
  bool moved_ = false;
};

}  // namespace drover::sched
