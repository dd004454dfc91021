// server/spec_cache.hpp - specs of recent jobs: compiling and launching rarely read the store.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "sched/job_spec.hpp"
#include "store/store.hpp"

namespace drover::server {

// Least recently used goes first; bounded by count and by bytes. Any thread.
class SpecCache {
 public:
  explicit SpecCache(const store::Store& store, std::size_t jobs_max = 8192,
                     std::size_t bytes_max = 128 << 20)
      : store_(store), jobs_max_(jobs_max), bytes_max_(bytes_max) {}

  void put(JobId id, std::shared_ptr<const sched::JobSpec> spec);
  void replace(JobId id, std::shared_ptr<const sched::JobSpec> spec);
  // From memory or from the store, with script and environment.
  Result<std::shared_ptr<const sched::JobSpec>> find(JobId id);

 private:
  struct Entry {
    JobId id{};
    std::size_t bytes = 0;
    std::shared_ptr<const sched::JobSpec> spec;
  };

  const store::Store& store_;
  const std::size_t jobs_max_, bytes_max_;
  std::mutex mutex_;
  std::list<Entry> order_;  // most recent first
  std::unordered_map<std::uint64_t, std::list<Entry>::iterator> by_id_;
  std::size_t bytes_ = 0;
};

}  // namespace drover::server
