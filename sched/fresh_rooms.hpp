// sched/fresh_rooms.hpp - rooms of nodes that grew since the last pass, as long as they are few.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <algorithm>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <vector>

#include "base/ids.hpp"
#include "rm/node_timeline.hpp"
#include "sched/rough_room.hpp"

namespace drover::sched {

struct FreshRoom {
  template <class RoomOf>
  FreshRoom(NodeId at, const RoomOf& room_of)
      : node(at), room(room_of()), rough(RoughRoom::room(room.now)) {}
  NodeId node;
  rm::LastingRoom room;
  RoughRoom rough;
};

// `room_of()` makes an rm::LastingRoom; it is made where it stays. A copy of what was just written
// field by field has to wait until the processor has put the fields together.
class FreshRooms {
 public:
  bool empty() const { return rooms_.empty(); }
  void clear() { rooms_.clear(); }
  // Null: there are too many.
  template <class RoomOf>
  const rm::Room* put(NodeId node, const RoomOf& room_of) {
    if (rooms_.size() >= kFew) return nullptr;
    return &rooms_.emplace_back(node, room_of).room.now;
  }
  bool knows(NodeId node) const {
    return std::ranges::find(rooms_, node, &FreshRoom::node) != rooms_.end();
  }
  template <class RoomOf>
  bool update(NodeId node, const RoomOf& room_of) {
    const auto known = std::ranges::find(rooms_, node, &FreshRoom::node);
    if (known == rooms_.end()) return false;
    static_assert(std::is_trivially_destructible_v<FreshRoom>);
    std::construct_at(&*known, node, room_of);
    return true;
  }
  bool may_cover(const RoughRoom& want) const {  // false: certainly not
    for (const FreshRoom& fresh : rooms_)
      if (fresh.rough.may_cover(want)) return true;
    return false;
  }
  auto begin() const { return rooms_.begin(); }
  auto end() const { return rooms_.end(); }

 private:
  static constexpr std::size_t kFew = 4;
  std::vector<FreshRoom> rooms_;
};

}  // namespace drover::sched
