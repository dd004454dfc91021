// tests/unit/sched/sized_jobs.hpp - jobs and quotas of so many CPUs.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "desk.hpp"

namespace drover::sched {

inline rm::QuotaRule at_most(rm::Labels match, std::int64_t cpus, std::int64_t guaranteed = 0) {
  rm::QuotaRule rule;
  rule.match = std::move(match);
  rule.max[rm::Kind::CpuMilli] = cpus * 1000;
  rule.guaranteed[rm::Kind::CpuMilli] = guaranteed * 1000;
  return rule;
}

inline JobSpec sized(std::int64_t cpus, std::int64_t limit_s, std::string user = "ann") {
  JobSpec spec = Desk::spec(std::move(user), cpus);
  spec.time_limit = seconds(limit_s);
  return spec;
}

}  // namespace drover::sched
