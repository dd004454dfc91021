// sched/layout.hpp - the tasks of an attempt on the nodes and threads of its lease.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "rm/resource_manager.hpp"
#include "rm/task_layout.hpp"
#include "sched/job_spec.hpp"

namespace drover::sched {

// How many tasks the job has on so many nodes: with a range of nodes and no number of tasks, as
// many on each node as the smallest number of nodes would have.
std::int64_t tasks_on(const JobSpec& spec, std::size_t nodes);

rm::LayoutAsk layout_ask(const JobSpec& spec, std::size_t nodes);

// By node, in the order of the lease; the tasks of each component are numbered from 0. Not bound
// where a node does not bind or is not known.
std::vector<rm::NodeSeats> layout_of(const JobSpec& spec, const rm::Lease& lease,
                                     const rm::ResourceManager& resources);

// The threads of the lease's head that the job's script and tasks may use.
std::vector<std::uint16_t> usable_on_head(const JobSpec& spec, const rm::Lease& lease,
                                          const rm::ResourceManager& resources);

}  // namespace drover::sched
