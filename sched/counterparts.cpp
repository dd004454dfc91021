// sched/counterparts.cpp - bits of elements.
// SPDX-License-Identifier: Apache-2.0
#include "sched/counterparts.hpp"

#include <algorithm>

namespace drover::sched {

Counterparts::Counterparts(const std::vector<Dependency>& dependencies) {
  for (const Dependency& one : dependencies)
    if (one.kind == DependencyKind::AfterCorr) {
      all |= std::uint32_t(1) << targets.size();
      targets.push_back(one.job);
    }
}

std::uint32_t Counterparts::bit_of(JobId target) const {
  const auto found = std::ranges::find(targets, target);
  return found == targets.end() ? 0 : std::uint32_t(1) << (found - targets.begin());
}

std::uint32_t Counterparts::bits_of(std::uint32_t index) const {
  if (met.contains(index)) return all;
  const auto found = partly.find(index);
  return found == partly.end() ? 0 : found->second;
}

bool Counterparts::add(std::uint32_t index, std::uint32_t bits) {
  if (met.contains(index)) return false;
  const auto found = partly.find(index);
  if (found != partly.end()) bits |= found->second;
  if (!has_all(bits)) {
    partly.insert_or_assign(index, bits);
    return false;
  }
  if (found != partly.end()) partly.erase(found);
  met.insert(index);
  return true;
}

std::uint32_t Counterparts::take(std::uint32_t index) {
  const std::uint32_t bits = bits_of(index);
  met.erase(index);
  partly.erase(index);
  return bits;
}

bool waits_for_elements(const JobSpec& spec) {
  return std::ranges::any_of(spec.dependencies, [](const Dependency& one) {
    return one.kind == DependencyKind::AfterCorr;
  });
}

}  // namespace drover::sched
