// sim/spec_pool.hpp - one JobSpec for all jobs of a workload that ask the same.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>

#include "sim/workload.hpp"

namespace drover::sim {

// Of the components after the first.
inline std::int64_t cpus_of_others(const rm::Request& request) {
  std::int64_t sum = 0;
  for (const rm::Request& more : request.more) sum += more.cpus * more.nodes;
  return sum;
}

// O(log distinct specs) per job; for traces with little more than processors the SWF reader has a
// faster table of its own.
class SpecPool {
 public:
  explicit SpecPool(Workload& workload) : workload_(workload) {}

  // Sets what follows from the job's CPUs and appends it. `job.cpus` are those of all
  // nodes, the request otherwise says what one node gives.
  void add(WorkJob job, sched::JobSpec spec) {
    job.number = std::int64_t(workload_.jobs.size()) + 1;
    const std::int64_t own = job.cpus - cpus_of_others(spec.request);
    spec.request.cpus = own / spec.request.nodes;  // those of one node
    spec.ntasks = std::int32_t(own);
    const auto user = spec.labels.find("user");
    spec.user = user != spec.labels.end() ? user->second : "sim";
    spec.owner.uid =
        users_.try_emplace(spec.user, 1000 + std::uint32_t(users_.size())).first->second;
    job.spec = find(std::move(spec));
    workload_.jobs.push_back(job);
  }

 private:
  std::uint32_t find(sched::JobSpec spec) {
    const auto [found, is_new] =
        index_.try_emplace(Key(spec.request, spec.priority, spec.labels),
                           std::uint32_t(workload_.specs.size()));
    if (is_new) workload_.specs.push_back(std::make_shared<const sched::JobSpec>(std::move(spec)));
    return found->second;
  }

  using Key = std::tuple<rm::Request, std::int32_t, rm::Labels>;
  Workload& workload_;
  std::map<Key, std::uint32_t> index_;
  std::map<std::string, std::uint32_t> users_;
};

}  // namespace drover::sim
