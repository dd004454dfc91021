// sched/listed_jobs.cpp - changes are noted when they happen and worked in when somebody asks.
// SPDX-License-Identifier: Apache-2.0
#include "sched/listed_jobs.hpp"

#include <algorithm>

namespace drover::sched {

void ListedJobs::joined(const OrderKey& key, const ListedJob& job) { note({key, job, true}); }

void ListedJobs::left(const OrderKey& key) { note({key, {}, false}); }

void ListedJobs::forget() {
  is_kept_ = false;
  changes_.clear();
}

// Where nobody asks for the list any more, it is not worth remembering.
void ListedJobs::note(const Change& change) {
  constexpr std::size_t kFew = 64;
  if (!is_kept_) return;
  if (changes_.size() >= kFew + jobs_.size()) return forget();
  changes_.push_back(change);
}

void ListedJobs::apply(const Change& change) {
  const auto key = std::ranges::lower_bound(keys_, change.key);
  const auto job = jobs_.begin() + (key - keys_.begin());
  const bool was_there = key != keys_.end() && *key == change.key;
  if (was_there && change.is_there) {
    *job = change.job;  // it came back in another lane
  } else if (was_there) {
    jobs_.erase(job);
    keys_.erase(key);
  } else if (change.is_there) {
    jobs_.insert(job, change.job);
    keys_.insert(key, change.key);
  }
}

const std::vector<ListedJob>* ListedJobs::up_to_date(std::size_t limit) {
  if (!is_kept_) return nullptr;
  const bool is_whole = jobs_.size() < limit_;
  if (!is_whole && limit == limit_ && changes_.empty()) return &jobs_;
  if (!is_whole) return nullptr;  // who stands behind its end is not known
  for (const Change& change : changes_) apply(change);
  changes_.clear();
  return jobs_.size() < std::min(limit, limit_) ? &jobs_ : nullptr;
}

void ListedJobs::begin(std::size_t limit) {
  forget();
  jobs_.clear();
  keys_.clear();
  limit_ = limit;
}

void ListedJobs::add(const OrderKey& key, const ListedJob& job) {
  keys_.push_back(key);
  jobs_.push_back(job);
}

const std::vector<ListedJob>& ListedJobs::end(bool keep) {
  is_kept_ = keep;
  return jobs_;
}

}  // namespace drover::sched
