// sched/live_job.hpp - what the controller keeps of an open job.
// SPDX-License-Identifier: Apache-2.0
//
// Small, since a million may wait: specs are not kept, and what decisions need of them is interned
// or a number. What only arrays, active jobs or jobs with conditions have sits behind `more`.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/index_set.hpp"
#include "base/time.hpp"
#include "rm/resource_manager.hpp"
#include "sched/array_cursor.hpp"
#include "sched/counterparts.hpp"
#include "sched/job_spec.hpp"
#include "sched/place_list.hpp"
#include "sched/ranking.hpp"
#include "sched/records.hpp"
#include "sched/shape.hpp"

namespace drover::sched {

// What keeps a job outside its group's FIFO; a set of bits.
using Gates = std::uint8_t;
inline constexpr Gates kHeldGate = 1, kBeginGate = 2, kDependencyGate = 4, kSingletonGate = 8,
                       kReservationGate = 16, kRetryGate = 32;

inline constexpr std::uint32_t kNoElement = 0xffffffffu;  // no array is so large

inline constexpr std::uint32_t kNoSeat = 0xffffffffu;

// An element that is open and has a record. Closed ones leave memory.
struct Task {
  TaskRecord record;
  bool dirty = false;                  // its after-image is due in this turn
  std::uint32_t limit_seat = kNoSeat;  // in LimitWatch

  bool is_held() const {  // by a person
    return record.state == TaskState::Waiting &&
           (record.reason == Reason::HeldByUser || record.reason == Reason::HeldByOperator);
  }
};

struct JobExtra {
  std::string detail;
  std::optional<ArrayCursor> cursor;           // of an array
  std::uint32_t throttle = 0;                  // 0 = none
  std::map<std::uint32_t, Task> tasks;         // open and touched
  std::set<std::uint32_t> ready;               // those of `tasks` that wait and may be placed
  std::vector<Dependency> waits_for;           // not decided yet
  bool any = false;                            // one of waits_for is enough
  Time begin;                                  // wall
  Time too_late;                               // wall; to start, of a job with a deadline
  std::uint32_t max_failures = 0;              // 0 = no limit
  rm::ReservedId reservation{};                // that it names
  std::uint32_t revision = 0;                  // how often it was altered
  std::uint32_t asleep = 0;                    // attempts that stand still
  std::unique_ptr<Counterparts> counterparts;  // while it waits element by element
  std::vector<std::uint32_t> unsuccessful;     // elements of an array that ended so, in no order
};

struct Job {
  JobId id{};
  Job* earlier = nullptr;  // same owner and name, see NameIndex
  Job* later = nullptr;
  Job* next_in_table = nullptr;  // see JobTable
  std::unique_ptr<JobExtra> more;
  Time submitted, started;  // wall
  std::uint64_t name_hash = 0;
  std::uint32_t total = 1;      // elements
  std::uint32_t untouched = 1;  // elements without a record
  std::uint32_t active = 0, succeeded = 0, failed = 0, cancelled = 0, timed_out = 0;
  std::int32_t priority = 0, exit_code = 0;
  std::uint32_t uid = 0;
  GroupId group{};
  rm::ClassId what{};
  rm::PathId path{};
  ShapeId shape{};
  StandingId standing{};
  std::uint32_t retry = 0;        // in the RetryBook
  std::int64_t score = 0;         // all but fair share
  std::uint32_t steps_after = 0;  // longest chain of jobs that waits for it, as far as is known
  LaneId lane = kNoLane;          // where it waits for room
  JobState state{};
  Reason reason{};
  Gates gates = 0;
  std::uint8_t warn = 0;  // the signal it wants before its end; 0 = none
  bool is_array : 1 = false;
  bool singleton : 1 = false;
  bool requeue : 1 = false;  // run again when the node was lost
  bool dependencies_met : 1 = false;
  bool dependencies_never : 1 = false;  // it stays, with its gate closed for good
  bool keep_invalid : 1 = false;
  bool delayed : 1 = false;         // a dependency has made its begin later
  bool planned : 1 = false;         // compiled since it was taken; a plan has one step so far
  bool counted_active : 1 = false;  // in Group::active
  bool in_fifo : 1 = false;         // in Group::fifo
  bool in_unplanned : 1 = false;    // in Group::unplanned
  bool dirty : 1 = false;
  bool is_followed : 1 = false;   // others wait for its elements one by one
  bool is_statement : 1 = false;  // waits for an engine
  bool elements_met : 1 = false;  // it waited so for jobs that had succeeded already

  Place place() const { return {priority, id}; }
  std::uint32_t waiting() const {
    return total - active - succeeded - failed - cancelled - timed_out;
  }
  bool is_active() const {
    return state == JobState::Scheduled || state == JobState::Running ||
           state == JobState::Suspended;
  }
  rm::ReservedId reservation() const { return more ? more->reservation : rm::kUnreserved; }
  JobExtra& extra() {
    if (more == nullptr) more = std::make_unique<JobExtra>();
    return *more;
  }
};

// The open jobs of each owner and name in order of their ids, for singleton jobs. Linking costs
// O(1) for ids that grow. Jobs must not move while they are linked.
class NameIndex {
 public:
  static std::uint64_t hash(std::uint32_t uid, std::string_view name);
  void link(Job& job);
  Job* unlink(Job& job);  // the job that has become the first by this, if any
  bool is_first(const Job& job) const { return job.earlier == nullptr; }
  const Job* newest(std::uint32_t uid, std::uint64_t name_hash) const;  // null: nobody
  std::size_t names() const { return lists_.size(); }

 private:
  struct Ends {
    Job* first = nullptr;
    Job* last = nullptr;
  };
  std::map<std::pair<std::uint32_t, std::uint64_t>, Ends> lists_;
};

}  // namespace drover::sched
