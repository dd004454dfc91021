// sched/restore.cpp - from stored records back to memory, exactly.
// SPDX-License-Identifier: Apache-2.0
//
// Indexes are derived, never stored.
#include <algorithm>
#include <utility>

#include "sched/components.hpp"
#include "sched/reserving.hpp"
#include "sched/restoring.hpp"

namespace drover::sched {
namespace {

tl::unexpected<Error> corrupt(JobId job, const std::string& what) {
  return fail(Errc::Corrupt, "job " + std::to_string(raw(job)) + ": " + what,
              "droverd --check DIR lists what is damaged");
}

}  // namespace

Result<void> Controller::State::restore_job(const JobSpec& spec, const JobRecord& record,
                                            std::vector<TaskRecord> tasks) {
  if (is_final(record.state)) return corrupt(record.id, "has ended and cannot be restored as open");
  if (find(record.id) != nullptr) return corrupt(record.id, "is stored twice");
  if (spec.is_array && (spec.array.empty() || spec.array.count() > config.array_size_max))
    return corrupt(record.id, "its array has no elements or too many");
  const TaskCounts& counts = record.counts;
  const std::uint64_t total = spec.is_array ? spec.array.count() : 1;
  for (const std::uint64_t part :
       {counts.active, counts.succeeded, counts.failed, counts.cancelled, counts.timed_out})
    if (part > total) return corrupt(record.id, "counts more tasks than it has");
  if (counts.active + counts.succeeded + counts.failed + counts.cancelled + counts.timed_out >
      total)
    return corrupt(record.id, "counts more tasks than it has");

  const rm::PathId path = rm.enter(spec.labels);
  Job& job = insert_job(record.id, spec, path, known_of(spec));
  next_job = std::max(next_job, raw(record.id) + 1);
  ++stats.jobs_by_state[std::size_t(record.state)];
  job.state = record.state;
  job.reason = record.reason;
  job.submitted = record.submitted;
  rank(job, spec);
  job.started = record.started;
  job.priority = record.priority;
  job.exit_code = record.exit_code;
  job.dependencies_met = record.dependencies_met;
  job.active = static_cast<std::uint32_t>(counts.active);
  job.succeeded = static_cast<std::uint32_t>(counts.succeeded);
  job.failed = static_cast<std::uint32_t>(counts.failed);
  job.cancelled = static_cast<std::uint32_t>(counts.cancelled);
  job.timed_out = static_cast<std::uint32_t>(counts.timed_out);
  if (record.held) job.gates |= kHeldGate;
  if (!record.detail.empty()) job.extra().detail = record.detail;
  if (record.revision > 0) job.extra().revision = record.revision;
  if (job.is_array) {
    job.more->throttle = record.throttle;
    if (record.cursor_set) job.more->cursor->restore(record.cursor);
  }
  restore_elements(job, spec, record);
  if (auto ok = restore_tasks(job, std::move(tasks)); !ok) return fail(ok.error());
  restore_conditions(job, spec, record);
  restore_retries(job);
  update_queues(job);
  restore_waiters(job);
  Restoring{*this}.note(job, record);
  return {};
}

Result<void> Controller::State::restore_tasks(Job& job, std::vector<TaskRecord> tasks) {
  std::uint32_t active = 0;
  std::uint32_t waiting = 0;
  for (TaskRecord& record : tasks) {
    const std::uint32_t index = raw(record.id.index);
    const std::string name = "element " + std::to_string(index);
    if (record.id.job != job.id) return corrupt(job.id, name + " belongs to another job");
    if (job.is_array ? !job.more->cursor->elements().contains(index) : index != 0)
      return corrupt(job.id, name + " is not one of its elements");
    if (restore_mark(job, record)) continue;
    if (job.is_array) job.more->cursor->touch(index);
    if (job.is_array && is_final(record.state) && record.state != TaskState::Succeeded)
      job.more->unsuccessful.push_back(index);
    next_epoch = std::max(next_epoch, raw(record.epoch) + 1);
    if (is_final(record.state)) continue;
    const bool waits = record.state == TaskState::Waiting;
    if (waits == record.lease.has_value())
      return corrupt(job.id, name + (waits ? " waits with a lease" : " runs without a lease"));
    Task task{std::move(record), false};
    if (waits) {
      ++waiting;
      if (job.extra(); may_be_placed(job, task)) job.more->ready.insert(index);
    } else {
      ++active;
      bool known = true;
      rm::for_each_part(*task.record.lease, [&](const rm::NodePart& part) {
        known = known && nodes.contains(part.node);
      });
      if (!known) return corrupt(job.id, name + " is on an unknown node");
      if (!has_each_component(*task.record.lease, 1 + rm.request(job.what).more.size()))
        return corrupt(job.id, name + " does not have nodes of each component");
      if (task.record.state == TaskState::Suspended) {
        if (task.record.asleep.size() != task.record.lease->node_count())
          return corrupt(job.id, name + " stands still and has nothing to go on with");
        sleepers.insert(task.record.id);
        ++job.extra().asleep;
      }
      rm.restore(*task.record.lease, job.path);
      ranking.restore_hold(job.standing, task.record.lease->total());
      rm::for_each_part(*task.record.lease, [&](const rm::NodePart& part) {
        nodes.at(part.node).tasks.insert(task.record.id);
      });
    }
    if (!job.extra().tasks.emplace(index, std::move(task)).second)
      return corrupt(job.id, name + " is stored twice");
  }
  if (active != job.active || waiting > job.waiting())
    return corrupt(job.id, "its task records do not add up to its counts");
  stats.tasks_active += active;
  job.untouched = job.waiting() - waiting;
  restore_gate(job);
  if (job.untouched > 0 && job.is_array && !job.more->cursor->next())
    return corrupt(job.id, "its cursor is past its last element");
  return {};
}

// A dependency is decided in the turn in which its job ends, so one on a job that is no longer open
// was decided before the restart: met where all must be, missed where one is enough and none was
// met.
void Controller::State::restore_conditions(Job& job, const JobSpec& spec, const JobRecord& record) {
  if (record.state != JobState::Held && record.state != JobState::Inited) return;
  // One that has passed opens in the first turn.
  if (const Time begin = std::max(spec.begin, record.begin); begin.is_set())
    begin_later(job, begin);
  job.delayed = record.begin > spec.begin;
  if (spec.singleton && !record.singleton_met && !names.is_first(job)) job.gates |= kSingletonGate;
  Reserving{*this}.close_gate(job);
  if (record.dependencies_never) {
    job.dependencies_never = true;
    job.gates |= kDependencyGate;
  }
  if (spec.dependencies.empty() || job.dependencies_met || job.dependencies_never) return;
  Conditions left;
  left.waits = spec.dependencies;
  left.outlook = Outlook::Waits;
  std::erase_if(left.waits, [&](const Dependency& dependency) {
    if (dependency.kind == DependencyKind::AfterCorr) return true;
    const bool of_start = dependency.kind == DependencyKind::After;
    if (of_start && record.starts_known &&
        !std::ranges::binary_search(record.starts_left, dependency.job))
      return true;
    const Job* target = find(dependency.job);
    if (target == nullptr && dependency.job > job.id)
      later_targets.emplace(dependency.job, std::pair(job.id, dependency));
    return target == nullptr || (of_start && !record.starts_known && target->started.is_set());
  });
  job.extra().any = spec.dependency_any;
  if (left.waits.empty())
    job.dependencies_met = true;
  else
    wait_for(job, std::move(left));
}

// An altered job may wait for one with a larger number, which is restored after it and was taken
// for closed until now.
void Controller::State::restore_waiters(const Job& job) {
  const auto [begin, end] = later_targets.equal_range(job.id);
  for (auto it = begin; it != end; ++it) {
    const auto& [id, dependency] = it->second;
    if (dependency.kind == DependencyKind::After && job.started.is_set()) continue;
    Job& waiter = *find(id);
    waiter.dependencies_met = false;
    Conditions again;
    again.waits = waiter.extra().waits_for;
    again.outlook = Outlook::Waits;
    again.waits.push_back(dependency);
    wait_for(waiter, std::move(again));
    update_queues(waiter);
  }
  later_targets.erase(begin, end);
}

}  // namespace drover::sched
