// sim/summary.cpp - means, percentiles and utilisation.
// SPDX-License-Identifier: Apache-2.0
#include "sim/summary.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>
#include <vector>

namespace drover::sim {
namespace {

constexpr double kTau = 10;  // seconds; shorter runs count as this long

double seconds_between(Duration from, Duration to) { return double(to.us - from.us) / 1e6; }

// Nearest rank: the values at ceil(percent/100 * n) of n. Values are counted by their leading bits
// first, so that of all of them only those near a rank are looked at again: O(n), and unlike with
// a selection by comparing, no step depends on an outcome that nobody can foresee.
class Ranks {
 public:
  explicit Ranks(const std::vector<double>& values) : values_(values), counts_(kBuckets) {
    for (const double value : values_) ++counts_[bucket_of(value)];
  }
  double at(std::size_t percent) const {
    std::size_t rank = std::max<std::size_t>((values_.size() * percent + 99) / 100, 1) - 1;
    std::size_t bucket = 0;
    while (rank >= counts_[bucket]) rank -= counts_[bucket++];
    std::vector<double> near;
    near.reserve(counts_[bucket]);
    for (const double value : values_)
      if (bucket_of(value) == bucket) near.push_back(value);
    std::ranges::nth_element(near, near.begin() + std::ptrdiff_t(rank));
    return near[rank];
  }

 private:
  static constexpr int kBits = 16;  // sign, exponent, and four of the fraction
  static constexpr std::size_t kBuckets = std::size_t(1) << kBits;

  // In the order of the values: as numbers, those of negative ones would be the wrong way round.
  static std::size_t bucket_of(double value) {
    const auto bits = std::bit_cast<std::uint64_t>(value);
    const std::uint64_t flip = bits >> 63 != 0 ? ~std::uint64_t(0) : std::uint64_t(1) << 63;
    return (bits ^ flip) >> (64 - kBits);
  }

  const std::vector<double>& values_;
  std::vector<std::uint32_t> counts_;
};

}  // namespace

Spread spread_of(const std::vector<double>& values) {
  if (values.empty()) return {};
  Spread spread;
  double sum = 0;
  for (const double value : values) sum += value;
  spread.mean = sum / double(values.size());
  spread.max = *std::max_element(values.begin(), values.end());
  const Ranks ranks(values);
  spread.median = ranks.at(50);
  spread.p95 = ranks.at(95);
  spread.p99 = ranks.at(99);
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
    gpu_seconds += run * double(rm::gpu_milli_of(workload.specs[job.spec]->request)) / 1000;
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
  summary.wait_s = spread_of(waits);
  summary.slowdown = spread_of(slowdowns);
  return summary;
}

}  // namespace drover::sim
