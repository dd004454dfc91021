// sched/place_tasks.cpp - the scheduling pass: who starts now, and where.
// SPDX-License-Identifier: Apache-2.0
//
// Jobs are served in the partition's order until one finds no room. What may start although that
// one cannot is the backfill's business: sched/backfill.cpp.
#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "base/name_list.hpp"
#include "sched/keep_quotas.hpp"
#include "sched/reserving.hpp"

namespace drover::sched {
namespace {

constexpr int kRoundsMax = 1'000;  // of a pass: what is left is seen to in the next one

bool is_stopped_by_hold(const rm::Acquired& answer) {
  if (const auto* fit = std::get_if<rm::NoFit>(&answer)) return fit->held;
  const auto* quota = std::get_if<rm::QuotaShort>(&answer);
  return quota != nullptr && quota->set_aside > 0;
}

}  // namespace

OrderKey Controller::State::key_of(const Partition& partition, const JobQueue::Lane& lane,
                                   const Place& place) const {
  switch (partition.policy.order) {
    case Order::Fifo: return {-std::int64_t(place.priority), 0, place.job};
    case Order::Priority:
      return {-(jobs.at(place.job).score + ranking.fair_score(lane.standing)), 0, place.job};
    case Order::SafGuard: break;
  }
  const Time guarded = jobs.at(place.job).submitted + partition.policy.guard;
  if (guarded <= clock.wall) return {0, 0, place.job};
  return {1, shapes[lane.shape].area, place.job};
}

bool Controller::State::plans_ahead() const {
  return std::ranges::any_of(partitions, &Partition::holds_places);
}

void Controller::State::serve(Partition& partition) {
  if (&partition == statements) return serve_statements();
  switch (partition.policy.backfill) {
    case Backfill::None:
      serve_heads(partition);
      preempt_for_head(partition);
      if (partition.keeps_place) hold_for_head(partition);
      wake_sleepers(partition, Waking::All);
      partition.queue.wake_fresh();
      break;
    case Backfill::Easy:
    case Backfill::EasySjbf:
      serve_heads(partition);
      preempt_for_head(partition);
      hold_for_head(partition);
      wake_sleepers(partition, Waking::All);
      fill_behind(partition);
      break;
    case Backfill::Conservative: {
      const bool all = follow_plan(partition);
      preempt_for_head(partition);
      wake_sleepers(partition, Waking::All);
      if (all)
        partition.queue.wake_fresh();
      else
        fill_behind(partition);
      break;
    }
    case Backfill::DepthK:
      follow_plan(partition);
      preempt_for_head(partition);
      wake_sleepers(partition, Waking::All);
      fill_behind(partition);
      break;
  }
}

void Controller::State::place_tasks(Now now) {
  clock = now;
  rm.forget_before(now.mono);
  extend_overdue();
  follow_shares(now);
  cleared.clear();
  left_at.reset();
  const auto is_open = [this](const Partition& partition) {
    return partition.by == rm::kUnreserved || Reserved{*this}.is_open(partition.by);
  };
  do {  // once, save where room, or what was kept of a quota, was given up: see clearings.cpp
    serve_again = false;
    ++stats.rounds;
    wake_waiters();
    for (Partition& partition : partitions) {
      if (partition.queue.lanes() == 0 && sleepers.empty()) continue;  // nobody waits
      pass_the_guard(partition);
      if (!is_open(partition)) continue;
      serve_clearings(partition);
      wake_sleepers(partition, Waking::Ahead);
      serve(partition);
    }
    if (!magnets.empty()) Reserving{*this}.draw_in();
    ended_since = serve_again;  // so that those who are to make way look for another place
    freed_early = false;
    reclaim_guarantees();
    KeepQuotas{*this}.settle();
    if (stats.tasks_active > 0) continue;
    // Places that have moved may let others move, and nobody is left whose end would bring that.
    const bool may_move = std::ranges::any_of(partitions, [&](const Partition& partition) {
      return partition.is_stale && !partition.holds.empty() && partition.queue.lanes() > 0 &&
             is_open(partition);
    });
    if (may_move && round >= kRoundsWithWays)
      left_at = clock.mono;
    else if (may_move)
      serve_again = ended_since = true;
  } while (serve_again && ++round < kRoundsMax);
  if (std::exchange(round, 0) >= kRoundsMax) left_at = clock.mono;
  if (sleepers.empty()) return;
  // What keeps one asleep may be let go by a partition that is served later. Who goes on gives
  // nothing back: nobody needs to be served after that.
  for (Partition& partition : partitions)
    if (is_open(partition)) wake_sleepers(partition, Waking::Last);
}

// Who has waited longer than the guard goes ahead of everyone who came later.
void Controller::State::pass_the_guard(Partition& partition) {
  const auto& aging = partition.queue.aging();
  while (!aging.empty()) {
    const auto [oldest, lane] = *aging.begin();
    if (jobs.at(oldest).submitted + partition.policy.guard > clock.wall) return;
    partition.queue.rekey(lane);
  }
}

// In a reservation its own holds count, and others do not.
rm::LastingRoom Controller::State::room_for(const Partition& partition, NodeId node) const {
  if (partition.by != rm::kUnreserved) return {rm.free_room(node), {}, {}};
  return rm.lasting_room(node, clock.mono);
}

// Only what could start on a node that changed, or under a quota that was freed, is tried again.
void Controller::State::wake_waiters() {
  if (!rm.has_freed()) {  // as when nothing came but a submission
    KeepQuotas{*this}.wake({});
    for (Partition& partition : partitions) partition.queue.begin_pass();
    return;
  }
  rm.take_freed(freed_since);
  const auto licences = freed_since.quotas.empty() ? std::nullopt : rm.licence_pool();
  if (freed_since.everything) drop_broken_clearings();
  KeepQuotas{*this}.wake(freed_since.quotas);
  for (Partition& partition : partitions) {
    partition.queue.begin_pass();
    if (partition.queue.lanes() == 0) continue;
    for (const std::uint32_t quota : freed_since.quotas) {
      partition.queue.wake_quota(quota);
      if (quota == licences) partition.queue.wake_licensed();
    }
    if (freed_since.everything) partition.queue.wake_all();
    if (partition.queue.waits_for_room())
      for (const NodeId node : freed_since.nodes)
        partition.queue.put_room(node, [&] { return room_for(partition, node); });
    mark_stale(partition, freed_since);
  }
}

Controller::State::Try Controller::State::try_to_start(Partition& partition,
                                                       const JobQueue::Candidate& candidate,
                                                       bool is_planned, Time since) {
  Job& job = jobs.at(candidate.place.job);
  ++stats.placements_tried;
  const rm::Window window = window_of(partition, job, since);
  rm::Acquired answer = rm.acquire(job.what, job.path, window);
  // The first of all gives way to nobody whom it has overtaken. Where there is room for both, the
  // other keeps his place, and need not look for it again.
  if (is_planned && !partition.holds.empty() && is_stopped_by_hold(answer)) {
    while (!partition.holds.empty()) drop_hold(partition, partition.holds.begin()->first);
    answer = rm.acquire(job.what, job.path, window);
  }
  KeepQuotas{*this}.try_before(partition, job, window, answer);
  return settle_try(partition, job, std::move(answer), is_planned);
}

// `since`: when its place begins, if it has one. Places are reached a little late: the job needs
// its room until its place ends. Who stands right behind it, or a reservation that begins there,
// waits as much longer if it runs until its limit (extend_overdue).
rm::Window Controller::State::window_of(const Partition& partition, const Job& job,
                                        Time since) const {
  const Duration length = shapes[job.shape].length;
  constexpr Duration kLateMost = seconds(1);
  const bool is_late = since < clock.mono && clock.mono - since < std::min(kLateMost, length);
  const Time until = rm::after(is_late ? since : clock.mono, length);
  const QuotaHeads::Head* const head = quota_heads.find(job.id);
  return {clock.mono, until, partition.by,
          head != nullptr ? std::optional(head->kept) : std::nullopt};
}

// With `is_planned` a job that is short of licences alone keeps its place in the order; so does the
// first of all when what it needs of quotas is there, and kept for others only until a known time.
Controller::State::Try Controller::State::settle_try(Partition& partition, Job& job,
                                                     rm::Acquired&& answer, bool is_planned) {
  if (auto* lease = std::get_if<rm::Lease>(&answer)) {
    const std::uint32_t index = next_ready(job);
    DROVER_CHECK(index != kNoElement, "a job without ready tasks competes for a node");
    ++stats.placements_made;
    if (!partition.holds.empty()) drop_hold(partition, job.id);
    KeepQuotas{*this}.started(partition, job);
    if (partition.placed == job.id) partition.placed = {};
    drop_clearing(job.id, true);
    note_start(partition, job);
    rm::for_each_part(*lease, [&](const rm::NodePart& part) {
      for (Partition& other : partitions)
        if (other.queue.knows_room(part.node))
          other.queue.update_room(part.node, [&] { return room_for(other, part.node); });
    });
    partition.queue.started(job.lane);
    launch(job, index, std::move(*lease), clock);
    return Try::Started;
  }
  const auto* quota = std::get_if<rm::QuotaShort>(&answer);
  if (quota == nullptr || rm::is_licence(*quota)) KeepQuotas{*this}.drop(job.id, true);
  if (quota != nullptr) {
    const auto hold = partition.holds.find(job.id);
    if (hold != partition.holds.end() && rm.slot_of(hold->second).start > clock.mono)
      return Try::Held;  // no earlier than there and then
    if (is_planned && rm::is_licence(*quota) &&
        Reserved{*this}.are_licences_foreseen(partition, job)) {
      if (job.active == 0) set_reason(job, Reason::Licences);
      drop_clearing(job.id);  // nodes would not help it
      return Try::Held;
    }
    if (is_planned && KeepQuotas{*this}.is_foreseen(partition, job, *quota)) {
      if (job.active == 0) set_reason(job, Reason::Quota);
      partition.tries_head = true;
      return Try::Held;
    }
    drop_holds_of(partition, job.lane);
    partition.give_up_precedence(job.id);
    if (partition.placed == job.id) partition.placed = {};
    if (!rm::is_licence(*quota)) KeepQuotas{*this}.ask(partition, job, *quota);
    partition.queue.park(job.lane, *quota);
    if (job.active == 0) set_reason(job, rm::is_licence(*quota) ? Reason::Licences : Reason::Quota);
    const auto clearing = clearings.find(job.id);
    if (clearing != clearings.end() && !clearing->second.for_quota) drop_clearing(job.id);
    if (!clearings.contains(job.id)) owed.insert(job.id);
    return Try::Parked;
  }
  if (job.active == 0)
    set_reason(job, job.is_statement             ? Reason::Engine
                    : clearings.contains(job.id) ? Reason::Preempting
                                                 : Reason::Resources);
  return std::get<rm::NoFit>(answer).held ? Try::Held : Try::NoRoom;
}

void Controller::State::serve_heads(Partition& partition) {
  JobQueue& queue = partition.queue;
  if (std::exchange(partition.tries_head, false))
    if (const auto head = queue.head()) queue.unblock(head->shape);
  while (true) {
    if (has_unheld()) wake_unheld();
    if (!queue.could_head_start()) return;
    const auto head = queue.head();
    const auto own = partition.holds.find(head->place.job);
    Time since = rm::kEver;
    if (own != partition.holds.end()) {  // it must not be in its own way
      since = take_back(partition, own).start;
      partition.is_stale = ended_since = true;
    }
    const Try tried = try_to_start(partition, *head, true, since);
    if (tried == Try::NoRoom) queue.block(head->shape, JobQueue::Block::NoRoom);
    if (tried == Try::Held)
      queue.block(head->shape, Reserved{*this}.ends_too_late(partition, head->shape)
                                   ? JobQueue::Block::Hopeless
                                   : JobQueue::Block::Held);
  }
}

// After a restart: until when a task may run is known once there is a clock.
void Controller::State::expect_end(const TaskId& id, Now now) {
  if (!rm.plans()) return;
  Job& job = *find(id.job);
  Task& task = *find_task(job, raw(id.index));
  TaskRecord& record = task.record;
  if (record.state == TaskState::Suspended) return;  // nobody knows
  // The wall clock may have been set back since.
  const Time start =
      std::min(now.mono - (now.wall - record.placed) + record.suspended_for, now.mono);
  const Time until = std::max(rm::after(start, shapes[job.shape].length), now.mono);
  rm.extend(*record.lease, until);
  limits.follow(task);
}

std::string Controller::State::names_of(const rm::Lease& lease) const {
  std::vector<std::string> all;
  rm::for_each_part(lease,
                    [&](const rm::NodePart& part) { all.push_back(node_of(part.node).name); });
  return fold_names(all);
}

// To the head node; the script starts there, whatever it does on the others.
void Controller::State::order(const TaskRecord& record) {
  const rm::Lease& lease = *record.lease;
  auto& launch = std::get<Launch>(out.actions.emplace_back(std::in_place_type<Launch>));
  launch.node = lease.node;
  launch.session = node_of(lease.node).session;
  launch.id = {record.id, record.attempt, record.epoch};
  launch.lease = lease;
  if (!lease.more.empty()) launch.nodes = record.node;
}

void Controller::State::launch(Job& job, std::uint32_t index, rm::Lease&& lease, Now now) {
  Task& task = materialise(job, index, false);
  move(task, TaskEvent::Place);
  TaskRecord& record = task.record;
  record.reason = Reason::None;
  record.preempted_by = {};
  record.gives_way = PreemptMode::Off;
  record.notice = {};
  record.suspended_for = {};
  record.attempt = AttemptNo{raw(record.attempt) + 1};
  record.epoch = Epoch{next_epoch++};
  const Node& head = node_of(lease.node);
  if (lease.more.empty())
    record.node = head.name;
  else
    record.node = names_of(lease);
  record.host = head.host;
  record.placed = now.wall;
  record.lease = std::move(lease);
  limits.follow(task);
  ranking.hold(job.standing, rm::LeaseTotal(*record.lease), now.wall);
  if (!job.more->ready.empty()) job.more->ready.erase(index);
  ++job.active;
  ++stats.tasks_active;
  ++stats.launched;
  follow_sleep(job);
  touch(job);
  set_reason(job, Reason::None);
  rm::for_each_part(*record.lease,
                    [&](const rm::NodePart& part) { node_of(part.node).tasks.insert(record.id); });
  emit(EventKind::AttemptLaunched, job, &task, now);
  order(record);
  update_queues(job);
}

}  // namespace drover::sched
