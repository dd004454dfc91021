// sim/summary.cpp - means, percentiles and utilisation.
// SPDX-License-Identifier: Apache-2.0
#include "sim/summary.hpp"

#include <algorithm>
#include <limits>

namespace drover::sim {
namespace {

constexpr double kTau = 10;  // seconds; shorter runs count as this long

double seconds_between(Duration from, Duration to) { return double(to.us - from.us) / 1e6; }

// The value at rank ceil(percent/100 * n) of n; those from `to` on are known not to be below it.
// Reorders; what is below it stands before its place afterwards, which becomes `to`.
double nearest_rank(std::vector<double>& values, std::size_t percent, std::size_t& to) {
  const std::size_t rank = (values.size() * percent + 99) / 100;
  const std::size_t at = std::max<std::size_t>(rank, 1) - 1;
  if (at < to)
    std::nth_element(values.begin(), values.begin() + std::ptrdiff_t(at),
                     values.begin() + std::ptrdiff_t(to));
  to = std::min(to, at);
  return values[at];
}

}  // namespace

Spread spread_of(std::vector<double> values) {
  if (values.empty()) return {};
  Spread spread;
  double sum = 0;
  for (const double value : values) sum += value;
  spread.mean = sum / double(values.size());
  spread.max = *std::max_element(values.begin(), values.end());
  std::size_t to = values.size();  // from the largest down: each search is among fewer
  spread.p99 = nearest_rank(values, 99, to);
  spread.p95 = nearest_rank(values, 95, to);
  spread.median = nearest_rank(values, 50, to);
  return spread;
}

Summary summarise(const Workload& workload, const Cluster& cluster, const Replay& replay,
                  std::int64_t trim_ppm) {
  Summary summary;
  const std::size_t count = workload.jobs.size();
  const auto trim = std::size_t(double(count) * double(trim_ppm) / 1e6);
  std::vector<double> waits, slowdowns;
  waits.reserve(count);
  slowdowns.reserve(count);
  double cpu_seconds = 0, gpu_seconds = 0;
  std::int64_t first = std::numeric_limits<std::int64_t>::max(), last = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const WorkJob& job = workload.jobs[i];
    const Outcome& outcome = replay.outcomes[i];
    if (outcome.ending == Ending::Refused) ++summary.refused;
    if (outcome.ending == Ending::Lost) ++summary.lost;
    if (outcome.ending != Ending::Done) continue;
    const double run = seconds_between(outcome.start, outcome.end);
    const double wait = seconds_between(job.submit, outcome.start);
    cpu_seconds += run * double(job.cpus);
    const rm::Request& request = workload.specs[job.spec]->request;
    gpu_seconds += run * double(request.gpus * request.nodes);
    first = std::min(first, job.submit.us);
    last = std::max(last, outcome.end.us);
    if (i < trim || i >= count - trim) continue;
    waits.push_back(wait);
    slowdowns.push_back(std::max(1.0, (wait + run) / std::max(run, kTau)));
  }
  summary.jobs = waits.size();
  summary.backfilled = replay.stats.backfilled;
  summary.overtook = replay.overtook;
  summary.restarted = replay.restarted;
  if (waits.empty()) return summary;
  summary.makespan_s = double(last - first) / 1e6;
  const auto share = [&](double used, std::int64_t units) {
    return units > 0 && last > first ? used / (double(units) * summary.makespan_s) : 0.0;
  };
  summary.utilisation = share(cpu_seconds, cluster.cpus());
  summary.gpu_utilisation = share(gpu_seconds, cluster.gpus());
  summary.wait_s = spread_of(std::move(waits));
  summary.slowdown = spread_of(std::move(slowdowns));
  return summary;
}

}  // namespace drover::sim
