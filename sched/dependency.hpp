// sched/dependency.hpp - what a job waits for, and who waits for a job.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <boost/unordered_map.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "sched/counterparts.hpp"
#include "sched/job_spec.hpp"
#include "sched/job_state.hpp"
#include "sched/spare_parts.hpp"

namespace drover::sched {

// What happened to a job that others may wait for.
struct Milestone {
  JobId job{};
  JobState state{};  // Running: it has started; or how it ended
  Time started;      // wall; 0 = never, or nobody knows
};

enum class Outlook : std::uint8_t { Waits, Met, Never };

struct Verdict {
  Outlook outlook = Outlook::Waits;
  Time not_before;  // wall; what was met asks for so much patience
};

// What the milestone means for one dependency on that job. afternotok is met by every end but
// success.
Outlook outlook(DependencyKind kind, JobState milestone);

// Drops from `waits` what the milestone decides and says what follows for the whole condition: all
// must be met, or with `any` one.
Verdict settle(std::vector<Dependency>& waits, bool any, const Milestone& milestone);

struct Conditions {               // what a new job waits for
  std::vector<Dependency> waits;  // as a whole
  Outlook outlook = Outlook::Met;
  Time not_before = {};  // wall
  // Element by element; nothing when it does not, or all are met.
  std::optional<Counterparts> elements = {};
  bool waits_met = false;                // `waits` has been decided: met
  std::uint32_t ended = 0;               // bits of targets that have ended otherwise
  std::vector<std::uint32_t> lost = {};  // elements whose counterpart has, of targets that are open
};

// Who waits for whom. O(log n).
class DependencyIndex {
 public:
  void add(JobId dependent, JobId target) { waiting_.insert({target, dependent}); }
  void remove(JobId dependent, JobId target) { waiting_.erase({target, dependent}); }
  std::vector<JobId> dependents(JobId target) const;
  bool contains(JobId dependent, JobId target) const {
    return waiting_.contains({target, dependent});
  }
  std::size_t size() const { return waiting_.size(); }

 private:
  std::set<std::pair<JobId, JobId>> waiting_;
};

// How the last closed jobs ended: a submission may have been on its way when its dependency closed.
// Every job passes through here. Ids come in a row and jobs end about in their order, so that
// neighbours share a block: what is asked or forgotten next is mostly at hand.
class RecentEnds {
 public:
  static constexpr std::size_t kKept = 65'536;
  void add(JobId job, JobState state);  // each job once
  std::optional<JobState> find(JobId job) const;

 private:
  static constexpr std::uint64_t kIds = 64;  // of a block
  struct Block {
    std::uint64_t known = 0;  // by id: whether it is here
    std::array<JobState, kIds> states{};
  };
  using Blocks = boost::unordered_map<std::uint64_t, Block>;
  static std::uint64_t bit_of(JobId job) { return std::uint64_t(1) << (raw(job) % kIds); }
  Block& block_of(JobId job);
  void erase(JobId job);

  std::vector<JobId> ring_;
  std::size_t oldest_ = 0;  // in ring_, once it is full
  Blocks blocks_;           // never iterated
  SpareParts<Blocks::node_type> spare_;
};

}  // namespace drover::sched
