// sched/layout.cpp - lease and spec as the layout wants them.
// SPDX-License-Identifier: Apache-2.0
#include "sched/layout.hpp"

#include <utility>

#include "sched/components.hpp"

namespace drover::sched {
namespace {

rm::NodeGiven given_by(const rm::NodePart& part, const rm::ResourceManager& resources) {
  const auto node = resources.node(part.node);
  const bool known = node && node->spec != nullptr;
  return {known ? &node->spec->topology : nullptr, part.pus};
}

}  // namespace

std::int64_t tasks_on(const JobSpec& spec, std::size_t nodes) {
  const bool grows = spec.request.nodes_max > spec.request.nodes && spec.request.tasks == 0;
  return grows ? spec.tasks_on_node() * std::int64_t(nodes) : spec.ntasks;
}

rm::LayoutAsk layout_ask(const JobSpec& spec, std::size_t nodes) {
  return {spec.layout, spec.request.cores, tasks_on(spec, nodes), spec.cpus_per_task};
}

std::vector<rm::NodeSeats> layout_of(const JobSpec& spec, const rm::Lease& lease,
                                     const rm::ResourceManager& resources) {
  if (!spec.more_tasks.empty()) {  // each as if it were alone
    std::vector<rm::NodeSeats> all;
    for (std::size_t at = 0; at < component_count(spec); ++at)
      for (rm::NodeSeats& seats : layout_of(component_of(spec, at), lease_of(lease, at), resources))
        all.push_back(std::move(seats));
    return all;
  }
  std::vector<rm::NodeGiven> given;
  rm::for_each_part(lease,
                    [&](const rm::NodePart& part) { given.push_back(given_by(part, resources)); });
  return rm::lay_out(layout_ask(spec, given.size()), given);
}

std::vector<std::uint16_t> usable_on_head(const JobSpec& spec, const rm::Lease& lease,
                                          const rm::ResourceManager& resources) {
  return rm::usable_pus(spec.request.cores, given_by(lease, resources));
}

}  // namespace drover::sched
