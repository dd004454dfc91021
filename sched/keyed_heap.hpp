// sched/keyed_heap.hpp - who is first by key, where members come, go and change their keys.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace drover::sched {

// A binary heap of (key, id); equal keys go by id. Members know where they are: `seat(id)` is a
// reference to that place, which the owner keeps with what else it knows of the member. A change is
// O(log n) and allocates nothing once the heap has been as large before.
template <class Key, class Id>
class KeyedHeap {
 public:
  using Seat = std::uint32_t;
  static constexpr Seat kOut = 0xffffffffu;  // the seat of who is not in the heap
  struct Member {
    Key key;
    Id id{};
  };

  bool empty() const { return heap_.empty(); }
  std::size_t size() const { return heap_.size(); }
  const Member& top() const { return heap_.front(); }
  const Member& at(Seat seat) const { return heap_[seat]; }

  // Comes in, or takes another key.
  template <class SeatOf>
  void put(const Key& key, Id id, const SeatOf& seat) {
    Seat at = seat(id);
    if (at == kOut) {
      at = Seat(heap_.size());
      heap_.emplace_back();
    } else if (heap_[at].key == key) {
      return;
    }
    settle(at, key, id, seat);
  }
  // If it is there.
  template <class SeatOf>
  void erase(Id id, const SeatOf& seat) {
    const Seat at = seat(id);
    if (at == kOut) return;
    seat(id) = kOut;
    const Key key = heap_.back().key;
    const Id last = heap_.back().id;
    heap_.pop_back();
    if (at < heap_.size()) settle(at, key, last, seat);
  }

 private:
  static bool before(const Key& a, Id a_id, const Key& b, Id b_id) {
    return a < b || (!(b < a) && a_id < b_id);
  }
  // Puts it where `at`, whose member counts as gone, or its way up or down leads to. Key and id
  // come apart: put together only to be copied, they would be read back before they have landed in
  // the cache, and the processor would wait.
  template <class SeatOf>
  void settle(Seat at, const Key& key, Id id, const SeatOf& seat) {
    for (Seat up = at; at > 0; at = up) {
      up = (at - 1) / 2;
      if (!before(key, id, heap_[up].key, heap_[up].id)) break;
      place(at, heap_[up].key, heap_[up].id, seat);
    }
    for (std::size_t child = 2 * std::size_t(at) + 1; child < heap_.size();
         child = 2 * std::size_t(at) + 1) {
      if (child + 1 < heap_.size() &&
          before(heap_[child + 1].key, heap_[child + 1].id, heap_[child].key, heap_[child].id))
        ++child;
      if (!before(heap_[child].key, heap_[child].id, key, id)) break;
      place(at, heap_[child].key, heap_[child].id, seat);
      at = Seat(child);
    }
    place(at, key, id, seat);
  }
  template <class SeatOf>
  void place(Seat at, const Key& key, Id id, const SeatOf& seat) {
    heap_[at].key = key;
    heap_[at].id = id;
    seat(id) = at;
  }

  std::vector<Member> heap_;
};

}  // namespace drover::sched
