// sched/submit.cpp - whether a checked spec becomes a job now. What is refused leaves no trace.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <utility>

#include "base/counted_words.hpp"
#include "base/units.hpp"
#include "sched/possible_changes.hpp"
#include "sched/reserving.hpp"

namespace drover::sched {
namespace {

constexpr std::size_t kDependenciesMax = 1'000;

Result<void> check_array(const JobSpec& spec, std::uint64_t size_max) {
  if (!spec.is_array) return {};
  if (spec.array.empty())
    return fail(Errc::BadInput, "the array has no elements", "for example --array=0-9", "array");
  if (spec.array.count() > size_max)
    return fail(Errc::Limit,
                "the array has " + std::to_string(spec.array.count()) + " elements, the limit is " +
                    std::to_string(size_max),
                "split it into several arrays", "array");
  if (spec.array.max() == std::numeric_limits<std::uint32_t>::max())
    return fail(Errc::BadInput, "the largest array index is 4294967294", {}, "array");
  return {};
}

Result<Conditions> wait_for_nobody() {  // made where it is returned
  Result<Conditions> conditions;
  conditions->waits_met = true;
  return conditions;
}

}  // namespace

Result<void> check_deadline(const JobSpec& spec, Now now) {
  if (!spec.deadline.is_set()) return {};
  const Time first = std::max(now.wall, spec.begin);
  if (first + spec.time_limit <= spec.deadline) return {};
  return fail(Errc::BadInput,
              "the job cannot end by its deadline " + format_utc(spec.deadline) + ": it may run " +
                  format_duration(spec.time_limit) + " from " + format_utc(first),
              "choose a later deadline or a shorter --time", "deadline");
}

tl::unexpected<Error> queue_full(const rm::QuotaShort& full) {
  return fail(Errc::Limit,
              "quota " + full.quota + ": " + std::to_string(full.held) + " of " +
                  std::to_string(full.limit) + " queued_jobs" + is_or_are(full.held) + " open",
              "try again when some have ended, or submit an array: it counts as one job", "labels");
}

// In `group_key`, until the next call.
const std::string& Controller::State::group_name(const JobSpec& spec) const {
  group_key.clear();
  for (const std::string& label : config.group_by) {
    if (!group_key.empty()) group_key += ',';
    const auto found = spec.labels.find(label);
    group_key.append(label).push_back('=');
    if (found != spec.labels.end())
      group_key += found->second;
    else
      group_key += label == "user" ? spec.user : "-";
  }
  return group_key;
}

GroupId Controller::State::group_for(const JobSpec& spec) {
  const std::string& name = group_name(spec);
  const auto found = group_ids.find(name);
  if (found != group_ids.end()) return found->second;
  GroupId id{static_cast<std::uint32_t>(groups.size())};
  if (free_groups.empty()) {
    groups.emplace_back();
  } else {
    id = free_groups.back();
    free_groups.pop_back();
  }
  groups[raw(id)].name = name;
  groups[raw(id)].exists = true;
  groups[raw(id)].made = ++groups_made;
  group_ids.emplace(name, id);
  return id;
}

// What is known of a job that another wants to wait for; nothing when nobody knows it.
std::optional<Milestone> Controller::State::milestone_of(JobId id,
                                                         const std::vector<KnownEnd>& known) const {
  if (const Job* job = find(id))
    return Milestone{id, job->started.is_set() ? JobState::Running : JobState::Inited,
                     job->started};
  if (const auto ended = recent.find(id)) return Milestone{id, *ended, {}};
  for (const KnownEnd& end : known)
    if (end.job == id && is_final(end.state)) return Milestone{id, end.state, {}};
  return std::nullopt;
}

Result<Conditions> Controller::State::weigh_dependencies(const Submit& in) const {
  const JobSpec& spec = *in.spec;
  if (spec.dependencies.empty()) return wait_for_nobody();
  Conditions conditions;
  conditions.waits = spec.dependencies;
  std::erase_if(conditions.waits,
                [](const Dependency& one) { return one.kind == DependencyKind::AfterCorr; });
  if (spec.dependencies.size() > kDependenciesMax)
    return fail(Errc::Limit, "a job may wait for " + std::to_string(kDependenciesMax) + " others",
                "let a job in between gather them", "dependency");
  if (!conditions.waits.empty()) conditions.outlook = Outlook::Waits;
  for (const Dependency& dependency : spec.dependencies) {
    if (dependency.kind == DependencyKind::AfterCorr) continue;
    const auto milestone = milestone_of(dependency.job, in.known_ends);
    if (!milestone)
      return fail(Errc::NotFound,
                  "dependency: there is no job " + std::to_string(raw(dependency.job)),
                  "drover ls shows the jobs", "dependency");
    if (conditions.outlook != Outlook::Waits) continue;
    const Verdict verdict = settle(conditions.waits, spec.dependency_any, *milestone);
    conditions.outlook = verdict.outlook;
    conditions.not_before = std::max(conditions.not_before, verdict.not_before);
  }
  conditions.waits_met = conditions.outlook == Outlook::Met;
  if (conditions.outlook != Outlook::Never)
    if (auto ok = weigh_elements(in, conditions); !ok) return fail(ok.error());
  return conditions;
}

Result<Conditions> Controller::State::admit(const Submit& in, const Known& known) const {
  const JobSpec& spec = *in.spec;
  if (jobs.size() >= config.open_jobs_max)
    return fail(Errc::Limit,
                "the limit of " + std::to_string(config.open_jobs_max) + " open jobs is reached",
                "try again when some have ended");
  const Group* group = nullptr;
  if (known.origin != nullptr)
    group = &groups[raw(known.origin->group)];
  else if (const auto found = group_ids.find(group_name(spec)); found != group_ids.end())
    group = &groups[raw(found->second)];
  const std::string& name = group != nullptr ? group->name : group_key;
  const std::uint64_t queued_max = limits_of(name).queued_jobs;
  if (queued_max > 0 && group != nullptr && group->open >= queued_max)
    return fail(Errc::Limit,
                "the queue of " + name + " is full: " + std::to_string(queued_max) + " open jobs",
                "try again when some have ended, or submit an array");
  if (auto ok = check_possible(spec, known.what); !ok) return fail(ok.error());
  return weigh_dependencies(in);
}

Result<void> Controller::State::check_possible(const JobSpec& spec,
                                               std::optional<rm::ClassId> what) const {
  if (auto ok = check_array(spec, config.array_size_max); !ok) return ok;
  if (!spec.request.licences.empty() || !spec.request.more.empty())
    if (auto ok = rm::can_ever_have(rm::licences_of(spec.request), config.licences); !ok) return ok;
  // After a restart the nodes' sizes are known only once they are back: then nothing is impossible
  // yet.
  if (unseen_nodes == 0 && !spec.statement)  // engines are started for it
    if (auto ok = what ? rm.can_ever_fit(*what) : rm.can_ever_fit(spec.request); !ok) {
      const std::string possible = possible_changes(spec, ranking.book().partitions, rm);
      Error& error = ok.error();
      if (!possible.empty()) error.hint += (error.hint.empty() ? "" : "; ") + possible;
      return ok;
    }
  if (!spec.reservation.empty()) return Reserved{*this}.check(spec);
  return {};
}

Known Controller::State::known_of(const JobSpec& spec) const {
  const Origin* const origin = origins.find(spec);
  const bool is_there = origin != nullptr &&
                        groups[raw(origin->group)].made == origin->group_made &&
                        rm.path_made(origin->path) == origin->path_made;
  return {is_there ? origin : nullptr, rm.known_class(spec.request)};
}

// The part of a job that follows from its spec alone; the same at submission and after a restart.
Job& Controller::State::insert_job(JobId id, const JobSpec& spec, rm::PathId path,
                                   const Known& known) {
  Job& job = jobs.add(id);
  job.uid = spec.owner.uid;
  job.priority = spec.priority;
  job.name_hash = NameIndex::hash(spec.owner.uid, spec.name);
  job.what = known.what ? *known.what : rm.intern(spec.request);
  rm.hold(job.what);
  job.path = path;
  if (known.origin != nullptr) {
    job.standing = known.origin->standing;
    job.group = known.origin->group;
  } else {
    job.standing = ranking.standing_of(spec);
    job.group = group_for(spec);
    origins.put(spec, {job.group, path, job.standing, group_of(job).made, rm.path_made(path)});
  }
  job.shape = shapes.acquire(rm, job.what, spec.time_limit, path);
  job.retry = retries.acquire(spec.retry);
  Reserving{*this}.enter(job, spec.reservation);
  job.singleton = spec.singleton;
  job.is_statement = spec.statement.has_value();
  job.requeue = spec.requeue;
  job.warn = std::uint8_t(spec.warn.signal);
  job.keep_invalid = spec.keep_invalid;
  if (spec.deadline.is_set()) {
    job.extra().too_late = spec.deadline - spec.time_limit + Duration{1};
    deadlines.insert({job.more->too_late, id});
  }
  if (spec.is_array) {
    job.is_array = true;
    job.total = job.untouched = static_cast<std::uint32_t>(spec.array.count());
    job.extra().cursor.emplace(spec.array);
    job.more->throttle = spec.array_throttle;
    job.more->max_failures = spec.max_failures;
  }
  ++groups[raw(job.group)].open;
  names.link(job);
  return job;
}

void Controller::State::wait_for(Job& job, Conditions conditions) {
  job.gates |= kDependencyGate;
  for (const Dependency& wait : conditions.waits) dependencies.add(job.id, wait.job);
  job.extra().waits_for = std::move(conditions.waits);
  lengthen_paths(job);
}

Result<JobId> Controller::State::try_submit(const Submit& in, Now now) {
  const Known known = known_of(*in.spec);
  auto conditions = admit(in, known);
  if (conditions && in.spec->deadline.is_set())
    if (auto in_time = check_deadline(*in.spec, now); !in_time)
      conditions = fail(std::move(in_time.error()));
  if (!conditions) {
    ++stats.rejected;
    return fail(std::move(conditions.error()));
  }
  const JobSpec& spec = *in.spec;
  const auto entered =
      known.origin != nullptr ? rm.try_enter(known.origin->path) : rm.try_enter(spec.labels);
  if (const auto* full = std::get_if<rm::QuotaShort>(&entered)) {
    ++stats.rejected;
    return queue_full(*full);
  }
  Job& job = insert_job(JobId{next_job++}, spec, std::get<rm::PathId>(entered), known);
  const JobId id = job.id;
  job.submitted = now.wall;
  rank(job, spec);
  job.state = spec.hold ? JobState::Held : JobState::Inited;
  ++stats.jobs_by_state[std::size_t(job.state)];
  ++stats.submitted;
  if (spec.hold) {
    job.gates |= kHeldGate;
    job.reason = Reason::HeldByUser;
  }
  const Time begin = std::max(spec.begin, conditions->not_before);
  if (begin > now.wall) begin_later(job, begin);
  job.delayed = begin > spec.begin;
  if (spec.singleton && !names.is_first(job)) job.gates |= kSingletonGate;
  Reserving{*this}.close_gate(job);
  const Outlook outlook = conditions->outlook;
  job.dependencies_met = conditions->waits_met && !spec.dependencies.empty();
  if (!spec.dependencies.empty()) job.extra().any = spec.dependency_any;
  job.elements_met = waits_for_elements(spec) && !conditions->elements;
  if (outlook != Outlook::Never && conditions->elements) follow_elements(job, *conditions);
  if (outlook == Outlook::Waits && !conditions->waits_met) wait_for(job, *conditions);
  explain_wait(job);
  touch(job);
  if (config.keep_records) out.changes.new_jobs.push_back({id, in.spec});
  emit(EventKind::JobSubmitted, job, nullptr, now);
  if (outlook == Outlook::Never)
    never_met(job, "a job it depends on ended otherwise", now);
  else if (conditions->ended != 0 || !conditions->lost.empty())
    lose_known(job, *conditions, now);
  else if (!take_at_once(job, now))
    update_queues(job);
  return id;
}

}  // namespace drover::sched
