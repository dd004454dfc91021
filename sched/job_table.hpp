// sched/job_table.hpp - the open jobs by id.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <memory>
#include <vector>

#include "sched/live_job.hpp"
#include "sched/spare_parts.hpp"

namespace drover::sched {

// Every event asks for its job several times, so a look-up must be one line of the table and the
// job itself: a hash table whose chains run through the jobs. It grows a chain at a time (linear
// hashing, Litwin 1980): no submission pays for the million before it. Jobs keep their address. All
// is O(1).
class JobTable {
 public:
  JobTable() = default;
  ~JobTable();
  JobTable(const JobTable&) = delete;
  JobTable& operator=(const JobTable&) = delete;

  Job* find(JobId id) {  // null: it is not open
    Job* job = heads_[chain_of(id)];
    while (job != nullptr && job->id != id) job = job->next_in_table;
    return job;
  }
  const Job* find(JobId id) const { return const_cast<JobTable*>(this)->find(id); }
  Job& at(JobId id);  // it is open
  const Job& at(JobId id) const { return const_cast<JobTable*>(this)->at(id); }
  Job& add(JobId id);  // it was not open
  void remove(Job& job);
  std::size_t size() const { return size_; }

  class Iterator {
   public:
    const Job& operator*() const { return *job_; }
    Iterator& operator++();
    friend bool operator==(const Iterator&, const Iterator&) = default;

   private:
    friend class JobTable;
    Iterator(const JobTable* table, std::size_t chain);
    const JobTable* table_;
    std::size_t chain_;
    const Job* job_ = nullptr;
  };
  // In no order: for checks, never for a decision.
  Iterator begin() const { return {this, 0}; }
  Iterator end() const { return {this, heads_.size()}; }

 private:
  // Ids in a row, or at equal distances, spread evenly (Fibonacci hashing).
  static std::size_t hash(JobId id) { return std::size_t(raw(id) * 0x9e3779b97f4a7c15u >> 24); }
  // Chains before `split_` have been cut in two already.
  std::size_t chain_of(JobId id) const {
    const std::size_t whole = hash(id) & (half_ - 1);
    return whole < split_ ? hash(id) & (2 * half_ - 1) : whole;
  }
  void split_one();

  std::vector<Job*> heads_{nullptr};  // half_ + split_ of them
  std::size_t half_ = 1, split_ = 0;  // half_: a power of two
  std::size_t size_ = 0;
  SpareParts<std::unique_ptr<Job>> spare_;
};

}  // namespace drover::sched
