// sched/priority.hpp - one score per job out of many factors, each of them visible.
// SPDX-License-Identifier: Apache-2.0
//
//   score = static part of the job                      known when it is submitted
//         + part of its (account, user)                 changes when fair share is ranked again
//
// Age is uncapped and linear, so it is a constant of the job: minus the weight times the moment of
// submission. Time alone never changes the order of two jobs, and no pass over the queue is needed
// to let them age. Whole numbers in millionths of a point.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"
#include "rm/amounts.hpp"

namespace drover::sched {

enum class Factor : std::uint8_t {
  Age,
  FairShare,
  Qos,
  Partition,
  Size,
  User,
  Nice,
  CriticalPath,
};
inline constexpr std::size_t kFactors = 8;
inline constexpr std::uint32_t kStepsFull = 1000;  // critical path: its full value
std::string_view to_string(Factor factor);         // "age", "fair_share", ...

enum class Fairness : std::uint8_t {
  FairTree,  // decayed usage, sched/fair_share.hpp
  Drf,       // what is held now: least dominant share first (Ghodsi et al., NSDI 2011)
};

struct PriorityWeights {
  static constexpr std::int64_t kMax = 1'000'000;
  // In points: what the factor is worth at its full value; of age per day waited, of user priority
  // and nice per unit.
  std::array<std::int64_t, kFactors> points = {1000, 10'000, 10'000, 1000, 0, 1000, 1, 100};
  bool big_first = true;  // size: big jobs score, else small ones
  Fairness fairness = Fairness::FairTree;
  std::int64_t qos_max = 0, partition_max = 0;  // the highest configured: the full value
  std::int64_t operator[](Factor factor) const { return points[std::size_t(factor)]; }
  friend bool operator==(const PriorityWeights&, const PriorityWeights&) = default;
};

struct PriorityInput {
  Time submitted;
  std::int64_t fair_ppm = 0;  // factor of FairShare, or 1'000'000 - dominant share
  std::int64_t qos = 0, partition = 0, user = 0, nice = 0;
  std::int64_t cpus = 1;         // of all its nodes
  std::int64_t steps_after = 0;  // longest chain of jobs or steps that waits for this one
};

struct PriorityParts {
  struct Part {
    std::int64_t value_ppm = 0;  // of user priority and nice: the number itself, in millionths
    std::int64_t weight = 0;     // points
    std::int64_t score = 0;      // millionths of a point
  };
  std::array<Part, kFactors> parts{};
  std::int64_t total = 0;
  const Part& operator[](Factor factor) const { return parts[std::size_t(factor)]; }
};

// All factors but fair share, with the age as of 1970: the order of jobs is the order of
// static_score + fair_score at any moment.
std::int64_t static_score(const PriorityInput& in, const PriorityWeights& weights);
std::int64_t fair_score(std::int64_t fair_ppm, const PriorityWeights& weights);
std::int64_t path_score(std::int64_t steps_after, const PriorityWeights& weights);  // CriticalPath

// What a person sees: ages as of `now`. total differs from static_score + fair_score by the same
// amount for all jobs.
PriorityParts priority_parts(const PriorityInput& in, const PriorityWeights& weights, Time now);

// The largest part that `held` is of `capacity` over all kinds that exist, in millionths.
std::int64_t dominant_share_ppm(const rm::Amounts& held, const rm::Amounts& capacity);

}  // namespace drover::sched
