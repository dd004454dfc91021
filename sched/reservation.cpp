// sched/reservation.cpp - occurrences, meetings, and what they block.
// SPDX-License-Identifier: Apache-2.0
#include "sched/reservation.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/units.hpp"

namespace drover::sched {
namespace {

constexpr std::array kRepeats = {std::string_view("once"), std::string_view("daily"),
                                 std::string_view("weekly")};
constexpr Duration kLengthMax = seconds(std::int64_t(3660) * 86'400);

const ReservedNode* part_on(const Reservation& reservation, std::string_view node) {
  const auto found =
      std::ranges::lower_bound(reservation.nodes, node, {},
                               [](const ReservedNode& at) { return std::string_view(at.node); });
  return found != reservation.nodes.end() && found->node == node ? &*found : nullptr;
}

Result<void> check_alone(const Reservation& reservation) {
  const bool is_word = !reservation.name.empty() && reservation.name.size() <= 64 &&
                       std::ranges::all_of(reservation.name, [](char c) {
                         return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
                       });
  if (!is_word)
    return fail(Errc::BadInput,
                "'" + reservation.name.substr(0, 64) + "' cannot name a reservation",
                "use up to 64 letters, digits, '-', '_' and '.'", "name");
  if (reservation.length.us <= 0 || reservation.length > kLengthMax || reservation.start.us <= 0)
    return fail(Errc::BadInput, "reservation " + reservation.name + " lasts no time",
                "give it --start and --time", "time");
  if (const Duration every = period(reservation.repeat); every.us > 0 && reservation.length > every)
    return fail(Errc::BadInput,
                "reservation " + reservation.name + " lasts longer than it takes to come again",
                "shorten it to " + format_duration(every), "time");
  if (reservation.nodes.empty() || reservation.nodes.size() > ReservationCalendar::kNodesMax)
    return fail(Errc::BadInput, "reservation " + reservation.name + " is on no node",
                "name nodes with --nodes, or a number of them", "nodes");
  for (std::size_t i = 0; i < reservation.nodes.size(); ++i) {
    const ReservedNode& at = reservation.nodes[i];
    if (i > 0 && reservation.nodes[i - 1].node == at.node)
      return fail(Errc::BadInput, "node " + at.node + " is named twice", "name it once", "nodes");
    if (!at.whole && at.amounts.is_zero())
      return fail(Errc::BadInput, "nothing is reserved on node " + at.node,
                  "reserve the whole node, or say how much of it", "nodes");
  }
  return {};
}

// The first moment from `from` on at which both go on; nothing when they never meet. Occurrences of
// a week are enough: everything comes again by then.
std::optional<Time> first_meeting(const Reservation& a, const Reservation& b) {
  Time at = std::max(a.start, b.start);
  const Time end = at + period(Repeat::Weekly) + period(Repeat::Daily);
  while (true) {
    const auto of_a = occurrence_at(a, at);
    const auto of_b = occurrence_at(b, at);
    if (!of_a || !of_b) return std::nullopt;
    const Time from = std::max({of_a->from, of_b->from, at});
    if (from < of_a->until && from < of_b->until) return from;
    const bool both_repeat = a.repeat != Repeat::Once && b.repeat != Repeat::Once;
    if (both_repeat && from > end) return std::nullopt;
    at = from;
  }
}

}  // namespace

std::string_view to_string(Repeat repeat) { return kRepeats[std::size_t(repeat)]; }

Result<Repeat> parse_repeat(std::string_view word) {
  for (std::size_t i = 0; i < kRepeats.size(); ++i)
    if (kRepeats[i] == word) return Repeat(i);
  return fail(Errc::BadInput, "a reservation cannot repeat '" + std::string(word) + "'",
              "known: once, daily, weekly", "repeat");
}

Duration period(Repeat repeat) {
  switch (repeat) {
    case Repeat::Once: return {};
    case Repeat::Daily: return seconds(86'400);
    case Repeat::Weekly: return seconds(7LL * 86'400);
  }
  return {};
}

std::optional<Span> occurrence_at(const Reservation& reservation, Time at) {
  const Span first{reservation.start, reservation.start + reservation.length};
  if (at < first.until) return first;
  const Duration every = period(reservation.repeat);
  if (every.us == 0) return std::nullopt;
  const std::int64_t times = (at.us - first.from.us) / every.us;
  Span span{{first.from.us + times * every.us}, {first.until.us + times * every.us}};
  if (span.until <= at) span = {span.from + every, span.until + every};
  return span;
}

bool times_meet(const Reservation& a, const Reservation& b) {
  return first_meeting(a, b).has_value();
}

bool may_use(const Reservation& reservation, std::string_view user, std::string_view account) {
  if (reservation.maintenance) return false;
  const auto lists = [](const std::vector<std::string>& names, std::string_view name) {
    return std::ranges::any_of(names, [&](const std::string& known) { return known == name; });
  };
  return lists(reservation.users, user) || lists(reservation.accounts, account);
}

Result<void> ReservationCalendar::check_overlap(const Reservation& reservation,
                                                const CapacityOf& capacity_of) const {
  for (const ReservedNode& at : reservation.nodes) {
    const auto names = on_node_.find(at.node);
    if (names == on_node_.end()) continue;
    for (const std::string& name : names->second) {
      const Reservation& other = *find(name);
      if (other.name == reservation.name || other.overlap || reservation.overlap) continue;
      const auto meeting = first_meeting(reservation, other);
      if (!meeting) continue;
      // Parts of a node may lie side by side while they fit together, counted over everybody who
      // could be there at the same time as this one.
      const ReservedNode& theirs = *part_on(other, at.node);
      if (!at.whole && !theirs.whole) {
        rm::Amounts sum = at.amounts;
        for (const std::string& beside : names->second) {
          const Reservation& third = *find(beside);
          if (third.name != reservation.name && !third.overlap && times_meet(reservation, third))
            sum += part_on(third, at.node)->amounts;
        }
        if (!rm::first_shortage(capacity_of(at.node), sum)) continue;
      }
      return fail(Errc::Conflict,
                  "reservations " + reservation.name + " and " + other.name + " meet on node " +
                      at.node + " at " + format_utc(*meeting),
                  "choose another time or node, or allow it with --overlap", "nodes");
    }
  }
  return {};
}

Result<void> ReservationCalendar::check(const Reservation& reservation,
                                        const CapacityOf& capacity_of) const {
  if (auto ok = check_alone(reservation); !ok) return ok;
  if (by_name_.size() >= kMax && find(reservation.name) == nullptr)
    return fail(Errc::Limit, "there are " + std::to_string(kMax) + " reservations already",
                "remove some", "name");
  return check_overlap(reservation, capacity_of);
}

Result<void> ReservationCalendar::put(Reservation reservation, const CapacityOf& capacity_of) {
  std::ranges::sort(reservation.nodes, {}, &ReservedNode::node);
  if (auto ok = check(reservation, capacity_of); !ok) return ok;
  restore(std::move(reservation));
  return {};
}

const std::vector<std::string>& ReservationCalendar::on_node(std::string_view node) const {
  static const std::vector<std::string> kNone;
  const auto names = on_node_.find(node);
  return names == on_node_.end() ? kNone : names->second;
}

void ReservationCalendar::restore(Reservation reservation) {
  if (find(reservation.name) != nullptr)
    if (auto old = remove(reservation.name); !old) return;
  for (const ReservedNode& at : reservation.nodes) {
    std::vector<std::string>& names = on_node_[at.node];
    names.insert(std::ranges::lower_bound(names, reservation.name), reservation.name);
  }
  std::string name = reservation.name;
  by_name_.emplace(std::move(name), std::move(reservation));
}

Result<Reservation> ReservationCalendar::remove(std::string_view name) {
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) {
    std::vector<std::string_view> names;
    for (const auto& [known, reservation] : by_name_) names.push_back(known);
    const std::string_view near = nearest_match(name, names);
    return fail(Errc::NotFound, "there is no reservation " + std::string(name.substr(0, 64)),
                near.empty() ? "drover reservation ls shows them"
                             : "did you mean " + std::string(near) + "?",
                "reservation");
  }
  Reservation gone = std::move(found->second);
  by_name_.erase(found);
  for (const ReservedNode& at : gone.nodes) {
    const auto names = on_node_.find(at.node);
    std::erase(names->second, gone.name);
    if (names->second.empty()) on_node_.erase(names);
  }
  return gone;
}

const Reservation* ReservationCalendar::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &found->second;
}

// The sum changes only where an occurrence begins, so the most is at `from` or at a beginning. A
// span that is longer than a period meets everything that repeats; its beginnings within one period
// tell all.
rm::Amounts ReservationCalendar::blocked(std::string_view node, Span during,
                                         const rm::Amounts& capacity,
                                         std::string_view except) const {
  rm::Amounts most;
  const auto names = on_node_.find(node);
  if (names == on_node_.end()) return most;
  std::vector<Time> moments{during.from};
  for (const std::string& name : names->second) {
    Time at = during.from;
    for (int days = 0; days < 8; ++days) {
      const auto span = occurrence_at(*find(name), at);
      if (!span || span->from >= during.until) break;
      if (span->from > during.from) moments.push_back(span->from);
      at = span->until;
    }
  }
  for (const Time moment : moments) {
    rm::Amounts sum;
    for (const std::string& name : names->second) {
      const Reservation& reservation = *find(name);
      const auto span = occurrence_at(reservation, moment);
      if (name == except || !span || span->from > moment) continue;
      const ReservedNode& part = *part_on(reservation, node);
      sum += part.whole ? capacity : part.amounts;
    }
    for (std::size_t k = 0; k < rm::kKinds; ++k)
      most.of[k] = std::max(most.of[k], std::min(sum.of[k], capacity.of[k]));
  }
  return most;
}

std::optional<Time> ReservationCalendar::next_change(Time now) const {
  std::optional<Time> next;
  for (const auto& [name, reservation] : by_name_) {
    const auto span = occurrence_at(reservation, now);
    if (!span) continue;
    const Time at = span->from > now ? span->from : span->until;
    if (!next || at < *next) next = at;
  }
  return next;
}

}  // namespace drover::sched
