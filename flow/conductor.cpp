// flow/conductor.cpp - follows facts, and makes orders into jobs.
// SPDX-License-Identifier: Apache-2.0
#include "flow/conductor.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "base/check.hpp"
#include "dag/job_text.hpp"
#include "dag/recording.hpp"
#include "flow/live.hpp"

namespace drover::flow {
namespace {

constexpr std::array<std::string_view, 5> kStates{"running", "paused", "succeeded", "failed",
                                                  "cancelled"};
constexpr std::size_t kClosedKept = 10'000;
constexpr Duration kTryAgain = seconds(5);  // when a queue is full
constexpr std::int64_t kStartEffort = 16;   // a start or a stop, beside a fact that follows
constexpr std::int64_t kArrayMax = 1'000;   // parts in one

sched::EventKind event_of(dag::FactKind kind) {
  if (kind == dag::FactKind::Started) return sched::EventKind::StepStarted;
  if (kind == dag::FactKind::Ended) return sched::EventKind::StepEnded;
  if (kind == dag::FactKind::Closed) return sched::EventKind::WorkflowEnded;
  return sched::EventKind::WorkflowChanged;
}

// Cancelled by nobody who asked for that is a failure: a missed deadline, a dependency that failed.
dag::Mark mark_of_cancel(sched::Reason reason) {
  const bool asked =
      reason == sched::Reason::CancelledByUser || reason == sched::Reason::CancelledByOperator;
  return asked ? dag::Mark::Cancelled : dag::Mark::Failed;
}

dag::Mark mark_of(const sched::JobRecord& job) {
  if (job.state == sched::JobState::Succeeded) return dag::Mark::Succeeded;
  if (job.state != sched::JobState::Cancelled) return dag::Mark::Failed;
  return mark_of_cancel(job.reason);
}

}  // namespace

std::string_view to_string(WorkflowState state) { return kStates.at(std::size_t(state)); }

std::optional<WorkflowState> workflow_state_from(std::string_view word) {
  const auto* found = std::ranges::find(kStates, word);
  if (found == kStates.end()) return std::nullopt;
  return WorkflowState(found - kStates.begin());
}

Conductor::Conductor(sched::Controller& controller, Ports ports, Limits limits)
    : controller_(controller),
      ports_(std::move(ports)),
      limits_(limits),
      effort_left_(limits.starts_per_turn * kStartEffort) {}
Conductor::~Conductor() = default;

// Wall time when we began, and since then by the clock that nobody sets.
Time Conductor::steady(Now now) {
  if (!began_) began_ = now;
  return began_->wall + (now.mono - began_->mono);
}

Conductor::Live& Conductor::insert(WorkflowRecord record, dag::Run run) {
  const JobId id = record.id;
  ++open_of_[record.owner.uid];
  auto& slot = open_[id];
  slot = std::make_unique<Live>(std::move(record), std::move(run));
  return *slot;
}

const dag::Run* Conductor::find(JobId workflow) const {
  const auto found = open_.find(workflow);
  return found == open_.end() ? nullptr : &found->second->run;
}

std::string Conductor::rate_key_of(const WorkflowRecord& record, const dag::Step& step) {
  return step.rate.key.empty() ? record.name + "." + step.name : step.rate.key;
}

void Conductor::touch(Live& live) { dirty_.insert(live.record.id); }

// The one place where a fact comes into being: applied, to be stored, and told.
void Conductor::note(Live& live, dag::Fact fact, Now now) {
  fact.number = live.run.next_fact();
  fact.at = now.wall;
  const auto applied = live.run.apply(fact, steady(now));
  DROVER_CHECK(applied.has_value(), "a fact that the run asked for, or that was checked, applies");
  const std::string part =
      fact.part == dag::kNoPart
          ? std::string(to_string(fact.kind))
          : dag::part_name(live.run.workflow(), live.run.plan().parts[fact.part]);
  const std::string state(fact.kind == dag::FactKind::Ended || fact.kind == dag::FactKind::Closed
                              ? to_string(fact.mark)
                              : to_string(fact.kind));
  const bool failed = fact.kind == dag::FactKind::Ended && fact.mark == dag::Mark::Failed;
  if (failed && live.record.first_failed_step.empty()) {
    live.record.first_failed = fact.job;
    live.record.first_failed_step = part;
  }
  controller_.announce(event_of(fact.kind), live.record.id, live.record.owner.uid, part, state,
                       now);
  has_acted_ = true;  // its event belongs to this turn
  changes_.facts.emplace_back(live.record.id, std::move(fact));
  touch(live);
}

void Conductor::end_part(Live& live, std::uint32_t part, dag::Mark mark, std::string why,
                         std::string detail, Now now, JobId job) {
  dag::Fact fact;
  fact.job = job;
  fact.kind = dag::FactKind::Ended;
  fact.part = part;
  fact.mark = mark;
  fact.name = std::move(why);
  fact.text = std::move(detail);
  note(live, std::move(fact), now);
}

// Carries out what follows until nothing does, or until this turn has done enough.
void Conductor::drive(Live& live, Now now) {
  const JobId id = live.record.id;
  bool is_full = false;
  while (!is_full && !live.run.is_closed()) {
    if (effort_left_ <= 0) {
      behind_.insert(id);
      break;
    }
    auto order = live.run.next(steady(now));
    if (!order) break;
    effort_left_ -= std::holds_alternative<dag::Run::Conclude>(*order) ? 1 : kStartEffort;
    if (auto* fact = std::get_if<dag::Run::Conclude>(&*order))
      note(live, std::move(fact->fact), now);
    else if (const auto* part = std::get_if<dag::Run::Begin>(&*order))
      is_full = !begin(live, part->part, now);
    else
      stop(live, std::get<dag::Run::Stop>(*order).part, now);
  }
  if (live.run.is_closed()) return close(live, now);
  rearm(live);
}

// Each workflow that has been left behind in turn, those with higher ids than the last one first.
void Conductor::drive_those_behind(Now now) {
  const std::set<JobId> behind = std::exchange(behind_, {});
  const auto serve = [&](JobId id) {
    const auto found = open_.find(id);
    if (found == open_.end()) return;
    if (effort_left_ <= 0) {
      behind_.insert(id);
      return;
    }
    served_ = id;
    drive(*found->second, now);
  };
  const JobId last = served_;
  for (auto at = behind.upper_bound(last); at != behind.end(); ++at) serve(*at);
  for (auto at = behind.begin(); at != behind.end() && *at <= last; ++at) serve(*at);
}

void Conductor::rearm(Live& live) {
  const auto due = live.run.next_timer();
  if (due == live.timer) return;
  if (live.timer) timers_.erase({*live.timer, live.record.id});
  if (due) timers_.insert({*due, live.record.id});
  live.timer = due;
}

// False when the queues are full: the rest of the workflow need not try now either.
bool Conductor::begin(Live& live, std::uint32_t part, Now now) {
  const dag::Step& step = live.run.workflow().steps[live.run.plan().parts[part].step];
  const std::uint32_t uid = live.record.owner.uid;
  const std::string rate_key = rate_key_of(live.record, step);
  if (step.rate.starts > 0) {
    const Time at = rates_.earliest(uid, rate_key, step.rate, steady(now));
    if (at > steady(now)) {
      live.run.delay(part, at);
      return true;
    }
  }
  if (begin_array(live, part, now)) return true;
  auto text = dag::job_text(live.run, part);
  if (!text) {
    end_part(live, part, dag::Mark::Failed, "no_value", text.error().message, now);
    return true;
  }
  if (answer_from_cache(live, part, now)) return true;
  auto submit = ports_.prepare(live.record.owner, live.record.user, *text, now.wall);
  Result<JobId> job = submit ? controller_.submit_now(*submit, now)
                             : Result<JobId>(fail(std::move(submit.error())));
  if (!job) {
    const Errc code = job.error().code;
    const bool full = code == Errc::Limit || code == Errc::Unavailable;
    if (full && submit && controller_.check_possible(*submit->spec)) {
      live.run.delay(part, steady(now) + kTryAgain);
      return false;
    }
    end_part(live, part, dag::Mark::Failed, "refused", job.error().message, now);
    return true;
  }
  has_acted_ = true;
  parts_[*job] = {live.record.id, part, {}, 0};
  if (step.strategy == dag::Strategy::MultiRead && live.run.part(part).items) races_.insert(*job);
  if (step.rate.starts > 0) rates_.note(uid, rate_key, step.rate, steady(now));
  note_started(live, part, *job, {}, now);
  return true;
}

void Conductor::note_started(Live& live, std::uint32_t part, JobId job, std::string element,
                             Now now) {
  dag::Fact fact;
  fact.kind = dag::FactKind::Started;
  fact.part = part;
  fact.job = job;
  fact.text = std::move(element);
  note(live, std::move(fact), now);
}

// The part with those of its group that may start too, as one array. False: there are none, or they
// cannot be one, and it starts alone.
bool Conductor::begin_array(Live& live, std::uint32_t part, Now now) {
  if (!live.takes_arrays) return false;
  const auto room = std::size_t(std::clamp<std::int64_t>(effort_left_, 0, kArrayMax - 1));
  std::vector<std::uint32_t> parts = live.run.mates_of(part, room);
  if (parts.empty()) return false;
  parts.insert(parts.begin(), part);
  const auto array = dag::array_text(live.run, parts);
  if (!array || array->count < 2) return false;
  parts.resize(array->count);
  const auto submit = ports_.prepare(live.record.owner, live.record.user, array->json, now.wall);
  const auto job =
      submit ? controller_.submit_now(*submit, now) : Result<JobId>(fail(submit.error()));
  if (!job) {
    const Errc code = job.error().code;
    live.takes_arrays = submit && (code == Errc::Limit || code == Errc::Unavailable);
    return false;
  }
  has_acted_ = true;
  effort_left_ -= std::int64_t(parts.size());
  ++arrays_;
  parts_[*job] = {live.record.id, part, parts, std::uint32_t(parts.size())};
  for (std::size_t i = 0; i < parts.size(); ++i)
    note_started(live, parts[i], *job, std::to_string(i), now);
  return true;
}

void Conductor::stop(Live& live, std::uint32_t part, Now now) {
  sched::Command cancel;
  cancel.verb = sched::Verb::Cancel;
  cancel.actor = {live.record.owner.uid, false};
  const dag::PartState& state = live.run.part(part);
  cancel.target.job = state.job;
  if (state.element != dag::kNoElement) {
    cancel.target.whole_job = false;
    cancel.target.elements = IndexSet::single(state.element);
  }
  cancel.reason = "workflow " + std::to_string(raw(live.record.id));
  controller_.apply(std::move(cancel), now);
  has_acted_ = true;
}

// All of them, or none when there is no room for one.
bool Conductor::take_values(Live& live, std::uint32_t part, const Values& values, Now now) {
  if (!live.run.can_hold(part, values)) return false;
  for (const auto& [name, value] : values) {
    dag::Fact fact;
    fact.kind = dag::FactKind::ValueSet;
    fact.part = part;
    fact.name = name;
    fact.text = value;
    note(live, std::move(fact), now);
  }
  return true;
}

// Not while elements wait for others: those may yet fail.
bool Conductor::answer_from_cache(Live& live, std::uint32_t part, Now now) {
  const dag::Step& step = live.run.workflow().steps[live.run.plan().parts[part].step];
  if (!step.cache.is_on || live.run.waits_for_elements(part)) return false;
  const auto key = dag::result_key(live.run, part);
  if (!key) return false;
  const auto found = ports_.find_cached(live.record.owner.uid, *key);
  if (!found || found->until <= now.wall) return false;
  if (!take_values(live, part, found->values, now)) return false;
  end_part(live, part, dag::Mark::Succeeded, "cache", "job " + std::to_string(raw(found->job)), now,
           found->job);
  return true;
}

void Conductor::keep_result(Live& live, std::uint32_t part, Now now) {
  const dag::Step& step = live.run.workflow().steps[live.run.plan().parts[part].step];
  if (!step.cache.is_on) return;
  const auto key = dag::result_key(live.run, part);
  if (!key) return;
  const dag::PartState& state = live.run.part(part);
  CacheEntry entry{
      live.record.owner.uid,      *key,      now.wall,
      now.wall + step.cache.keep, state.job, {state.values.begin(), state.values.end()}};
  changes_.cache.push_back(std::move(entry));
}

// A replay succeeds when it ended as what was recorded did, and set the same values.
void Conductor::compare_replay(const Live& live, dag::Fact& fact) {
  const dag::Step& step = live.run.workflow().steps[live.run.plan().parts[fact.part].step];
  if (step.replay.recorded == nullptr || fact.mark == dag::Mark::Cancelled) return;
  const dag::NewEnd end{fact.mark == dag::Mark::Succeeded, fact.exit_code, fact.name};
  auto differs = dag::difference(*step.replay.recorded, end, live.run.part(fact.part).values);
  fact.mark = differs ? dag::Mark::Failed : dag::Mark::Succeeded;
  fact.name = differs ? "differs" : "same";
  fact.text = differs ? *std::move(differs) : std::string();
}

void Conductor::job_ended(const sched::JobRecord& job, Now now) {
  const auto found = parts_.find(job.id);
  if (found == parts_.end()) return;
  const Place place = std::move(found->second);
  parts_.erase(found);
  races_.erase(job.id);
  Live& live = *open_.at(place.workflow);
  End end{job.id, mark_of(job), job.exit_code, job.reason, job.detail};
  if (place.elements.empty()) {
    part_ended(live, place.part, end, now);
  } else {  // elements that nobody had touched end with all of it
    --arrays_;
    for (const std::uint32_t part : place.elements)
      if (part != dag::kNoPart && live.run.part(part).job == job.id)
        part_ended(live, part, end, now);
  }
  drive(live, now);
}

// Nothing when it has ended before: a race that was won, an element.
void Conductor::part_ended(Live& live, std::uint32_t part, const End& end, Now now) {
  if (dag::has_ended(live.run.mark(part))) return;
  dag::Fact fact;
  fact.kind = dag::FactKind::Ended;
  fact.part = part;
  fact.job = end.job;
  fact.mark = end.mark;
  fact.exit_code = end.exit_code;
  if (end.reason != sched::Reason::None) fact.name = to_string(end.reason);
  if (live.run.part(part).stop_sent) {  // we wanted that: how it took it does not matter
    fact.name = "stopped";
    if (fact.mark == dag::Mark::Failed) fact.mark = dag::Mark::Cancelled;
  }
  fact.text = end.detail;
  compare_replay(live, fact);
  const bool succeeded = fact.mark == dag::Mark::Succeeded;
  note(live, std::move(fact), now);
  if (succeeded) keep_result(live, part, now);
}

void Conductor::element_ended(const sched::TaskRecord& task, Now now) {
  if (!is_final(task.state)) return;
  if (races_.contains(task.id.job)) return race_won(task, now);
  const auto found = parts_.find(task.id.job);
  if (found == parts_.end()) return;
  Place& place = found->second;
  const std::uint32_t index = raw(task.id.index);
  if (index >= place.elements.size() || place.elements[index] == dag::kNoPart) return;
  const std::uint32_t part = std::exchange(place.elements[index], dag::kNoPart);
  Live& live = *open_.at(place.workflow);
  if (--place.left == 0) {
    --arrays_;
    parts_.erase(found);
  }
  const dag::Mark mark = task.state == sched::TaskState::Succeeded   ? dag::Mark::Succeeded
                         : task.state == sched::TaskState::Cancelled ? mark_of_cancel(task.reason)
                                                                     : dag::Mark::Failed;
  part_ended(live, part, {task.id.job, mark, task.exit_code, task.reason, {}}, now);
  drive(live, now);
}

// The first success of a race is the success of all; the rest is let go.
void Conductor::race_won(const sched::TaskRecord& task, Now now) {
  if (task.state != sched::TaskState::Succeeded || races_.erase(task.id.job) == 0) return;
  const Place place = parts_.at(task.id.job);
  Live& live = *open_.at(place.workflow);
  stop(live, place.part, now);
  dag::Fact fact;
  fact.kind = dag::FactKind::Ended;
  fact.part = place.part;
  fact.job = task.id.job;
  fact.mark = dag::Mark::Succeeded;
  fact.name = "first_success";
  fact.text = "element " + std::to_string(raw(task.id.index));
  note(live, std::move(fact), now);
  keep_result(live, place.part, now);
  parts_.erase(task.id.job);
  drive(live, now);
}

bool Conductor::follow(const sched::TurnOutput& output, Now now) {
  if (open_.empty()) return false;
  if (!parts_.empty()) {
    if (!races_.empty() || arrays_ > 0)
      for (const sched::TaskRecord& task : output.changes.tasks) element_ended(task, now);
    for (const sched::JobRecord& job : output.changes.jobs)
      if (is_final(job.state)) job_ended(job, now);
  }
  while (!timers_.empty() && timers_.begin()->first <= steady(now)) {
    Live& live = *open_.at(timers_.begin()->second);
    timers_.erase(timers_.begin());
    live.timer.reset();
    behind_.insert(live.record.id);
  }
  drive_those_behind(now);
  return std::exchange(has_acted_, false);
}

void Conductor::close(Live& live, Now now) {
  const JobId id = live.record.id;
  if (live.timer) timers_.erase({*live.timer, id});
  live.record.ended = now.wall;
  live.record.counts = live.run.counts();
  live.record.facts = live.run.next_fact() - 1;
  const dag::Mark end = live.run.outcome();
  live.record.state = end == dag::Mark::Succeeded ? WorkflowState::Succeeded
                      : end == dag::Mark::Failed  ? WorkflowState::Failed
                                                  : WorkflowState::Cancelled;
  changes_.records.push_back(live.record);
  dirty_.erase(id);
  behind_.erase(id);
  closed_[id] = live.record.facts;
  closed_order_.push_back(id);
  if (closed_order_.size() > kClosedKept) {
    closed_.erase(closed_order_.front());
    closed_order_.pop_front();
  }
  if (--open_of_[live.record.owner.uid] == 0) open_of_.erase(live.record.owner.uid);
  open_.erase(id);
}

Changes Conductor::collect() {
  effort_left_ = limits_.starts_per_turn * kStartEffort;
  for (const JobId id : std::exchange(dirty_, {})) {
    Live& live = *open_.at(id);
    live.record.counts = live.run.counts();
    live.record.facts = live.run.next_fact() - 1;
    live.record.state = live.run.is_paused() ? WorkflowState::Paused : WorkflowState::Running;
    changes_.records.push_back(live.record);
  }
  return std::exchange(changes_, {});
}

std::optional<Time> Conductor::next_timer(Now now) const {
  if (!behind_.empty()) return now.mono;
  if (timers_.empty() || !began_) return std::nullopt;
  return began_->mono + (timers_.begin()->first - began_->wall);
}

}  // namespace drover::flow
