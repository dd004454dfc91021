// sched/job_queue.hpp - the jobs of one partition that could start if there were room, in order.
// SPDX-License-Identifier: Apache-2.0
//
// Jobs of one group, shape, quota path and standing are in one lane: when the first cannot start,
// the others cannot either. Lanes of one shape form one line: what finds no room for its first
// finds none for the others, so the shape is blocked as a whole until a node with enough room
// changes. A lane that a quota stops waits apart, and only the first per (quota, shape) is tried
// again when that quota is freed. So an event costs by shapes and changed nodes, never by waiting
// jobs.
#pragma once
#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "rm/resource_manager.hpp"
#include "sched/live_job.hpp"

namespace drover::sched {

struct OrderKey {  // smaller goes first
  std::int64_t first = 0, second = 0;
  JobId job{};
  friend constexpr auto operator<=>(const OrderKey&, const OrderKey&) = default;
};

class JobQueue {
 public:
  struct Lane {  // what all jobs of a lane have in common
    GroupId group{};
    ShapeId shape{};
    rm::PathId path{};
    StandingId standing{};
    friend bool operator==(const Lane&, const Lane&) = default;
  };
  struct Candidate {
    LaneId lane{};
    ShapeId shape{};
    Place place;
  };
  enum class Block : std::uint8_t {
    No,
    NoRoom,    // not enough free anywhere
    Held,      // free, but held for others: also tried again when a hold goes
    Hopeless,  // not even later: it stands aside and holds up nobody
  };
  // The place of a lane's first job among all; asked when a lane gets another first job.
  using KeyOf = std::function<OrderKey(const Lane&, const Place&)>;

  struct Rules {
    bool shortest_first = false;  // candidates come by the length of their shape
    // Keys change as jobs grow old: one whose first part is 0 is final, the others are in aging().
    bool ages = false;
  };
  explicit JobQueue(Rules rules) : rules_(rules) {}
  void set_key_of(KeyOf key_of) { key_of_ = std::move(key_of); }  // before the first put()

  // ---- who waits. O(log n); a job already there changes nothing.
  LaneId put(const Lane& lane, const Shape& shape, const Place& place);
  void remove(LaneId lane, const Place& place);
  void rekey(LaneId lane);  // its key has changed

  // ---- who is next
  std::optional<Candidate> head() const;  // of all that are not parked or hopeless
  std::optional<Candidate> candidate();   // of those whose shape is not blocked, or could start now
  Block block_of(ShapeId shape) const;
  void block(ShapeId shape, Block why);
  // A pass: blocked shapes that fit into one of the rooms that changed are tried once more, each
  // when its turn comes. While these rooms are few a shape is only looked at, not woken: most find
  // the room gone by then.
  void begin_pass() { ++pass_, fresh_.clear(), is_looked_through_ = false; }
  // Where a pass ends before everybody was looked at: what fits stays awake for the next one.
  void wake_fresh();
  void put_room(NodeId node, const rm::Room& room);     // it grew
  void update_room(NodeId node, const rm::Room& room);  // somebody took of it
  bool could_start(ShapeId shape);                      // not blocked, or unblocked by this
  // Tries again what was held up and fits, or everything.
  void wake_held(const rm::Room& room);
  void wake_all();

  // ---- quotas
  void park(LaneId lane, const rm::QuotaShort& why);
  void started(LaneId lane);  // if it had been parked, the next of those parked with it is tried
  void wake_quota(std::uint32_t quota_index);
  const rm::QuotaShort* parked(LaneId lane) const;  // null: no quota stopped it
  bool has_parked() const { return !short_of_quota_.empty(); }
  std::uint64_t quota_moves() const { return quota_moves_; }  // parked and let go, since the start

  // ---- looking
  const Lane& lane(LaneId id) const { return lanes_[std::size_t(id)].common; }
  const std::set<Place>& jobs_of(LaneId id) const { return lanes_[std::size_t(id)].jobs; }
  // The jobs that are not parked or hopeless, by key; at most `limit`. O(lanes + limit log lanes).
  std::vector<Candidate> in_order(std::size_t limit) const;
  std::size_t lanes() const { return lane_index_.size(); }
  std::size_t blocked_shapes() const { return blocked_.size(); }
  // The first jobs of lanes whose keys are not final, oldest first.
  const std::set<std::pair<JobId, LaneId>>& aging() const { return aging_; }
  void check(std::vector<std::string>& problems) const;

 private:
  using QuotaKey = std::pair<std::uint32_t, ShapeId>;
  using Line = std::set<std::pair<OrderKey, LaneId>>;
  struct LaneState {
    Lane common;
    std::set<Place> jobs;
    OrderKey key;  // of the first job
    std::optional<rm::QuotaShort> shortage;
    bool parked = false;
  };
  struct ShapeState {
    Line lanes;
    rm::Room want;
    std::int64_t length_us = 0;
    Block block = Block::No;
    std::uint32_t blocked_at = 0;  // in blocked_
  };
  struct BlockedShape {
    rm::Room want;
    std::pair<std::int64_t, OrderKey> key;  // of its offer, were it not blocked
    ShapeId shape{};
    std::uint32_t tried = 0;  // the pass in which it found no room
  };
  struct FreshRoom {
    NodeId node{};
    rm::Room room;
  };
  struct LaneHash {
    std::size_t operator()(const Lane& lane) const noexcept {
      return ((std::size_t(lane.group) * 0x9e3779b97f4a7c15u) ^ std::size_t(lane.shape)) *
                 0xbf58476d1ce4e5b9u ^
             std::size_t(lane.path) ^ std::size_t(lane.standing) << 32;
    }
  };
  using Offer = std::pair<std::pair<std::int64_t, OrderKey>, ShapeId>;

  void enter(LaneId id);
  void leave(LaneId id);
  void enter_line(LaneId id);
  void leave_line(LaneId id);
  void offer(ShapeId shape, const ShapeState& state);
  void withdraw(ShapeId shape, const ShapeState& state);
  void unblock(ShapeId shape);
  void wake(const rm::Room& room);
  void wake_exclusive(const rm::Room* room);
  bool is_fresh(const BlockedShape& blocked) const;
  std::optional<Offer> first_woken();
  void try_first_of(const QuotaKey& key);
  void unpark(LaneId id);
  void pass_on(LaneId id, std::uint32_t was_short_of);
  Offer offer_of(ShapeId shape, const ShapeState& state) const;

  KeyOf key_of_;
  Rules rules_;
  std::vector<LaneState> lanes_;
  std::vector<LaneId> free_lanes_;
  std::unordered_map<Lane, LaneId, LaneHash> lane_index_;  // never iterated
  std::vector<ShapeState> shapes_;
  std::vector<BlockedShape> blocked_;             // packed: wake() runs over it
  std::set<std::pair<OrderKey, ShapeId>> order_;  // the first of each shape, not the hopeless
  std::set<Offer> offers_;                        // the first of each shape that is not blocked
  std::map<QuotaKey, Line> short_of_quota_;
  std::set<std::pair<JobId, LaneId>> aging_;
  std::vector<FreshRoom> fresh_;
  std::vector<ShapeId> woken_;  // the blocked ones that were fresh when last looked at
  bool is_looked_through_ = false;
  std::uint32_t pass_ = 1;
  std::uint64_t quota_moves_ = 0;
};

}  // namespace drover::sched
