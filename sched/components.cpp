// sched/components.cpp - a component as a job of its own, and back.
// SPDX-License-Identifier: Apache-2.0
#include "sched/components.hpp"

#include "base/check.hpp"

namespace drover::sched {

JobSpec component_of(const JobSpec& spec, std::size_t at) {
  JobSpec part;
  part.owner = spec.owner;
  part.user = spec.user;
  part.request = at == 0 ? spec.request : spec.request.more[at - 1];
  part.request.more.clear();
  const ComponentTasks tasks =
      at == 0 ? ComponentTasks{spec.ntasks, spec.cpus_per_task, spec.ntasks_per_node, spec.layout}
              : spec.more_tasks[at - 1];
  part.ntasks = tasks.ntasks;
  part.cpus_per_task = tasks.cpus_per_task;
  part.ntasks_per_node = tasks.ntasks_per_node;
  part.layout = tasks.layout;
  return part;
}

void add_component(JobSpec& spec, const JobSpec& part) {
  spec.request.more.add(part.request);
  spec.more_tasks.push_back({part.ntasks, part.cpus_per_task, part.ntasks_per_node, part.layout});
}

void set_component(JobSpec& spec, std::size_t at, const JobSpec& part) {
  DROVER_CHECK(at > 0 && at <= spec.more_tasks.size(), "the first component is the job itself");
  spec.request.more[at - 1] = part.request;
  spec.more_tasks[at - 1] = {part.ntasks, part.cpus_per_task, part.ntasks_per_node, part.layout};
}

bool has_each_component(const rm::Lease& lease, std::size_t count) {
  std::size_t last = 0;
  bool good = lease.component == 0;
  for (const rm::NodePart& part : lease.more) {
    good = good && (part.component == last || part.component == last + 1);
    last = part.component;
  }
  return good && last + 1 == count;
}

rm::Lease lease_of(const rm::Lease& lease, std::size_t component) {
  rm::Lease out;
  bool has_head = false;
  rm::for_each_part(lease, [&](const rm::NodePart& part) {
    if (part.component != component) return;
    if (has_head)
      out.more.push_back(part);
    else
      static_cast<rm::NodePart&>(out) = part;
    has_head = true;
  });
  DROVER_CHECK(has_head, "a lease lacks a component of its job");
  return out;
}

}  // namespace drover::sched
