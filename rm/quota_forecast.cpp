// rm/quota_forecast.cpp - the use of each limit over time.
// SPDX-License-Identifier: Apache-2.0
#include "rm/quota_forecast.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace drover::rm {

void QuotaForecast::charge(const QuotaLedger& ledger, PathId path, const Amounts& amounts,
                           Time from, Time until, std::int64_t sign) {
  ledger.visit_limits(path, amounts, [&](std::uint32_t counter, Kind kind, std::int64_t) {
    AmountTimeline& line = uses_[{counter, kind}].line;
    line.forget_before(now_);
    line.add(from, until, sign * amounts[kind]);
    return true;
  });
}

void QuotaForecast::set(const QuotaLedger& ledger, const Held& held, bool is_laid) {
  charge(ledger, held.path, held.amounts, held.slot.start, held.until, is_laid ? -1 : 1);
  const auto follow = [&](std::uint32_t counter, Kind kind, std::int64_t) {
    std::multiset<Time>& starts = uses_[{counter, kind}].starts;
    if (is_laid)
      starts.insert(held.slot.start);
    else if (const auto known = starts.find(held.slot.start); known != starts.end())
      starts.erase(known);  // else the limits have changed, and all is about to be said anew
    return true;
  };
  ledger.visit_limits(held.path, held.amounts, follow);
}

void QuotaForecast::hold(const QuotaLedger& ledger, HoldId id, PathId path, const Amounts& amounts,
                         Time from, Time until) {
  const auto [held, is_new] = holds_.try_emplace(id, Held{path, amounts, {from, {}}, until});
  DROVER_CHECK(is_new, "quotas are held twice for one job");
  set(ledger, held->second, true);
}

std::optional<HoldId> QuotaForecast::keep(const QuotaLedger& ledger, PathId path,
                                          const Amounts& amounts, Duration length, Time now) {
  std::optional<Time> from;
  if (counts_leases_) {
    from = earliest(ledger, path, amounts, length, now, kEver);
    if (!from) return std::nullopt;
  }
  const auto next = [this] { return newest_kept_ = (newest_kept_ + 1) % kFirstKept; };
  while (holds_.contains(HoldId{kFirstKept + newest_kept_})) next();
  const HoldId id{kFirstKept + newest_kept_};
  next();
  hold(ledger, id, path, amounts, from.value_or(now), from ? after(*from, length) : kEver);
  return id;
}

const Slot& QuotaForecast::slot_of(HoldId kept) const {
  static const Slot never{kEver, {}};
  const auto held = holds_.find(kept);
  return held != holds_.end() ? held->second.slot : never;
}

void QuotaForecast::drop(QuotaLedger& ledger, HoldId id) {
  const auto held = holds_.find(id);
  if (held == holds_.end()) return;
  ledger.visit_limits(held->second.path, held->second.amounts,
                      [&](std::uint32_t counter, Kind, std::int64_t) {
                        ledger.wake(counter);
                        return true;
                      });
  forget(ledger, id);
}

void QuotaForecast::forget(const QuotaLedger& ledger, HoldId id) {
  lift(ledger, id);
  holds_.erase(id);
}

void QuotaForecast::lift(const QuotaLedger& ledger, HoldId id) {
  if (const auto held = holds_.find(id); held != holds_.end()) set(ledger, held->second, false);
}

void QuotaForecast::lay(const QuotaLedger& ledger, HoldId id) {
  if (const auto held = holds_.find(id); held != holds_.end()) set(ledger, held->second, true);
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
        start = use->second.line.earliest(want[kind] - max, length, *start, not_after);
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
    if (use == uses_.end() || use->second.starts.empty()) return true;
    const std::int64_t held = ledger.counter_sums(counter).held(std::size_t(kind));
    // Behind the last beginning of a hold there is only more.
    const Time last = after(*use->second.starts.rbegin(), Duration{1});
    std::int64_t free = use->second.line.least(from, std::min(until, std::max(from, last)));
    if (!counts_leases_) free -= held;
    if (free >= want[kind] - max || ledger.owes(path, counter, kind, want[kind])) return true;
    shortage = QuotaShort{ledger.counter_name(counter), kind, max, held, want[kind], counter, 0, 1};
    return false;
  });
  return shortage;
}

}  // namespace drover::rm
