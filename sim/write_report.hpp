// sim/write_report.hpp - results for people, programs and plotting tools.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "sim/summary.hpp"

namespace drover::sim {

// One simulation: what went in and what came out.
struct Run {
  std::string trace, policy, estimates;
  std::int64_t cpus = 0, nodes = 0, gpus = 0;
  Cleaning cleaning;
  Summary summary;
  std::uint64_t passes = 0, submitted = 0, started = 0, ended = 0;
  double load_s = 0, simulate_s = 0;  // real time; the only part that differs between equal runs
  std::int64_t peak_memory_kib = 0;
};

nlohmann::ordered_json to_json(const Run& run);  // summary.json, "schema": 1
std::string to_text(const Run& run);             // a page for the terminal
std::string to_table(const std::vector<Run>& runs);

// "312 kept, 4 dropped (3 no run time, 1 too large), 2 broken lines (7, 9), 11 cut"
std::string to_text(const Cleaning& cleaning);

// Batsim's columns, then queue, bounded_slowdown and overtook. In the order of submission.
std::string jobs_csv(const Workload& workload, const Cluster& cluster, const Replay& replay);

// time, used and free processors, GPUs, running and queued jobs, queued processors; a row per pass.
std::string series_csv(const Cluster& cluster, const Replay& replay);

}  // namespace drover::sim
