// tests/unit/sched/reservation_test.cpp - the calendar against one that looks at every hour.
// SPDX-License-Identifier: Apache-2.0
#include "sched/reservation.hpp"

#include <gtest/gtest.h>

#include "base/prng.hpp"

namespace drover::sched {
namespace {

constexpr std::int64_t kHourUs = std::int64_t(3600) * 1'000'000;
constexpr Time kStart{1'800'000'000'000'000};  // 2027-01-15T08:00:00Z

Time hour(std::int64_t h) { return {kStart.us + h * kHourUs}; }
Duration hours(std::int64_t h) { return {h * kHourUs}; }

rm::Amounts cpus(std::int64_t n) {
  rm::Amounts amounts;
  amounts[rm::Kind::CpuMilli] = n * 1000;
  return amounts;
}
const ReservationCalendar::CapacityOf kEight = [](const std::string&) { return cpus(8); };

Reservation whole(std::string name, std::int64_t from, std::int64_t length,
                  Repeat repeat = Repeat::Once) {
  Reservation out;
  out.name = std::move(name);
  out.start = hour(from);
  out.length = hours(length);
  out.repeat = repeat;
  out.nodes = {{"n1", true, {}}};
  return out;
}
Reservation part(std::string name, std::int64_t from, std::int64_t length, std::int64_t n) {
  Reservation out = whole(std::move(name), from, length);
  out.nodes = {{"n1", false, cpus(n)}};
  return out;
}

TEST(Reservation, OccurrencesComeAgain) {
  struct Row {
    Repeat repeat;
    std::int64_t at;
    std::optional<Span> span;
  };
  const Row rows[] = {
      {Repeat::Once, -5, Span{hour(0), hour(2)}},
      {Repeat::Once, 1, Span{hour(0), hour(2)}},
      {Repeat::Once, 2, std::nullopt},
      {Repeat::Daily, 2, Span{hour(24), hour(26)}},
      {Repeat::Daily, 24, Span{hour(24), hour(26)}},
      {Repeat::Daily, 25, Span{hour(24), hour(26)}},
      {Repeat::Daily, 26, Span{hour(48), hour(50)}},
      {Repeat::Weekly, 26, Span{hour(168), hour(170)}},
  };
  for (const Row& row : rows)
    EXPECT_EQ(occurrence_at(whole("r", 0, 2, row.repeat), hour(row.at)), row.span)
        << to_string(row.repeat) << " " << row.at;
}

TEST(Reservation, OnesThatMeetAreRefusedWithBothNames) {
  ReservationCalendar calendar;
  ASSERT_TRUE(calendar.put(whole("a", 0, 2, Repeat::Daily), kEight));
  const auto refused = calendar.put(whole("b", 49, 1), kEight);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::Conflict);
  EXPECT_EQ(refused.error().message,
            "reservations b and a meet on node n1 at 2027-01-17T09:00:00Z");
  EXPECT_TRUE(calendar.put(whole("b", 50, 1), kEight));
  EXPECT_TRUE(calendar.put(whole("b", 51, 1), kEight)) << "a new time for b itself";
  Reservation allowed = whole("c", 0, 2);
  allowed.overlap = true;
  EXPECT_TRUE(calendar.put(allowed, kEight));
  Reservation elsewhere = whole("d", 0, 2);
  elsewhere.nodes[0].node = "n2";
  EXPECT_TRUE(calendar.put(elsewhere, kEight));
}

TEST(Reservation, PartsOfANodeLieSideBySideWhileTheyFit) {
  ReservationCalendar calendar;
  EXPECT_TRUE(calendar.put(part("a", 0, 4, 3), kEight));
  EXPECT_TRUE(calendar.put(part("b", 2, 4, 3), kEight));
  EXPECT_TRUE(calendar.put(part("c", 6, 4, 8), kEight));
  EXPECT_FALSE(calendar.put(part("d", 3, 1, 3), kEight));
  EXPECT_TRUE(calendar.put(part("d", 3, 1, 2), kEight));
  EXPECT_FALSE(calendar.put(whole("e", 3, 1), kEight));
}

TEST(Reservation, WhatMakesNoSenseIsRefused) {
  ReservationCalendar calendar;
  const auto message = [&](Reservation reservation) {
    return calendar.put(std::move(reservation), kEight).error().message;
  };
  EXPECT_EQ(message(whole("a b", 0, 1)), "'a b' cannot name a reservation");
  EXPECT_EQ(message(whole("a", 0, 0)), "reservation a lasts no time");
  EXPECT_EQ(message(whole("a", 0, 25, Repeat::Daily)),
            "reservation a lasts longer than it takes to come again");
  EXPECT_EQ(message(part("a", 0, 1, 0)), "nothing is reserved on node n1");
  Reservation nowhere = whole("a", 0, 1);
  nowhere.nodes.clear();
  EXPECT_EQ(message(nowhere), "reservation a is on no node");
  EXPECT_EQ(calendar.remove("x").error().message, "there is no reservation x");
}

TEST(Reservation, WhoMayUseIt) {
  Reservation reservation = whole("r", 0, 1);
  EXPECT_FALSE(may_use(reservation, "ann", "physics"));
  reservation.users = {"ann"};
  reservation.accounts = {"maths"};
  EXPECT_TRUE(may_use(reservation, "ann", "physics"));
  EXPECT_TRUE(may_use(reservation, "eve", "maths"));
  EXPECT_FALSE(may_use(reservation, "eve", ""));
  reservation.maintenance = true;
  EXPECT_FALSE(may_use(reservation, "ann", "maths"));
}

// A slow calendar that looks at each hour of four weeks.
struct Slow {
  std::map<std::string, Reservation> all;

  static bool goes_on(const Reservation& r, std::int64_t h) {
    const std::int64_t from = (r.start.us - kStart.us) / kHourUs, length = r.length.us / kHourUs;
    const std::int64_t every = period(r.repeat).us / kHourUs;
    if (h < from) return false;
    return every == 0 ? h < from + length : (h - from) % every < length;
  }
  std::int64_t blocked(std::int64_t from, std::int64_t until, const std::string& except) const {
    std::int64_t most = 0;
    for (std::int64_t h = from; h < until; ++h) {
      std::int64_t sum = 0;
      for (const auto& [name, r] : all)
        if (name != except && goes_on(r, h))
          sum += r.nodes[0].whole ? 8000 : r.nodes[0].amounts[rm::Kind::CpuMilli];
      most = std::max(most, std::min<std::int64_t>(sum, 8000));
    }
    return most;
  }
  bool meets(const Reservation& a, const Reservation& b) const {
    for (std::int64_t h = 0; h < 24 * 28; ++h)
      if (goes_on(a, h) && goes_on(b, h)) return true;
    return false;
  }
};

TEST(Reservation, TheCalendarAgreesWithOneThatLooksAtEveryHour) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Prng prng(seed);
    ReservationCalendar calendar;
    Slow slow;
    for (int i = 0; i < 12; ++i) {
      const std::string name(1, char('a' + prng.below(6)));
      if (prng.chance(20)) {
        EXPECT_EQ(calendar.remove(name).has_value(), slow.all.erase(name) > 0);
        continue;
      }
      const auto from = std::int64_t(prng.below(60)), length = 1 + std::int64_t(prng.below(24));
      Reservation made = prng.chance(50)
                             ? whole(name, from, length)
                             : part(name, from, length, 1 + std::int64_t(prng.below(5)));
      made.repeat = Repeat(prng.below(3));
      made.overlap = prng.chance(20);
      bool conflict = false;
      for (const auto& [other, r] : slow.all) {
        if (other == name || r.overlap || made.overlap || !slow.meets(made, r)) continue;
        std::int64_t sum = made.nodes[0].amounts[rm::Kind::CpuMilli];
        for (const auto& [third, beside] : slow.all)
          if (third != name && !beside.overlap && slow.meets(made, beside))
            sum += beside.nodes[0].amounts[rm::Kind::CpuMilli];
        conflict |= made.nodes[0].whole || r.nodes[0].whole || sum > 8000;
      }
      EXPECT_EQ(calendar.put(made, kEight).has_value(), !conflict) << "seed " << seed;
      if (!conflict) slow.all[name] = made;
    }
    for (int i = 0; i < 30; ++i) {
      const auto from = std::int64_t(prng.below(300)), length = 1 + std::int64_t(prng.below(40));
      const std::string except(1, char('a' + prng.below(8)));
      EXPECT_EQ(calendar.blocked("n1", {hour(from), hour(from + length)}, cpus(8),
                                 except)[rm::Kind::CpuMilli],
                slow.blocked(from, from + length, except))
          << "seed " << seed;
    }
    EXPECT_TRUE(calendar.blocked("n2", {hour(0), hour(100)}, cpus(8)).is_zero());
  }
}

TEST(Reservation, TheNextChangeIsABeginningOrAnEnd) {
  ReservationCalendar calendar;
  EXPECT_FALSE(calendar.next_change(hour(0)));
  ASSERT_TRUE(calendar.put(whole("a", 0, 2, Repeat::Daily), kEight));
  ASSERT_TRUE(calendar.put(whole("b", 30, 1), kEight));
  EXPECT_EQ(calendar.next_change(hour(-9)), hour(0));
  EXPECT_EQ(calendar.next_change(hour(0)), hour(2));
  EXPECT_EQ(calendar.next_change(hour(2)), hour(24));
  EXPECT_EQ(calendar.next_change(hour(26)), hour(30));
  EXPECT_EQ(calendar.next_change(hour(31)), hour(48));
}

}  // namespace
}  // namespace drover::sched
