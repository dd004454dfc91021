// sched/live_reservation.hpp - what the controller keeps of a reservation beside its entry.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/ids.hpp"
#include "sched/reservation.hpp"

namespace drover::sched {

struct Partition;

// Exists while it is on the calendar, or while an open job names it.
struct LiveReservation {
  std::string name;
  std::optional<Span> span;  // wall; that goes on or comes next, and is laid out in the timelines
  bool goes_on = false;
  std::set<JobId> jobs;                        // open ones that name it
  std::map<std::uint32_t, Partition*> queues;  // by the partition that the jobs are in
  std::set<TaskId> drawn;                      // that run inside and whose jobs do not name it

  bool is_known() const { return !name.empty(); }
};

// As shown to people.
struct ReservationView {
  const Reservation* reservation = nullptr;
  std::optional<Span> span;  // that goes on or comes next
  bool goes_on = false;
  std::uint64_t jobs_waiting = 0, jobs_running = 0;
};

}  // namespace drover::sched
