// sched/priority.cpp - the factors and their sum.
// SPDX-License-Identifier: Apache-2.0
#include "sched/priority.hpp"

#include <algorithm>
#include <bit>

namespace drover::sched {
namespace {

__extension__ using Wide = __int128;
constexpr std::int64_t kOne = 1'000'000;
constexpr std::int64_t kDayUs = std::int64_t(86'400) * 1'000'000;
constexpr int kSizeFull = 16;  // doublings: 65,536 CPUs

std::int64_t part_of(std::int64_t value, std::int64_t full) {
  if (full <= 0) return 0;
  return std::int64_t(Wide(std::clamp<std::int64_t>(value, 0, full)) * kOne / full);
}

// By doublings, since one more CPU is much for a small job and nothing for a big one; and without
// the size of the cluster, which changes while jobs wait.
std::int64_t size_ppm(std::int64_t cpus, bool big_first) {
  const auto n = std::uint64_t(std::clamp<std::int64_t>(cpus, 1, std::int64_t(1) << kSizeFull));
  const int whole = int(std::bit_width(n)) - 1;
  const auto above = std::int64_t(n - (std::uint64_t(1) << whole)) * kOne >> whole;
  const std::int64_t part = (whole * kOne + above) / kSizeFull;
  return big_first ? part : kOne - part;
}

std::int64_t age_score(Duration age, std::int64_t weight) {
  return std::int64_t(Wide(age.us) * weight * kOne / kDayUs);
}

std::int64_t value_of(Factor factor, const PriorityInput& in, const PriorityWeights& weights) {
  switch (factor) {
    case Factor::Age: return 0;
    case Factor::FairShare: return in.fair_ppm;
    case Factor::Qos: return part_of(in.qos, weights.qos_max);
    case Factor::Partition: return part_of(in.partition, weights.partition_max);
    case Factor::Size: return size_ppm(in.cpus, weights.big_first);
    case Factor::User: return in.user * kOne;
    case Factor::Nice: return -in.nice * kOne;
    case Factor::CriticalPath: return part_of(in.steps_after, kStepsFull);
  }
  return 0;
}

}  // namespace

std::string_view to_string(Factor factor) {
  switch (factor) {
    case Factor::Age: return "age";
    case Factor::FairShare: return "fair_share";
    case Factor::Qos: return "qos";
    case Factor::Partition: return "partition";
    case Factor::Size: return "size";
    case Factor::User: return "user";
    case Factor::Nice: return "nice";
    case Factor::CriticalPath: return "critical_path";
  }
  return "unknown";
}

std::int64_t fair_score(std::int64_t fair_ppm, const PriorityWeights& weights) {
  return fair_ppm * weights[Factor::FairShare];
}

std::int64_t path_score(std::int64_t steps_after, const PriorityWeights& weights) {
  return part_of(steps_after, kStepsFull) * weights[Factor::CriticalPath];
}

std::int64_t static_score(const PriorityInput& in, const PriorityWeights& weights) {
  std::int64_t score = age_score({-in.submitted.us}, weights[Factor::Age]);
  for (std::size_t i = 0; i < kFactors; ++i)
    if (Factor(i) != Factor::FairShare)
      score += value_of(Factor(i), in, weights) * weights[Factor(i)];
  return score;
}

PriorityParts priority_parts(const PriorityInput& in, const PriorityWeights& weights, Time now) {
  PriorityParts parts;
  for (std::size_t i = 0; i < kFactors; ++i) {
    const auto factor = Factor(i);
    PriorityParts::Part& part = parts.parts[i];
    part.weight = weights[factor];
    part.value_ppm = value_of(factor, in, weights);
    part.score = part.value_ppm * part.weight;
    if (factor == Factor::Age) {
      part.value_ppm = age_score(now - in.submitted, 1);
      part.score = age_score(now - in.submitted, part.weight);
    }
    parts.total += part.score;
  }
  return parts;
}

std::int64_t dominant_share_ppm(const rm::Amounts& held, const rm::Amounts& capacity) {
  std::int64_t most = 0;
  for (std::size_t k = 0; k < rm::kKinds; ++k)
    if (capacity.of[k] > 0) most = std::max(most, part_of(held.of[k], capacity.of[k]));
  return most;
}

}  // namespace drover::sched
