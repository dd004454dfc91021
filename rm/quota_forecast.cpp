// rm/quota_forecast.cpp - the use of each limit over time.
// SPDX-License-Identifier: Apache-2.0
#include "rm/quota_forecast.hpp"

#include "base/check.hpp"

namespace drover::rm {

void QuotaForecast::charge(const QuotaLedger& ledger, PathId path, const Amounts& amounts,
                           Time from, Time until, std::int64_t sign) {
  ledger.visit_limits(path, amounts, [&](std::uint32_t counter, Kind kind, std::int64_t) {
    AmountTimeline& use = uses_[{counter, kind}];
    use.forget_before(now_);
    use.add(from, until, sign * amounts[kind]);
    return true;
  });
}

void QuotaForecast::hold(const QuotaLedger& ledger, HoldId id, PathId path, const Amounts& amounts,
                         Time from, Time until) {
  const auto [held, is_new] = holds_.try_emplace(id, Held{path, amounts, from, until});
  DROVER_CHECK(is_new, "quotas are held twice for one job");
  charge(ledger, path, amounts, from, until, -1);
}

void QuotaForecast::drop(QuotaLedger& ledger, HoldId id) {
  const auto held = holds_.find(id);
  if (held == holds_.end()) return;
  const Held& of = held->second;
  charge(ledger, of.path, of.amounts, of.from, of.until, 1);
  ledger.visit_limits(of.path, of.amounts, [&](std::uint32_t counter, Kind, std::int64_t) {
    ledger.wake(counter);
    return true;
  });
  holds_.erase(held);
}

void QuotaForecast::lift(const QuotaLedger& ledger, HoldId id) {
  if (const auto held = holds_.find(id); held != holds_.end())
    charge(ledger, held->second.path, held->second.amounts, held->second.from, held->second.until,
           1);
}

void QuotaForecast::lay(const QuotaLedger& ledger, HoldId id) {
  if (const auto held = holds_.find(id); held != holds_.end())
    charge(ledger, held->second.path, held->second.amounts, held->second.from, held->second.until,
           -1);
}

// Each step moves past a change in one of them, so it ends.
std::optional<Time> QuotaForecast::earliest(const QuotaLedger& ledger, PathId path,
                                            const Amounts& want, Duration length, Time from,
                                            Time not_after) const {
  std::optional<Time> start = from;
  for (Time before = kAlways; start && *start != before;) {
    before = *start;
    ledger.visit_limits(path, want, [&](std::uint32_t counter, Kind kind, std::int64_t max) {
      const auto use = uses_.find({counter, kind});
      if (use == uses_.end()) {
        if (want[kind] > max) start.reset();
      } else {
        start = use->second.earliest(want[kind] - max, length, *start, not_after);
      }
      return start.has_value();
    });
  }
  return start;
}

std::optional<QuotaShort> QuotaForecast::first_short(const QuotaLedger& ledger, PathId path,
                                                     const Amounts& want, Time from,
                                                     Time until) const {
  std::optional<QuotaShort> shortage;
  ledger.visit_limits(path, want, [&](std::uint32_t counter, Kind kind, std::int64_t max) {
    const auto use = uses_.find({counter, kind});
    if (use == uses_.end() || use->second.least(from, until) >= want[kind] - max) return true;
    shortage = QuotaShort{ledger.counter_name(counter),
                          kind,
                          max,
                          ledger.counter_sums(counter).held(std::size_t(kind)),
                          want[kind],
                          counter,
                          0,
                          1};
    return false;
  });
  return shortage;
}

}  // namespace drover::rm
