// sched/reserve.cpp - whether a reservation may be made, changed or taken away.
// SPDX-License-Identifier: Apache-2.0
//
// A new one must not take from under running work what its time limit promises it: such work is
// named, and the reservation refused, unless the operator says that it may stay.
#include <algorithm>
#include <utility>

#include "base/counted_words.hpp"
#include "base/units.hpp"
#include "sched/keep_quotas.hpp"
#include "sched/reserving.hpp"

namespace drover::sched {

std::string jobs_text(const std::vector<JobId>& jobs) {
  constexpr std::size_t kNamedMax = 5;
  std::string text = jobs.size() == 1 ? "job " : "jobs ";
  for (std::size_t i = 0; i < jobs.size() && i < kNamedMax; ++i)
    text += (i > 0 ? ", " : "") + std::to_string(raw(jobs[i]));
  if (jobs.size() > kNamedMax) text += " and " + std::to_string(jobs.size() - kNamedMax) + " more";
  return text;
}

namespace {

constexpr Duration kLateMax = seconds(60);  // a beginning "now" may be so old when it arrives

// "8 cpus and not 9", "4G of memory and not 8G".
std::string shortage_text(const rm::Amounts& want, const rm::Amounts& have, rm::Kind kind,
                          const rm::ResourceNames& names) {
  if (kind == rm::Kind::MemMib)
    return format_memory_mib(have[kind]) + " of memory and not " + format_memory_mib(want[kind]);
  return rm::amount_text(have[kind], kind, names) + " and not " +
         std::to_string(want[kind] / names.unit(kind));
}

}  // namespace

rm::Amounts Controller::State::Reserving::capacity_of(const std::string& node) const {
  const auto known = s.node_ids.find(node);
  if (known == s.node_ids.end()) return {};
  const auto view = s.rm.node(known->second);
  return view ? view->capacity : rm::Amounts{};
}

Result<void> Controller::State::Reserving::check_times(const Reservation& reservation,
                                                       Now now) const {
  if (reservation.length.us <= 0) return {};  // the calendar says so
  const Reservation* old = s.calendar.find(reservation.name);
  const bool same_start = old != nullptr && old->start == reservation.start;
  const auto next = occurrence_at(reservation, now.wall);
  if (!next || (!same_start && reservation.start < now.wall - kLateMax))
    return fail(Errc::BadInput,
                "reservation " + reservation.name + " would " + (next ? "begin" : "end") +
                    " in the past: it is " + format_utc(now.wall),
                "choose a later --start, or --start=now", "start");
  if (reservation.start - now.wall > kUnlimited)
    return fail(Errc::BadInput, "reservation " + reservation.name + " begins in more than a year",
                "make it nearer to its time", "start");
  return {};
}

Result<void> Controller::State::Reserving::check_nodes(const Reservation& reservation) const {
  for (const ReservedNode& part : reservation.nodes) {
    const auto known = s.node_ids.find(part.node);
    if (known == s.node_ids.end()) {
      std::vector<std::string_view> names;
      for (const auto& [name, id] : s.node_ids) names.push_back(name);
      const std::string_view near = nearest_match(part.node, names);
      return fail(
          Errc::NotFound, "there is no node " + part.node.substr(0, 64),
          near.empty() ? "drover node ls shows them" : "did you mean " + std::string(near) + "?",
          "nodes");
    }
    if (part.whole) continue;
    if (part.amounts[rm::Kind::CpuMilli] < 1000)
      return fail(Errc::BadInput, "no CPU is reserved on node " + part.node,
                  "every job needs at least one: add --cpus", "cpus");
    const rm::Amounts capacity = capacity_of(part.node);
    const auto kind = rm::first_shortage(capacity, part.amounts);
    if (kind && s.nodes.at(known->second).seen)
      return fail(Errc::BadInput,
                  "node " + part.node + " has " +
                      shortage_text(part.amounts, capacity, *kind, s.rm.names()),
                  "drover node show " + part.node, "nodes");
  }
  return {};
}

// The jobs on the node, not of this reservation, whose limits reach into its next occurrence and
// that leave it too little. Later occurrences need no look: whoever runs now ends, and nobody new
// may reach into them.
std::optional<Controller::State::Reserving::Obstacle> Controller::State::Reserving::running_on(
    const Reservation& reservation, const ReservedNode& part, Now now) const {
  const auto span = occurrence_at(reservation, now.wall);
  const auto known = s.node_ids.find(part.node);
  if (!span || known == s.node_ids.end()) return std::nullopt;
  const Time from = now.mono + (std::max(span->from, now.wall) - now.wall);
  const auto own = s.reserved_ids.find(reservation.name);
  Obstacle obstacle{part.node, {}};
  rm::Amounts left = capacity_of(part.node);
  for (const TaskId& id : s.nodes.at(known->second).tasks) {
    const Job& job = s.jobs.at(id.job);
    const rm::Lease& lease = *job.more->tasks.at(raw(id.index)).record.lease;
    if (own != s.reserved_ids.end() &&
        (job.reservation() == own->second || lease.by == own->second))
      continue;
    if (lease.until <= from) continue;
    rm::for_each_part(lease, [&](const rm::NodePart& on) {
      if (on.node == known->second) left -= on.amounts;
    });
    if (obstacle.jobs.empty() || obstacle.jobs.back() != id.job) obstacle.jobs.push_back(id.job);
  }
  if (obstacle.jobs.empty()) return std::nullopt;
  const auto enough = [&](rm::Kind kind) { return left[kind] >= part.amounts[kind]; };
  if (!part.whole && enough(rm::Kind::CpuMilli) && enough(rm::Kind::MemMib) &&
      enough(rm::Kind::GpuMilli))
    return std::nullopt;
  return obstacle;
}

Result<void> Controller::State::Reserving::check_running(const Reservation& reservation,
                                                         Now now) const {
  for (const ReservedNode& part : reservation.nodes)
    if (const auto obstacle = running_on(reservation, part, now))
      return fail(Errc::Conflict,
                  jobs_text(obstacle->jobs) + " may still run on node " + obstacle->node +
                      " when reservation " + reservation.name + " begins at " +
                      format_utc(std::max(reservation.start, now.wall)),
                  "begin later, take another node, or let what runs stay with --ignore-jobs",
                  "nodes");
  return {};
}

// The first nodes, by name, on which the wanted part could be reserved.
Result<void> Controller::State::Reserving::choose_nodes(PutReservation& in, Now now) const {
  if (in.node_count == 0) return {};
  if (in.reservation.nodes.size() != 1)
    return fail(Errc::BadInput, "nodes are either named or counted", "leave one of them out",
                "nodes");
  ReservedNode part = in.reservation.nodes.front();
  in.reservation.nodes.clear();
  Reservation one = in.reservation;
  const auto capacity = [&](const std::string& node) { return capacity_of(node); };
  for (const auto& [name, id] : s.node_ids) {
    if (in.reservation.nodes.size() == in.node_count) break;
    part.node = name;
    one.nodes = {part};
    const Node& node = s.nodes.at(id);
    if (node.service != Service::InService || raw(node.session) == 0 || !check_nodes(one)) continue;
    if (!s.calendar.check(one, capacity)) continue;
    if (!in.ignore_jobs && running_on(one, part, now)) continue;
    in.reservation.nodes.push_back(part);
  }
  if (in.reservation.nodes.size() == in.node_count) return {};
  return fail(Errc::Conflict,
              std::to_string(in.reservation.nodes.size()) + " of " +
                  counted(std::int64_t(in.node_count), "node") +
                  " can be reserved then: the others are too small, out of service, reserved "
                  "or have running work that may reach into it",
              "choose another time or fewer nodes; drover reservation ls shows what is reserved",
              "nodes");
}

Result<void> Controller::State::Reserving::weigh(PutReservation& in, Now now) const {
  const Reservation& reservation = in.reservation;
  if (auto ok = check_times(reservation, now); !ok) return ok;
  if (reservation.maintenance && (reservation.magnetic || reservation.flexible))
    return fail(Errc::BadInput,
                "reservation " + reservation.name + " is for maintenance: nobody may use it",
                "leave out --maintenance, or --magnetic and --flex",
                reservation.magnetic ? "magnetic" : "flexible");
  if (reservation.flexible && !reservation.licences.empty())
    return fail(Errc::BadInput,
                "reservation " + reservation.name +
                    " is flexible: its jobs run at other times as well, when it has no licences",
                "leave out --licences, or --flex", "licences");
  if (!reservation.maintenance && reservation.users.empty() && reservation.accounts.empty())
    return fail(Errc::BadInput, "nobody may use reservation " + reservation.name,
                "say who with --users or --accounts, or that nobody shall with --maintenance",
                "users");
  if (auto ok = choose_nodes(in, now); !ok) return ok;
  if (auto ok = check_nodes(reservation); !ok) return ok;
  const auto capacity = [&](const std::string& node) { return capacity_of(node); };
  if (auto ok = s.calendar.check(reservation, capacity); !ok) return ok;
  if (auto ok = check_licences(reservation); !ok || in.ignore_jobs) return ok;
  if (auto ok = check_running(reservation, now); !ok) return ok;
  return check_licences_running(reservation, now);
}

void Controller::State::Reserving::put(PutReservation in, Now now) {
  if (!in.actor.is_operator)
    return s.reply(in.reply, fail(Errc::Denied, "only operators may change reservations"));
  std::ranges::sort(in.reservation.nodes, {}, &ReservedNode::node);
  const std::string name = in.reservation.name;
  if (in.only_new && s.calendar.find(name) != nullptr)
    return s.reply(in.reply,
                   fail(Errc::Conflict, "there is a reservation " + name + " already",
                        "drover reservation show " + name + ", or choose another name", "name"));
  s.fire_timers();  // after a restart: until when everybody runs
  start_planning(now);
  if (auto ok = weigh(in, now); !ok) return s.reply(in.reply, fail(std::move(ok.error())));
  if (const Reservation* old = s.calendar.find(name); old != nullptr) {
    const rm::ReservedId id = id_of(name);
    if (s.reserved[std::size_t(id)].goes_on) end(id, now);
    drop_holds_in(id);
    charge_leases(id, rm::kUnreserved);
    s.rm.unreserve(id);
  }
  s.calendar.restore(std::move(in.reservation));
  drop_all_holds();
  lay_out(id_of(name), now);
  s.next_reserved = now.wall;
  s.reservations_dirty = true;
  emit(EventKind::ReservationSet, name, "set", now, in.actor.uid);
  follow(now);
  s.reply(in.reply, Done{{}, s.calendar.find(name)->nodes.size()});
}

void Controller::State::Reserving::remove(const RemoveReservation& in, Now now) {
  if (!in.actor.is_operator)
    return s.reply(in.reply, fail(Errc::Denied, "only operators may change reservations"));
  if (auto gone = s.calendar.remove(in.name); !gone)
    return s.reply(in.reply, fail(std::move(gone.error())));
  else
    s.calendar.restore(*std::move(gone));
  const rm::ReservedId id = id_of(in.name);
  const std::uint64_t waiting = s.reserved[std::size_t(id)].jobs.size();
  if (s.reserved[std::size_t(id)].goes_on) end(id, now);
  drop_holds_in(id);
  charge_leases(id, rm::kUnreserved);
  s.rm.unreserve(id);
  s.reserved[std::size_t(id)].span.reset();
  if (auto gone = s.calendar.remove(in.name); !gone) return;
  explain_waiting(id);
  forget_if_unused(id);
  s.next_reserved = s.calendar.next_change(now.wall);
  s.reservations_dirty = true;
  wake_everybody();
  emit(EventKind::ReservationRemoved, in.name, "removed", now, in.actor.uid);
  s.reply(in.reply, Done{{}, waiting});
}

// Laid out once there is a clock.
void Controller::State::Reserving::restore(Reservation reservation) {
  id_of(reservation.name);
  s.calendar.restore(std::move(reservation));
  s.next_reserved = Time{};
}

void Controller::State::Reserving::foresee_quotas() {
  for (Partition& partition : s.partitions)
    while (!partition.holds.empty()) s.drop_hold(partition, partition.holds.rbegin()->first);
  KeepQuotas{s}.drop_all();
  std::vector<const rm::Lease*> live;
  for (const auto& [id, node] : s.nodes)
    for (const TaskId& task : node.tasks) {
      const rm::Lease& lease = *s.jobs.at(task.job).more->tasks.at(raw(task.index)).record.lease;
      if (lease.node == id) live.push_back(&lease);  // of a gang the head's part stands for all
    }
  s.rm.foresee_quotas(live);
  for (Partition& partition : s.partitions) partition.is_stale = true;
  s.ended_since = true;
}

// With the first reservation timelines are needed, whatever the policy: what runs is entered.
void Controller::State::Reserving::start_planning(Now now) {
  if (s.rm.plans()) return;
  std::vector<const rm::Lease*> live;
  std::vector<TaskId> tasks;
  for (const auto& [id, node] : s.nodes)
    for (const TaskId& task : node.tasks) {
      const rm::Lease& lease = *s.jobs.at(task.job).more->tasks.at(raw(task.index)).record.lease;
      if (lease.node != id) continue;  // of a gang the head's part stands for all
      live.push_back(&lease);
      tasks.push_back(task);
    }
  s.rm.plan_ahead(live);
  for (const TaskId& task : tasks) s.expect_end(task, now);
}

}  // namespace drover::sched
