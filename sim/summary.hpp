// sim/summary.hpp - what came out of a replay, as numbers.
//
// wait = start - submit. Bounded slowdown = max(1, (wait + run) / max(run, 10 s)). Percentiles are
// nearest-rank. Utilisation = sum of processors x run / (machine x makespan), makespan = last end -
// first submit. Nothing is cut off at either side unless asked for.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "sim/cluster.hpp"
#include "sim/replay.hpp"
#include "sim/workload.hpp"

namespace drover::sim {

struct Spread {
  double mean = 0, median = 0, p95 = 0, p99 = 0, max = 0;
};

struct Summary {
  std::uint64_t jobs = 0;        // that ran and are counted
  std::uint64_t refused = 0;     // could never run on this cluster
  std::uint64_t lost = 0;        // neither ran nor were refused: must be 0
  std::uint64_t backfilled = 0;  // the controller's count: started though not first in order
  std::uint64_t overtook = 0;    // started while one who came earlier went on waiting
  std::uint64_t restarted = 0;
  Spread wait_s, slowdown;
  double makespan_s = 0, utilisation = 0, gpu_utilisation = 0;
};

// `trim_ppm` of the jobs at each end (by submission) are left out of waits and slowdowns.
Summary summarise(const Workload& workload, const Cluster& cluster, const Replay& replay,
                  std::int64_t trim_ppm = 0);

Spread spread_of(const std::vector<double>& values);  // of nothing: zeros

}  // namespace drover::sim
