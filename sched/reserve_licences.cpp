// sched/reserve_licences.cpp - whether licences can be set aside for a reservation.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/counted_words.hpp"
#include "base/units.hpp"
#include "rm/licence.hpp"
#include "sched/reserving.hpp"

namespace drover::sched {

// There must be as many, and no more may be set aside at any time than there are, counted over
// everybody who could be there at the same time as this one.
Result<void> Controller::State::Reserving::check_licences(const Reservation& reservation) const {
  if (auto ok = rm::can_ever_have(reservation.licences, s.config.licences); !ok) return ok;
  if (reservation.overlap) return {};
  for (const auto& [licence, count] : reservation.licences) {
    const std::int64_t total = s.config.licences.at(licence);
    std::int64_t sum = count;
    for (const auto& [name, other] : s.calendar.all()) {
      const auto theirs = other.licences.find(licence);
      if (name == reservation.name || other.overlap || theirs == other.licences.end()) continue;
      if (!times_meet(reservation, other)) continue;
      sum += theirs->second;
      if (sum <= total) continue;
      return fail(Errc::Conflict,
                  "reservations " + reservation.name + " and " + name + " meet, and with them " +
                      std::to_string(sum) + " licences " + licence + " would be set aside of " +
                      std::to_string(total),
                  "choose another time or fewer licences, or allow it with --overlap", "licences");
    }
  }
  return {};
}

// The limits of what holds licences now, as on nodes: see running_on().
Result<void> Controller::State::Reserving::check_licences_running(const Reservation& reservation,
                                                                  Now now) const {
  const auto span = occurrence_at(reservation, now.wall);
  if (!span || reservation.licences.empty()) return {};
  const Time from = now.mono + (std::max(span->from, now.wall) - now.wall);
  const auto own = s.reserved_ids.find(reservation.name);
  for (const auto& [licence, count] : reservation.licences) {
    const auto kind = s.rm.names().find(rm::licence_word(licence));
    if (!kind) continue;
    std::int64_t left = s.config.licences.at(licence);
    std::vector<JobId> holders;
    for (const auto& [id, node] : s.nodes)
      for (const TaskId& task : node.tasks) {
        const Job& job = s.jobs.at(task.job);
        const rm::Lease& lease = *job.more->tasks.at(raw(task.index)).record.lease;
        const bool is_own = own != s.reserved_ids.end() &&
                            (job.reservation() == own->second || lease.by == own->second);
        if (lease.node != id || lease.until <= from || lease.amounts[*kind] == 0 || is_own)
          continue;
        left -= lease.amounts[*kind];
        if (std::ranges::find(holders, task.job) == holders.end()) holders.push_back(task.job);
      }
    if (left >= count || holders.empty()) continue;
    return fail(Errc::Conflict,
                jobs_text(holders) + " may still hold licences " + licence + " when reservation " +
                    reservation.name + " begins at " + format_utc(std::max(span->from, now.wall)) +
                    ": " + std::to_string(std::max<std::int64_t>(0, left)) +
                    " would be left for it",
                "begin later, reserve fewer, or let what runs stay with --ignore-jobs", "licences");
  }
  return {};
}

// What a job in the reservation may ask for. Of a licence of which it has none its jobs have what
// everybody has.
Result<void> Controller::State::Reserved::check_licences(const Reservation& known,
                                                         const rm::Counts& asked) {
  for (const auto& [licence, count] : asked) {
    const auto own = known.licences.find(licence);
    if (own == known.licences.end() || count <= own->second) continue;
    return fail(Errc::Limit,
                counted(count, "licence") + " " + licence + is_or_are(count) +
                    " asked for, reservation " + known.name + " has " + std::to_string(own->second),
                "drover reservation show " + known.name, "licences");
  }
  return {};
}

// What it holds itself is not in its way.
rm::Window Controller::State::Reserved::wait_of(const Asker& asker) const {
  const Partition& partition = *asker.partition;
  rm::Window window{s.clock.mono, rm::after(s.clock.mono, asker.length), partition.by};
  if (asker.job == nullptr) return window;
  const auto hold = partition.holds.find(asker.job->id);
  if (hold != partition.holds.end())
    window.until = std::min(window.until, s.rm.slot_of(hold->second).start);
  return window;
}

// Who keeps those that are free from the job, and until when.
std::string Controller::State::Reserved::licences_kept(const Asker& asker,
                                                       const rm::QuotaShort& pool,
                                                       std::string& hint) const {
  const rm::Window window = wait_of(asker);
  const std::string name(rm::licence_name(s.rm.names().word(pool.kind)));
  if (asker.by != rm::kUnreserved) {
    const std::string& own = s.reserved[std::size_t(asker.by)].name;
    const Reservation* known = s.calendar.find(own);
    if (known != nullptr && known->licences.contains(name))
      return "; reservation " + own + " has no more of them for it";
  }
  const auto way = s.rm.licences_in_the_way(pool, window);
  if (!way) return "; the others are kept for jobs before it";
  const Duration away = way->span.from - s.clock.mono;
  const std::string text =
      "; reservation " + s.reserved[std::size_t(way->id)].name + " keeps some of them";
  if (away.us <= 0) return text;
  hint = "a time limit of at most " + format_duration(away) + " would let it start before that";
  return text + " from " + format_utc(s.clock.wall + away) + " on";
}

}  // namespace drover::sched
