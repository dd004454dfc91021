// sched/prospects.cpp - what becomes of a job that waits, or would become of a submission.
// SPDX-License-Identifier: Apache-2.0
#include "sched/prospects.hpp"

#include <algorithm>
#include <utility>

#include "base/units.hpp"
#include "rm/quota_ledger.hpp"
#include "sched/counted_words.hpp"
#include "sched/preemption.hpp"
#include "sched/reserving.hpp"

namespace drover::sched {

namespace {

std::string too_late_text(const JobSpec& spec, const std::optional<Estimate>& start) {
  const Time too_late = spec.deadline - spec.time_limit;
  if (!spec.deadline.is_set() || !start || start->start <= too_late) return {};
  return "; to end by its deadline it must start by " + format_utc(too_late) + ", or is cancelled";
}

}  // namespace

// As submit.cpp's try_submit, of which nothing stays.
Result<Prospect> Controller::State::Prospects::weigh(const Submit& in) {
  const JobSpec& spec = *in.spec;
  auto conditions = s.admit(in, {});
  if (!conditions) return fail(std::move(conditions.error()));
  if (auto in_time = check_deadline(spec, s.clock); !in_time)
    return fail(std::move(in_time.error()));
  const rm::PathId path = s.rm.path_for(spec.labels);
  rm::Amounts one;
  one[rm::Kind::QueuedJobs] = 1;
  if (const auto full = s.rm.ledger().first_short(path, one)) {
    s.rm.forget_unused(path);
    return queue_full(*full);
  }
  const rm::ClassId what = s.rm.intern(spec.request);
  s.rm.hold(what);
  Prospect prospect = weigh_free(asker_for(spec, path, what), spec, *conditions);
  s.rm.drop(what);
  s.rm.forget_unused(path);
  prospect.outlook = conditions->outlook;
  return prospect;
}

Asker Controller::State::Prospects::asker_for(const JobSpec& spec, rm::PathId path,
                                              rm::ClassId what) const {
  Asker asker;
  asker.state = spec.hold ? JobState::Held : JobState::Inited;
  asker.what = what;
  asker.path = path;
  asker.length = length_of(spec.time_limit);
  asker.partition = &s.partition_for(spec);
  const auto by = s.reserved_ids.find(spec.reservation);
  if (spec.reservation.empty() || by == s.reserved_ids.end()) return asker;
  asker.by = by->second;
  const auto& queues = s.reserved[std::size_t(by->second)].queues;
  const auto queue = queues.find(asker.partition->index);
  if (queue != queues.end()) asker.partition = queue->second;
  return asker;
}

Prospect Controller::State::Prospects::weigh_free(const Asker& asker, const JobSpec& spec,
                                                  const Conditions& conditions) {
  Prospect prospect;
  Asker later = asker;
  const Time begin = std::max(spec.begin, conditions.not_before);
  if (auto gate = gate_of(asker, spec, conditions)) {
    prospect.why = *std::move(gate);
    if (prospect.why.reason == Reason::BeginTime) {
      later.from = s.clock.mono + (begin - s.clock.wall);
      prospect.start = when(later);
    } else if (prospect.why.reason == Reason::Reservation) {
      prospect.start = Reserved{s}.when(spec.reservation, std::nullopt);
    } else {
      prospect.start = unknown(prospect.why.text);
    }
    prospect.why.text += too_late_text(spec, prospect.start);
    return prospect;
  }
  prospect.start = when(asker);
  if (starts_now(asker, *prospect.start)) {
    prospect.why = {asker.state, Reason::None, "it would start at once", {}};
    prospect.start = at(s.clock.mono);
  } else {
    prospect.why = s.why_no_room(asker);
    name_obstacles(asker, &spec, prospect.why);
    prospect.why.text += may_preempt(asker, spec);
  }
  prospect.why.text += too_late_text(spec, prospect.start);
  return prospect;
}

// What would keep the submission out of the partition's queue, in the order in which explain.cpp
// names it for a job.
std::optional<Why> Controller::State::Prospects::gate_of(const Asker& asker, const JobSpec& spec,
                                                         const Conditions& conditions) const {
  if (spec.hold) return Why{asker.state, Reason::HeldByUser, "it would be held", "drover release"};
  const Time begin = std::max(spec.begin, conditions.not_before);
  if (begin > s.clock.wall)
    return Why{asker.state, Reason::BeginTime, "begins not before " + format_utc(begin), {}};
  if (conditions.outlook == Outlook::Waits && !conditions.waits_met)
    return Why{asker.state, Reason::Dependency, waits_text(conditions.waits, spec.dependency_any),
               "drover why " + std::to_string(raw(spec.dependencies.front().job))};
  if (conditions.elements)
    return Why{asker.state, Reason::Dependency, waits_text(spec.dependencies, false),
               "drover why " + std::to_string(raw(spec.dependencies.front().job))};
  if (asker.by != rm::kUnreserved && !Reserved{s}.is_open(asker.by))
    return Reserved{s}.why_inside(asker);
  if (spec.singleton) {
    const std::uint32_t uid = spec.owner.uid;
    if (const Job* newest = s.names.newest(uid, NameIndex::hash(uid, spec.name)))
      return Why{
          asker.state,
          Reason::Dependency,
          "waits for job " + std::to_string(raw(newest->id)) + " and earlier ones of the same name",
          {}};
  }
  return group_in_the_way(spec);
}

std::optional<Why> Controller::State::Prospects::group_in_the_way(const JobSpec& spec) const {
  const std::string& name = s.group_name(spec);
  const auto known = s.group_ids.find(name);
  if (known == s.group_ids.end()) return std::nullopt;
  const Group& group = s.groups[raw(known->second)];
  const std::uint32_t limit = s.limits_of(name).running_jobs;
  if (limit == 0 || group.active < limit) return std::nullopt;
  return Why{JobState::Inited, Reason::GroupLimit,
             std::to_string(group.active) + " of " + std::to_string(limit) + " jobs of the group " +
                 name + " are past the queue",
             "drover group ls shows the limits"};
}

// Without plans there is no estimate, but what nobody is before starts where there is room.
bool Controller::State::Prospects::starts_now(const Asker& asker, const Estimate& start) const {
  const Time until = rm::after(s.clock.mono, asker.length);
  if (s.rm.quota_short(asker.what, asker.path, {s.clock.mono, until, asker.partition->by}))
    return false;
  const bool strict = asker.partition->policy.backfill == Backfill::None;
  if (strict && asker.partition->queue.head()) return false;
  const auto fits = [&] {  // which of the nodes its quotas allow is not said by explain()
    if (s.rm.whole_nodes(asker.what, asker.path)) return false;
    const rm::NoFit fit = s.rm.explain(asker.what);
    return fit.fit_now >= fit.nodes_needed;
  };
  if (!s.rm.plans() || asker.partition == s.statements) return fits();
  if (!start.is_least && start.start.is_set() && start.start <= s.clock.wall) return true;
  // Places are planned on the least number of nodes; it may start on more of them.
  const rm::Request& asked = s.rm.request(asker.what);
  const bool alone = s.calendar.all().empty() && asked.licences.empty() &&
                     std::ranges::none_of(s.partitions, [](const Partition& partition) {
                       return partition.queue.head().has_value();
                     });
  return asked.nodes_max > asked.nodes && alone && fits();
}

// "; it may preempt job 3 and 2 more, and start sooner": by a search as the pass makes it. Where
// somebody would be requeued into the same queue it depends on scores, which only a job has.
std::string Controller::State::Prospects::may_preempt(const Asker& asker,
                                                      const JobSpec& spec) const {
  constexpr std::size_t kShown = 3;
  const rm::Request& asked = s.rm.request(asker.what);
  if (!s.ranking.anybody_preempts() || asker.by != rm::kUnreserved || spec.statement ||
      !asked.more.empty())
    return {};
  const Time now = s.clock.mono;
  if (s.rm.quota_short(asker.what, asker.path, {now, now})) return {};  // room is no help
  if (asked.contiguous || (asked.exclusive && !never_allowed(asker).empty())) return {};
  const auto label = [&](const char* key) {
    const auto found = spec.labels.find(key);
    return found == spec.labels.end() ? std::string() : found->second;
  };
  const Standing mine{label("qos"), label("partition")};
  const bool by_number = asker.partition->policy.order == Order::Fifo;
  auto problem = s.problem_for(
      asker.what, asker.path, asker.length, [&](const Job& loser, const TaskRecord& attempt) {
        const Standing& theirs = s.ranking.at(loser.standing).standing;
        const PreemptMode mode = s.way_out(preempt_mode(mine, theirs, s.ranking.book()),
                                           asked.exclusive, loser, attempt);
        const bool comes_back =
            mode == PreemptMode::Requeue && &s.partition_of(loser) == asker.partition;
        return comes_back && by_number && spec.priority <= loser.priority ? PreemptMode::Off : mode;
      });
  problem.steps = 10'000;  // a question must not hold up the turn
  const auto choice = choose_victims(problem);
  if (!choice || choice->victims.empty()) return {};
  std::set<JobId> going;
  for (const std::uint32_t victim : choice->victims) going.insert(problem.victims[victim].task.job);
  std::string text =
      asker.partition->queue.head() ? "; once it is the first in its queue it may" : "; it may";
  std::size_t shown = 0;
  for (const JobId id : going)
    if (++shown <= kShown) text += (shown == 1 ? " preempt job " : ", job ") + number(id);
  if (going.size() > kShown) text += " and " + number(going.size() - kShown) + " more";
  return text + ", and start sooner";
}

std::optional<Prospect> Controller::State::Prospects::look_at(JobId id,
                                                              std::optional<TaskIndex> index,
                                                              const JobSpec* spec) {
  auto why = s.why(id, index);
  if (!why) return std::nullopt;
  Prospect prospect;
  prospect.why = *std::move(why);
  prospect.start = when(id, index);
  const Job& job = *s.find(id);
  if (prospect.start && job.lane != kNoLane) name_obstacles(s.asker(job), spec, prospect.why);
  return prospect;
}

Result<Prospect> Controller::weigh(const Submit& in, Now now) {
  state_->clock = now;
  return State::Prospects{*state_}.weigh(in);
}

std::optional<Prospect> Controller::look_at(JobId job, std::optional<TaskIndex> task, Now now,
                                            const JobSpec* spec) {
  state_->clock = now;
  return State::Prospects{*state_}.look_at(job, task, spec);
}

std::optional<Estimate> Controller::when(JobId job, Now now, std::optional<TaskIndex> task) {
  state_->clock = now;
  return State::Prospects{*state_}.when(job, task);
}

}  // namespace drover::sched
