// tests/simulation/world_reservations.cpp - reservations come and go, and nobody is placed on what
// is not his.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "tests/simulation/world.hpp"

namespace drover::simulation {

void World::reserve_some() {
  if (calm_) return;
  const std::string name = "r" + std::to_string(prng_.below(3));
  if (prng_.chance(25)) {
    give(sched::RemoveReservation{.reply = {}, .actor = {0, true}, .name = name});
  } else {
    sched::PutReservation put;
    put.actor = {0, true};
    sched::Reservation& made = put.reservation;
    made.name = name;
    made.start = now().wall + millis(std::int64_t(prng_.below(800)));
    made.length = millis(300 + std::int64_t(prng_.below(3000)));
    made.repeat = prng_.chance(20) ? sched::Repeat::Daily : sched::Repeat::Once;
    made.maintenance = prng_.chance(20);
    made.overlap = prng_.chance(10);
    made.flexible = !made.maintenance && prng_.chance(25);
    made.magnetic = !made.maintenance && prng_.chance(30);
    made.users = {"user" + std::to_string(1000 + prng_.below(3)),
                  "user" + std::to_string(1000 + prng_.below(3))};
    const bool whole = prng_.chance(50);
    for (const auto& node : nodes_) {
      if (prng_.chance(50)) continue;
      sched::ReservedNode part{node->spec().name, whole, {}};
      if (!whole) part.amounts[rm::Kind::CpuMilli] = 1000 + std::int64_t(prng_.below(3)) * 1000;
      if (!whole) part.amounts[rm::Kind::MemMib] = 2048;
      made.nodes.push_back(std::move(part));
    }
    if (faults_.licences && !made.flexible && prng_.chance(60))
      made.licences["l" + std::to_string(prng_.below(2))] = 1 + std::int64_t(prng_.below(2));
    put.ignore_jobs = prng_.chance(70);
    note("reserve " + name);
    give(std::move(put));
  }
  later(millis(50 + std::int64_t(prng_.below(400))), [this] { reserve_some(); });
}

// So that everything can end: nothing is reserved any more, and whoever waited for it goes.
void World::end_reservations() {
  for (int n = 0; n < 3; ++n)
    give(
        sched::RemoveReservation{.reply = {}, .actor = {0, true}, .name = "r" + std::to_string(n)});
  for (const auto& [id, job] : store_.jobs()) {
    if (is_final(job.state) || store_.spec(id).reservation.empty()) continue;
    sched::Command cancel;
    cancel.verb = sched::Verb::Cancel;
    cancel.target.job = id;
    cancel.actor = {.uid = 0, .is_operator = true};
    cancels_.insert(id);
    give(std::move(cancel));
  }
}

// What a turn has decided to launch, against the calendar by which it decided.
void World::check_launches(const sched::TurnOutput& output) {
  if (!faults_.reservations) return;
  for (const sched::Action& action : output.actions) {
    const auto* launch = std::get_if<sched::Launch>(&action);
    if (launch == nullptr || !decided_.insert(launch->id.epoch).second) continue;
    const auto stored = store_.tasks().find(launch->id.task);
    if (stored != store_.tasks().end() && stored->second.epoch == launch->id.epoch) continue;
    const sched::JobSpec* spec = nullptr;
    if (store_.knows(launch->id.task.job)) spec = &store_.spec(launch->id.task.job);
    if (spec != nullptr) check_launch(*launch, *spec);
  }
}

void World::check_launch(const sched::Launch& launch, const sched::JobSpec& spec) {
  const Time from = now().wall;
  const Time until = spec.time_limit.us > 0 ? from + spec.time_limit : from + seconds(366 * 86'400);
  const std::string node = controller_->resources().node(launch.lease.node)->spec->name;
  const std::string name = "job " + std::to_string(raw(launch.id.task.job)) + " on " + node;
  // Of two that overlap one may draw it in where the other one is as well.
  bool drawn = false;
  for (const auto& [known, reservation] : controller_->calendar().all())
    if (const auto span = occurrence_at(reservation, from))
      drawn |= std::ranges::find(reservation.nodes, node, &sched::ReservedNode::node) !=
                   reservation.nodes.end() &&
               is_drawn(reservation, *span, from, until, spec);
  drawn_ += drawn;
  for (const auto& [known, reservation] : controller_->calendar().all()) {
    const auto span = occurrence_at(reservation, from);
    const auto part = std::ranges::find(reservation.nodes, node, &sched::ReservedNode::node);
    const bool here = part != reservation.nodes.end();
    if (!span) continue;
    check_licences(name, reservation, *span, from, until, spec);
    if (known == spec.reservation && reservation.flexible) continue;
    if (known == spec.reservation) {
      ++inside_;
      if (!here || span->from > from || span->until < until)
        violations_.push_back(name + " does not keep within its reservation " + known);
      else if (!part->whole && first_shortage(part->amounts, asked(spec)))
        violations_.push_back(name + " takes more than reservation " + known + " has");
    } else if (here && span->from < until) {
      rm::Amounts left = controller_->resources().node(launch.lease.node)->capacity;
      if (part->whole)
        left = {};
      else
        left -= part->amounts;
      const bool shared = reservation.overlap || drawn || !spec.reservation.empty();
      if (!shared && first_shortage(left, asked(spec)))
        violations_.push_back(name + " takes what reservation " + known + " has");
    }
  }
  if (!spec.reservation.empty() && controller_->calendar().find(spec.reservation) == nullptr)
    violations_.push_back(name + " runs in a reservation that is not there");
}

// It may be inside without having named it. What it takes there is then not looked at.
bool World::is_drawn(const sched::Reservation& reservation, const sched::Span& span, Time from,
                     Time until, const sched::JobSpec& spec) const {
  const auto account = spec.labels.find("account");
  return reservation.magnetic && spec.reservation.empty() && span.from <= from &&
         (until <= span.until || reservation.flexible) &&
         may_use(reservation, spec.user, account == spec.labels.end() ? "" : account->second);
}

// Of what a reservation sets aside somebody else may have what is left of all there are.
void World::check_licences(const std::string& name, const sched::Reservation& reservation,
                           const sched::Span& span, Time from, Time until,
                           const sched::JobSpec& spec) {
  const bool own = spec.reservation == reservation.name;
  if (is_drawn(reservation, span, from, until, spec)) return;
  const bool goes_on = span.from < until && from < span.until;
  for (const auto& [licence, count] : spec.request.licences) {
    const auto aside = reservation.licences.find(licence);
    if (aside == reservation.licences.end() || !goes_on) continue;
    ++licensed_;
    const std::int64_t most = own ? aside->second : config_.licences.at(licence) - aside->second;
    const bool mixed = reservation.overlap || (!own && !spec.reservation.empty());
    if (count > most && !mixed)
      violations_.push_back(name + " takes licences " + licence + " that " +
                            (own ? "its reservation does not have" : "are set aside"));
  }
}

rm::Amounts World::asked(const sched::JobSpec& spec) {
  rm::Amounts amounts;
  amounts[rm::Kind::CpuMilli] = spec.request.cpus * 1000;
  amounts[rm::Kind::MemMib] = spec.request.mem_mib;
  return amounts;
}

}  // namespace drover::simulation
