// sched/records.hpp - what the store keeps about jobs, tasks and nodes: after-images, plain values.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "rm/resource_manager.hpp"
#include "sched/job_state.hpp"

namespace drover::sched {

struct TaskCounts {  // of one job; waiting = total - all of these
  std::uint64_t active = 0, succeeded = 0, failed = 0, cancelled = 0, timed_out = 0;
  friend bool operator==(const TaskCounts&, const TaskCounts&) = default;
};

// The mutable part of a job. Small: it is written at every change of the job's state.
struct JobRecord {
  JobId id{};
  JobState state{};
  Reason reason{};                 // why it is not running, or how it ended
  std::string detail;              // numbers and names that belong to the reason
  Time submitted, started, ended;  // wall
  std::int32_t priority = 0;
  bool held = false;
  std::uint32_t cursor = 0;  // array: elements below this index have been materialised
  bool cursor_set = false;   // false: none has
  TaskCounts counts;
  std::int32_t exit_code = 0;       // the largest of its tasks
  std::uint32_t throttle = 0;       // live value
  bool dependencies_met = false;    // once met is met for good, also across a restart
  bool dependencies_never = false;  // the same; the job stays because its owner wants it to
  bool singleton_met = false;       // the same: it may go before older ones of its name
  // What it still waits for is waited for again after a restart, no more: a start that has come
  // cannot be told from the job that it was of, which may be back in the queue.
  bool starts_known = false;       // starts_left is all of them; false in old stores
  std::vector<JobId> starts_left;  // `after`: whose starts it waits for, sorted
  std::uint32_t revision = 0;      // how often it was altered
  Time begin;                      // wall; what a dependency has made of the spec's; 0 = as there
  // aftercorr: bits of the jobs of which every element succeeded.
  std::uint32_t counterparts = 0;
  // Promised to it, where promises are kept: from when on (wall; 0 = nothing), and which nodes.
  Time place_from;
  std::vector<NodeId> place_on;
  friend bool operator==(const JobRecord&, const JobRecord&) = default;
};

struct Usage {  // measured on the node
  std::int64_t user_us = 0, system_us = 0, max_rss_kib = 0;
  friend bool operator==(const Usage&, const Usage&) = default;
};

// One element that was started or touched. When closed it is the accounting row.
struct TaskRecord {
  TaskId id{};
  TaskState state{};
  Reason reason{};
  AttemptNo attempt{};  // 0 = never placed
  Epoch epoch{};
  std::string node;                // of the last attempt: a name, or n[1-4] with the head first
  JobId host{};                    // that node is an engine, which is this job; 0 = it is none
  std::optional<rm::Lease> lease;  // present while it holds resources
  std::vector<std::uint16_t> last_pus,
      last_gpus;  // what the last lease was bound to, once given back
  std::int32_t exit_code = 0, term_signal = 0;
  Time placed, started, ended;  // wall
  Usage usage;
  std::uint32_t node_losses = 0;
  JobId preempted_by{};     // for which the attempt gives way; 0 = for none, or for none any more
  PreemptMode gives_way{};  // how
  Time notice;              // wall; once it was told to go: when it will be ended
  Time suspended;           // wall; since when it stands still; 0 = it does not
  Duration suspended_for;   // before that
  std::vector<rm::NodePart> asleep;  // while it stands still: what it needs to go on
  std::uint32_t retries = 0;         // attempts that its retry rule has followed by another
  Time retry_at;                   // wall; waits until then after such an attempt; 0 = it does not
  std::uint32_t counterparts = 0;  // aftercorr: bits of the jobs whose element has succeeded
  friend bool operator==(const TaskRecord&, const TaskRecord&) = default;
};

// What operators say of one group in place of the limits of all; nothing = as of all.
struct OwnLimits {
  std::optional<std::uint32_t> running_jobs;
  std::optional<std::uint64_t> queued_jobs;
  friend bool operator==(const OwnLimits&, const OwnLimits&) = default;
};
struct GroupRecord {
  std::string name;
  OwnLimits limits;
  friend bool operator==(const GroupRecord&, const GroupRecord&) = default;
};

// What operators say about a node, whether it is in contact or not.
enum class Service : std::uint8_t { InService, Draining, Down, Maintenance };

// What operators changed of a node's own labels.
struct LabelEdits {
  rm::Labels set;
  std::set<std::string> removed;
  friend bool operator==(const LabelEdits&, const LabelEdits&) = default;
};

struct NodeRecord {
  NodeId id{};
  std::string name;
  std::string boot_id;
  Service service{};
  std::string reason;  // why it is not in service
  LabelEdits labels;
  bool is_engine = false;
  friend bool operator==(const NodeRecord&, const NodeRecord&) = default;
};

}  // namespace drover::sched
