// rm/room_gains.hpp - where there is more room than there was: who holds a place and has no use for
// it keeps that place without a search.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <cstdint>
#include <optional>

#include "base/ids.hpp"
#include "rm/node_timeline.hpp"

namespace drover::rm {

// More room on a node during [from, until).
struct RoomGain {
  NodeId node;
  Time from, until;
  Room room;
  std::optional<Room> most;  // that was free then at once, by kind, when somebody asked
};

// The last of them, numbered as they come. A mark stands for all up to a number.
class RoomGains {
 public:
  using Mark = std::uint64_t;

  Mark mark() const { return last_; }
  void add(NodeId node, Time from, Time until, const Room& room) {
    at(++last_) = {node, from, until, room, {}};
  }
  // Of what came last somebody takes as much or more: a job starts where its place was, or a place
  // begins sooner.
  void take(NodeId node, Time from, Time until, const Room& room) {
    RoomGain& gain = at(last_);
    if (gain.node != node || from > gain.from || until <= gain.from || !room.covers(gain.room))
      return;
    gain.from = until;
    if (gain.from >= gain.until) gain.until = kAlways;
  }
  // Anything may be different now: no mark is known any more.
  void forget() { forgotten_ = ++last_; }
  bool knows(Mark mark) const { return mark >= forgotten_ && last_ - mark <= kKept; }
  template <class Is>
  bool any_since(Mark known, Is is) {  // where knows(known)
    while (known < last_)
      if (is(at(++known))) return true;
    return false;
  }

 private:
  static constexpr std::size_t kKept = 64;  // as long a walk costs as much as a search
  RoomGain& at(Mark number) { return gains_[number % kKept]; }
  std::array<RoomGain, kKept> gains_{};
  Mark last_ = 1, forgotten_ = 1;  // 0 is nobody's: who was never looked for
};

}  // namespace drover::rm
