// sched/explain_reservation.cpp - why a job waits because of a reservation, its own or another's.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "base/counted_words.hpp"
#include "base/units.hpp"
#include "sched/reserving.hpp"

namespace drover::sched {
namespace {

bool has_amounts(const rm::Amounts& of, const rm::Request& request,
                 const rm::ResourceNames& names) {
  for (const auto& [name, count] : request.resources) {
    const auto kind = names.custom(name);
    if (!kind || of[*kind] < count) return false;
  }
  return of[rm::Kind::CpuMilli] >= request.cpus * 1000 && of[rm::Kind::MemMib] >= request.mem_mib &&
         of[rm::Kind::GpuMilli] >= request.gpus * 1000 + request.gpu_share;
}

bool has_models(const rm::Topology& topology, const rm::Request& request) {
  if (request.gpu_model.empty()) return true;
  const auto count = std::ranges::count(topology.gpus, request.gpu_model, &rm::Gpu::model);
  return count >= std::max<std::int64_t>(request.gpus, request.gpu_share > 0 ? 1 : 0);
}

bool has_labels(const rm::Labels& labels, const rm::Request& request) {
  return std::ranges::all_of(request.node_labels, [&](const auto& label) {
    const auto found = labels.find(label.first);
    return found != labels.end() && found->second == label.second;
  });
}

}  // namespace

// Whether enough of its nodes are of the kind that is asked for and have as much set aside. Of what
// an expression says nothing is known here.
Result<void> Controller::State::Reserved::check_room(const Reservation& known,
                                                     const rm::Request& request) const {
  std::int64_t labelled = 0, could = 0;
  for (const ReservedNode& part : known.nodes) {
    const auto id = s.node_ids.find(part.node);
    const auto node = id == s.node_ids.end() ? std::nullopt : s.rm.node(id->second);
    const bool is_seen = node && node->capacity[rm::Kind::CpuMilli] > 0;
    if (node && !has_labels(node->spec->labels, request)) continue;
    ++labelled;
    if (!part.whole && (request.exclusive || !has_amounts(part.amounts, request, s.rm.names())))
      continue;
    if (is_seen && (!has_models(node->spec->topology, request) ||
                    !has_amounts(node->capacity, request, s.rm.names())))
      continue;
    ++could;
  }
  if (could >= request.nodes) return {};
  const bool by_labels = labelled < request.nodes;
  const std::int64_t found = by_labels ? labelled : could;
  return fail(Errc::Limit,
              (found == 0 ? std::string("none") : std::to_string(found)) +
                  " of the nodes of reservation " + known.name + (found > 1 ? " have" : " has") +
                  (by_labels ? " the labels that the job or its partition asks for"
                             : " as much set aside as the job asks for") +
                  ", it needs " + std::to_string(request.nodes),
              "drover reservation show " + known.name, "reservation");
}

// Of one that does not come again, and of deadlines.
Result<void> Controller::State::Reserved::check_times(const Reservation& known,
                                                      const JobSpec& spec) const {
  const auto id = s.reserved_ids.find(known.name);
  if (id == s.reserved_ids.end() || !s.reserved[std::size_t(id->second)].span) return {};
  Span span = *s.reserved[std::size_t(id->second)].span;
  const Time from = std::max(spec.begin, s.clock.wall);
  if (known.repeat != Repeat::Once && spec.deadline.is_set()) {  // the first that is long enough
    auto next = occurrence_at(known, from);
    if (next && std::max(from, next->from) + spec.time_limit > next->until)
      next = occurrence_at(known, next->until);
    span = next.value_or(span);
  }
  if (known.repeat == Repeat::Once && spec.begin + spec.time_limit > span.until)
    return fail(Errc::BadInput,
                "the job begins not before " + format_utc(spec.begin) +
                    " and cannot end within reservation " + known.name + ", which ends at " +
                    format_utc(span.until),
                "choose an earlier --begin or a shorter --time", "begin");
  if (spec.deadline.is_set() && std::max(spec.begin, span.from) + spec.time_limit > spec.deadline)
    return fail(Errc::BadInput,
                "the job cannot end by its deadline " + format_utc(spec.deadline) +
                    ": reservation " + known.name + " begins at " + format_utc(span.from),
                "choose a later deadline or a shorter --time", "deadline");
  return {};
}

bool Controller::State::Reserved::is_flexible(rm::ReservedId id) const {
  const Reservation* known = s.calendar.find(s.reserved[std::size_t(id)].name);
  return known != nullptr && known->flexible;
}

// Whether the job could ever run in the reservation that it names.
Result<void> Controller::State::Reserved::check(const JobSpec& spec) const {
  if (spec.reservation.empty()) return {};
  const Reservation* known = s.calendar.find(spec.reservation);
  if (known == nullptr) {
    std::vector<std::string_view> names;
    for (const auto& [name, reservation] : s.calendar.all()) names.push_back(name);
    const std::string_view near = nearest_match(spec.reservation, names);
    return fail(Errc::NotFound, "there is no reservation " + spec.reservation,
                near.empty() ? "drover reservation ls shows them"
                             : "did you mean " + std::string(near) + "?",
                "reservation");
  }
  const auto account = spec.labels.find("account");
  if (!may_use(*known, spec.user, account == spec.labels.end() ? "" : account->second))
    return fail(Errc::Denied,
                known->maintenance ? "reservation " + known->name + " is for maintenance"
                                   : "you may not use reservation " + known->name,
                "drover reservation show " + known->name + " says who may", "reservation");
  if (known->flexible) return {};  // elsewhere and at other times as well
  if (spec.time_limit.us == 0 || spec.time_limit > known->length)
    return fail(Errc::BadInput,
                "the job cannot end within reservation " + known->name + ", which lasts " +
                    format_duration(known->length) +
                    (spec.time_limit.us == 0 ? ": it has no time limit" : ""),
                "give it a --time of at most " + format_duration(known->length), "time");
  if (auto ok = check_times(*known, spec); !ok) return ok;
  if (auto ok = check_licences(*known, rm::licences_of(spec.request)); !ok) return ok;
  if (auto ok = check_room(*known, spec.request); !ok || spec.request.more.empty()) return ok;
  for (const rm::Request& more : spec.request.more)
    if (auto ok = check_room(*known, more); !ok) return ok;
  if (rm::nodes_of(spec.request) <= std::int64_t(known->nodes.size())) return {};
  return fail(Errc::Limit,
              "reservation " + known->name + " has " +
                  counted(std::int64_t(known->nodes.size()), "node") + ", the components need " +
                  std::to_string(rm::nodes_of(spec.request)) + ", each its own",
              "drover reservation show " + known->name, "reservation");
}

// A job that runs in a reservation alone.
Why Controller::State::Reserved::why_inside(const Asker& asker) const {
  const LiveReservation& live = s.reserved[std::size_t(asker.by)];
  const Reservation* known = s.calendar.find(live.name);
  if (known == nullptr)
    return {asker.state, Reason::Reservation,
            "reservation " + live.name + " is over or was removed",
            asker.job == nullptr ? "leave --reservation out"
                                 : "drover cancel " + std::to_string(raw(asker.job->id)) +
                                       ", and submit it again without --reservation"};
  if (!live.goes_on)
    return {asker.state,
            Reason::Reservation,
            "waits for reservation " + live.name +
                (live.span ? ", which begins at " + format_utc(live.span->from) : ""),
            {}};
  const Duration length = asker.length;
  const std::string until = format_utc(live.span->until);
  if (s.clock.wall + length > live.span->until)
    return {asker.state, Reason::Reservation,
            "its time limit of " + format_duration(length) + " does not end before reservation " +
                live.name + " does, at " + until,
            known->repeat == Repeat::Once
                ? "a shorter time limit would let it start"
                : "it waits for the next time, or give it a shorter limit"};
  std::string text = "what reservation " + live.name + " has is in use";
  return {asker.state, Reason::Resources, text + s.place_held(asker),
          "drover reservation show " + live.name};
}

// It may use the reservation without naming it, and does not.
std::string Controller::State::Reserved::why_not_drawn(const Asker& asker,
                                                       rm::ReservedId id) const {
  const LiveReservation& live = s.reserved[std::size_t(id)];
  const std::string text = ", which it may use without naming it, but ";
  if (live.span && s.clock.wall + asker.length > live.span->until)
    return text + "its time limit does not end before that does, at " +
           format_utc(live.span->until) + s.place_held(asker);
  return text + "what that has is in use or promised" + s.place_held(asker);
}

// A job outside that has room now on so many nodes as it needs, and a reservation keeps it from
// each of them.
std::optional<Why> Controller::State::Reserved::why_outside(const Asker& asker) const {
  if (s.calendar.all().empty()) return std::nullopt;
  const rm::NoFit fit = s.rm.explain(asker.what);
  if (fit.fit_now < fit.nodes_needed) return std::nullopt;
  const Duration length = asker.length;
  const auto way = s.rm.in_the_way(asker.what, {s.clock.mono, rm::after(s.clock.mono, length)});
  if (!way) return std::nullopt;
  const std::string name = s.reserved[std::size_t(way->id)].name;
  const Time from = s.clock.wall + (way->span.from - s.clock.mono);
  std::string text = std::to_string(fit.fit_now) +
                     (fit.fit_now == 1 ? " node has" : " nodes have") +
                     " room now, but reservation " + name;
  if (from <= s.clock.wall && may_draw(way->id, asker.path))
    return Why{asker.state, Reason::Reservation,
               text + " goes on there" + why_not_drawn(asker, way->id),
               "drover reservation show " + name};
  if (from <= s.clock.wall)
    return Why{asker.state, Reason::Reservation, text + " goes on there" + s.place_held(asker),
               "drover reservation show " + name};
  text +=
      " begins there at " + format_utc(from) +
      (is_unlimited(length) ? ", and the job has no time limit"
                            : ", before its time limit of " + format_duration(length) + " ends");
  return Why{asker.state, Reason::Reservation, text + s.place_held(asker),
             "drover reservation show " + name};
}

// Not before it begins; those who came before may keep it waiting then.
std::optional<Estimate> Controller::State::Reserved::when(const std::string& name,
                                                          std::optional<JobId> job) const {
  const auto known = s.reserved_ids.find(name);
  if (known == s.reserved_ids.end()) return std::nullopt;
  const LiveReservation& live = s.reserved[std::size_t(known->second)];
  if (!live.span) return std::nullopt;
  const auto before = job ? std::distance(live.jobs.begin(), live.jobs.find(*job))
                          : std::ptrdiff_t(live.jobs.size());
  Estimate estimate;
  estimate.start = std::max(live.span->from, s.clock.wall);
  estimate.before = std::uint32_t(before);
  estimate.is_least = true;
  estimate.because = "then reservation " + name + " begins";
  estimate.made = s.clock.wall;
  return estimate;
}

// In a reservation: what would not end before it does stands aside until it comes again.
bool Controller::State::Reserved::ends_too_late(const Partition& partition, ShapeId shape) const {
  if (partition.by == rm::kUnreserved || is_flexible(partition.by)) return false;
  const LiveReservation& live = s.reserved[std::size_t(partition.by)];
  return live.span && s.clock.wall + s.shapes[shape].length > live.span->until;
}

}  // namespace drover::sched
