// sched/limit_watch.hpp - which running task reaches its time limit next.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <algorithm>
#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

#include "base/heap_push.hpp"
#include "base/ids.hpp"
#include "base/time.hpp"

namespace drover::sched {

// A heap with lazy deletion: a task that ends early stays in it until its limit, or until half are
// such: then each push pays for a look at a few members, and those that have ended leave. So memory
// follows what runs, and no call costs more than what was pushed since the last one. O(log n).
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
    heap_push(heap_, limit, std::greater<>{});
    to_look_at_ += kLooks;
  }
  void pop() {
    std::ranges::pop_heap(heap_, std::greater<>{});
    heap_.pop_back();
  }
  // `live`: how many tasks run; `is_live` tells whether a limit still counts.
  template <class IsLive>
  void sweep(std::size_t live, IsLive is_live) {
    const std::size_t looks = std::exchange(to_look_at_, 0);
    if (heap_.size() < 2 * live + kSpare) return;
    for (std::size_t i = 0; i < looks && !heap_.empty(); ++i) {
      if (next_ >= heap_.size()) next_ = 0;
      if (is_live(heap_[next_]))
        ++next_;
      else
        erase(next_);
    }
  }

 private:
  static constexpr std::size_t kLooks = 4;  // half of them find one that has ended
  static constexpr std::size_t kSpare = 1024;

  void erase(std::size_t at) {
    heap_[at] = heap_.back();
    heap_.pop_back();
    if (at == heap_.size()) return;
    // Down, or else up: what came from the end need not be below those that stand above it here.
    for (std::size_t child = 2 * at + 1; child < heap_.size(); child = 2 * at + 1) {
      if (child + 1 < heap_.size() && heap_[child] > heap_[child + 1]) ++child;
      if (!(heap_[at] > heap_[child])) break;
      std::swap(heap_[at], heap_[child]);
      at = child;
    }
    std::push_heap(heap_.begin(), heap_.begin() + std::ptrdiff_t(at) + 1, std::greater<>{});
  }

  std::vector<Limit> heap_;
  std::size_t next_ = 0;        // to be looked at
  std::size_t to_look_at_ = 0;  // paid for by pushes
};

}  // namespace drover::sched
