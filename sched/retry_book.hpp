// sched/retry_book.hpp - the retry rules of open jobs, each once.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <map>
#include <vector>

#include "sched/retry_rule.hpp"

namespace drover::sched {

// Interns rules and forgets those that no job has any more, since a million jobs may wait. 0 is the
// rule of those that run once. O(log rules).
class RetryBook {
 public:
  using Id = std::uint32_t;
  Id acquire(const RetryRule& rule);
  void release(Id id);
  const RetryRule& operator[](Id id) const { return entries_[id].rule; }
  std::size_t size() const { return index_.size(); }

 private:
  struct Entry {
    RetryRule rule;
    std::uint64_t users = 0;
  };
  std::vector<Entry> entries_{1};
  std::vector<Id> free_;
  std::map<RetryRule, Id> index_;
};

}  // namespace drover::sched
