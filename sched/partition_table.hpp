// sched/partition_table.hpp - named sets of nodes, who may use them, for how long, in which order.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "rm/request.hpp"
#include "sched/job_spec.hpp"
#include "sched/policy.hpp"
#include "sched/qos.hpp"

namespace drover::sched {

struct PartitionSpec {
  std::string name;
  rm::Labels nodes;                 // labels that its nodes have; empty = all nodes
  std::int64_t priority = 0;        // of its jobs, as a factor; and who preempts whom
  Duration default_time, max_time;  // 0 = none of its own
  std::int64_t max_cpus_per_job = -1, max_nodes_per_job = -1;
  std::vector<std::string> accounts, users, qos;  // who may use it; empty = everybody
  PartitionPolicy policy;
  PreemptMode preempt_mode = PreemptMode::Off;  // how its jobs give way to higher partitions
  Duration preempt_grace;                       // between their notice and their end
  bool exclusive_user = false;                  // only jobs of one user share a node
  bool is_default = false;
  bool is_open = true;  // false: takes no new jobs; those queued go on
  friend bool operator==(const PartitionSpec&, const PartitionSpec&) = default;
};

class PartitionTable {
 public:
  static constexpr std::size_t kPartitionsMax = 1000;
  static constexpr std::int64_t kPriorityMax = 1'000'000;

  PartitionTable() = default;
  // Errors: BadInput - a name twice or not a word, two defaults, a default time above the maximum.
  static Result<PartitionTable> make(std::vector<PartitionSpec> specs);

  bool is_configured() const { return !specs_.empty(); }
  const PartitionSpec* find(std::string_view name) const;
  const std::vector<PartitionSpec>& all() const { return specs_; }  // by name
  std::int64_t priority_max() const;

  // Puts the job into the partition it asks for (label `partition`) or the default one: time limit,
  // the nodes' labels; or refuses it. The labels account and qos must be final. Without
  // partitions everything passes as it is.
  Result<void> route(JobSpec& spec) const;

 private:
  std::vector<PartitionSpec> specs_;
};

}  // namespace drover::sched
