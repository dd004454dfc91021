// sched/listed_jobs.hpp - who waits, in order, kept from one listing to the next.
//
// Listing merges all lanes. Whoever plans for everyone lists at each pass, and between two passes
// few come and go: those are remembered and worked in when the list is next asked for. Until then
// the list stays as it was, so that it can be gone through while jobs leave the queue.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/ids.hpp"
#include "sched/place_list.hpp"
#include "sched/shape.hpp"

namespace drover::sched {

struct ListedJob {
  LaneId lane{};
  ShapeId shape{};
  Place place;
};

class ListedJobs {
 public:
  // ---- what happened since it was listed. Keys of jobs differ, and do not change.
  bool is_kept() const { return is_kept_; }  // else there is no need to tell
  void joined(const OrderKey& key, const ListedJob& job);
  void left(const OrderKey& key);
  void forget();  // too much: it has to be listed anew

  // ---- the list of at most `limit`, brought up to date; null: it has to be listed anew.
  // O(changes x length) of moving, no more than a few kilobytes each in practice.
  const std::vector<ListedJob>* up_to_date(std::size_t limit);

  // ---- listing anew, in order
  void begin(std::size_t limit);
  bool is_full() const { return jobs_.size() >= limit_; }
  void add(const OrderKey& key, const ListedJob& job);
  // `keep`: keys of jobs stay, so that the list may be kept.
  const std::vector<ListedJob>& end(bool keep);

 private:
  struct Change {
    OrderKey key;
    ListedJob job;
    bool is_there = false;
  };
  void note(const Change& change);
  void apply(const Change& change);

  std::vector<ListedJob> jobs_;
  std::vector<OrderKey> keys_;  // of each of them
  std::vector<Change> changes_;
  std::size_t limit_ = 0;
  bool is_kept_ = false;
};

}  // namespace drover::sched
