// rm/quota_audit.cpp - recomputes every sum of the quota ledger from the leases and compares.
// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "rm/quota_ledger.hpp"
#include "rm/resource_manager.hpp"

namespace drover::rm {
namespace {

using Sums = QuotaLedger::Sums;

void compare(const std::string& name, const Sums& kept, const Sums& real,
             std::vector<std::string>& problems) {
  for (std::size_t k = 0; k < kKinds; ++k) {
    const auto report = [&](const char* verb, std::int64_t has, std::int64_t should) {
      if (has == should) return;
      std::string text = name;
      text.append(verb).append(std::to_string(has)).append(" of ").append(to_string(Kind(k)));
      problems.push_back(text.append(", its leases hold ").append(std::to_string(should)));
    };
    report(" has locked ", kept.locked.of[k], real.locked.of[k]);
    report(" uses ", kept.used.of[k], real.used.of[k]);
  }
}

}  // namespace

void QuotaLedger::check(std::span<const Lease* const> live, const std::vector<PathId>* jobs,
                        std::vector<std::string>& problems) const {
  std::vector<Sums> paths(paths_.size()), counters(counters_.size());
  std::vector<std::uint32_t> users(counters_.size());
  const auto is_known = [&](PathId path) {
    if (raw(path) < paths_.size() && paths_[raw(path)].exists) return true;
    problems.push_back("the unknown quota path " + std::to_string(raw(path)) + " is in use");
    return false;
  };
  for (const Lease* lease : live)
    if (is_known(lease->path))
      (lease->used ? paths[raw(lease->path)].used : paths[raw(lease->path)].locked) +=
          lease->total();
  std::vector<std::uint64_t> entered(paths_.size());
  if (jobs != nullptr)
    for (const PathId path : *jobs)
      if (is_known(path)) ++entered[raw(path)];
  for (std::size_t i = 0; i < paths_.size(); ++i) {
    const Path& path = paths_[i];
    paths[i].used[Kind::QueuedJobs] = std::int64_t(path.jobs);
    const std::string name = "path " + quota_name(path.labels);
    if (jobs != nullptr && entered[i] != path.jobs)
      problems.push_back(name + " counts " + std::to_string(path.jobs) + " jobs, there are " +
                         std::to_string(entered[i]));
    compare(name, path.sums, paths[i], problems);
    for (const std::uint32_t index : path.counters) {
      ++users[index];
      counters[index].locked += paths[i].locked;
      counters[index].used += paths[i].used;
    }
  }
  for (const std::uint32_t index : pinned_) ++users[index];
  for (const Counter& counter : counters_)
    if (counter.parent != kNone) ++users[counter.parent];
  for (std::size_t i = 0; i < counters_.size(); ++i) {
    const std::string name = "quota " + quota_name(counters_[i].labels);
    compare(name, counters_[i].sums, counters[i], problems);
    if (counters_[i].users != users[i])
      problems.push_back(name + " is kept for " + std::to_string(counters_[i].users) +
                         " users, it has " + std::to_string(users[i]));
  }
  check_promises(problems);
}

void QuotaLedger::check_promises(std::vector<std::string>& problems) const {
  std::map<std::uint32_t, Both> below;
  for (const Counter& counter : counters_)
    if (counter.promise != nullptr && counter.parent != kNone)
      for (const Scope scope : {Firm, Now})
        below[counter.parent][scope] += counter.promise->kept[scope];
  for (std::uint32_t i = 0; i < counters_.size(); ++i) {
    const Promise* promise = counters_[i].promise.get();
    if (promise == nullptr) continue;
    const Both& sums = below[i];
    for (const Scope scope : {Firm, Now})
      if (promise->below[scope] != sums[scope] ||
          promise->kept[scope] != keeps(counters_[i], scope, sums[scope], {}))
        problems.push_back("quota " + quota_name(counters_[i].labels) +
                           " keeps other amounts than its guarantees say");
  }
}

}  // namespace drover::rm
