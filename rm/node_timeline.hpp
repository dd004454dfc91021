// rm/node_timeline.hpp - what one node has free now and later, as far as limits and plans tell.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "base/time.hpp"

namespace drover::rm {

enum class HoldId : std::uint32_t {};  // of a place, or of quotas, that is kept for somebody

inline constexpr Time kEver{std::numeric_limits<std::int64_t>::max()};    // no end
inline constexpr Time kAlways{std::numeric_limits<std::int64_t>::min()};  // since ever

// The amounts a timeline plans with. A task takes one seat, one that wants the node alone all of
// them, so that sharing is one more amount.
struct Room {
  static constexpr std::int64_t kSeats = 1 << 20;
  static constexpr std::size_t kExtras = 4;
  static constexpr std::int64_t kExtraMax = 1 << 30;
  std::int64_t cpu_milli = 0, mem_mib = 0, gpu_milli = 0, seats = 0;
  // Custom resources of nodes, by column: half as wide, since timelines are many. Unsigned sums, so
  // that what a damaged record says cannot overflow.
  std::array<std::uint32_t, kExtras> extra{};
  static constexpr std::uint32_t extra_of(std::int64_t amount) {
    return std::uint32_t(std::clamp<std::int64_t>(amount, 0, kExtraMax));
  }

  friend constexpr bool operator==(const Room&, const Room&) = default;
  constexpr bool covers(const Room& want) const {
    if (cpu_milli < want.cpu_milli || mem_mib < want.mem_mib || gpu_milli < want.gpu_milli ||
        seats < want.seats)
      return false;
    for (std::size_t i = 0; i < kExtras; ++i)
      if (std::int32_t(extra[i]) < std::int32_t(want.extra[i])) return false;
    return true;
  }
  constexpr Room& operator+=(const Room& o) {
    cpu_milli += o.cpu_milli, mem_mib += o.mem_mib, gpu_milli += o.gpu_milli, seats += o.seats;
    for (std::size_t i = 0; i < kExtras; ++i) extra[i] += o.extra[i];
    return *this;
  }
  friend constexpr Room operator-(const Room& a) {
    Room out{-a.cpu_milli, -a.mem_mib, -a.gpu_milli, -a.seats};
    for (std::size_t i = 0; i < kExtras; ++i) out.extra[i] = 0 - a.extra[i];
    return out;
  }
};

// What both of them cover.
constexpr Room least_of(const Room& a, const Room& b) {
  Room out{std::min(a.cpu_milli, b.cpu_milli), std::min(a.mem_mib, b.mem_mib),
           std::min(a.gpu_milli, b.gpu_milli), std::min(a.seats, b.seats)};
  for (std::size_t i = 0; i < Room::kExtras; ++i) out.extra[i] = std::min(a.extra[i], b.extra[i]);
  return out;
}

// What covers both of them.
constexpr Room most_of(const Room& a, const Room& b) {
  Room out{std::max(a.cpu_milli, b.cpu_milli), std::max(a.mem_mib, b.mem_mib),
           std::max(a.gpu_milli, b.gpu_milli), std::max(a.seats, b.seats)};
  for (std::size_t i = 0; i < Room::kExtras; ++i)
    out.extra[i] = std::uint32_t(std::max(std::int32_t(a.extra[i]), std::int32_t(b.extra[i])));
  return out;
}

// What is free now, until the first hold of others begins, and what is left beside that one.
struct LastingRoom {
  Room now;
  std::optional<Room> then;  // nothing: for ever, as far as is known
  Duration lasts;            // from now on; with `then`
  // Whether it could start there; false: certainly not, or not for so long.
  bool may_take(const Room& want, std::int64_t length_us) const {
    return now.covers(want) && (!then || length_us <= lasts.us || then->covers(want));
  }
};

// A step function of time. Each change costs O(steps); a node has about as many steps as tasks and
// plans. Negative room is possible (a node that shrank while used) and covers nothing.
class NodeTimeline {
 public:
  NodeTimeline() : steps_{{kAlways, {}}} {}

  // Adds `room` (negative: takes it) during [from, until).
  void add(Time from, Time until, const Room& room);
  void add_all(const NodeTimeline& other);  // what the other has, at all times
  // Drops what lies before `now`; asking about earlier times is then wrong.
  void forget_before(Time now);

  Room at(Time when) const;
  bool covers_at(Time when, const Room& want) const {
    return steps_[index_of(when)].free.covers(want);
  }
  // By kind, the most that is free at some time of [from, until).
  Room most_during(Time from, Time until) const;
  // Tells `room` when less is free than before for the first time after `from`, and what is.
  void cut_at_drop(Time from, LastingRoom& room) const;
  // Whether `want` is free during all of [from, until).
  bool fits(const Room& want, Time from, Time until) const;
  // The first time >= `from` at which `want` is free for `length`; nothing when that is later than
  // `not_after` or never.
  std::optional<Time> earliest(const Room& want, Duration length, Time from,
                               Time not_after = kEver) const;
  // The same as if what is taken there were given back.
  struct Taken {
    Time from, until;
    Room room;
  };
  std::optional<Time> earliest_without(const Taken& own, const Room& want, Duration length,
                                       Time from, Time not_after = kEver) const;
  std::size_t steps() const { return steps_.size(); }
  void fetch() const {  // into the cache: what a search looks at first
    const auto* bytes = reinterpret_cast<const char*>(steps_.data());
    const std::size_t size = steps_.size() * sizeof(Step);
    for (std::size_t at = 0; at < size && at < 1024; at += 64) __builtin_prefetch(bytes + at);
  }
  template <class Visit>
  void visit_changes(Visit visit) const {  // with each time at which another step begins
    for (std::size_t i = 1; i < steps_.size(); ++i) visit(steps_[i].at);
  }

 private:
  struct Step {
    Time at;  // until the next step
    Room free;
  };
  std::size_t index_of(Time when) const;  // the step that holds `when`
  std::size_t split(Time when);           // makes a step begin there
  void join(std::size_t step);            // merges it with the one before when they are equal
  std::vector<Step> steps_;               // never empty; the first begins at kAlways
};

// The first time >= `from` at which both have room for it all the time; nothing as in earliest().
std::optional<Time> earliest_in_both(const NodeTimeline& a, const NodeTimeline& b, const Room& want,
                                     Duration length, Time from, Time not_after = kEver);

// Times near kEver saturate.
constexpr Time after(Time start, Duration length) {
  return start.us > kEver.us - length.us ? kEver : start + length;
}

}  // namespace drover::rm
