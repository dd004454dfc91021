// sched/alter.cpp - an accepted job becomes another one: all of what is asked, or nothing.
// SPDX-License-Identifier: Apache-2.0
//
// The new form has passed the entrance like a submission. Here it is compared with what the job may
// still become: on nodes little can change, before that nearly everything. A job that waits for
// room goes back to its FIFO, where it keeps its place, when more than words change.
#include <algorithm>
#include <utility>

#include "base/units.hpp"
#include "sched/keep_quotas.hpp"
#include "sched/reserving.hpp"
#include "sched/restoring.hpp"

namespace drover::sched {
namespace {

std::string job_text(JobId id) { return "job " + std::to_string(raw(id)); }

bool changes_any(const std::vector<JobChange>& changes, std::initializer_list<const char*> names) {
  return std::ranges::any_of(changes, [&](const JobChange& change) {
    return std::ranges::find(names, change.name) != names.end();
  });
}

// 0 = none is longer than any.
bool is_longer(Duration a, Duration b) { return b.us != 0 && (a.us == 0 || a > b); }

}  // namespace

void AlterVerbs::alter(const Alter& in, Now now) {
  Job* job = self().find(in.job);
  if (job == nullptr) {
    const bool ended = recent.find(in.job).has_value();
    return self().reply(in.reply,
                        ended ? fail(Errc::Conflict, job_text(in.job) + " has ended")
                              : fail(Errc::NotFound, "there is no open " + job_text(in.job)));
  }
  auto changed = change(*job, in, now);
  if (!changed) return self().reply(in.reply, fail(std::move(changed.error())));
  self().reply(in.reply, Done{in.job, *changed});
}

Result<void> AlterVerbs::may_change(const Job& job, const Alter& in,
                                    const std::vector<JobChange>& changes) const {
  if (!in.actor.is_operator && in.actor.uid != job.uid)
    return fail(Errc::Denied, job_text(job.id) + " belongs to another user",
                "ask its owner or an operator");
  if ((job.more != nullptr ? job.more->revision : 0) != in.revision)
    return fail(Errc::Conflict, "somebody else has altered " + job_text(job.id) + " meanwhile",
                "look at it again (drover show) and repeat the command");
  if (!in.before->request.more.empty() &&
      !(in.before->request == in.after->request && in.before->ntasks == in.after->ntasks))
    return fail(Errc::Conflict,
                "what a job of several components asks for, and its partition, cannot be altered",
                "cancel the job and submit it again", "components");
  for (const JobChange& change : changes) {
    if (job.active > 0 && !may_change_on_node(change.name))
      return fail(Errc::Conflict,
                  job_text(job.id) + " is on a node: " + std::string(change.name) +
                      " can only be altered while all of it waits",
                  "drover requeue puts it back into the queue", std::string(change.name));
    if (!job.is_array && (change.name == "array_throttle" || change.name == "max_failures"))
      return fail(Errc::BadInput, job_text(job.id) + " is not an array", {},
                  std::string(change.name));
  }
  if (job.active > 0 && !in.actor.is_operator &&
      is_longer(in.after->time_limit, in.before->time_limit))
    return fail(Errc::Denied, "only operators may raise the time limit of a job that is on a node",
                "its owner may lower it", "time");
  return {};
}

Result<std::uint64_t> AlterVerbs::change(Job& job, const Alter& in, Now now) {
  const JobSpec& spec = *in.after;
  const std::vector<JobChange> changes = changes_between(*in.before, spec);
  if (auto ok = may_change(job, in, changes); !ok) return fail(ok.error());
  if (changes.empty()) return 0;
  if (changes_any(changes, {"deadline", "time", "begin"}) && job.waiting() > 0)
    if (auto ok = check_deadline(spec, now); !ok) return fail(ok.error());
  if (unseen_nodes == 0 && !(spec.request == in.before->request))
    if (auto ok = rm.can_ever_fit(spec.request); !ok) return fail(ok.error());
  Conditions conditions;
  const bool waits_anew = changes_any(changes, {"dependency"});
  const bool on_node_too = std::ranges::all_of(
      changes, [](const JobChange& one) { return may_change_on_node(one.name); });
  if (auto ok = check_circle(job, spec, waits_anew, changes_any(changes, {"name"}), on_node_too);
      !ok)
    return fail(ok.error());
  if (waits_anew && (waits_for_elements(*in.before) || waits_for_elements(spec)))
    return fail(Errc::Conflict, "a wait for the elements of another array cannot be altered",
                "cancel the job and submit it again", "dependency");
  if (waits_anew) {
    auto weighed = self().weigh_dependencies({in.reply, in.after, in.known_ends});
    if (!weighed) return fail(weighed.error());
    if (weighed->outlook == Outlook::Never)
      return fail(Errc::Conflict, "a job that it would wait for has ended otherwise", {},
                  "dependency");
    conditions = *std::move(weighed);
  }
  if (in.dry_run) {
    if (!on_node_too)
      if (auto ok = could_move(job, in); !ok) return fail(ok.error());
    return changes.size();
  }
  leave_queues(job);
  if (!on_node_too)
    if (auto ok = change_place(job, in, now); !ok) {
      self().update_queues(job);
      return fail(ok.error());
    }
  if (changes_any(changes, {"name"})) change_name(job, spec, now);
  change_rest(job, spec);
  if (!on_node_too) {
    if (!waits_anew) conditions.outlook = Outlook::Waits;  // as it was
    change_conditions(job, in, std::move(conditions), now);
  }
  ++job.extra().revision;
  self().touch(job);
  if (config.keep_records) out.changes.altered.push_back({job.id, in.after});
  self().emit(EventKind::JobAltered, job, nullptr, now);
  self().update_queues(job);
  return changes.size();
}

// Whatever orders it may change from here on; update_queues() brings it back.
void AlterVerbs::leave_queues(Job& job) {
  drop_clearing(job.id);
  Group& group = self().group_of(job);
  group.fifo.erase(job.place());
  group.unplanned.erase(job.place());
  job.in_fifo = job.in_unplanned = false;
  takeable.insert(job.group);
  Controller::State::Restoring{self()}.forget(job);
  if (job.lane == kNoLane) return;
  Partition& partition = self().partition_of(job);
  Controller::State::KeepQuotas{self()}.drop(job.id, true);
  partition.queue.remove(std::exchange(job.lane, kNoLane), job.place());
  self().drop_hold(partition, job.id);
  partition.promised.erase(job.id);
  partition.give_up_precedence(job.id);
}

// Whether its new group and quotas would take it; everything is as it was afterwards.
Result<void> AlterVerbs::could_move(Job& job, const Alter& in) {
  const JobSpec& spec = *in.after;
  if (auto ok = check_group(job, spec); !ok || spec.labels == in.before->labels) return ok;
  rm.leave(job.path);
  const auto entered = rm.try_enter(spec.labels);
  if (const auto* path = std::get_if<rm::PathId>(&entered)) rm.leave(*path);
  job.path = rm.enter(in.before->labels);
  if (const auto* full = std::get_if<rm::QuotaShort>(&entered)) return queue_full(*full);
  return {};
}

Result<void> AlterVerbs::check_group(const Job& job, const JobSpec& spec) const {
  const std::string name = self().group_name(spec);
  if (name == groups[raw(job.group)].name) return {};
  if (groups[raw(job.group)].compiling.contains(job.id))
    return fail(Errc::Conflict, "the plan of " + job_text(job.id) + " is being made",
                "try again in a moment");
  const auto known = group_ids.find(name);
  const std::uint64_t queued_max = self().limits_of(name).queued_jobs;
  if (queued_max > 0 && known != group_ids.end() && groups[raw(known->second)].open >= queued_max)
    return fail(Errc::Limit, "the queue of " + name + " is full", "try again when some have ended");
  return {};
}

// Group, quotas, account, class, partition and what it asks for. Nothing of it is on a node.
Result<void> AlterVerbs::change_place(Job& job, const Alter& in, Now now) {
  const JobSpec& spec = *in.after;
  const std::string name = self().group_name(spec);
  const GroupId old = job.group;
  const bool moves = name != groups[raw(old)].name;
  if (auto ok = check_group(job, spec); !ok) return ok;
  if (spec.labels != in.before->labels) {  // its own place in the old quotas is free for it
    rm.leave(job.path);
    const auto entered = rm.try_enter(spec.labels);
    if (const auto* full = std::get_if<rm::QuotaShort>(&entered)) {
      job.path = rm.enter(in.before->labels);
      return queue_full(*full);
    }
    job.path = std::get<rm::PathId>(entered);
  }
  if (job.is_active()) self().return_to_fifo(job, now);
  if (moves) {
    if (job.counted_active) {
      job.counted_active = false;
      --groups[raw(old)].active;
    }
    --groups[raw(old)].open;
    job.group = self().group_for(spec);
    ++self().group_of(job).open;
    self().drop_group_if_empty(old);
  }
  const rm::ClassId what = rm.intern(spec.request);
  rm.hold(what);
  rm.drop(std::exchange(job.what, what));
  // Its queue follows from both.
  Controller::State::Reserving reserving{self()};
  const rm::ReservedId was = job.reservation();
  job.standing = ranking.standing_of(spec);
  if (job.more != nullptr) job.more->reservation = rm::kUnreserved;
  reserving.enter(job, spec.reservation);
  if (was != job.reservation()) reserving.leave(job, was);
  job.gates = Gates(job.gates & ~kReservationGate);
  reserving.close_gate(job);
  return {};
}

void AlterVerbs::change_name(Job& job, const JobSpec& spec, Now now) {
  Job* const first = names.unlink(job);
  job.name_hash = NameIndex::hash(spec.owner.uid, spec.name);
  names.link(job);
  // Whose gate stays open behind this one; an older droverd has not stored that it is.
  if (names.is_first(job) && job.later != nullptr) self().touch(*job.later);
  const bool waits = job.singleton && !job.is_active() && !names.is_first(job);
  if (waits)
    job.gates |= kSingletonGate;
  else
    job.gates = Gates(job.gates & ~kSingletonGate);
  if (first != nullptr && first != &job) self().open_gate(*first, kSingletonGate, now);
}

// What it waits for; `Waits` without anything to wait for: as it was.
void AlterVerbs::change_conditions(Job& job, const Alter& in, Conditions conditions, Now now) {
  const JobSpec& spec = *in.after;
  const bool anew = !(in.before->dependencies == spec.dependencies) ||
                    in.before->dependency_any != spec.dependency_any;
  const Time not_before = conditions.not_before;
  if (anew) {
    if (job.more != nullptr)
      for (const Dependency& left : job.more->waits_for) dependencies.remove(job.id, left.job);
    job.extra().waits_for.clear();
    job.dependencies_never = false;
    job.gates = Gates(job.gates & ~kDependencyGate);
    job.more->any = spec.dependency_any;
    job.dependencies_met = conditions.outlook == Outlook::Met && !spec.dependencies.empty();
    if (conditions.outlook == Outlook::Waits) self().wait_for(job, std::move(conditions));
  }
  if (!(in.before->begin == spec.begin) || anew) {
    if ((job.gates & kBeginGate) != 0) begins.erase({job.extra().begin, job.id});
    job.gates = Gates(job.gates & ~kBeginGate);
    job.extra().begin = {};
    const Time begin = anew ? std::max(spec.begin, not_before) : spec.begin;
    if (begin > now.wall) self().begin_later(job, begin);
    job.delayed = begin > spec.begin;
  }
  if (job.state == JobState::Inited) self().explain_wait(job);
}

void AlterVerbs::change_rest(Job& job, const JobSpec& spec) {
  job.priority = spec.priority;
  job.requeue = spec.requeue;
  job.keep_invalid = spec.keep_invalid;
  retries.release(std::exchange(job.retry, retries.acquire(spec.retry)));
  if (job.is_array) {
    job.more->throttle = spec.array_throttle;
    job.more->max_failures = spec.max_failures;
  }
  self().rank(job, spec);
  change_limit(job, spec);
  set_deadline(job, spec);
}

void AlterVerbs::change_limit(Job& job, const JobSpec& spec) {
  const ShapeId shape = shapes.acquire(rm, job.what, spec.time_limit, job.path);
  const bool same = shape == job.shape;
  shapes.release(std::exchange(job.shape, shape));
  if (same || job.more == nullptr) return;
  for (auto& [index, task] : job.more->tasks) {
    TaskRecord& record = task.record;
    if (!record.lease) continue;
    order_limit(job, record);
    if (record.state == TaskState::Ending || record.state == TaskState::Suspended) continue;
    if (!rm.plans()) continue;
    const Time until = rm::after(clock.mono, time_left(job, record));
    rm.extend(*record.lease, until);
    limits.follow(task);
    ended_since = freed_early = true;
    for (Partition& partition : partitions) partition.is_stale = true;
  }
}

void AlterVerbs::order_limit(const Job& job, const TaskRecord& record) {
  const Node& node = nodes.at(record.lease->node);
  if (raw(node.session) == 0) return;  // said when the node registers again
  const Duration length = shapes[job.shape].length;
  out.actions.emplace_back(Relimit{record.lease->node,
                                   node.session,
                                   {record.id, record.attempt, record.epoch},
                                   is_unlimited(length) ? Duration{} : length});
}

void AlterVerbs::set_deadline(Job& job, const JobSpec& spec) {
  if (job.more != nullptr && job.more->too_late.is_set())
    deadlines.erase({job.more->too_late, job.id});
  if (job.more != nullptr) job.more->too_late = {};
  if (!spec.deadline.is_set()) return;
  job.extra().too_late = spec.deadline - spec.time_limit + Duration{1};
  deadlines.insert({job.more->too_late, job.id});
}

}  // namespace drover::sched
