// sched/controller.cpp - the turn: fold inputs in, then take, place and collect.
// SPDX-License-Identifier: Apache-2.0
#include "sched/controller.hpp"

#include <algorithm>
#include <utility>

#include "sched/reserving.hpp"
#include "sched/restoring.hpp"

namespace drover::sched {
namespace {

auto starts_in(const std::vector<Dependency>& waits) {
  return std::ranges::count(waits, DependencyKind::After, &Dependency::kind);
}

}  // namespace

Controller::State::State(ControllerConfig with) {
  config = std::move(with);
  rm.configure(config.resources, config.quota_tree);
  rm.set_slices(config.slices);
  rm.set_quotas(with_class_limits(config.quotas));
  quotas.rules = config.quotas;
  quotas.resources = config.resources.slots();
  quotas_dirty = !quotas.resources.empty();
  ranking = Ranking(config.book);
  make_partitions();
  if (!config.keep_records && !ranks_by_priority()) ranking.charge_nobody();
  if (keeps_timelines()) rm.plan_ahead();
  Reserving{*this}.foresee_quotas();
}

Controller::Controller(ControllerConfig config)
    : state_(std::make_unique<State>(std::move(config))) {}
Controller::~Controller() = default;
Controller::Controller(Controller&&) noexcept = default;
Controller& Controller::operator=(Controller&&) noexcept = default;

void Controller::apply(Input&& input, Now now) {
  state_->clock = now;
  state_->apply(input, now);
}

void Controller::expect(const Input& input) const {
  if (const auto* ended = std::get_if<TaskEnded>(&input))
    state_->fetch_ahead(ended->node, ended->id.task);
}

Result<JobId> Controller::submit_now(const Submit& in, Now now) {
  state_->clock = now;
  return state_->try_submit(in, now);
}

JobId Controller::draw_id() { return JobId{state_->next_job++}; }

void Controller::announce(EventKind kind, JobId workflow, std::uint32_t uid, std::string step,
                          std::string state, Now now) {
  if (!state_->config.keep_records) return;
  Event event;
  event.seq = EventSeq{state_->next_event++};
  event.at = now.wall;
  event.kind = kind;
  event.job = workflow;
  event.uid = uid;
  event.step = std::move(step);
  event.state = std::move(state);
  state_->out.changes.events.push_back(std::move(event));
}

TurnOutput Controller::finish(Now now) {
  TurnOutput out;
  finish(now, out);
  return out;
}

void Controller::finish(Now now, TurnOutput& out) {
  State& state = *state_;
  state.clock = now;
  state.fire_timers();
  State::Reserving{state}.follow(now);
  if (!state.stored_places.empty()) State::Restoring{state}.lay_places(now);
  state.settle_milestones(now);
  state.take_jobs(now);
  state.place_tasks(now);
  state.settle_milestones(now);
  ++state.stats.turns;
  state.collect();
  if (state.config.keep_records)
    out.take(state.out);
  else
    out.take_orders(state.out);
}

void Controller::State::apply(Input& input, Now now) {
  std::visit(
      [&](auto& in) {
        using In = std::decay_t<decltype(in)>;
        if constexpr (std::is_same_v<In, Submit>) {
          if (auto job = try_submit(in, now))
            reply(in.reply, Done{*job, 1});
          else
            reply(in.reply, fail(std::move(job.error())));
        }
        if constexpr (std::is_same_v<In, Command>) command(in, now);
        if constexpr (std::is_same_v<In, Alter>) alter(in, now);
        if constexpr (std::is_same_v<In, PlanReady>) plan_ready(std::move(in), now);
        if constexpr (std::is_same_v<In, NodeUp>) node_up(std::move(in), now);
        if constexpr (std::is_same_v<In, NodeDown>) node_down(in, now);
        if constexpr (std::is_same_v<In, TaskStarted>) started(in, now);
        if constexpr (std::is_same_v<In, TaskEnded>) ended(in, now);
        if constexpr (std::is_same_v<In, ServeNode>) serve(in, now);
        if constexpr (std::is_same_v<In, LabelNode>) label(std::move(in), now);
        if constexpr (std::is_same_v<In, EditQuotas>) edit_quotas(in, now);
        if constexpr (std::is_same_v<In, EditGroup>) edit_group(in);
        if constexpr (std::is_same_v<In, SetLicences>) set_licences(in, now);
        if constexpr (std::is_same_v<In, PutReservation>) Reserving{*this}.put(std::move(in), now);
        if constexpr (std::is_same_v<In, RemoveReservation>) Reserving{*this}.remove(in, now);
        if constexpr (std::is_same_v<In, FailStatement>) fail_statement(in, now);
        if constexpr (std::is_same_v<In, EngineGone>) engine_gone(in, now);
        if constexpr (std::is_same_v<In, PoolEngine>) pool_engine(in);
        if constexpr (std::is_same_v<In, EngineAhead>) set_ahead(in);
        if constexpr (std::is_same_v<In, Tick>) fire_timers();
      },
      input);
  settle_milestones(now);
}

// A queue instead of recursion: a chain of a million dependent jobs may be cancelled by one end.
void Controller::State::tell_milestones(Now now) {
  while (!milestones.empty() || !element_ends.empty()) {
    if (!element_ends.empty()) {  // they happened before what followed from them
      const ElementEnd end = element_ends.front();
      element_ends.pop_front();
      tell_followers(end, now);
      continue;
    }
    const Milestone news = milestones.front();
    milestones.pop_front();
    if (is_final(news.state))
      for (const JobId id : followers.dependents(news.job)) target_ended(*find(id), news, now);
    for (const JobId id : dependencies.dependents(news.job)) {
      Job& job = *find(id);
      const auto starts = starts_in(job.more->waits_for);
      const auto [outlook, not_before] = settle(job.more->waits_for, job.more->any, news);
      if (not_before > now.wall) {
        begin_later(job, not_before);
        job.delayed = true;
      }
      // Met by the start already, and nothing else waits for that job: the edge goes as well.
      if (std::ranges::find(job.more->waits_for, news.job, &Dependency::job) ==
          job.more->waits_for.end())
        dependencies.remove(id, news.job);
      if (starts_in(job.more->waits_for) != starts) touch(job);
      if (outlook == Outlook::Met) {
        job.dependencies_met = true;
        for (const Dependency& left : job.more->waits_for) dependencies.remove(id, left.job);
        job.more->waits_for.clear();
        const Counterparts* elements = job.more->counterparts.get();
        if (elements == nullptr || !elements->shut) open_gate(job, kDependencyGate, now);
      } else if (outlook == Outlook::Never) {
        never_met(
            job,
            "job " + std::to_string(raw(news.job)) + " is " + std::string(to_string(news.state)),
            now);
      }
    }
  }
}

void Controller::State::fire_timers() {
  if (!clock_seen) {  // restored nodes were without a clock
    clock_seen = true;
    later_targets.clear();
    for (auto& [id, node] : nodes) {
      if (!node.seen) watch(id, node, clock.mono + config.node_timeout);
      for (const TaskId& task : node.tasks) expect_end(task, clock);
    }
    restore_clearings(clock);
  }
  end_notices();
  while (!begins.empty() && begins.begin()->first <= clock.wall) {
    const JobId id = begins.begin()->second;
    begins.erase(begins.begin());
    open_gate(*find(id), kBeginGate, clock);
  }
  fire_retries();
  while (!deadlines.empty() && deadlines.begin()->first <= clock.wall) {
    const JobId id = deadlines.begin()->second;
    deadlines.erase(deadlines.begin());
    miss_deadline(*find(id), clock);
  }
  while (!node_deadlines.empty() && node_deadlines.begin()->first <= clock.mono)
    node_overdue(node_deadlines.begin()->second, clock);
}

// Its latest start has passed. What runs may go on: its time limit ends by the deadline.
void Controller::State::miss_deadline(Job& job, Now now) {
  if (job.waiting() == 0) return;
  cancel_waiting(job, Reason::Deadline, now);
  set_reason(job, Reason::Deadline);
  if (!close_if_done(job, Reason::Deadline, now)) update_queues(job);
}

void Controller::set_group_limits(GroupLimits limits) {
  state_->config.group_limits = limits;
  for (const auto& [name, id] : state_->group_ids) state_->takeable.insert(id);
}

Time Controller::next_due(Now now) const {
  const State& state = *state_;
  Time due = rm::kEver;
  const auto no_later = [&due](Time at) { due = std::min(due, at); };
  const auto no_later_wall = [&](Time at) { no_later(now.mono + (at - now.wall)); };
  if (state.next_reserved) no_later_wall(*state.next_reserved);
  if (!state.begins.empty()) no_later_wall(state.begins.begin()->first);
  if (!state.deadlines.empty()) no_later_wall(state.deadlines.begin()->first);
  if (!state.retry_times.empty()) no_later_wall(state.retry_times.begin()->first);
  if (!state.node_deadlines.empty()) no_later(state.node_deadlines.begin()->first);
  if (!state.notices.empty()) no_later(state.notices.begin()->first);
  if (state.stats.tasks_active > 0 && state.uses_shares()) no_later(state.ranking.next_refresh());
  if (!state.to_rekey.empty()) due = now.mono;
  if (state.left_at) no_later(*state.left_at + seconds(1));
  for (const Partition& partition : state.partitions)  // who has waited for so long goes first
    if (const auto& aging = partition.queue.aging(); !aging.empty())
      no_later_wall(state.jobs.at(aging.begin()->first).submitted + partition.policy.guard);
  // Holds whose time has come are looked at in every pass: only a later one needs a wake-up.
  if (!state.due.empty()) {
    const auto next = state.due.upper_bound({now.mono, JobId{~std::uint64_t(0)}});
    if (next != state.due.end()) no_later(next->first);
  }
  return due;
}

std::optional<Why> Controller::why(JobId job, std::optional<TaskIndex> task, Now) const {
  return state_->why(job, task);
}

std::vector<GroupView> Controller::groups(std::uint64_t offset, std::uint64_t limit) const {
  std::vector<GroupView> views;
  for (auto it = state_->group_ids.begin(); it != state_->group_ids.end() && views.size() < limit;
       ++it) {
    if (offset > 0) {
      --offset;
      continue;
    }
    const Group& group = state_->groups[raw(it->second)];
    views.push_back({it->second, group.name, group.open, group.open - group.active, group.active,
                     state_->limits_of(group.name), state_->group_limits.contains(group.name)});
  }
  return views;
}

Result<void> Controller::check_possible(const JobSpec& spec) const {
  return state_->check_possible(spec);
}
const rm::ResourceManager& Controller::resources() const { return state_->rm; }

std::optional<JobRecord> Controller::job(JobId id) const {
  const Job* job = state_->find(id);
  if (job == nullptr) return std::nullopt;
  return state_->record_of(*job);
}

Stats Controller::stats() const {
  Stats stats = state_->stats;
  stats.groups = state_->group_ids.size();
  stats.jobs_open = state_->jobs.size();
  return stats;
}

std::vector<std::string> Controller::check() const { return state_->check(); }

void Controller::restore_counters(std::uint64_t next_job_id, std::uint64_t next_epoch,
                                  std::uint64_t next_node_id, std::uint64_t next_event_seq) {
  State& state = *state_;
  state.next_job = std::max<std::uint64_t>(1, next_job_id);
  state.next_epoch = std::max<std::uint64_t>(1, next_epoch);
  state.next_node = std::max<std::uint64_t>(1, next_node_id);
  state.next_event = std::max<std::uint64_t>(1, next_event_seq);
  state.stored_job = state.next_job;
  state.stored_epoch = state.next_epoch;
  state.stored_node = state.next_node;
  state.stored_event = state.next_event;
}

void Controller::restore_group(const GroupRecord& group) {
  state_->group_limits[group.name] = group.limits;
}

void Controller::restore_node(const NodeRecord& record) {
  State& state = *state_;
  state.next_node = std::max<std::uint64_t>(state.next_node, raw(record.id) + 1);
  Node& node = state.add_node(record.id);
  node.is_engine = record.is_engine;
  if (!node.is_engine) ++state.unseen_nodes;
  node.name = record.name;
  node.boot_id = record.boot_id;
  node.service = record.service;
  node.reason = record.reason;
  node.labels = record.labels;
  state.node_ids[record.name] = record.id;
  state.rm.put_node(record.id, {.name = record.name,
                                .labels = node.labels_in_force(),
                                .topology = {},
                                .seats = node.is_engine ? 1u : 0u});
  state.show_service(record.id, node);
}

void Controller::restore_reservation(const Reservation& reservation) {
  State::Reserving{*state_}.restore(reservation);
}

std::vector<ReservationView> Controller::reservations() const {
  std::vector<ReservationView> views;
  for (const auto& [name, reservation] : state_->calendar.all()) {
    const LiveReservation& live = state_->reserved[std::size_t(state_->reserved_ids.at(name))];
    ReservationView view{&reservation, live.span, live.goes_on, 0, 0};
    for (const JobId id : live.jobs)
      ++(state_->find(id)->active > 0 ? view.jobs_running : view.jobs_waiting);
    std::set<JobId> drawn;
    for (const TaskId& task : live.drawn) drawn.insert(task.job);
    view.jobs_running += drawn.size();
    views.push_back(view);
  }
  return views;
}

const ReservationCalendar& Controller::calendar() const { return state_->calendar; }

Result<void> Controller::restore_job(const JobSpec& spec, const JobRecord& job,
                                     std::vector<TaskRecord> tasks) {
  return state_->restore_job(spec, job, std::move(tasks));
}

}  // namespace drover::sched
