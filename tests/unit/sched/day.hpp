// tests/unit/sched/day.hpp - jobs that run until their limit, on virtual time.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "rm/licence.hpp"
#include "sized_jobs.hpp"

namespace drover::sched {

class Day {
 public:
  explicit Day(const std::string& policy,
               std::vector<rm::QuotaRule> quotas = {at_most({{"user", "ann"}}, 4)},
               rm::Counts licences = {})
      : Day(make_config(policy, std::move(quotas), std::move(licences))) {}
  // Two partitions with orders of their own over the same nodes.
  struct Orders {
    std::string one, two;
  };
  explicit Day(const Orders& orders)
      : Day(Policies{{orders.one, orders.two}, {}}, {at_most({{"user", "ann"}}, 4)}) {}
  struct Policies {
    std::vector<std::string> of;  // "one", "two", "three"
    std::vector<std::int64_t> priorities;
  };
  Day(const Policies& policies, std::vector<rm::QuotaRule> quotas, rm::Counts licences = {})
      : Day(with_partitions(
            policies, make_config(policies.of.front(), std::move(quotas), std::move(licences)))) {}

  Desk& desk() { return desk_; }
  JobId submit(const JobSpec& spec) {
    const JobId job = desk_.accept(spec);
    gather();
    return job;
  }
  void pass_until(std::int64_t second) {
    const Time until = begun_ + seconds(second);
    while (!running_.empty() && running_.begin()->first <= until) {
      const auto [ends, launch] = *running_.begin();
      running_.erase(running_.begin());
      desk_.pass(ends - desk_.now.mono);
      desk_.ended(launch);
      gather();
    }
    desk_.pass(until - desk_.now.mono);
    desk_.turn();
    gather();
  }
  std::optional<std::int64_t> started(JobId job) const {
    const auto found = starts_.find(job);
    if (found == starts_.end()) return std::nullopt;
    return (found->second - begun_).us / 1'000'000;
  }
  void outlives(JobId job, std::int64_t by_s) { late_[job] = seconds(by_s); }  // before it starts
  // From now on whoever starts ends just before his limit, so that nobody counts as overdue.
  void all_end_in_time() { early_ = Duration{1'000}; }
  void gather() {
    for (; seen_ < desk_.launches.size(); ++seen_) {
      const Launch& launch = desk_.launches[seen_];
      const JobId job = launch.id.task.job;
      starts_.emplace(job, desk_.now.mono);
      const Duration limit = desk_.table.specs.at(job)->time_limit;
      const auto late = late_.find(job);
      const Duration more = late == late_.end() ? Duration{0} : late->second;
      const Duration life{limit.us + more.us - early_.us};
      if (limit.us > 0) running_.emplace(desk_.now.mono + life, launch);
    }
  }

 private:
  static ControllerConfig make_config(const std::string& policy, std::vector<rm::QuotaRule> quotas,
                                      rm::Counts licences) {
    ControllerConfig config;
    config.resources = *rm::ResourceNames::make(rm::licence_words(licences, {}));
    config.licences = std::move(licences);
    config.policy = parse_policy(policy).value();
    config.quotas = std::move(quotas);
    config.node_timeout = seconds(1'000'000);
    return config;
  }

  static ControllerConfig with_partitions(const Policies& policies, ControllerConfig config) {
    static const std::string kNames[] = {"one", "two", "three"};
    auto book = std::make_shared<PolicyBook>();
    std::vector<PartitionSpec> specs(policies.of.size());
    for (std::size_t i = 0; i < policies.of.size(); ++i) {
      specs[i].name = kNames[i];
      specs[i].policy = parse_policy(policies.of[i]).value();
      if (i < policies.priorities.size()) specs[i].priority = policies.priorities[i];
    }
    book->partitions = PartitionTable::make(specs).value();
    *book = complete(*book).value();
    config.book = std::move(book);
    return config;
  }
  explicit Day(ControllerConfig config) : desk_(std::move(config)), begun_(desk_.now.mono) {}

  Desk desk_;
  Time begun_;
  std::multimap<Time, Launch> running_;
  std::map<JobId, Time> starts_;
  std::map<JobId, Duration> late_;
  Duration early_{0};
  std::size_t seen_ = 0;
};

}  // namespace drover::sched
