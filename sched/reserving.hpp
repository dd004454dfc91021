// sched/reserving.hpp - the controller's verbs that have to do with reservations.
// SPDX-License-Identifier: Apache-2.0
//
// A reservation's occurrences are laid out in the nodes' timelines for a month ahead; what comes
// later counts as going on without end. Between two changes of the calendar nothing of it costs
// anything; a change costs O(nodes of the reservation * occurrences * steps + its open jobs).
#pragma once
#include <string>
#include <vector>

#include "sched/controller_state.hpp"

namespace drover::sched {

std::string jobs_text(const std::vector<JobId>& jobs);  // "jobs 1, 2 and 7 more"

struct Controller::State::Reserving {
  State& s;

  // reserve.cpp: what operators ask
  void put(PutReservation in, Now now);
  void remove(const RemoveReservation& in, Now now);
  void restore(Reservation reservation);

  void start_planning(Now now);  // from what runs; nothing if it has begun

  // Also after each edit of them: places are given anew.
  void foresee_quotas();

  // follow_calendar.cpp: what time does
  void follow(Now now);  // O(1) while nothing of the calendar changes
  void lay_out(rm::ReservedId id, Now now);
  rm::ReservedId id_of(const std::string& name);  // from now on it is known
  void forget_if_unused(rm::ReservedId id);
  void enter(Job& job, const std::string& name);  // a job that names it
  void leave(const Job& job, rm::ReservedId id);
  void wake_everybody();
  void close_gate(Job& job);  // of a job whose reservation does not go on

  // magnets.cpp: who runs in one that he has not named
  void draw_in();

 private:
  bool lets_in(rm::ReservedId id, const Partition& partition) const;
  bool draw_from(rm::ReservedId id, Partition& partition, LaneId lane);
  struct Obstacle {
    std::string node;
    std::vector<JobId> jobs;
  };
  Result<void> weigh(PutReservation& in, Now now) const;
  Result<void> check_times(const Reservation& reservation, Now now) const;
  Result<void> check_nodes(const Reservation& reservation) const;
  Result<void> choose_nodes(PutReservation& in, Now now) const;
  std::optional<Obstacle> running_on(const Reservation& reservation, const ReservedNode& part,
                                     Now now) const;
  Result<void> check_running(const Reservation& reservation, Now now) const;
  // reserve_licences.cpp
  Result<void> check_licences(const Reservation& reservation) const;
  Result<void> check_licences_running(const Reservation& reservation, Now now) const;
  rm::Amounts capacity_of(const std::string& node) const;
  void drop_all_holds();
  void drop_holds_in(rm::ReservedId id);
  void charge_leases(rm::ReservedId id, rm::ReservedId to);
  void open_gates(rm::ReservedId id, Now now);
  void begin(rm::ReservedId id, Now now);
  void end(rm::ReservedId id, Now now);
  void show_on_nodes(const Reservation& reservation);
  void explain_waiting(rm::ReservedId id);
  void emit(EventKind kind, const std::string& name, std::string state, Now now,
            std::uint32_t uid = 0);
  std::vector<rm::ReservedSpan> spans_of(const Reservation& reservation, Now now) const;
};

// What jobs are told. explain_reservation.cpp
struct Controller::State::Reserved {
  const State& s;

  bool is_flexible(rm::ReservedId id) const;  // and on the calendar
  // Its jobs may start: it goes on, or they need not wait for that.
  bool is_open(rm::ReservedId id) const {
    return s.reserved[std::size_t(id)].goes_on || is_flexible(id);
  }

  Result<void> check(const JobSpec& spec) const;  // could it ever run in what it names?
  rm::Window wait_of(const Asker& asker) const;   // as if it started now, until its place begins
  std::string licences_kept(const Asker& asker, const rm::QuotaShort& pool,
                            std::string& hint) const;
  bool are_licences_foreseen(const Partition& partition, const Job& job) const;
  static Result<void> check_licences(const Reservation& known, const rm::Counts& asked);
  Result<void> check_room(const Reservation& known, const rm::Request& request) const;
  Result<void> check_times(const Reservation& known, const JobSpec& spec) const;
  Why why_inside(const Asker& asker) const;  // who names one
  std::optional<Why> why_outside(const Asker& asker) const;
  std::string why_not_drawn(const Asker& asker, rm::ReservedId id) const;
  bool may_draw(rm::ReservedId id, rm::PathId path) const;               // without naming it
  void audit(const Job& job, std::vector<std::string>& problems) const;  // check.cpp
  bool ends_too_late(const Partition& partition, ShapeId shape) const;
  std::optional<Estimate> when(const std::string& name, std::optional<JobId> job) const;
};

}  // namespace drover::sched
