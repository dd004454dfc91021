// rm/licence_forecast.hpp - when licences will be free, by the limits of what holds them, what is
// planned, and what reservations set aside.
//
// As on a node with reservations (rm/reserved_room.hpp): a licence has a timeline for everybody,
// and where reservations set some of it aside one for each of these and one of what is physically
// free. What may be used is what is free both in one's own timeline and physically. A job in a
// reservation that has none of a licence uses everybody's. Without licences nothing costs anything.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "rm/amount_timeline.hpp"
#include "rm/node_ask.hpp"
#include "rm/reserved_room.hpp"
#include "rm/slot.hpp"

namespace drover::rm {

class LicenceForecast {
 public:
  using Asked = std::span<const NamedAmount>;

  void set_totals(Asked totals);  // what is not among them has none
  bool empty() const { return all_.empty(); }
  void charge(const Amounts& held, ReservedId by, Time until, std::int64_t sign);  // a lease
  void forget_before(Time now);

  // ---- what is set aside, and for whom
  void reserve(ReservedId id, const std::vector<ReservedSpan>& spans, Asked amounts);
  void unreserve(ReservedId id);

  // ---- what is planned: for the hold of that id on nodes
  void hold(HoldId id, Asked amounts, Time from, Time until, ReservedId by);
  bool drop(HoldId id);  // false: it held none
  void lift(HoldId id);  // it is asked as if the hold were not there
  void lay(HoldId id);   // it is again

  // ---- questions
  struct Short {
    Kind kind{};
    std::int64_t asked = 0, free = 0;  // free: at all of the time
  };
  // What keeps somebody from them; that they are free now is not asked, since the books know.
  std::optional<Short> first_short(Asked want, Time from, Time until, ReservedId by) const;
  std::optional<Time> earliest(Asked want, Duration length, Time from, Time not_after,
                               ReservedId by) const;
  // The first span at whose beginning too few are left for others.
  std::optional<ReservedRoom::InTheWay> in_the_way(const NamedAmount& want, Time from,
                                                   Time until) const;

 private:
  struct Inside {
    ReservedId id{};
    std::vector<ReservedSpan> spans;
    std::int64_t amount = 0;  // set aside
    AmountTimeline timeline;
  };
  struct Reserved {
    AmountTimeline physical;
    std::vector<Inside> inside;  // by id
  };
  struct Licence {
    Kind kind{};
    std::int64_t total = 0;
    AmountTimeline others;
    std::unique_ptr<Reserved> reserved;  // null: nothing is set aside
  };
  struct Held {
    std::vector<NamedAmount> amounts;
    Time from, until;
    ReservedId by{};
  };
  const Licence* find(Kind kind) const;
  template <class Any>  // a Licence, const or not
  static auto own(Any& licence, ReservedId by) -> decltype((licence.others)) {
    if (by == kUnreserved || licence.reserved == nullptr) return licence.others;
    for (Inside& inside : licence.reserved->inside)
      if (inside.id == by) return inside.timeline;
    return licence.others;
  }
  static void charge(Licence& licence, ReservedId by, Time from, Time until, std::int64_t change);
  static std::optional<Time> earliest(const Licence& licence, std::int64_t want, Duration length,
                                      Time from, Time not_after, ReservedId by);
  void move(const Held& held, std::int64_t sign);

  std::vector<Licence> all_;  // by kind
  std::map<HoldId, Held> holds_;
  std::size_t reservations_ = 0;  // of licences
};

}  // namespace drover::rm
