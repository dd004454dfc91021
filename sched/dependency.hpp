// sched/dependency.hpp - what a job waits for, and who waits for a job.
// SPDX-License-Identifier: Apache-2.0
#pragma once
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
// Every job passes through here, so it is a ring and an open hash table, which allocate nothing
// once they are full.
class RecentEnds {
 public:
  static constexpr std::size_t kKept = 65'536;
  void add(JobId job, JobState state);  // each job once
  std::optional<JobState> find(JobId job) const;
  void fetch_ahead(JobId job) const {  // it will be added in a moment
    if (!slots_.empty()) __builtin_prefetch(&slots_[home_of(job)], 1);
  }

 private:
  struct End {
    JobId job{};
    JobState state{};
  };
  // Spread: a table whose neighbours are all taken, as ids in a row would take them, would have to
  // be walked through by erase().
  std::size_t home_of(JobId job) const {
    return std::size_t(raw(job) * 0x9e3779b97f4a7c15u >> 40) & (slots_.size() - 1);
  }
  std::size_t slot_of(JobId job) const;  // where it is, or would be
  void erase(JobId job);
  void grow();

  std::vector<End> ends_;
  std::size_t oldest_ = 0;  // in ends_, once it is full
  struct Slot {             // with the job itself: who walks by does not look into ends_
    JobId job{};
    std::uint32_t place = 0;  // in ends_, and 1; 0: empty
  };
  std::vector<Slot> slots_;
};

}  // namespace drover::sched
