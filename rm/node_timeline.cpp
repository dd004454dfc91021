// rm/node_timeline.cpp - steps kept sorted, equal neighbours joined.
// SPDX-License-Identifier: Apache-2.0
#include "rm/node_timeline.hpp"

#include <algorithm>

namespace drover::rm {

std::size_t NodeTimeline::index_of(Time when) const {
  if (steps_.size() == 1 || when < steps_[1].at) return 0;  // as most: what is over is forgotten
  // Which half is as good as random: the compiler makes a move of this choice, no branch.
  const Step* first = steps_.data();
  for (std::size_t left = steps_.size(); left > 1;) {
    const std::size_t half = left / 2;
    first = first[half].at <= when ? first + half : first;
    left -= half;
  }
  return std::size_t(first - steps_.data());
}

std::size_t NodeTimeline::split(Time when) {
  const std::size_t i = index_of(when);
  if (steps_[i].at == when) return i;
  steps_.insert(steps_.begin() + std::ptrdiff_t(i) + 1, Step{when, steps_[i].free});
  return i + 1;
}

void NodeTimeline::join(std::size_t step) {
  if (step == 0 || step >= steps_.size() || steps_[step].free != steps_[step - 1].free) return;
  steps_.erase(steps_.begin() + std::ptrdiff_t(step));
}

void NodeTimeline::add(Time from, Time until, const Room& room) {
  if (!(from < until) || room == Room{}) return;
  const std::size_t first = from == kAlways ? 0 : split(from);  // as of everything that runs
  const Room change = room;  // in registers: the compiler cannot know that it is none of the steps
  std::size_t next = first;
  do steps_[next].free += change;
  while (++next < steps_.size() && steps_[next].at < until);
  if (next < steps_.size() && steps_[next].at == until) {
    join(next);
  } else if (until != kEver) {
    Room before = steps_[next - 1].free;
    before += -change;
    steps_.insert(steps_.begin() + std::ptrdiff_t(next), Step{until, before});
  }
  if (first > 0) join(first);
}

void NodeTimeline::add_all(const NodeTimeline& other) {
  for (std::size_t i = 0; i < other.steps_.size(); ++i)
    add(other.steps_[i].at, i + 1 == other.steps_.size() ? kEver : other.steps_[i + 1].at,
        other.steps_[i].free);
}

void NodeTimeline::forget_before(Time now) {
  const std::size_t i = index_of(now);
  if (i == 0) return;
  steps_.erase(steps_.begin(), steps_.begin() + std::ptrdiff_t(i));
  steps_.front().at = kAlways;
}

Room NodeTimeline::at(Time when) const { return steps_[index_of(when)].free; }

Room NodeTimeline::most_during(Time from, Time until) const {
  std::size_t i = index_of(from);
  Room most = steps_[i].free;
  while (++i < steps_.size() && steps_[i].at < until) most = most_of(most, steps_[i].free);
  return most;
}

void NodeTimeline::cut_at_drop(Time from, LastingRoom& room) const {
  for (std::size_t i = index_of(from) + 1; i < steps_.size(); ++i) {
    if (steps_[i].free.covers(steps_[i - 1].free)) continue;
    room.lasts = steps_[i].at - from;
    room.then.emplace(steps_[i].free);
    return;
  }
}

bool NodeTimeline::fits(const Room& want, Time from, Time until) const {
  for (std::size_t i = index_of(from); i < steps_.size() && steps_[i].at < until; ++i)
    if (!steps_[i].free.covers(want)) return false;
  return true;
}

std::optional<Time> NodeTimeline::earliest(const Room& want, Duration length, Time from,
                                           Time not_after) const {
  Time start = from;
  for (std::size_t i = index_of(from); i < steps_.size(); ++i) {
    if (steps_[i].free.covers(want)) {
      const bool lasts = i + 1 == steps_.size() || steps_[i + 1].at >= after(start, length);
      if (lasts) return start;
      continue;
    }
    if (i + 1 == steps_.size()) return std::nullopt;
    start = steps_[i + 1].at;
    if (start > not_after) return std::nullopt;
  }
  return std::nullopt;
}

// As earliest(), with steps cut where `own` begins and ends. Inside less need be free: what is
// wanted without what `own` has.
std::optional<Time> NodeTimeline::earliest_without(const Taken& own, const Room& want,
                                                   Duration length, Time from,
                                                   Time not_after) const {
  Room beside = want;
  beside += -own.room;
  const bool is_past = own.until <= std::max(own.from, from);
  const Room* need = !is_past && own.from <= from ? &beside : &want;
  Time cut = is_past ? kEver : own.from <= from ? own.until : own.from;  // there it becomes another
  Time start = from, enough = after(from, length);
  const Step* const last = &steps_.back();
  for (const Step* step = &steps_[index_of(from)];;) {
    const Time step_end = step == last ? kEver : step[1].at;
    const Time end = std::min(step_end, cut);
    if (step->free.covers(*need)) {
      if (end >= enough) return start;
    } else {
      if (end == kEver || end > not_after) return std::nullopt;
      start = end;
      enough = after(start, length);
    }
    if (end == cut) {
      need = need == &want ? &beside : &want;
      cut = need == &want ? kEver : own.until;
    }
    if (end == step_end) ++step;
  }
}

// Each step moves past an end in one of them, so it ends.
std::optional<Time> earliest_in_both(const NodeTimeline& a, const NodeTimeline& b, const Room& want,
                                     Duration length, Time from, Time not_after) {
  for (Time start = from;;) {
    const auto in_a = a.earliest(want, length, start, not_after);
    if (!in_a) return std::nullopt;
    const auto in_both = b.earliest(want, length, *in_a, not_after);
    if (!in_both || *in_both == *in_a) return in_both;
    start = *in_both;
  }
}

}  // namespace drover::rm
