// sched/components.hpp - the components of a job, one by one.
//
// A job of several components is one job with one lease: its request is that of the first and has
// the others in `more`, and their tasks are in `more_tasks`. What concerns one component alone can
// be asked of a spec that has no other.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <vector>

#include "base/result.hpp"
#include "rm/lease.hpp"
#include "sched/job_spec.hpp"

namespace drover::sched {

inline std::size_t component_count(const JobSpec& spec) { return 1 + spec.more_tasks.size(); }

// A spec of this component alone: what it asks for, its tasks and whose it is, and nothing else.
JobSpec component_of(const JobSpec& spec, std::size_t at);
void set_component(JobSpec& spec, std::size_t at, const JobSpec& part);
void add_component(JobSpec& spec, const JobSpec& part);

// Calls `change` with the request of each component.
template <class Change>
void for_each_request(JobSpec& spec, Change change) {
  change(spec.request);
  for (std::size_t i = 0; i < spec.request.more.size(); ++i) change(spec.request.more[i]);
}

// Whether the lease has parts of so many components, in order.
bool has_each_component(const rm::Lease& lease, std::size_t count);
// The part of the lease that is this component's. It has one.
rm::Lease lease_of(const rm::Lease& lease, std::size_t component);

}  // namespace drover::sched
