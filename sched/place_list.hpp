// sched/place_list.hpp - places in order, for queues that mostly grow at one end and shrink at the
// other.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <compare>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <set>
#include <vector>

#include "base/ids.hpp"

namespace drover::sched {

// The order inside a group and between groups: higher priority first, then who came first.
struct Place {
  std::int32_t priority = 0;
  JobId job{};
  friend constexpr bool operator==(const Place&, const Place&) = default;
  friend constexpr bool operator<(const Place& a, const Place& b) {
    return a.priority != b.priority ? a.priority > b.priority : a.job < b.job;
  }
};

struct OrderKey {  // smaller goes first
  std::int64_t first = 0, second = 0;
  JobId job{};
  friend constexpr auto operator<=>(const OrderKey&, const OrderKey&) = default;
};

// A sorted set. Whoever comes last in order is appended to a row, 16 bytes each; who does not, such
// as a job of higher priority than those before it, stands in a tree. Who leaves from the middle of
// the row is struck out, and the row closed up when half of it is. Appending and leaving from the
// front are O(1), the rest O(log n), all amortised; one that is used again allocates nothing.
class PlaceList {
  struct Item {
    std::int32_t priority = 0;
    bool gone = false;
    JobId job{};
    Place place() const { return {priority, job}; }
  };
  using Late = std::set<Place>;

 public:
  class Iterator {
   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = Place;
    using difference_type = std::ptrdiff_t;
    using pointer = const Place*;
    using reference = Place;

    Iterator() = default;
    Place operator*() const;
    Iterator& operator++();
    Iterator operator++(int) {
      Iterator before = *this;
      ++*this;
      return before;
    }
    friend bool operator==(const Iterator&, const Iterator&) = default;

   private:
    friend class PlaceList;
    Iterator(const PlaceList* list, std::size_t at, Late::const_iterator late)
        : list_(list), at_(at), late_(late) {}
    bool late_is_next() const;
    const PlaceList* list_ = nullptr;
    std::size_t at_ = 0;
    Late::const_iterator late_{};
  };

  bool empty() const { return size() == 0; }
  std::size_t size() const { return row_.size() - head_ - gone_ + (late_ ? late_->size() : 0); }
  Place front() const { return late_ ? *begin() : row_[head_].place(); }  // not when it is empty
  bool contains(const Place& place) const;
  void insert(const Place& place);  // a place already there changes nothing
  void erase(const Place& place);   // nor does one that is not
  void clear();
  std::size_t slots() const { return row_.capacity(); }  // in memory, for tests

  Iterator begin() const { return {this, head_, late_ ? late_->begin() : Late::const_iterator{}}; }
  Iterator end() const {
    return {this, row_.size(), late_ ? late_->end() : Late::const_iterator{}};
  }

 private:
  std::size_t index_of(const Place& place) const;  // of the first that is not before it
  bool is_at(std::size_t index, const Place& place) const {
    return index < row_.size() && row_[index].place() == place;
  }
  void close_up();
  static constexpr std::size_t kSlack = 32;  // below it nothing is worth the copying
  static constexpr std::size_t kReuse = 64;

  std::vector<Item> row_;       // sorted; what is before head_ has left
  std::size_t head_ = 0;        // never at one that is gone
  std::size_t gone_ = 0;        // of those from head_ on
  std::unique_ptr<Late> late_;  // null: nobody
};

}  // namespace drover::sched
