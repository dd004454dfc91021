// sched/clearings.cpp - the way from "these go for that job" to its start, or to nothing.
// SPDX-License-Identifier: Apache-2.0
//
// A victim hears its warning signal, or TERM, and is ended when its grace is over. Meanwhile the
// room is promised: a hold that begins now keeps everybody else away from it. A victim that ends on
// its own gives its part at once. When the job no longer needs the room, those whose end was not
// ordered yet go on.
//
// A clearing begins in clear_for and ends in end_clearing. Either may come when those to whom it
// matters have been served already in this pass: who gets the room, whom the promise kept away,
// who stands still because of it. No event tells of that later, so another pass follows in the
// same turn (`serve_again`), save where the job has started: its report is such an event. A job
// begins at most kTries clearings in a turn, and each ends once: with W jobs that wait and C
// clearings before the turn there are at most 1 + C + 2 kTries W passes. Mostly one follows the
// first, in which who was owed starts or gives up; 1,500 histories of controller_sim_test had no
// turn of more than four.
#include <algorithm>
#include <utility>

#include "sched/keep_quotas.hpp"

namespace drover::sched {
namespace {

constexpr Duration kGoing = seconds(60);  // in which those are gone whose end was ordered
constexpr std::int32_t kTerm = 15;        // SIGTERM, on every system
constexpr int kTries = 3;                 // for one job in a turn: on nodes, for a quota, on nodes

}  // namespace

// Whether room in the future is known: when somebody plans, and when somebody preempts.
bool PreemptVerbs::keeps_timelines() const {
  return self().plans_ahead() || ranking.anybody_preempts();
}

bool PreemptVerbs::may_clear_for(JobId winner) const {
  if (clearings.contains(winner)) return false;
  const auto known = cleared.find(winner);
  return known == cleared.end() || known->second < kTries;
}

void PreemptVerbs::clear_for(Job& winner, std::vector<NodeId> where,
                             const std::vector<std::pair<TaskId, PreemptMode>>& going,
                             bool for_quota) {
  ++cleared[winner.id];
  Clearing& clearing = clearings[winner.id];
  clearing.nodes = std::move(where);
  clearing.until = clock.mono;
  clearing.is_fresh = false;
  clearing.for_quota = for_quota;
  for (const auto& [id, mode] : going) {
    Job& loser = *self().find(id.job);
    Task& task = *self().find_task(loser, raw(id.index));
    task.record.preempted_by = winner.id;
    task.record.gives_way = mode;
    self().touch(task);
    ++stats.preempted;
    self().emit(EventKind::AttemptPreempted, loser, &task, clock);
    if (mode == PreemptMode::Suspend) {  // at once: it loses nothing
      suspend_task(loser, task, Reason::Preempted);
      clearing.is_fresh = true;
      continue;
    }
    clearing.victims.insert(id);
    victims.emplace(id, winner.id);
    const bool has_work = task.record.state == TaskState::Running;
    give_notice(loser, task, has_work ? ranking.grace(loser.standing) : Duration{});
  }
  self().drop_hold(self().partition_of(winner), winner.id);
  promise_room(winner, clearing);
  if (winner.active == 0) self().set_reason(winner, Reason::Preempting);
}

// Nobody else may plan with the room from now on, for as long as it will be used.
void PreemptVerbs::promise_room(const Job& winner, Clearing& clearing) {
  if (clearing.nodes.empty() || !rm.plans()) return;
  const rm::ReservedId inside = self().partition_of(winner).by;
  const bool goes_on = inside != rm::kUnreserved && reserved[std::size_t(inside)].goes_on;
  const Time until = rm::after(std::max(clearing.until, clock.mono), shapes[winner.shape].length);
  clearing.hold = rm.hold(winner.what, {clock.mono, clearing.nodes}, until - clock.mono,
                          goes_on ? inside : rm::kUnreserved);
  self().partition_of(winner).is_stale = true;
}

void PreemptVerbs::lift_promise(Clearing& clearing) {
  if (clearing.hold) unheld_licences |= rm.drop(*std::exchange(clearing.hold, std::nullopt));
}

void PreemptVerbs::give_notice(Job& loser, Task& task, Duration grace) {
  TaskRecord& record = task.record;
  Clearing& clearing = clearings.at(record.preempted_by);
  const Time gone = clock.mono + grace + kGoing;
  clearing.until = std::max(clearing.until, gone);
  if (grace.us == 0) {
    end_victim(loser, task);
  } else {
    record.notice = clock.wall + grace;
    notices.insert({clock.mono + grace, record.id});
    self().touch(task);
    warn(loser, record);
  }
  if (!rm.plans() || record.lease->until <= gone) return;
  rm.extend(*record.lease, gone);
  limits.follow(task);
}

void PreemptVerbs::warn(const Job& loser, const TaskRecord& record) {
  const Node& node = nodes.at(record.lease->node);
  if (raw(node.session) == 0) return;
  const std::int32_t signal = loser.warn != 0 ? loser.warn : kTerm;
  out.actions.emplace_back(
      Kill{record.lease->node, node.session, {record.id, record.attempt, record.epoch}, signal});
}

void PreemptVerbs::end_victim(Job& loser, Task& task) {
  if (task.record.gives_way == PreemptMode::Requeue)
    self().kill(loser, task, TaskEvent::Kill, Reason::None);
  else
    self().kill(loser, task, TaskEvent::Cancel, Reason::Preempted);
}

void PreemptVerbs::end_notices() {
  while (!notices.empty() && notices.begin()->first <= clock.mono) {
    const TaskId id = notices.begin()->second;
    notices.erase(notices.begin());
    Job& loser = *self().find(id.job);
    Task& task = *self().find_task(loser, raw(id.index));
    if (task.record.state != TaskState::Ending) end_victim(loser, task);
  }
}

void PreemptVerbs::forget_notice(const TaskId& id) {
  std::erase_if(notices, [&](const auto& notice) { return notice.second == id; });
}

// A victim has gone, by whatever end.
void PreemptVerbs::forget_victim(const TaskId& task) {
  const auto found = victims.find(task);
  if (found == victims.end()) return;
  Clearing& clearing = clearings.at(found->second);
  clearing.victims.erase(task);
  clearing.is_fresh = true;
  forget_notice(task);
  victims.erase(found);
}

// The job has started, or needs the room no more. Who only heard of it goes on; should he leave
// because of that all the same, it still counts as giving way (see TaskRecord::notice).
void PreemptVerbs::end_clearing(JobId winner, bool has_started) {
  const auto found = clearings.find(winner);
  if (found == clearings.end()) return;
  Clearing clearing = std::move(found->second);
  clearings.erase(found);
  serve_again |= !has_started;  // who did brings a turn of its own
  lift_promise(clearing);
  unheld.insert(unheld.end(), clearing.nodes.begin(), clearing.nodes.end());
  for (Partition& partition : partitions) {
    partition.looked_for_victims = {};
    partition.is_stale |= !clearing.nodes.empty();
  }
  ended_since |= !clearing.nodes.empty();
  for (const TaskId& id : clearing.victims) {
    victims.erase(id);
    forget_notice(id);
    Job& loser = *self().find(id.job);
    Task& task = *self().find_task(loser, raw(id.index));
    task.record.preempted_by = {};
    self().touch(task);
    if (task.record.state == TaskState::Ending) continue;
    self().expect_end(id, clock);
    self().emit(EventKind::AttemptSpared, loser, &task, clock);
  }
}

// Those for whom room was made go first, whoever else has come meanwhile.
void PreemptVerbs::serve_fresh_clearings(Partition& partition) {
  std::vector<JobId> fresh;
  for (const auto& [id, clearing] : clearings) {
    const Job& job = jobs.at(id);
    if (clearing.is_fresh && job.lane != kNoLane && &self().partition_of(job) == &partition)
      fresh.push_back(id);
  }
  for (const JobId id : fresh) {
    if (!clearings.contains(id)) continue;
    Clearing& clearing = clearings.at(id);
    Job& job = jobs.at(id);
    clearing.is_fresh = false;
    const bool parked = partition.queue.parked(job.lane) != nullptr;
    if (clearing.nodes.empty() || parked) {
      if (clearing.victims.empty()) drop_clearing(id);
      continue;
    }
    ++stats.placements_tried;
    lift_promise(clearing);
    const rm::Window window = self().window_of(partition, job);
    const auto head = partition.queue.head();
    const bool is_first = head && head->place.job == id;
    rm::Acquired answer = rm.acquire_on(job.what, job.path, clearing.nodes, window);
    Controller::State::KeepQuotas{self()}.try_before(partition, job, window, answer);
    const bool had_room =
        self().settle_try(partition, job, std::move(answer)) == Controller::State::Try::Started;
    if (had_room && !is_first) ++stats.backfilled;
    if (!clearings.contains(id)) continue;
    if (clearing.victims.empty())
      drop_clearing(id);
    else
      promise_room(job, clearing);
  }
}

// A node that takes no new work keeps no promise.
void PreemptVerbs::drop_broken_clearings() {
  std::vector<JobId> broken;
  for (const auto& [id, clearing] : clearings)
    if (std::ranges::any_of(clearing.nodes, [&](NodeId node) {
          const auto view = rm.node(node);
          return !view || view->state != rm::NodeState::Up;
        }))
      broken.push_back(id);
  for (const JobId id : broken) drop_clearing(id);
}

// After a restart, once there is a clock: for whom do those go that were told to?
void PreemptVerbs::restore_clearings(Now now) {
  std::map<JobId, std::vector<TaskId>> going;
  for (const auto& [id, node] : nodes)
    for (const TaskId& task : node.tasks) {
      const Job& loser = *self().find(task.job);
      const TaskRecord& record = loser.more->tasks.at(raw(task.index)).record;
      if (raw(record.preempted_by) == 0 || record.lease->node != id) continue;
      if (record.state == TaskState::Suspended) continue;
      going[record.preempted_by].push_back(task);
    }
  for (const auto& [id, tasks] : going) {
    Job* winner = self().find(id);
    const bool waits =
        winner != nullptr && winner->is_active() && self().next_ready(*winner) != kNoElement;
    if (!waits) {
      for (const TaskId& task : tasks) {
        Task& spared = *self().find_task(*self().find(task.job), raw(task.index));
        spared.record.preempted_by = {};
        self().touch(spared);
      }
      continue;
    }
    Clearing& clearing = clearings[id];
    clearing.for_quota = true;  // nobody knows any more; told to go are they anyway
    std::set<NodeId> where;
    for (const TaskId& task : tasks) {
      const TaskRecord& record = self().find_task(*self().find(task.job), raw(task.index))->record;
      clearing.victims.insert(task);
      victims.emplace(task, id);
      const Duration left = std::max(record.notice - now.wall, Duration{});
      if (record.notice.is_set() && record.state != TaskState::Ending)
        notices.insert({now.mono + left, task});
      clearing.until = std::max(clearing.until, now.mono + left + kGoing);
      rm::for_each_part(*record.lease, [&](const rm::NodePart& part) { where.insert(part.node); });
    }
    if (where.size() == std::size_t(rm.request(winner->what).nodes))
      clearing.nodes.assign(where.begin(), where.end());
    promise_room(*winner, clearing);
  }
}

}  // namespace drover::sched
