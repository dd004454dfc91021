// rm/licence_forecast.cpp - keeps the timelines of licences in step, and searches them.
// SPDX-License-Identifier: Apache-2.0
#include "rm/licence_forecast.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"

namespace drover::rm {

void LicenceForecast::set_totals(Asked totals) {
  for (const NamedAmount& total : totals)
    if (find(total.kind) == nullptr)
      all_.insert(std::ranges::lower_bound(all_, total.kind, {}, &Licence::kind),
                  Licence{total.kind, 0, {}, nullptr});
  for (Licence& licence : all_) {
    const auto is = std::ranges::find(totals, licence.kind, &NamedAmount::kind);
    const std::int64_t total = is == totals.end() ? 0 : is->amount;
    const std::int64_t change = total - std::exchange(licence.total, total);
    licence.others.add(kAlways, kEver, change);
    if (licence.reserved != nullptr) licence.reserved->physical.add(kAlways, kEver, change);
  }
}

const LicenceForecast::Licence* LicenceForecast::find(Kind kind) const {
  const auto found = std::ranges::lower_bound(all_, kind, {}, &Licence::kind);
  return found == all_.end() || found->kind != kind ? nullptr : &*found;
}

void LicenceForecast::charge(Licence& licence, ReservedId by, Time from, Time until,
                             std::int64_t change) {
  own(licence, by).add(from, until, change);
  if (licence.reserved != nullptr) licence.reserved->physical.add(from, until, change);
}

void LicenceForecast::charge(const Amounts& held, ReservedId by, Time until, std::int64_t sign) {
  for (Licence& licence : all_)
    if (const std::int64_t amount = held[licence.kind]; amount > 0)
      charge(licence, by, kAlways, until, sign * amount);
}

void LicenceForecast::forget_before(Time now) {
  for (Licence& licence : all_) {
    licence.others.forget_before(now);
    if (licence.reserved == nullptr) continue;
    licence.reserved->physical.forget_before(now);
    for (Inside& inside : licence.reserved->inside) inside.timeline.forget_before(now);
  }
}

void LicenceForecast::reserve(ReservedId id, const std::vector<ReservedSpan>& spans,
                              Asked amounts) {
  for (const NamedAmount& amount : amounts) {
    const auto licence = std::ranges::find(all_, amount.kind, &Licence::kind);
    if (licence == all_.end()) continue;  // it is counted no more
    if (licence->reserved == nullptr)
      licence->reserved = std::make_unique<Reserved>(Reserved{licence->others, {}});
    Inside added{id, spans, amount.amount, {}};
    for (const ReservedSpan& span : spans) {
      if (span.until != kEver) added.timeline.add(span.from, span.until, amount.amount);
      licence->others.add(span.from, span.until, -amount.amount);
    }
    std::vector<Inside>& inside = licence->reserved->inside;
    inside.insert(std::ranges::lower_bound(inside, id, {}, &Inside::id), std::move(added));
    ++reservations_;
  }
}

// Whoever was charged to it has been taken off before, or its licences would be lost.
void LicenceForecast::unreserve(ReservedId id) {
  for (Licence& licence : all_) {
    if (licence.reserved == nullptr) continue;
    std::vector<Inside>& inside = licence.reserved->inside;
    const auto found = std::ranges::find(inside, id, &Inside::id);
    if (found == inside.end()) continue;
    for (const ReservedSpan& span : found->spans)
      licence.others.add(span.from, span.until, found->amount);
    inside.erase(found);
    --reservations_;
    if (inside.empty()) licence.reserved.reset();
  }
}

void LicenceForecast::move(const Held& held, std::int64_t sign) {
  for (const NamedAmount& amount : held.amounts) {
    const auto licence = std::ranges::find(all_, amount.kind, &Licence::kind);
    if (licence != all_.end())
      charge(*licence, held.by, held.from, held.until, sign * amount.amount);
  }
}

void LicenceForecast::hold(HoldId id, Asked amounts, Time from, Time until, ReservedId by) {
  const auto [held, is_new] =
      holds_.try_emplace(id, Held{{amounts.begin(), amounts.end()}, from, until, by});
  DROVER_CHECK(is_new, "licences are held twice for one job");
  move(held->second, -1);
}

bool LicenceForecast::drop(HoldId id) {
  const auto held = holds_.find(id);
  if (held == holds_.end()) return false;
  move(held->second, 1);
  holds_.erase(held);
  return true;
}

void LicenceForecast::lift(HoldId id) {
  if (const auto held = holds_.find(id); held != holds_.end()) move(held->second, 1);
}

void LicenceForecast::lay(HoldId id) {
  if (const auto held = holds_.find(id); held != holds_.end()) move(held->second, -1);
}

std::optional<LicenceForecast::Short> LicenceForecast::first_short(Asked want, Time from,
                                                                   Time until,
                                                                   ReservedId by) const {
  if (holds_.empty() && reservations_ == 0) return std::nullopt;  // what is free now only grows
  for (const NamedAmount& asked : want) {
    const Licence* licence = find(asked.kind);
    if (licence == nullptr) continue;
    std::int64_t free = own(*licence, by).least(from, until);
    if (licence->reserved != nullptr)
      free = std::min(free, licence->reserved->physical.least(from, until));
    if (free < asked.amount)
      return Short{asked.kind, asked.amount, std::max<std::int64_t>(0, free)};
  }
  return std::nullopt;
}

// Each step moves past a change in one of them, so it ends.
std::optional<Time> LicenceForecast::earliest(const Licence& licence, std::int64_t want,
                                              Duration length, Time from, Time not_after,
                                              ReservedId by) {
  const AmountTimeline& mine = own(licence, by);
  for (Time start = from;;) {
    const auto in_own = mine.earliest(want, length, start, not_after);
    if (!in_own || licence.reserved == nullptr) return in_own;
    const auto in_both = licence.reserved->physical.earliest(want, length, *in_own, not_after);
    if (!in_both || *in_both == *in_own) return in_both;
    start = *in_both;
  }
}

std::optional<Time> LicenceForecast::earliest(Asked want, Duration length, Time from,
                                              Time not_after, ReservedId by) const {
  for (Time start = from;;) {
    const Time before = start;
    for (const NamedAmount& asked : want) {
      const Licence* licence = find(asked.kind);
      if (licence == nullptr) return std::nullopt;
      const auto at = earliest(*licence, asked.amount, length, start, not_after, by);
      if (!at) return std::nullopt;
      start = *at;
    }
    if (start == before) return start;
  }
}

std::optional<ReservedRoom::InTheWay> LicenceForecast::in_the_way(const NamedAmount& want,
                                                                  Time from, Time until) const {
  const Licence* licence = find(want.kind);
  if (licence == nullptr || licence->reserved == nullptr) return std::nullopt;
  std::optional<ReservedRoom::InTheWay> first;
  for (const Inside& one : licence->reserved->inside)
    for (const ReservedSpan& span : one.spans) {
      const bool meets = span.from < until && from < span.until;
      if (!meets || (first && first->span.from <= span.from)) continue;
      const Time at = std::max(span.from, from);
      if (licence->others.least(at, after(at, Duration{1})) < want.amount) first = {one.id, span};
    }
  return first;
}

}  // namespace drover::rm
