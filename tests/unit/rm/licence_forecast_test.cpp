// tests/unit/rm/licence_forecast_test.cpp - licences over time against a model by the second.
// SPDX-License-Identifier: Apache-2.0
#include "rm/licence_forecast.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "base/prng.hpp"

namespace drover::rm {
namespace {

constexpr std::int64_t kEnd = 40;
constexpr Kind kKinds2[] = {named_kind(0), named_kind(3)};

Time at(std::int64_t s) { return Time{} + seconds(s); }

// What is set aside and who holds what, second by second; asked again each time.
struct Model {
  struct Use {
    std::int64_t from, until;
    std::map<Kind, std::int64_t> amounts;
    ReservedId by;
  };
  struct Aside {
    std::vector<ReservedSpan> spans;
    std::map<Kind, std::int64_t> amounts;
  };
  std::map<Kind, std::int64_t> totals;
  std::map<ReservedId, Aside> reserved;
  std::map<std::uint32_t, Use> uses;

  std::int64_t aside(ReservedId id, Kind kind, std::int64_t s) const {
    const Aside& what = reserved.at(id);
    for (const ReservedSpan& span : what.spans)
      if (span.from <= at(s) && at(s) < span.until && what.amounts.contains(kind))
        return what.amounts.at(kind);
    return 0;
  }
  // Whose timeline somebody uses: his reservation's where it has any of it.
  ReservedId pot(ReservedId by, Kind kind) const {
    const auto known = reserved.find(by);
    return known != reserved.end() && known->second.amounts.contains(kind) ? by : kUnreserved;
  }
  std::int64_t used(Kind kind, std::int64_t s, const ReservedId* of) const {
    std::int64_t sum = 0;
    for (const auto& [key, use] : uses)
      if (use.from <= s && s < use.until && use.amounts.contains(kind) &&
          (of == nullptr || pot(use.by, kind) == *of))
        sum += use.amounts.at(kind);
    return sum;
  }
  bool fits(ReservedId by, const std::vector<NamedAmount>& want, std::int64_t from,
            std::int64_t until) const {
    for (const NamedAmount& one : want) {
      const ReservedId mine = pot(by, one.kind);
      for (std::int64_t s = from; s < std::min(until, kEnd); ++s) {
        std::int64_t own = mine == kUnreserved ? totals.at(one.kind) : aside(mine, one.kind, s);
        if (mine == kUnreserved)
          for (const auto& [id, what] : reserved) own -= aside(id, one.kind, s);
        const std::int64_t free = std::min(own - used(one.kind, s, &mine),
                                           totals.at(one.kind) - used(one.kind, s, nullptr));
        if (free < one.amount) return false;
      }
    }
    return true;
  }
};

std::vector<NamedAmount> some(Prng& prng) {
  std::vector<NamedAmount> amounts;
  for (const Kind kind : kKinds2)
    if (amounts.empty() || prng.chance(40))
      amounts.push_back({kind, 1 + std::int64_t(prng.below(3))});
  return amounts;
}

std::map<Kind, std::int64_t> by_kind(const std::vector<NamedAmount>& amounts) {
  std::map<Kind, std::int64_t> all;
  for (const NamedAmount& one : amounts) all[one.kind] = one.amount;
  return all;
}

void compare(const LicenceForecast& forecast, const Model& model, Prng& prng) {
  const std::vector<NamedAmount> want = some(prng);
  for (std::uint32_t id = 0; id < 3; ++id) {
    const ReservedId by{id};
    const std::int64_t from = std::int64_t(prng.below(20));
    const std::int64_t length = 1 + std::int64_t(prng.below(9));
    if (!model.uses.empty() || !model.reserved.empty()) {
      // Where nothing is held or set aside the forecast leaves the answer to the books.
      EXPECT_EQ(!forecast.first_short(want, at(from), at(from + length), by),
                model.fits(by, want, from, from + length));
    }
    std::int64_t first = from;
    while (first < kEnd && !model.fits(by, want, first, first + length)) ++first;
    const auto found = forecast.earliest(want, seconds(length), at(from), kEver, by);
    if (first == kEnd)
      EXPECT_TRUE(!found || *found >= at(kEnd));
    else
      EXPECT_TRUE(found && *found == at(first));
  }
}

TEST(LicenceForecast, AgreesWithAModelBySeconds) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Prng prng(seed);
    Model model;
    LicenceForecast forecast;
    const auto set_totals = [&] {
      std::vector<NamedAmount> totals;
      for (const Kind kind : kKinds2) totals.push_back({kind, 3 + std::int64_t(prng.below(5))});
      model.totals = by_kind(totals);
      forecast.set_totals(totals);
    };
    set_totals();
    std::uint32_t next = 0;
    for (int step = 0; step < 30; ++step) {
      const ReservedId by{std::uint32_t(prng.below(3))};
      const bool known = by == kUnreserved || model.reserved.contains(by);
      const bool in_use = std::ranges::any_of(
          model.uses, [&](const auto& use) { return by != kUnreserved && use.second.by == by; });
      if (!known && !in_use) {
        const std::int64_t from = std::int64_t(prng.below(20));
        const std::int64_t length = 1 + std::int64_t(prng.below(8));
        std::vector<ReservedSpan> spans{{at(from), at(from + length)}};
        if (prng.chance(50)) spans.push_back({at(from + 12), at(from + 12 + length)});
        const auto amounts = some(prng);
        model.reserved[by] = {spans, by_kind(amounts)};
        forecast.reserve(by, spans, amounts);
      } else if (known && (in_use || by == kUnreserved || prng.chance(60))) {
        const std::int64_t from = std::int64_t(prng.below(20));
        const std::int64_t until = from + 1 + std::int64_t(prng.below(8));
        const auto amounts = some(prng);
        model.uses[next] = {from, until, by_kind(amounts), by};
        forecast.hold(HoldId{next++}, amounts, at(from), at(until), by);
      } else if (known) {
        model.reserved.erase(by);
        forecast.unreserve(by);
      }
      if (!model.uses.empty() && prng.chance(30)) {
        const auto gone =
            std::next(model.uses.begin(), std::ptrdiff_t(prng.below(model.uses.size())));
        EXPECT_TRUE(forecast.drop(HoldId{gone->first}));
        model.uses.erase(gone);
      }
      if (prng.chance(10)) set_totals();
      compare(forecast, model, prng);
    }
  }
}

TEST(LicenceForecast, LeasesGiveBackWhatTheyTookAlsoAfterTheirTime) {
  LicenceForecast forecast;
  const std::vector<NamedAmount> four{{named_kind(0), 4}}, one{{named_kind(0), 1}};
  forecast.set_totals(four);
  Amounts held;
  held[named_kind(0)] = 4;
  forecast.charge(held, kUnreserved, at(10), -1);
  EXPECT_EQ(forecast.earliest(one, seconds(5), at(0), kEver, kUnreserved), at(10));
  EXPECT_FALSE(forecast.earliest(one, seconds(5), at(0), at(9), kUnreserved));
  forecast.forget_before(at(12));
  forecast.charge(held, kUnreserved, at(10), 1);  // it outlives its limit
  forecast.charge(held, kUnreserved, at(72), -1);
  EXPECT_EQ(forecast.earliest(one, seconds(5), at(12), kEver, kUnreserved), at(72));
  forecast.charge(held, kUnreserved, at(72), 1);
  EXPECT_EQ(forecast.earliest(four, seconds(5), at(12), kEver, kUnreserved), at(12));
}

}  // namespace
}  // namespace drover::rm
