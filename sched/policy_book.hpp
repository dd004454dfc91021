// sched/policy_book.hpp - what an operator has laid down about accounts, classes and partitions.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/result.hpp"
#include "sched/account_tree.hpp"
#include "sched/fair_share.hpp"
#include "sched/partition_table.hpp"
#include "sched/priority.hpp"
#include "sched/qos.hpp"

namespace drover::sched {

struct PolicyBook {  // immutable once made; shared by the entrance and the controller
  AccountTree accounts;
  QosTable qos;
  PartitionTable partitions;
  PriorityWeights weights;  // with the maxima of qos and partitions filled in
  UsageWeights usage;
  Duration half_life = seconds(7LL * 86'400);
};

// Fills what follows from the tables. Errors: BadInput - a partition that is open to accounts or
// classes that do not exist.
Result<PolicyBook> complete(PolicyBook book);

// The link of the entrance: gives the job its account, qos and partition as labels, with the limits
// that come with them, or refuses it and says what would be accepted.
Result<void> apply_policy(JobSpec& spec, const PolicyBook& book);

// How the jobs of `loser` give way to one of `winner`, by qos and then by partition; Off when they
// do not.
struct Standing {  // what decides about preemption of a job
  std::string qos, partition;
};
PreemptMode preempt_mode(const Standing& winner, const Standing& loser, const PolicyBook& book);
// How long its work has between notice and end: what its class says, else its partition.
Duration preempt_grace(const Standing& loser, const PolicyBook& book);
// How it gives back what it borrowed of a guarantee: as its class or partition says, else requeued.
PreemptMode reclaim_mode(const Standing& loser, const PolicyBook& book);

}  // namespace drover::sched
