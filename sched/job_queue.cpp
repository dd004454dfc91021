// sched/job_queue.cpp - lanes, shapes and quotas kept in step.
// SPDX-License-Identifier: Apache-2.0
#include "sched/job_queue.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace drover::sched {

JobQueue::Offer JobQueue::offer_of(ShapeId shape, const ShapeState& state) const {
  return {{rules_.shortest_first ? state.length_us : 0, state.lanes.begin()->first}, shape};
}

void JobQueue::offer(ShapeId shape, const ShapeState& state) {
  if (state.lanes.empty()) return;
  if (state.block != Block::Hopeless) order_.insert({state.lanes.begin()->first, shape});
  if (state.block == Block::No)
    offers_.insert(offer_of(shape, state));
  else
    blocked_[state.blocked_at].key = offer_of(shape, state).first;
}

void JobQueue::withdraw(ShapeId shape, const ShapeState& state) {
  if (state.lanes.empty()) return;
  if (state.block != Block::Hopeless) order_.erase({state.lanes.begin()->first, shape});
  if (state.block == Block::No) offers_.erase(offer_of(shape, state));
}

void JobQueue::enter_line(LaneId id) {
  const LaneState& lane = lanes_[std::size_t(id)];
  ShapeState& shape = shapes_[std::size_t(lane.common.shape)];
  const bool first = shape.lanes.empty() || lane.key < shape.lanes.begin()->first;
  if (first) withdraw(lane.common.shape, shape);
  shape.lanes.insert({lane.key, id});
  if (first) offer(lane.common.shape, shape);
}

void JobQueue::leave_line(LaneId id) {
  const LaneState& lane = lanes_[std::size_t(id)];
  ShapeState& shape = shapes_[std::size_t(lane.common.shape)];
  const bool first = shape.lanes.begin()->second == id;
  if (first) withdraw(lane.common.shape, shape);
  shape.lanes.erase({lane.key, id});
  if (first) offer(lane.common.shape, shape);
  if (shape.lanes.empty()) unblock(lane.common.shape);
}

// Puts a lane that has jobs where it belongs, under the key of its first job.
void JobQueue::enter(LaneId id) {
  LaneState& lane = lanes_[std::size_t(id)];
  lane.key = key_of_(lane.common, *lane.jobs.begin());
  if (rules_.ages && lane.key.first != 0) aging_.insert({lane.key.job, id});
  if (lane.parked)
    short_of_quota_[{lane.shortage->quota_index, lane.common.shape}].insert({lane.key, id});
  else
    enter_line(id);
}

void JobQueue::leave(LaneId id) {
  LaneState& lane = lanes_[std::size_t(id)];
  if (rules_.ages) aging_.erase({lane.key.job, id});
  if (!lane.parked) return leave_line(id);
  const auto waiting = short_of_quota_.find({lane.shortage->quota_index, lane.common.shape});
  waiting->second.erase({lane.key, id});
  if (waiting->second.empty()) short_of_quota_.erase(waiting);
}

LaneId JobQueue::put(const Lane& common, const Shape& shape, const Place& place) {
  const auto [known, is_new] = lane_index_.try_emplace(common, LaneId{});
  if (is_new) {
    if (free_lanes_.empty()) {
      known->second = LaneId(std::uint32_t(lanes_.size()));
      lanes_.emplace_back();
    } else {
      known->second = free_lanes_.back();
      free_lanes_.pop_back();
    }
    lanes_[std::size_t(known->second)].common = common;
    if (std::size_t(common.shape) >= shapes_.size()) shapes_.resize(std::size_t(common.shape) + 1);
    ShapeState& state = shapes_[std::size_t(common.shape)];
    state.want = shape.room;
    state.length_us = shape.length.us;
  }
  const LaneId id = known->second;
  LaneState& lane = lanes_[std::size_t(id)];
  if (lane.jobs.empty()) {
    lane.jobs.insert(place);
    enter(id);
  } else if (place < *lane.jobs.begin()) {
    leave(id);
    lane.jobs.insert(place);
    enter(id);
  } else {
    lane.jobs.insert(place);
  }
  return id;
}

void JobQueue::remove(LaneId id, const Place& place) {
  LaneState& lane = lanes_[std::size_t(id)];
  DROVER_CHECK(!lane.jobs.empty(), "a job left a lane that is empty");
  if (!(place == *lane.jobs.begin())) {
    lane.jobs.erase(place);
    return;
  }
  leave(id);
  lane.jobs.erase(lane.jobs.begin());
  if (!lane.jobs.empty()) return enter(id);
  lane_index_.erase(lane.common);
  free_lanes_.push_back(id);
  const bool was_next = lane.shortage && !lane.parked;
  const QuotaKey key{was_next ? lane.shortage->quota_index : 0, lane.common.shape};
  lane.shortage.reset();
  lane.parked = false;
  if (was_next) try_first_of(key);  // it will not start: the turn of those behind it
}

void JobQueue::rekey(LaneId id) {
  leave(id);
  enter(id);
}

std::optional<JobQueue::Candidate> JobQueue::head() const {
  if (order_.empty()) return std::nullopt;
  const ShapeId shape = order_.begin()->second;
  const LaneId lane = shapes_[std::size_t(shape)].lanes.begin()->second;
  return Candidate{lane, shape, *lanes_[std::size_t(lane)].jobs.begin()};
}

bool JobQueue::is_fresh(const BlockedShape& blocked) const {
  if (blocked.tried == pass_) return false;
  for (const FreshRoom& fresh : fresh_)
    if (fresh.room.covers(blocked.want)) return true;
  return false;
}

// The blocked shape that is first among those that could start. All of them are looked at once in a
// pass: rooms only shrink until the next one, so that afterwards those are enough which were fresh.
std::optional<JobQueue::Offer> JobQueue::first_woken() {
  if (fresh_.empty()) return std::nullopt;
  if (!is_looked_through_) {
    woken_.clear();
    for (const BlockedShape& blocked : blocked_)
      if (is_fresh(blocked)) woken_.push_back(blocked.shape);
    is_looked_through_ = true;
  }
  const BlockedShape* first = nullptr;
  std::erase_if(woken_, [&](ShapeId id) {
    const ShapeState& shape = shapes_[std::size_t(id)];
    if (shape.block == Block::No) return true;
    const BlockedShape& blocked = blocked_[shape.blocked_at];
    if (!is_fresh(blocked)) return true;
    if (first == nullptr || blocked.key < first->key) first = &blocked;
    return false;
  });
  if (first == nullptr) return std::nullopt;
  return Offer{first->key, first->shape};
}

std::optional<JobQueue::Candidate> JobQueue::candidate() {
  if (const auto woken = first_woken())
    if (offers_.empty() || *woken < *offers_.begin()) unblock(woken->second);
  if (offers_.empty()) return std::nullopt;
  const ShapeId shape = offers_.begin()->second;
  const LaneId lane = shapes_[std::size_t(shape)].lanes.begin()->second;
  return Candidate{lane, shape, *lanes_[std::size_t(lane)].jobs.begin()};
}

JobQueue::Block JobQueue::block_of(ShapeId shape) const {
  return std::size_t(shape) < shapes_.size() ? shapes_[std::size_t(shape)].block : Block::No;
}

void JobQueue::block(ShapeId id, Block why) {
  ShapeState& shape = shapes_[std::size_t(id)];
  withdraw(id, shape);
  if (shape.block == Block::No) {
    shape.blocked_at = std::uint32_t(blocked_.size());
    blocked_.push_back({shape.want, {}, id, pass_});
  }
  blocked_[shape.blocked_at].tried = pass_;
  shape.block = why;
  offer(id, shape);
}

void JobQueue::unblock(ShapeId id) {
  ShapeState& shape = shapes_[std::size_t(id)];
  if (shape.block == Block::No) return;
  withdraw(id, shape);
  shape.block = Block::No;
  blocked_[shape.blocked_at] = blocked_.back();
  shapes_[std::size_t(blocked_.back().shape)].blocked_at = shape.blocked_at;
  blocked_.pop_back();
  offer(id, shape);
}

bool JobQueue::could_start(ShapeId id) {
  const ShapeState& shape = shapes_[std::size_t(id)];
  if (shape.block != Block::No && is_fresh(blocked_[shape.blocked_at])) unblock(id);
  return shape.block == Block::No;
}

void JobQueue::put_room(NodeId node, const rm::Room& room) {
  is_looked_through_ = false;
  constexpr std::size_t kFew = 4;
  if (fresh_.size() < kFew)
    fresh_.push_back({node, room});
  else
    wake(room);
  wake_exclusive(&room);
}

void JobQueue::update_room(NodeId node, const rm::Room& room) {
  for (FreshRoom& fresh : fresh_)
    if (fresh.node == node) fresh.room = room;
}

void JobQueue::wake(const rm::Room& room) {
  for (std::size_t i = blocked_.size(); i-- > 0;)  // from the end: unblock() moves the last one
    if (room.covers(blocked_[i].want)) unblock(blocked_[i].shape);
}

// Who wants a node alone is charged all of it: another node may be within the quota.
// Null: nodes came or changed, any of them may be.
void JobQueue::wake_exclusive(const rm::Room* room) {
  if (room != nullptr && room->seats < rm::Room::kSeats) return;
  std::vector<QuotaKey> keys;
  for (const auto& [key, line] : short_of_quota_) {
    const rm::Room& want = shapes_[std::size_t(key.second)].want;
    if (want.seats == rm::Room::kSeats && (room == nullptr || room->covers(want)))
      keys.push_back(key);
  }
  for (const QuotaKey& key : keys) try_first_of(key);
}

void JobQueue::wake_held(const rm::Room& room) {
  for (std::size_t i = blocked_.size(); i-- > 0;)
    if (room.covers(blocked_[i].want) &&
        shapes_[std::size_t(blocked_[i].shape)].block == Block::Held)
      unblock(blocked_[i].shape);
}

void JobQueue::wake_all() {
  while (!blocked_.empty()) unblock(blocked_.back().shape);
  wake_exclusive(nullptr);
}

void JobQueue::wake_fresh() {
  for (std::size_t i = blocked_.size(); i-- > 0;)
    if (is_fresh(blocked_[i])) unblock(blocked_[i].shape);
}

void JobQueue::park(LaneId id, const rm::QuotaShort& why) {
  leave(id);
  LaneState& lane = lanes_[std::size_t(id)];
  const bool was_next = lane.shortage && !lane.parked;
  const std::uint32_t before = was_next ? lane.shortage->quota_index : 0;
  lane.shortage = why;
  lane.parked = true;
  ++quota_moves_;
  enter(id);
  if (was_next) pass_on(id, before);
}

// It had been tried because a quota was freed, and another one stops it, or the same one for the
// sake of others whom it owes something: those behind it may be luckier.
void JobQueue::pass_on(LaneId id, std::uint32_t was_short_of) {
  const LaneState& lane = lanes_[std::size_t(id)];
  if (lane.shortage->quota_index != was_short_of)
    return try_first_of({was_short_of, lane.common.shape});
  if (lane.shortage->kept == 0) return;
  const Line& line = short_of_quota_.at({was_short_of, lane.common.shape});
  const auto next = line.upper_bound({lane.key, id});
  if (next != line.end()) unpark(next->second);
}

void JobQueue::started(LaneId id) {
  LaneState& lane = lanes_[std::size_t(id)];
  if (!lane.shortage || lane.parked) return;
  const QuotaKey key{lane.shortage->quota_index, lane.common.shape};
  lane.shortage.reset();
  try_first_of(key);
}

void JobQueue::try_first_of(const QuotaKey& key) {
  const auto waiting = short_of_quota_.find(key);
  if (waiting == short_of_quota_.end()) return;
  unpark(waiting->second.begin()->second);
}

// `shortage` stays, so that a start goes on with the next of those that the quota had stopped.
void JobQueue::unpark(LaneId id) {
  leave(id);
  lanes_[std::size_t(id)].parked = false;
  ++quota_moves_;
  enter(id);
}

void JobQueue::wake_quota(std::uint32_t quota_index) {
  std::vector<QuotaKey> keys;
  for (auto it = short_of_quota_.lower_bound({quota_index, ShapeId{0}});
       it != short_of_quota_.end() && it->first.first == quota_index; ++it)
    keys.push_back(it->first);
  for (const QuotaKey& key : keys) try_first_of(key);
}

const rm::QuotaShort* JobQueue::parked(LaneId id) const {
  if (id == kNoLane || !lanes_[std::size_t(id)].parked) return nullptr;
  return &*lanes_[std::size_t(id)].shortage;
}

// A merge of the lanes, each of which is in order.
std::vector<JobQueue::Candidate> JobQueue::in_order(std::size_t limit) const {
  struct Next {
    OrderKey key;
    LaneId lane{};
    std::set<Place>::const_iterator at;
  };
  const auto later = [](const Next& a, const Next& b) { return a.key > b.key; };
  std::vector<Next> heap;
  for (std::size_t i = 0; i < lanes_.size(); ++i)
    if (!lanes_[i].jobs.empty() && !lanes_[i].parked &&
        shapes_[std::size_t(lanes_[i].common.shape)].block != Block::Hopeless)
      heap.push_back({lanes_[i].key, LaneId(std::uint32_t(i)), lanes_[i].jobs.begin()});
  std::ranges::make_heap(heap, later);
  std::vector<Candidate> out;
  while (!heap.empty() && out.size() < limit) {
    std::ranges::pop_heap(heap, later);
    Next next = heap.back();
    heap.pop_back();
    const LaneState& lane = lanes_[std::size_t(next.lane)];
    out.push_back({next.lane, lane.common.shape, *next.at});
    if (++next.at == lane.jobs.end()) continue;
    next.key = key_of_(lane.common, *next.at);
    heap.push_back(next);
    std::ranges::push_heap(heap, later);
  }
  return out;
}

void JobQueue::check(std::vector<std::string>& problems) const {
  std::size_t in_lines = 0, offered = 0, ordered = 0, parked = 0, in_lanes = 0;
  for (const ShapeState& shape : shapes_) {
    in_lines += shape.lanes.size();
    if (shape.lanes.empty()) continue;
    offered += shape.block == Block::No;
    ordered += shape.block != Block::Hopeless;
  }
  for (const auto& [key, line] : short_of_quota_) parked += line.size();
  for (const LaneState& lane : lanes_) in_lanes += !lane.jobs.empty();
  if (in_lines + parked != in_lanes || in_lanes != lane_index_.size())
    problems.push_back("a lane stands in no line or in two");
  if (offered != offers_.size() || ordered != order_.size())
    problems.push_back("a shape is offered that is blocked, or the reverse");
  if (aging_.size() > in_lanes) problems.push_back("a lane ages twice");
}

}  // namespace drover::sched
