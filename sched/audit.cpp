// sched/audit.cpp - hands the resource manager the leases to check its books with.
// SPDX-License-Identifier: Apache-2.0
#include "sched/controller_state.hpp"

namespace drover::sched {

AuditReport Controller::audit(std::size_t count) {
  constexpr std::size_t kQuotasPerNode = 16;
  State& state = *state_;
  AuditReport report;
  auto at = state.nodes.lower_bound(state.rm.audit_node());
  if (at == state.nodes.end()) {
    report.complete = state.rm.compare_slice(count * kQuotasPerNode, report.mismatches);
    return report;
  }
  std::vector<const rm::Lease*> leases;
  for (; count > 0 && at != state.nodes.end(); --count, ++at) {
    leases.clear();
    for (const TaskId& id : at->second.tasks) {
      Job* job = state.find(id.job);
      const Task* task = job != nullptr ? state.find_task(*job, raw(id.index)) : nullptr;
      if (task != nullptr && task->record.lease) leases.push_back(&*task->record.lease);
    }
    state.rm.audit(at->first, leases, report.mismatches);
  }
  return report;
}

}  // namespace drover::sched
