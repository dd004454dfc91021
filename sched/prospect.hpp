// sched/prospect.hpp - what whoever waits is told: why, who is in the way, and when it may start.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "sched/dependency.hpp"
#include "sched/job_state.hpp"

namespace drover::sched {

// A job that holds what another needs, or a node that has too little of it.
struct Obstacle {
  std::string node;  // empty: it is not about one node
  JobId job{};       // 0: it is about the node itself
  std::string text;  // "6 of 8 cpu are used, 4 are asked for", "2 cpu, GPUs 0-1", "draining: disk"
  Time until;        // wall; by the job's time limit; 0 = it has none, or there is no job
};

// Why a job is not running, with numbers, from the code that decides.
struct Why {
  JobState state{};
  Reason reason{};
  std::string text;                    // "12 of 16 CPUs are busy on the only node that fits"
  std::string hint;                    // "drover node ls"
  std::vector<Obstacle> in_the_way{};  // the first few
  std::uint32_t more_in_the_way = 0;   // that are left out
};

// When a waiting job is expected to start.
struct Estimate {
  Time start;                // wall; 0 = there is no telling
  std::uint32_t before = 0;  // jobs, and elements of its own, that go first
  // Not before that time; else by that time, if every job before it runs to its limit.
  bool is_least = false;
  std::string because{};  // what the bound rests on, or why there is no telling
  Time made{};            // wall; when it was worked out
  friend bool operator==(const Estimate&, const Estimate&) = default;
};

// What becomes of a job that waits, or what would become of a submission.
struct Prospect {
  Outlook outlook = Outlook::Met;  // of what it depends on
  Why why;                         // Reason::None: nothing is in the way
  std::optional<Estimate> start;   // nothing: it does not wait
};

}  // namespace drover::sched
