// sim/replay.hpp - virtual time around the production controller.
//
// Clock rule ("batch"): at time t first all ends at t, in the order of their starts, then all
// submissions at t in file order, then one finish() of the controller, which is one scheduling
// pass. A reservation that comes due (Controller::next_timer) is an event as well. A job ends when
// its run time is over; starting takes no time. Deterministic: equal inputs give equal outcomes.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "sched/controller.hpp"
#include "sim/cluster.hpp"
#include "sim/workload.hpp"

namespace drover::sim {

struct ReplayOptions {
  sched::ControllerConfig config;  // policy, quotas, groups: what production would use
  bool series = false;             // keep a sample per pass
};

enum class Ending : std::uint8_t { Lost, Done, Refused };

struct Outcome {
  Duration start, end;  // since the start of the trace
  std::uint32_t node = 0;
  Ending ending = Ending::Lost;
  bool overtook = false;  // started while a job that came earlier went on waiting
};

struct Sample {  // the state after a pass
  Duration at;
  std::int64_t used_cpus = 0, used_gpu_milli = 0, queued_cpus = 0;
  std::uint32_t queued = 0, running = 0;
};

struct Replay {
  std::vector<Outcome> outcomes;               // by position in Workload::jobs
  std::map<std::uint32_t, std::string> gangs;  // who runs on several nodes, and their names
  std::vector<Sample> series;
  std::uint64_t passes = 0, submitted = 0, started = 0, ended = 0, refused = 0, overtook = 0,
                restarted = 0;
  std::size_t first_refused = 0;  // the first of them, and why: for the message
  std::string first_refusal;
  sched::Stats stats;
};

// Fails only for our own mistakes, when jobs wait although nothing can happen any more.
Result<Replay> replay(const Workload& workload, const Cluster& cluster,
                      const ReplayOptions& options);

}  // namespace drover::sim
