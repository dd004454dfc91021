// server/recovery.cpp - counters, nodes, then every open job with the tasks that matter.
// SPDX-License-Identifier: Apache-2.0
#include "server/recovery.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "net/loop.hpp"
#include "rm/node_inventory.hpp"
#include "server/workflow_submission.hpp"

namespace drover::server {
namespace {

constexpr std::size_t kTasksPerRead = 10'000;

// The open tasks, and of the ended ones those that the cursor has not passed or that did not
// succeed.
Result<std::vector<sched::TaskRecord>> tasks_of(const store::Snapshot& snapshot,
                                                const sched::JobRecord& job) {
  std::vector<sched::TaskRecord> kept;
  for (std::uint32_t from = 0;;) {
    auto batch = snapshot.tasks(job.id, from, kTasksPerRead);
    if (!batch) return fail(batch.error());
    const bool last = batch->size() < kTasksPerRead;
    if (!last) from = raw(batch->back().id.index) + 1;
    for (sched::TaskRecord& task : *batch) {
      const bool passed = job.cursor_set && raw(task.id.index) < job.cursor;
      if (task.state != sched::TaskState::Succeeded || !passed) kept.push_back(std::move(task));
    }
    if (last) return kept;
  }
}

// Open workflows, oldest first, and the ends of steps that their facts have not seen.
Result<void> recover_workflows(const store::Snapshot& snapshot, flow::Conductor& workflows,
                               std::uint64_t& count) {
  std::vector<JobId> ids;
  auto visited = snapshot.visit_workflows({}, true, [&](const flow::WorkflowRecord& record) {
    ids.push_back(record.id);
    return true;
  });
  if (!visited) return visited;
  std::sort(ids.begin(), ids.end());
  for (const JobId id : ids) {
    auto stored = load_workflow(snapshot, id);
    const auto ok =
        stored ? workflows.restore(stored->record, *stored->source, stored->facts, net::Loop::now())
               : Result<void>(fail(stored.error()));
    if (ok)
      ++count;
    else  // it must not keep all others from going on; its jobs do
      spdlog::error("workflow {} is left out: {}", raw(id), ok.error().message);
  }
  for (const JobId job : workflows.lost_sight_of()) {
    auto record = snapshot.job(job);
    if (!record) {  // purged meanwhile: how it ended is not known any more
      record = sched::JobRecord{};
      record->id = job;
      record->state = sched::JobState::Failed;
      record->reason = sched::Reason::ExitUnknown;
    }
    workflows.job_ended(*record, net::Loop::now());
  }
  return {};
}

}  // namespace

Result<Recovered> recover(const store::Store& store, sched::Controller& controller,
                          flow::Conductor& workflows, pool::EnginePool& engines) {
  auto snapshot = store.snapshot();
  if (!snapshot) return fail(snapshot.error());
  Recovered recovered;
  auto counters = snapshot->counters();
  if (!counters) return fail(counters.error());
  controller.restore_counters(counters->next_job_id, counters->next_epoch, counters->next_node_id,
                              counters->next_event_seq);
  auto usage = snapshot->usage();
  if (!usage) return fail(usage.error());
  controller.restore_usage(*usage);
  auto quotas = snapshot->quotas();
  if (!quotas) return fail(quotas.error());
  if (*quotas) controller.restore_quotas(**std::move(quotas));
  auto groups = snapshot->groups();
  if (!groups) return fail(groups.error());
  for (const sched::GroupRecord& group : *groups) controller.restore_group(group);
  auto nodes = snapshot->nodes();
  if (!nodes) return fail(nodes.error());
  for (const sched::NodeRecord& node : *nodes) {
    if (raw(node.id) >= rm::NodeInventory::kMaxNodes)
      return fail(Errc::Corrupt, "node record \"" + node.name + "\" has an impossible id",
                  "restore a backup: drover admin backup makes them");
    controller.restore_node(node);
  }
  recovered.nodes = nodes->size();
  auto reservations = snapshot->reservations();
  if (!reservations) return fail(reservations.error());
  for (const sched::Reservation& known : *reservations) controller.restore_reservation(known);
  auto last = snapshot->last_event();
  if (!last) return fail(last.error());
  recovered.last_event = *last;

  Result<void> restored;
  auto visited =
      snapshot->visit_open_ascending([&](const sched::JobRecord& job, const sched::JobSpec& spec) {
        auto tasks = tasks_of(*snapshot, job);
        if (!tasks) {
          restored = fail(tasks.error());
          return false;
        }
        ++recovered.jobs;
        recovered.tasks += tasks->size();
        if (spec.statement || spec.engine) engines.restore(spec, job, *tasks, net::Loop::now());
        restored = controller.restore_job(spec, job, std::move(*tasks));
        return restored.has_value();
      });
  if (!visited) return fail(visited.error());
  if (!restored) return fail(restored.error());
  if (auto ok = recover_workflows(*snapshot, workflows, recovered.workflows); !ok)
    return fail(ok.error());
  return recovered;
}

}  // namespace drover::server
