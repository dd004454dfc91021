// sched/limit_watch.hpp - which running task reaches its time limit next.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <algorithm>
#include <functional>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"

namespace drover::sched {

// A heap with lazy deletion: a task that ends early stays in it until its limit, or until more than
// half are such: then they are swept out. So memory follows what runs. O(log n) amortised.
class LimitWatch {
 public:
  struct Limit {
    Time at;  // mono
    TaskId task;
    friend bool operator>(const Limit& a, const Limit& b) {
      return a.at != b.at ? a.at > b.at : a.task > b.task;
    }
  };

  bool empty() const { return heap_.empty(); }
  std::size_t size() const { return heap_.size(); }
  const Limit& top() const { return heap_.front(); }
  void push(const Limit& limit) {
    heap_.push_back(limit);
    std::ranges::push_heap(heap_, std::greater<>{});
  }
  void pop() {
    std::ranges::pop_heap(heap_, std::greater<>{});
    heap_.pop_back();
  }
  // `live`: how many tasks run; `is_live` tells whether a limit still counts.
  template <class IsLive>
  void sweep(std::size_t live, IsLive is_live) {
    if (heap_.size() < 2 * live + 1024) return;
    std::erase_if(heap_, [&](const Limit& limit) { return !is_live(limit); });
    std::ranges::make_heap(heap_, std::greater<>{});
  }

 private:
  std::vector<Limit> heap_;
};

}  // namespace drover::sched
