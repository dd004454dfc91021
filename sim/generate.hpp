// sim/generate.hpp - workloads from models. Equal options give equal workloads.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "sim/workload.hpp"

namespace drover::sim {

struct GenerateOptions {
  std::uint64_t jobs = 1000, seed = 1;
  std::int64_t procs = 256;  // of the machine; Poisson: the number of servers
  double load = 0;           // offered load; 0 = what the model gives (Poisson: 0.8)
  double mean_run_s = 1000;  // Poisson
  std::uint32_t users = 20;  // Mixed
  std::int64_t node_cpus = 64, node_gpus = 4;  // Mixed: what one node has
};

// U. Lublin, D. Feitelson, "The workload on parallel supercomputers: modeling the characteristics
// of rigid jobs", JPDC 63(11), 2003; the parameters for jobs of all kinds together. Run times are
// hyper-gamma in the logarithm and longer for larger jobs, sizes prefer powers of two, arrivals
// follow the hours of the day.
Workload generate_lublin(const GenerateOptions& options);

// Poisson arrivals, exponential run times, one processor per job: M/M/c, whose waits are known.
Workload generate_poisson(const GenerateOptions& options);

// Users, CPU and GPU jobs with memory, estimates that people round up, and some chains of
// dependencies; sizes and run times as in the Lublin-Feitelson model.
Workload generate_mixed(const GenerateOptions& options);

// Mean wait of M/M/c in seconds (Erlang's C formula).
double erlang_wait_s(std::int64_t servers, double load, double mean_run_s);

// SWF 2.2; times are rounded down to whole seconds, run times to at least one.
std::string to_swf(const Workload& workload, const std::string& comment);

}  // namespace drover::sim
