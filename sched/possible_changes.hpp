// sched/possible_changes.hpp - what would make a request possible that no node could ever take.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "rm/resource_manager.hpp"
#include "sched/job_spec.hpp"
#include "sched/partition_table.hpp"

namespace drover::sched {

// "it would fit with --nodes=3, or with --partition=gpu", or nothing. Only what is certain: the
// changed job is admitted by its partition, and there are nodes for it. `spec` as the entrance has
// left it.
std::string possible_changes(const JobSpec& spec, const PartitionTable& partitions,
                             const rm::ResourceManager& rm);

}  // namespace drover::sched
