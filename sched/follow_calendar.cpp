// sched/follow_calendar.cpp - reservations begin, end and come again.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "sched/keep_quotas.hpp"
#include "sched/reserving.hpp"

namespace drover::sched {
namespace {

constexpr Duration kLaidOut = seconds(32 * 86'400);  // ahead, occurrence by occurrence
constexpr Duration kDriftMax =
    seconds(1);  // of the wall clock against the other, until all is anew

}  // namespace

rm::ReservedId Controller::State::Reserving::id_of(const std::string& name) {
  const auto [known, is_new] = s.reserved_ids.try_emplace(name, rm::kUnreserved);
  if (!is_new) return known->second;
  std::size_t at = 1;  // a lowest free one, so that the ids stay few
  while (at < s.reserved.size() && s.reserved[at].is_known()) ++at;
  if (at >= s.reserved.size()) s.reserved.resize(at + 1);
  s.reserved[at].name = name;
  return known->second = rm::ReservedId(std::uint32_t(at));
}

void Controller::State::Reserving::forget_if_unused(rm::ReservedId id) {
  LiveReservation& live = s.reserved[std::size_t(id)];
  if (!live.jobs.empty() || s.calendar.find(live.name) != nullptr) return;
  for (const auto& [base, queue] : live.queues) {  // empty by now; the next one takes it
    queue->by = rm::kUnreserved;
    s.spare_queues[base].push_back(queue);
  }
  s.reserved_ids.erase(live.name);
  live = {};
}

// Jobs in a reservation have a queue of their own: they compete with nobody outside.
void Controller::State::Reserving::enter(Job& job, const std::string& name) {
  if (name.empty()) return;
  const rm::ReservedId id = id_of(name);
  LiveReservation& live = s.reserved[std::size_t(id)];
  job.extra().reservation = id;
  live.jobs.insert(job.id);
  const std::uint32_t base = s.ranking.at(job.standing).partition;
  Partition*& queue = live.queues[base];
  if (queue != nullptr) return;
  std::vector<Partition*>& spare = s.spare_queues[base];
  if (spare.empty()) {
    queue = s.add_partition(s.partition_at[base]->name, s.partition_at[base]->policy);
  } else {
    queue = spare.back();
    spare.pop_back();
  }
  queue->by = id;
}

void Controller::State::Reserving::close_gate(Job& job) {
  const rm::ReservedId id = job.reservation();
  if (id != rm::kUnreserved && !Reserved{s}.is_open(id)) job.gates |= kReservationGate;
}

void Controller::State::Reserving::leave(const Job& job, rm::ReservedId id) {
  if (id == rm::kUnreserved) return;
  s.reserved[std::size_t(id)].jobs.erase(job.id);
  forget_if_unused(id);
}

void Controller::State::Reserving::wake_everybody() {
  for (Partition& partition : s.partitions) {
    partition.queue.wake_all();
    partition.is_stale = true;
  }
  s.ended_since = true;
}

void Controller::State::Reserving::drop_all_holds() {
  for (Partition& partition : s.partitions)
    while (!partition.holds.empty()) s.drop_hold(partition, partition.holds.rbegin()->first);
  while (!s.clearings.empty()) s.drop_clearing(s.clearings.begin()->first);
}

void Controller::State::Reserving::drop_holds_in(rm::ReservedId id) {
  for (const auto& [base, queue] : s.reserved[std::size_t(id)].queues)
    while (!queue->holds.empty()) s.drop_hold(*queue, queue->holds.begin()->first);
  std::vector<JobId> promised;
  for (const auto& [job, clearing] : s.clearings)
    if (s.reserved[std::size_t(id)].jobs.contains(job)) promised.push_back(job);
  for (const JobId job : promised) s.drop_clearing(job);
  for (const JobId job : s.reserved[std::size_t(id)].jobs) KeepQuotas{s}.drop(job, true);
}

void Controller::State::Reserving::charge_leases(rm::ReservedId id, rm::ReservedId to) {
  for (const JobId known : s.reserved[std::size_t(id)].jobs) {
    Job& job = s.jobs.at(known);
    if (job.active == 0) continue;
    for (auto& [index, task] : job.more->tasks)
      if (task.record.lease) s.rm.charge_to(*task.record.lease, to);
  }
  for (const TaskId& task : s.reserved[std::size_t(id)].drawn)
    s.rm.charge_to(*s.jobs.at(task.job).more->tasks.at(raw(task.index)).record.lease, to);
}

std::vector<rm::ReservedSpan> Controller::State::Reserving::spans_of(const Reservation& reservation,
                                                                     Now now) const {
  const auto mono = [&](Time wall) { return now.mono + (wall - now.wall); };
  std::vector<rm::ReservedSpan> spans;
  Time at = now.wall;
  while (const auto span = occurrence_at(reservation, at)) {
    if (!spans.empty() && span->from - now.wall > kLaidOut) {
      spans.push_back({mono(span->from), rm::kEver});
      break;
    }
    spans.push_back({mono(span->from), mono(span->until)});
    at = span->until;
  }
  return spans;
}

// Takes what was laid out before away and lays it out anew, with everybody who is inside.
void Controller::State::Reserving::lay_out(rm::ReservedId id, Now now) {
  LiveReservation& live = s.reserved[std::size_t(id)];
  const Reservation& reservation = *s.calendar.find(live.name);
  drop_holds_in(id);
  charge_leases(id, rm::kUnreserved);
  s.rm.unreserve(id);
  live.span = occurrence_at(reservation, now.wall);
  std::vector<rm::ReservedPart> parts;
  for (const ReservedNode& part : reservation.nodes) {
    const auto known = s.node_ids.find(part.node);
    if (known == s.node_ids.end()) continue;  // has not been seen since a restart
    const rm::Amounts& of = part.amounts;
    const std::int64_t cpus = of[rm::Kind::CpuMilli];
    // A seat for each job that could be in it, so that nobody outside has the node alone.
    parts.push_back({known->second, part.whole,
                     rm::Room{cpus, of[rm::Kind::MemMib], of[rm::Kind::GpuMilli],
                              std::max<std::int64_t>(1, cpus / 1000)}});
  }
  s.rm.reserve(id, spans_of(reservation, now), parts, reservation.licences, reservation.flexible);
  if (Reserved{s}.is_open(id)) charge_leases(id, id);
  if (reservation.flexible) open_gates(id, now);
}

void Controller::State::Reserving::show_on_nodes(const Reservation& reservation) {
  for (const ReservedNode& part : reservation.nodes) {
    const auto known = s.node_ids.find(part.node);
    if (known == s.node_ids.end()) continue;
    std::string names;
    bool maintenance = false;
    for (const std::string& name : s.calendar.on_node(part.node)) {
      const auto id = s.reserved_ids.find(name);
      if (id == s.reserved_ids.end() || !s.reserved[std::size_t(id->second)].goes_on) continue;
      names += (names.empty() ? "" : ",") + name;
      const Reservation& one = *s.calendar.find(name);
      maintenance |= one.maintenance && std::ranges::any_of(one.nodes, [&](const auto& at) {
                       return at.whole && at.node == part.node;
                     });
    }
    s.rm.show_reservation(known->second, std::move(names), maintenance);
  }
}

void Controller::State::Reserving::explain_waiting(rm::ReservedId id) {
  for (const JobId known : s.reserved[std::size_t(id)].jobs) {
    Job& job = s.jobs.at(known);
    if (job.lane != kNoLane && job.active == 0) s.set_reason(job, Reason::Reservation);
  }
}

void Controller::State::Reserving::open_gates(rm::ReservedId id, Now now) {
  const std::set<JobId> jobs = s.reserved[std::size_t(id)].jobs;
  for (const JobId job : jobs) s.open_gate(*s.find(job), kReservationGate, now);
}

void Controller::State::Reserving::begin(rm::ReservedId id, Now now) {
  LiveReservation& live = s.reserved[std::size_t(id)];
  live.goes_on = true;
  if (s.calendar.find(live.name)->magnetic) s.magnets.insert(id);
  charge_leases(id, id);
  show_on_nodes(*s.calendar.find(live.name));
  open_gates(id, now);
  emit(EventKind::ReservationBegan, live.name, "goes_on", now);
}

void Controller::State::Reserving::end(rm::ReservedId id, Now now) {
  LiveReservation& live = s.reserved[std::size_t(id)];
  live.goes_on = false;
  drop_holds_in(id);
  charge_leases(id, rm::kUnreserved);
  live.drawn.clear();
  s.magnets.erase(id);
  show_on_nodes(*s.calendar.find(live.name));
  if (!Reserved{s}.is_flexible(id)) explain_waiting(id);
  emit(EventKind::ReservationEnded, live.name, "ended", now);
}

void Controller::State::Reserving::emit(EventKind kind, const std::string& name, std::string state,
                                        Now now, std::uint32_t uid) {
  if (!s.config.keep_records) return;
  Event event;
  event.seq = EventSeq{s.next_event++};
  event.at = now.wall;
  event.kind = kind;
  event.uid = uid;
  event.state = name + ": " + state;
  s.out.changes.events.push_back(std::move(event));
}

// One that is over and does not come again leaves the calendar.
void Controller::State::Reserving::follow(Now now) {
  if (!s.next_reserved) return;
  const Duration offset = now.mono - now.wall;
  const std::int64_t drift_us = offset.us - s.reserved_offset.us;
  const bool anew = std::max(drift_us, -drift_us) > kDriftMax.us;
  if (now.wall < *s.next_reserved && !anew) return;
  start_planning(now);
  if (anew) drop_all_holds();
  s.reserved_offset = offset;
  std::vector<std::string> over;
  for (const auto& [name, reservation] : s.calendar.all()) {
    const rm::ReservedId id = id_of(name);
    LiveReservation& live = s.reserved[std::size_t(id)];
    const auto span = occurrence_at(reservation, now.wall);
    const bool goes_on = span && span->from <= now.wall;
    if (live.goes_on && (!goes_on || span != live.span)) end(id, now);
    if (!span) over.push_back(name);
    if (span && (span != live.span || anew)) lay_out(id, now);
    if (goes_on && !live.goes_on) begin(id, now);
  }
  for (const std::string& name : over) {
    const rm::ReservedId id = id_of(name);
    charge_leases(id, rm::kUnreserved);  // of a flexible one that was never seen to go on
    s.rm.unreserve(id);
    s.reserved[std::size_t(id)].span.reset();
    if (auto gone = s.calendar.remove(name); !gone) continue;
    forget_if_unused(id);
    s.reservations_dirty = true;
  }
  s.next_reserved = s.calendar.next_change(now.wall);
  wake_everybody();
}

}  // namespace drover::sched
