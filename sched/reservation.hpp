// sched/reservation.hpp - what is set aside on which nodes, when, and for whom: a pure calendar.
// SPDX-License-Identifier: Apache-2.0
//
// Times are wall times: people agree on them. A recurring reservation comes again every 24 hours or
// 7 days, without end.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "rm/amounts.hpp"
#include "rm/request.hpp"

namespace drover::sched {

enum class Repeat : std::uint8_t { Once, Daily, Weekly };
std::string_view to_string(Repeat repeat);  // "once", "daily", "weekly"
Result<Repeat> parse_repeat(std::string_view word);

// Of a node: all of it, or so much.
struct ReservedNode {
  std::string node;
  bool whole = true;
  rm::Amounts amounts;  // when not whole
  friend bool operator==(const ReservedNode&, const ReservedNode&) = default;
};

struct Reservation {  // durable
  std::string name;
  Time start;
  Duration length;
  Repeat repeat{};
  bool maintenance = false;  // nobody may use it
  bool overlap = false;      // may be where another one is
  bool magnetic = false;  // who may use it does so without naming it, when there is no other room
  bool flexible = false;  // those who name it also run before, after and beside it
  std::vector<std::string> users, accounts;  // who may use it; both empty = operators alone
  std::vector<ReservedNode> nodes;           // by name
  std::string comment;
  rm::Counts licences;  // of the cluster, beside its nodes
  friend bool operator==(const Reservation&, const Reservation&) = default;
};

struct Span {
  Time from, until;
  friend bool operator==(const Span&, const Span&) = default;
};

Duration period(Repeat repeat);  // 0 of Once
// The occurrence that is going on at `at` or the next one after it; nothing when it is over.
std::optional<Span> occurrence_at(const Reservation& reservation, Time at);
// Whether some occurrence of one meets some occurrence of the other.
bool times_meet(const Reservation& a, const Reservation& b);
bool may_use(const Reservation& reservation, std::string_view user, std::string_view account);

class ReservationCalendar {
 public:
  static constexpr std::size_t kMax = 10'000;
  static constexpr std::size_t kNodesMax = 100'000;
  using CapacityOf = std::function<rm::Amounts(const std::string& node)>;

  // Adds or replaces. Errors: BadInput - name, length, nodes; Conflict - it meets another one and
  // neither may overlap: both are named, with the node and the time at which they meet first.
  Result<void> put(Reservation reservation, const CapacityOf& capacity_of);
  // What put() would say; the nodes are in order already.
  Result<void> check(const Reservation& reservation, const CapacityOf& capacity_of) const;
  Result<Reservation> remove(std::string_view name);  // NotFound with the nearest name
  void restore(Reservation reservation);              // as stored, without questions
  const Reservation* find(std::string_view name) const;
  const std::map<std::string, Reservation, std::less<>>& all() const { return by_name_; }
  const std::vector<std::string>& on_node(std::string_view node) const;  // names, sorted

  // What is set aside on the node during [from, until), other than by `except`: the most at any
  // moment. A whole node gives every slot the capacity.
  rm::Amounts blocked(std::string_view node, Span during, const rm::Amounts& capacity,
                      std::string_view except = {}) const;
  // The next moment after `now` at which a reservation begins or ends.
  std::optional<Time> next_change(Time now) const;

 private:
  Result<void> check_overlap(const Reservation& reservation, const CapacityOf& capacity_of) const;

  std::map<std::string, Reservation, std::less<>> by_name_;
  std::map<std::string, std::vector<std::string>, std::less<>> on_node_;  // names, sorted
};

}  // namespace drover::sched
