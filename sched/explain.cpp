// sched/explain.cpp - why a job does not run, with numbers, from the state that the decisions use.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "base/units.hpp"
#include "sched/counted_words.hpp"
#include "sched/prospects.hpp"
#include "sched/reserving.hpp"

namespace drover::sched {
namespace {

// How many stand before `place`; counting stops at 10,000 so that asking stays cheap.
std::string ahead(const PlaceList& queue, const Place& place) {
  constexpr std::uint64_t kCounted = 10'000;
  std::uint64_t before = 0;
  for (auto it = queue.begin(); it != queue.end() && *it < place; ++it)
    if (++before == kCounted) return "at least " + times(before, "job");
  return times(before, "job");
}

std::string_view word(DependencyKind kind) {
  switch (kind) {
    case DependencyKind::After: return "the start of job ";
    case DependencyKind::AfterAny: return "the end of job ";
    case DependencyKind::AfterOk: return "the success of job ";
    case DependencyKind::AfterNotOk: return "the failure of job ";
    case DependencyKind::AfterCorr: return "the success of the same elements of job ";
  }
  return "job ";
}

}  // namespace

std::string waits_text(const std::vector<Dependency>& waits, bool any) {
  std::string text = any ? "waits for one of: " : "waits for ";
  for (std::size_t i = 0; i < waits.size() && i < 5; ++i)
    text += (i > 0 ? ", " : "") + std::string(word(waits[i].kind)) + number(waits[i].job);
  if (waits.size() > 5) text += " and " + number(waits.size() - 5) + " more";
  return text;
}

std::optional<Why> Controller::State::why(JobId id, std::optional<TaskIndex> index) const {
  const Job* job = find(id);
  if (job == nullptr) return std::nullopt;
  if (index) {
    if (job->more != nullptr) {
      const auto task = job->more->tasks.find(raw(*index));
      if (task != job->more->tasks.end()) return why_task(*job, task->second.record);
    }
    const bool has =
        job->is_array ? job->more->cursor->elements().contains(raw(*index)) : raw(*index) == 0;
    if (!has) return std::nullopt;
    if (!is_untouched(*job, raw(*index)))
      return Why{job->state, Reason::None, "element " + number(raw(*index)) + " has ended", {}};
    if (auto why = why_element(*job, raw(*index))) return why;
  }
  return why_job(*job);
}

Why Controller::State::why_task(const Job& job, const TaskRecord& task) const {
  const std::string where = "on node " + task.node;
  switch (task.state) {
    case TaskState::Waiting:
      if (task.reason == Reason::HeldByUser || task.reason == Reason::HeldByOperator)
        return {job.state, task.reason, "this element is held",
                "drover release " + number(job.id) + "." + number(raw(task.id.index))};
      if (task.retry_at.is_set()) return why_retry(job, task);
      if (auto why = why_element(job, raw(task.id.index))) return *std::move(why);
      return why_job(job);
    case TaskState::Placed:
    case TaskState::Running:
    case TaskState::Suspended:
    case TaskState::Ending: break;
    case TaskState::Succeeded:
    case TaskState::Failed:
    case TaskState::Cancelled:
    case TaskState::TimedOut: return {job.state, task.reason, "it has ended", {}};
  }
  const Node& node = nodes.at(task.lease->node);
  if (raw(node.session) == 0)
    return {job.state, Reason::NodeUnavailable,
            "it was placed " + where + ", which is out of contact",
            "it goes on when the node is back: drover node ls"};
  if (task.state == TaskState::Suspended) return why_suspended(job, task);
  if (task.state == TaskState::Placed)
    return {job.state, Reason::None, "it was sent to run " + where, {}};
  if (task.state == TaskState::Ending)
    return {job.state,
            task.reason,
            "its end was asked for " + where +
                (raw(task.preempted_by) != 0 ? ": it gives way to job " + number(task.preempted_by)
                                             : std::string()),
            {}};
  if (raw(task.preempted_by) != 0)
    return {job.state, Reason::Preempted,
            "it runs " + where + " and gives way to job " + number(task.preempted_by) +
                ": it will be ended at " + format_utc(task.notice),
            task.gives_way == PreemptMode::Requeue ? "it is queued again then" : ""};
  return {job.state, Reason::None, "it runs " + where, {}};
}

Why Controller::State::why_suspended(const Job& job, const TaskRecord& task) const {
  const std::string text = "it stands still on node " + task.node + " since " +
                           format_utc(task.suspended) + ", with its memory and GPUs";
  if (task.reason == Reason::SuspendedByOperator)
    return {job.state, task.reason, text + "; an operator suspended it",
            "drover resume " + number(job.id)};
  std::string why = raw(task.preempted_by) != 0
                        ? "; job " + number(task.preempted_by) + " has its CPUs"
                        : std::string();
  return {job.state, task.reason, text + why + "; it goes on when the same CPUs are free", {}};
}

Why Controller::State::why_job(const Job& job) const {
  const std::string id = number(job.id);
  if ((job.gates & kHeldGate) != 0) {
    std::string text =
        job.reason == Reason::HeldByOperator ? "held by an operator" : "held by its owner";
    if (job.more != nullptr && !job.more->detail.empty()) text += ": " + job.more->detail;
    return {job.state, job.reason, std::move(text), "drover release " + id};
  }
  if (job.state == JobState::Inited) return why_in_queue(job);
  if (job.active > 0 && job.waiting() == 0) {
    if (!job.is_array && job.more != nullptr && !job.more->tasks.empty())
      return why_task(job, job.more->tasks.begin()->second.record);
    return {job.state, job.reason, "its last " + times(job.active, "task") + " are on nodes", {}};
  }
  return why_unplaced(job);
}

Why Controller::State::why_in_queue(const Job& job) const {
  if ((job.gates & kBeginGate) != 0)
    return {job.state, Reason::BeginTime, "begins not before " + format_utc(job.more->begin), {}};
  if ((job.gates & kRetryGate) != 0) return why_retry(job);
  if (job.dependencies_never)
    return {job.state, Reason::DependencyNever,
            "it waits for what can no longer happen" +
                (job.more->detail.empty() ? std::string() : ": " + job.more->detail),
            "drover cancel " + number(job.id)};
  if ((job.gates & kDependencyGate) != 0) {
    const std::vector<Dependency>& waits = job.more->waits_for;
    if (waits.empty()) return why_no_element(job);
    return {job.state, Reason::Dependency, waits_text(waits, job.more->any),
            "drover why " + number(waits.front().job)};
  }
  if ((job.gates & ~kReservationGate) == 0 && job.gates != 0)
    return Reserved{*this}.why_inside(asker(job));
  if ((job.gates & kSingletonGate) != 0)
    return {job.state,
            Reason::Dependency,
            "waits for job " + number(job.earlier->id) + " and earlier ones of the same name",
            {}};
  const Group& group = group_of(job);
  const std::uint32_t limit = limits_of(group.name).running_jobs;
  const std::string before =
      ahead(group.fifo, job.place()) + " of " + group.name + " are ahead of it";
  if (limit > 0 && group.active >= limit)
    return {job.state, Reason::GroupLimit,
            number(group.active) + " of " + times(limit, "job") + " of the group" +
                is_or_are(std::int64_t(group.active)) + " past the queue, " + before,
            "drover group ls shows the limits"};
  return {job.state, Reason::GroupOrder, before, {}};
}

Why Controller::State::why_unplaced(const Job& job) const {
  const Group& group = group_of(job);
  if (group.compiling.contains(job.id) || group.unplanned.contains(job.place()))
    return {job.state, Reason::Compiling, "its plan is being made", {}};
  if (job.lane == kNoLane) {
    if (job.more != nullptr && job.more->throttle > 0 && job.active >= job.more->throttle)
      return {job.state,
              Reason::Throttle,
              number(job.active) + " of at most " + times(job.more->throttle, "element") +
                  " at once" + is_or_are(job.active) + " on nodes",
              {}};
    if (job.more != nullptr && job.more->counterparts != nullptr) return why_no_element(job);
    if (job.more != nullptr && !has_startable(job)) return why_retry(job);
    return {job.state, job.reason, "all its waiting elements are held",
            "drover release " + number(job.id)};
  }
  if (clearings.contains(job.id)) return why_preempting(job);
  return why_no_room(asker(job));
}

Why Controller::State::why_preempting(const Job& job) const {
  const Clearing& clearing = clearings.at(job.id);
  std::set<JobId> going;
  for (const TaskId& victim : clearing.victims) going.insert(victim.job);
  std::string text = "waits for " + times(going.size(), "job") + " to be preempted, until " +
                     format_utc(clock.wall + (clearing.until - clock.mono)) + " at the latest:";
  std::size_t shown = 0;
  for (const JobId id : going) {
    if (++shown > 5) break;
    text += (shown > 1 ? ", job " : " job ") + number(id);
  }
  if (going.size() > 5) text += " and " + number(going.size() - 5) + " more";
  return {job.state, Reason::Preempting, std::move(text), {}};
}

}  // namespace drover::sched
