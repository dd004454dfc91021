// rm/reserved_room.hpp - what is set aside on a node, and who inside has taken how much of it.
//
// A node with reservations has one timeline more than others, and one for each reservation:
//   others    what is left for everybody else: the node less what is set aside, less their own use
//   inside    by reservation: what is set aside during its spans, less what its own jobs use
//   physical  the node less all use, whoever's
// What may be used is what is free both in one's own timeline and physically: where somebody is
// still in the way, nothing is promised twice.
// Of a flexible reservation one's own is the sum of inside and others: its jobs are charged inside
// while it goes on and to others the rest of the time.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "base/ids.hpp"
#include "rm/node_timeline.hpp"

namespace drover::rm {

enum class ReservedId : std::uint32_t {};
inline constexpr ReservedId kUnreserved{0};  // everybody who is in no reservation

struct ReservedSpan {
  Time from, until;  // kEver: as far as anybody looks. Others stay out, and nobody may come in yet
  friend bool operator==(const ReservedSpan&, const ReservedSpan&) = default;
};

struct ReservedPart {
  NodeId node{};
  bool whole = true;
  Room room;  // when not whole
};

class ReservedRoom {
 public:
  explicit ReservedRoom(const NodeTimeline& as_used) : physical(as_used) {}

  // The changes go into `others` as well. O(spans * steps).
  void add(ReservedId id, const std::vector<ReservedSpan>& spans, const ReservedPart& part,
           const Room& capacity, NodeTimeline& others);
  void remove(ReservedId id, NodeTimeline& others);
  // The node has another size: whole parts follow it.
  void resize(const Room& change, NodeTimeline& others);
  const NodeTimeline* inside(ReservedId id) const;  // null: not on this node
  NodeTimeline* inside(ReservedId id);
  bool empty() const { return inside_.empty(); }
  // Of a flexible one that is on this node: what its jobs may use, and how they are charged for it.
  NodeTimeline with_others(ReservedId id, const NodeTimeline& others) const;
  void charge_by_time(ReservedId id, Time from, Time until, const Room& change,
                      NodeTimeline& others);
  // The first span that meets [from, until) and at whose beginning `others` lacks the room.
  struct InTheWay {
    ReservedId id{};
    ReservedSpan span;
  };
  std::optional<InTheWay> first_in_the_way(const Room& want, Time from, Time until,
                                           const NodeTimeline& others) const;

  bool meets(Time from, Time until) const;

  NodeTimeline physical;

 private:
  struct Inside {
    ReservedId id{};
    std::vector<ReservedSpan> spans;
    bool whole = true;
    Room room;  // set aside
    NodeTimeline timeline;
  };
  std::vector<Inside> inside_;  // by id
};

}  // namespace drover::rm
