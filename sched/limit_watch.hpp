// sched/limit_watch.hpp - which running task reaches its time limit next.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/time.hpp"
#include "sched/keyed_heap.hpp"
#include "sched/live_job.hpp"

namespace drover::sched {

// Those of whom it is known until when they may run. A task that is watched stays where it is in
// memory, and leaves before its lease does. Equal times go by the tasks' ids. O(log n) in those.
class LimitWatch {
 public:
  bool empty() const { return heap_.empty(); }
  std::size_t size() const { return heap_.size(); }
  Time next() const { return heap_.top().key; }  // mono
  Task& next_task() const { return *heap_.top().id.task; }
  // From now on until then, whatever was said before.
  void put(Time until, Task& task) { heap_.put(until, {&task}, seat_of); }
  void erase(Task& task) { heap_.erase({&task}, seat_of); }  // if it is there

 private:
  struct Watched {
    Task* task = nullptr;
    friend bool operator<(const Watched& a, const Watched& b) {
      return a.task->record.id < b.task->record.id;
    }
  };
  using Heap = KeyedHeap<Time, Watched>;
  static Heap::Seat& seat_of(const Watched& one) { return one.task->limit_seat; }
  static_assert(Heap::kOut == kNoSeat);
  Heap heap_;
};

}  // namespace drover::sched
