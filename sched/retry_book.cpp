// sched/retry_book.cpp - rules in, numbers out.
// SPDX-License-Identifier: Apache-2.0
#include "sched/retry_book.hpp"

#include "base/check.hpp"

namespace drover::sched {

RetryBook::Id RetryBook::acquire(const RetryRule& rule) {
  if (rule.max == 0) return 0;
  const auto [at, is_new] = index_.try_emplace(rule, 0);
  if (is_new) {
    at->second = Id(entries_.size());
    if (free_.empty()) {
      entries_.emplace_back();
    } else {
      at->second = free_.back();
      free_.pop_back();
    }
    entries_[at->second] = {rule, 0};
  }
  ++entries_[at->second].users;
  return at->second;
}

void RetryBook::release(Id id) {
  if (id == 0) return;
  DROVER_CHECK(entries_[id].users > 0, "a retry rule was released twice");
  if (--entries_[id].users > 0) return;
  index_.erase(entries_[id].rule);
  entries_[id] = {};
  free_.push_back(id);
}

}  // namespace drover::sched
