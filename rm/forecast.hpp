// rm/forecast.hpp - when there will be room, by the limits of what runs and the holds of what is
// planned.
//
// One timeline per node. A search for one task costs O(nodes that may fit by then * their steps),
// those first on which something ends; for a gang it looks at every node that may fit.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "base/ids.hpp"
#include "rm/node_bits.hpp"
#include "rm/node_timeline.hpp"
#include "rm/reserved_room.hpp"
#include "rm/room_gains.hpp"
#include "rm/slot.hpp"

namespace drover::rm {

class Forecast {
 public:
  // ---- what is: called for every change of a node or a lease
  void set_capacity(NodeId id, const Room& capacity);
  void set_offering(NodeId id, bool offers);  // false: nothing new starts here
  void lease_starts(NodeId id, const Room& room, Time until, ReservedId by = kUnreserved) {
    charge(id, by, kAlways, until, -room);
    note_end(id, until);
    note_loss(id, kAlways, until, room);
  }
  void lease_ends(NodeId id, const Room& room, Time until, ReservedId by = kUnreserved) {
    charge(id, by, kAlways, until, room);
    note_gain(id, kAlways, until, room);
  }
  // The calendar only: a timeline's past steps go with the leases and holds that made them.
  void forget_before(Time now);

  // ---- what is set aside. Whatever is charged to a reservation is to be taken off before it goes.
  // O(nodes * spans * steps). Nothing of it costs anything where there are no reservations.
  // Jobs of a `flexible` one may be anywhere, and there at other times too.
  void reserve(ReservedId id, const std::vector<ReservedSpan>& spans,
               const std::vector<ReservedPart>& parts, bool flexible = false);
  void unreserve(ReservedId id);
  // The nodes of a reservation; null: it is not there.
  const NodeBits* nodes_of(ReservedId id) const;
  bool is_reserved(NodeId id, Time from, Time until) const {
    return raw(id) < nodes_.size() && node(id).reserved != nullptr &&
           node(id).reserved->meets(from, until);
  }
  // What keeps this room from somebody who is in no reservation.
  std::optional<ReservedRoom::InTheWay> in_the_way(NodeId id, const Room& room, Time from,
                                                   Time until) const;

  // ---- what is planned
  HoldId hold(const Slot& slot, const Room& room, Time until, ReservedId by = kUnreserved);
  // `rooms`: by node of the slot.
  HoldId hold(const Slot& slot, std::vector<Room> rooms, Time until, ReservedId by);
  void drop(HoldId id);
  // To a place that best_for() has just found.
  void move(HoldId id, const Slot& slot, const Room& room, Time until);
  void move(HoldId id, const Slot& slot, std::vector<Room> rooms, Time until);
  void lift(HoldId id);  // it is asked as if the hold were not there
  void lay(HoldId id);   // it is again
  const Slot& slot_of(HoldId id) const;
  std::size_t holds() const { return live_holds_; }

  // ---- questions
  // False when somebody else's hold or reservation is in the way; whether the room is free now is
  // not asked.
  bool allows(NodeId id, const Room& room, Time from, Time until,
              ReservedId by = kUnreserved) const {
    const Node& at = node(id);
    if (at.holds == 0 && at.reserved == nullptr && by == kUnreserved) return true;
    return fits(at, by, room, from, until);
  }
  // Tells `room` when the first hold there begins, and what is left then; nothing, if none does, or
  // if there are reservations, of which each job knows its own.
  void cut_by_holds(NodeId id, Time from, LastingRoom& room) const;
  // The first time at which as many nodes as asked for have room for `length`; ties by node id.
  // With many nodes, times at which something ends: whether one has room at `from` is then to be
  // asked of the inventory first, which finds it without a look at each.
  std::optional<Slot> earliest(const RoomAsk& ask, Duration length, Time from,
                               Time not_after = kEver) const;
  bool has_many_nodes() const { return offering_.count() > kFewNodes; }
  // The first place that the hold, placed for `ask`, could have instead, its own not being in the
  // way, and not later than its own; the hold stays. Nothing when its own is no place any more.
  std::optional<Slot> best_for(HoldId hold, const RoomAsk& ask, Duration length, Time from);
  // False: best_for() would find its own place, as before: nothing that came free since helps. Of
  // holds on one node, among few nodes; else true. O(times that something came free).
  bool may_be_better(HoldId hold, Time now);
  void forget_gains() { gains_.forget(); }  // places may be better for reasons that lie elsewhere
  // The same for several asks at once, each of which gets nodes of its own. The slot has those of
  // the first ask first. O(nodes that may fit * asks), a few rounds.
  std::optional<Slot> earliest_of_all(std::span<const RoomAsk> asks, Duration length, Time from,
                                      Time not_after = kEver) const;
  std::optional<Slot> best_for_all(HoldId hold, std::span<const RoomAsk> asks, Duration length,
                                   Time from);
  // Whether the hold, placed for `ask`, could start earlier thanks to this node.
  bool could_improve(HoldId hold, NodeId id, const RoomAsk& ask, Duration length, Time from);

  std::uint64_t looked_at() const { return looked_at_; }  // nodes, since the start: for tests

 private:
  struct Node {
    NodeTimeline timeline;
    Room capacity;
    std::uint32_t holds = 0;
    std::unique_ptr<ReservedRoom> reserved;  // null: nothing is set aside
  };
  struct Hold {
    Slot slot;
    Room room;
    Time until;
    ReservedId by{};
    bool live = false;
    RoomGains::Mark searched = 0;              // with all those there is no better place
    std::unique_ptr<std::vector<Room>> rooms;  // where they differ: by node of the slot
    const Room& room_on(std::size_t at) const { return rooms == nullptr ? room : (*rooms)[at]; }
  };
  struct Place {
    Time start;
    NodeId node;
  };
  static constexpr std::uint32_t kFewNodes = 128;  // a look at each is cheaper than the calendar
  static constexpr std::int64_t kBucketUs = std::int64_t(1) << 26;  // about a minute
  static constexpr std::size_t kBuckets = 1 << 14;                  // what is later shares the last

  Node& at(NodeId id);
  const Node& node(NodeId id) const { return nodes_[raw(id)]; }
  void charge(NodeId id, ReservedId by, Time from, Time until, const Room& change) {
    Node& node = at(id);
    if (node.reserved == nullptr) return node.timeline.add(from, until, change);
    charge_reserved(node, by, from, until, change);
  }
  void charge_reserved(Node& node, ReservedId by, Time from, Time until, const Room& change);
  // Where less than two hold a place every search is made.
  void note_gain(NodeId id, Time from, Time until, const Room& room) {
    if (live_holds_ < 2 || node(id).reserved != nullptr) return gains_.forget();
    gains_.add(id, from, until, room);
  }
  void note_loss(NodeId id, Time from, Time until, const Room& room) {
    if (live_holds_ < 2) return gains_.forget();
    gains_.take(id, from, until, room);
    forget_if_overbooked(id, from, until);
  }
  void forget_if_overbooked(NodeId id, Time from, Time until);
  void forget_if_overbooked(const Hold& hold);
  void settle(HoldId id);
  void leave(HoldId id);
  void take(const Hold& hold);
  bool is_flexible(ReservedId by) const {
    return by != kUnreserved && !flexible_.empty() && flexible_.contains(by);
  }
  bool fits(const Node& node, ReservedId by, const Room& want, Time from, Time until) const;
  // `own`: a hold of which it is asked as if it were not there; it may be on any node.
  std::optional<Time> earliest_on(const Node& node, const RoomAsk& ask, Duration length, Time from,
                                  Time not_after, const Hold* own = nullptr) const;
  std::optional<NodeId> next_asked(const RoomAsk& ask, std::uint32_t from) const;
  std::size_t bucket_of(Time when) const;  // counted from base_
  std::size_t ring(std::size_t bucket) const { return (std::size_t(base_) + bucket) % kBuckets; }
  std::size_t next_filled(std::size_t bucket) const;
  void mark_filled(std::size_t bucket, bool filled);
  void note_end(NodeId id, Time when);
  void start_calendar();
  void look(NodeId id, const RoomAsk& ask, Duration length, Time from, Time not_after,
            std::optional<Place>& best, const Hold* own) const;
  std::optional<Slot> earliest_one(const RoomAsk& ask, Duration length, Time from, Time not_after,
                                   const Hold* own = nullptr) const;
  std::optional<Slot> earliest_gang(const RoomAsk& ask, Duration length, Time from,
                                    Time not_after) const;
  std::optional<Slot> earliest_run(const RoomAsk& ask, Duration length, Time from,
                                   Time not_after) const;
  std::optional<Time> settle_run(const RoomAsk& ask, std::span<const NodeId> run, Duration length,
                                 Time from, Time not_after) const;

  std::vector<Node> nodes_;
  NodeBits offering_;
  std::map<ReservedId, NodeBits> reserved_;  // where each reservation is
  std::set<ReservedId> flexible_;
  std::vector<Hold> holds_;
  std::vector<HoldId> free_holds_;
  std::size_t live_holds_ = 0;
  HoldId newest_hold_{};
  RoomGains gains_;
  // Nodes on which something ends, by minute: a ring that begins at base_. Empty until there are
  // many nodes.
  std::vector<NodeBits> calendar_;
  // Which buckets hold any: most are empty, and a search runs over weeks.
  std::vector<std::uint64_t> filled_ = std::vector<std::uint64_t>(kBuckets / 64);
  std::int64_t base_ = 0;
  mutable std::vector<std::uint64_t> seen_;  // by node: the search that looked at it
  mutable std::uint64_t search_ = 0, looked_at_ = 0;
};

}  // namespace drover::rm
