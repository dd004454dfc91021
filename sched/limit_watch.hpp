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
  // Its lease is new, or ends at another time, or at none that is known.
  void follow(Task& task) {
    const Time until = task.record.lease->until;
    if (until == rm::kEver) return erase(task);
    heap_.put(until, {task.record.id, &task}, seat_of);
  }
  void erase(Task& task) { heap_.erase({task.record.id, &task}, seat_of); }  // if it is there
  bool knows(const Task& task, Time until) const {
    return task.limit_seat < heap_.size() && heap_.at(task.limit_seat).id.task == &task &&
           heap_.at(task.limit_seat).key == until;
  }

 private:
  struct Watched {
    TaskId id;
    Task* task = nullptr;
    friend bool operator<(const Watched& a, const Watched& b) { return a.id < b.id; }
  };
  using Heap = KeyedHeap<Time, Watched>;
  static Heap::Seat& seat_of(const Watched& one) { return one.task->limit_seat; }
  static_assert(Heap::kOut == kNoSeat);
  Heap heap_;
};

}  // namespace drover::sched
