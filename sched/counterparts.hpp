// sched/counterparts.hpp - which elements of an array may start because others have succeeded.
// SPDX-License-Identifier: Apache-2.0
//
// Of a job with aftercorr dependencies. Each such dependency is a bit, by its place among them. An
// element may start once it has all bits. Those that have some are kept here as numbers, not as
// records in memory; the store has a record of each, so that a restart finds them again.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/ids.hpp"
#include "sched/job_spec.hpp"

namespace drover::sched {

inline constexpr std::size_t kCounterpartJobsMax = 31;
inline constexpr std::uint32_t kAllCounterparts = 0xffffffff;  // there is nothing to wait for

struct Counterparts {
  std::vector<JobId> targets;   // by bit
  std::uint32_t all = 0;        // every bit
  std::uint32_t done = 0;       // bits of targets of which every element succeeded
  std::uint32_t open = 0;       // bits of targets that have not ended
  std::set<std::uint32_t> met;  // untouched, may start
  std::map<std::uint32_t, std::uint32_t> partly;  // untouched, with some bits, not all
  std::set<std::uint32_t> unmet;                  // touched, may not start; bits: in the record
  bool shut = true;                               // none may start yet: the job's gate is closed
  bool lost = false;                              // an element was given up
  bool rest_gone = false;                         // untouched are only those in `met` and `partly`

  explicit Counterparts(const std::vector<Dependency>& dependencies);
  bool has_all(std::uint32_t bits) const { return (bits | done) == all; }
  std::uint32_t bit_of(JobId target) const;          // 0 = none of its targets
  std::uint32_t bits_of(std::uint32_t index) const;  // of an untouched element
  // The untouched element has these bits as well; true: now it may start.
  bool add(std::uint32_t index, std::uint32_t bits);
  std::uint32_t take(std::uint32_t index);  // it is touched now: its bits, known here no more
  std::size_t known() const { return met.size() + partly.size(); }
};

// Whether the job waits for some job element by element.
bool waits_for_elements(const JobSpec& spec);

}  // namespace drover::sched
