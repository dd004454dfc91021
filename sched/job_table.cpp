// sched/job_table.cpp - chains of jobs that are cut in two as more come.
// SPDX-License-Identifier: Apache-2.0
#include "sched/job_table.hpp"

#include <memory>
#include <utility>

#include "base/check.hpp"

namespace drover::sched {

JobTable::~JobTable() {
  for (Job* job : heads_)
    while (job != nullptr) delete std::exchange(job, job->next_in_table);
}

Job& JobTable::at(JobId id) {
  Job* const job = find(id);
  DROVER_CHECK(job != nullptr, "a job is in an index and not open");
  return *job;
}

Job& JobTable::add(JobId id) {
  if (++size_ > heads_.size()) split_one();
  std::unique_ptr<Job> job = spare_.take();
  if (job == nullptr) job = std::make_unique<Job>();
  job->id = id;
  Job*& head = heads_[chain_of(id)];
  job->next_in_table = head;
  return *(head = job.release());
}

void JobTable::remove(Job& job) {
  Job** link = &heads_[chain_of(job.id)];
  while (*link != &job) link = &(*link)->next_in_table;
  *link = job.next_in_table;
  --size_;
  std::destroy_at(&job);
  std::construct_at(&job);
  spare_.put(std::unique_ptr<Job>(&job));
}

// Its members go to it and to the new last chain.
void JobTable::split_one() {
  heads_.push_back(nullptr);
  Job* job = std::exchange(heads_[split_], nullptr);
  if (++split_ == half_) {
    half_ *= 2;
    split_ = 0;
  }
  while (job != nullptr) {
    Job* const next = job->next_in_table;
    Job*& head = heads_[chain_of(job->id)];
    job->next_in_table = head;
    head = job;
    job = next;
  }
}

JobTable::Iterator::Iterator(const JobTable* table, std::size_t chain)
    : table_(table), chain_(chain) {
  while (chain_ < table_->heads_.size() && (job_ = table_->heads_[chain_]) == nullptr) ++chain_;
}

JobTable::Iterator& JobTable::Iterator::operator++() {
  job_ = job_->next_in_table;
  if (job_ == nullptr) *this = Iterator(table_, chain_ + 1);
  return *this;
}

}  // namespace drover::sched
