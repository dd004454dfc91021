// rm/reserved_room.cpp - keeps the timelines of a node with reservations in step.
// SPDX-License-Identifier: Apache-2.0
#include "rm/reserved_room.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace drover::rm {
namespace {

bool meet(const ReservedSpan& span, Time from, Time until) {
  return span.from < until && from < span.until;
}

}  // namespace

void ReservedRoom::add(ReservedId id, const std::vector<ReservedSpan>& spans,
                       const ReservedPart& part, const Room& capacity, NodeTimeline& others) {
  DROVER_CHECK(inside(id) == nullptr, "a reservation is twice on a node");
  Inside added{id, spans, part.whole, part.whole ? capacity : part.room, {}};
  for (const ReservedSpan& span : spans) {
    if (span.until != kEver) added.timeline.add(span.from, span.until, added.room);
    others.add(span.from, span.until, -added.room);
  }
  inside_.insert(std::ranges::lower_bound(inside_, id, {}, &Inside::id), std::move(added));
}

// Whoever was charged to it has been taken off before, or its room would be lost.
void ReservedRoom::remove(ReservedId id, NodeTimeline& others) {
  const auto found = std::ranges::find(inside_, id, &Inside::id);
  if (found == inside_.end()) return;
  for (const ReservedSpan& span : found->spans) others.add(span.from, span.until, found->room);
  inside_.erase(found);
}

void ReservedRoom::resize(const Room& change, NodeTimeline& others) {
  physical.add(kAlways, kEver, change);
  for (Inside& one : inside_) {
    if (!one.whole) continue;
    one.room += change;
    for (const ReservedSpan& span : one.spans) {
      if (span.until != kEver) one.timeline.add(span.from, span.until, change);
      others.add(span.from, span.until, -change);
    }
  }
}

const NodeTimeline* ReservedRoom::inside(ReservedId id) const {
  const auto found = std::ranges::find(inside_, id, &Inside::id);
  return found == inside_.end() ? nullptr : &found->timeline;
}

NodeTimeline* ReservedRoom::inside(ReservedId id) {
  const auto found = std::ranges::find(inside_, id, &Inside::id);
  return found == inside_.end() ? nullptr : &found->timeline;
}

NodeTimeline ReservedRoom::with_others(ReservedId id, const NodeTimeline& others) const {
  NodeTimeline sum = others;
  sum.add_all(*inside(id));
  return sum;
}

void ReservedRoom::charge_by_time(ReservedId id, Time from, Time until, const Room& change,
                                  NodeTimeline& others) {
  Inside& own = *std::ranges::find(inside_, id, &Inside::id);
  for (const ReservedSpan& span : own.spans) {
    if (span.until == kEver || span.until <= from) continue;
    if (until <= span.from) break;
    others.add(from, std::max(from, span.from), change);
    own.timeline.add(std::max(from, span.from), std::min(until, span.until), change);
    from = std::min(until, span.until);
  }
  others.add(from, until, change);
}

bool ReservedRoom::meets(Time from, Time until) const {
  return std::ranges::any_of(inside_, [&](const Inside& one) {
    return std::ranges::any_of(one.spans,
                               [&](const auto& span) { return meet(span, from, until); });
  });
}

std::optional<ReservedRoom::InTheWay> ReservedRoom::first_in_the_way(
    const Room& want, Time from, Time until, const NodeTimeline& others) const {
  std::optional<InTheWay> first;
  for (const Inside& one : inside_)
    for (const ReservedSpan& span : one.spans) {
      if (!meet(span, from, until) || (first && first->span.from <= span.from)) continue;
      if (!others.at(std::max(span.from, from)).covers(want)) first = {one.id, span};
    }
  return first;
}

}  // namespace drover::rm
