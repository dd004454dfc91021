// sched/job_queue.hpp - the jobs of one partition that could start if there were room, in order.
// SPDX-License-Identifier: Apache-2.0
//
// Jobs of one group, shape, quota path and standing are in one lane: when the first cannot start,
// the others cannot either. Lanes of one shape form one line: what finds no room for its first
// finds none for the others, so the shape is blocked as a whole until a node with enough room
// changes. A lane that a quota stops waits apart; the first per (quota, shape) is tried when that
// quota is freed. An event costs by shapes and changed nodes, never by waiting jobs.
#pragma once
#include <boost/unordered_map.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "rm/resource_manager.hpp"
#include "sched/fresh_rooms.hpp"
#include "sched/keyed_heap.hpp"
#include "sched/listed_jobs.hpp"
#include "sched/live_job.hpp"
#include "sched/queue_lane.hpp"
#include "sched/rough_room.hpp"
#include "sched/spare_parts.hpp"

namespace drover::sched {

class JobQueue {
 public:
  using Lane = QueueLane;
  using Candidate = ListedJob;
  enum class Block : std::uint8_t {
    No,
    NoRoom,    // not enough free anywhere
    Held,      // free, but held for others: also tried again when a hold goes
    Hopeless,  // not even later: it stands aside and holds up nobody
  };
  // Of a lane's first job, among all; asked when it gets another one. Written where it stays.
  using KeyOf = std::function<void(const Lane&, const Place&, OrderKey&)>;
  struct Rules {
    bool shortest_first = false;  // candidates come by the length of their shape
    // Keys change as jobs grow old: one whose first part is 0 is final, the others are in aging().
    bool ages = false;
    bool keys_stay = false;    // a job's key never changes: what in_order() said is kept up to date
    bool fills_behind = true;  // candidate() is asked for; not where the first holds up all others
  };
  explicit JobQueue(Rules rules) : rules_(rules) {}
  void set_key_of(KeyOf key_of) { key_of_ = std::move(key_of); }  // before the first put()
  // ---- who waits. O(log n); a job already there changes nothing.
  LaneId put(const Lane& lane, const Shape& shape, const Place& place);
  void remove(LaneId lane, const Place& place);
  void rekey(LaneId lane);  // its key has changed
  // ---- who is next
  std::optional<Candidate> head() const;  // of all that are not parked or hopeless
  bool is_head(JobId job) const { return !order_.empty() && order_.top().key.job == job; }
  bool could_head_start() { return !order_.empty() && could_start(order_.top().id); }
  std::optional<Candidate> candidate();  // whose shape is not blocked, or could start now
  Block block_of(ShapeId shape) const;
  void block(ShapeId shape, Block why);
  void unblock(ShapeId shape);  // one of it has started
  // A pass: blocked shapes that fit into a room that changed are tried again, each in its turn;
  // while rooms are few, only looked at, not woken: most find the room gone by then.
  void begin_pass() { ++pass_, fresh_.clear(), is_looked_through_ = false; }
  void wake_fresh();  // where a pass ends before all were looked at: what fits stays awake
  bool waits_for_room() const { return !blocked_.empty() || has_parked(); }
  // See FreshRooms for `room_of`. put: the room grew; update: it is less, or a hold has gone.
  template <class RoomOf>
  void put_room(NodeId node, const RoomOf& room_of) {
    is_looked_through_ = false;
    const rm::Room* const room = fresh_.put(node, room_of);
    room != nullptr ? wake_exclusive(room) : wake_where(room_of().now);
  }
  bool knows_room(NodeId node) const { return fresh_.knows(node); }
  template <class RoomOf>
  void update_room(NodeId node, const RoomOf& room_of) {
    has_shrunk_ |= fresh_.update(node, room_of);
  }
  bool could_start(ShapeId shape);       // not blocked, or unblocked by this
  void wake_held(const rm::Room& room);  // tries again what was held up and fits
  void wake_all();
  // ---- quotas
  void park(LaneId lane, const rm::QuotaShort& why);
  void started(LaneId lane);  // if it had been parked, the next of those parked with it is tried
  void wake_quota(std::uint32_t quota_index);
  void let_go(LaneId lane);  // it is tried, wherever it stands in its line
  const std::vector<LaneId>& those_let_go() const { return let_go_; }  // some more than once
  void forget_let_go() { let_go_.clear(); }
  void wake_licensed();                             // blocked ones that want licences
  const rm::QuotaShort* parked(LaneId lane) const;  // null: no quota stopped it
  bool has_parked() const { return !short_of_quota_.empty(); }
  std::uint64_t quota_moves() const { return quota_moves_; }  // parked and let go, since the start
  const Lane& lane(LaneId id) const { return lanes_[std::size_t(id)].common; }
  std::vector<std::pair<OrderKey, LaneId>> all_lanes() const;  // by key; also who stands aside
  const PlaceList& jobs_of(LaneId id) const { return lanes_[std::size_t(id)].jobs; }
  // The jobs that are not parked or hopeless, by key; at most `limit`. O(lanes + limit log lanes),
  // or by what changed since it was asked last, see ListedJobs. Good until the next call.
  const std::vector<Candidate>& in_order(std::size_t limit) const;
  std::size_t lanes() const { return lane_index_.size(); }
  // The first jobs of lanes whose keys are not final, oldest first.
  const std::set<std::pair<JobId, LaneId>>& aging() const { return aging_; }
  void check(std::vector<std::string>& problems) const;

 private:
  using QuotaKey = std::pair<std::uint32_t, ShapeId>;
  using Line = std::set<std::pair<OrderKey, LaneId>>;  // of lanes that a quota stops
  using LaneHeap = KeyedHeap<OrderKey, LaneId>;
  using OfferKey = std::pair<std::int64_t, OrderKey>;
  using Seat = LaneHeap::Seat;
  struct LaneState {
    Lane common;
    PlaceList jobs;
    OrderKey key;  // of the first job
    std::optional<rm::QuotaShort> shortage;
    bool parked = false;
    Seat seat = LaneHeap::kOut;  // in the lanes of its shape
  };
  struct ShapeState {
    LaneHeap lanes;
    rm::Room want;
    std::int64_t length_us = 0;
    Block block = Block::No;
    bool whole_node = false, licensed = false;
    std::uint32_t blocked_at = 0;  // in blocked_
    Seat order_seat = LaneHeap::kOut, offer_seat = LaneHeap::kOut;
  };
  struct BlockedShape {
    rm::Room want;
    OfferKey key;  // of its offer, were it not blocked
    std::int64_t length_us = 0;
    ShapeId shape{};
    std::uint32_t tried = 0;  // the pass in which it found no room
  };
  struct Woken {  // a blocked shape that had room when it was last looked at
    OfferKey key;
    RoughRoom want;
    ShapeId shape{};
  };
  LaneId add_lane(const Lane& lane, const Shape& shape);
  bool is_listed(const LaneState& lane) const;  // its jobs are in in_order()
  void enter(LaneId id);
  void leave(LaneId id);
  void enter_line(LaneId id);
  void leave_line(LaneId id);
  void refresh(ShapeId shape);
  void wake_exclusive(const rm::Room* room);
  void wake_where(const rm::Room& room);
  bool is_fresh(const BlockedShape& blocked) const;
  bool may_start(const BlockedShape& blocked);
  void look_through();
  void find_first_woken();
  void push_woken(const Woken& woken);
  void pop_woken();
  const Woken* first_woken();
  void try_first_of(const QuotaKey& key);
  void unpark(LaneId id);
  void pass_on(LaneId id, std::uint32_t was_short_of);
  template <class Wake>
  void unblock_where(const rm::Room& room, Wake wake);
  auto lane_seats() {
    return [this](LaneId id) -> Seat& { return lanes_[std::size_t(id)].seat; };
  }
  auto order_seats() {
    return [this](ShapeId id) -> Seat& { return shapes_[std::size_t(id)].order_seat; };
  }
  auto offer_seats() {
    return [this](ShapeId id) -> Seat& { return shapes_[std::size_t(id)].offer_seat; };
  }

  KeyOf key_of_;
  Rules rules_;
  std::vector<LaneState> lanes_;
  std::vector<LaneId> free_lanes_;
  boost::unordered_map<Lane, LaneId, QueueLaneHash> lane_index_;  // never iterated
  SpareParts<decltype(lane_index_)::node_type> spare_lanes_;
  std::vector<ShapeState> shapes_;
  // Packed, since an event runs over all: what they want roughly, and the rest of them.
  std::vector<RoughRoom> blocked_rough_;
  std::vector<BlockedShape> blocked_;
  KeyedHeap<OrderKey, ShapeId> order_;   // the first of each shape, not the hopeless
  KeyedHeap<OfferKey, ShapeId> offers_;  // the first of each shape that is not blocked
  std::map<QuotaKey, Line> short_of_quota_;
  std::set<std::pair<JobId, LaneId>> aging_;
  FreshRooms fresh_;
  std::vector<Woken> woken_;  // the first stands in front; some may be out of date
  bool is_looked_through_ = false, has_shrunk_ = false, is_heap_ = false;
  mutable ListedJobs listed_;  // by in_order()
  std::uint32_t pass_ = 1;
  std::uint64_t quota_moves_ = 0;
  std::vector<LaneId> let_go_;
};

}  // namespace drover::sched
