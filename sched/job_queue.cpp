// sched/job_queue.cpp - lanes, shapes and quotas kept in step.
// SPDX-License-Identifier: Apache-2.0
#include "sched/job_queue.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/check.hpp"

namespace drover::sched {

// Brings the indexes of shapes up to date with one of them.
void JobQueue::refresh(ShapeId id) {
  ShapeState& shape = shapes_[std::size_t(id)];
  if (shape.lanes.empty()) {
    order_.erase(id, order_seats());
    offers_.erase(id, offer_seats());
    return;
  }
  const OrderKey& first = shape.lanes.top().key;
  const OfferKey offer{rules_.shortest_first ? shape.length_us : 0, first};
  if (shape.block == Block::Hopeless)
    order_.erase(id, order_seats());
  else
    order_.put(first, id, order_seats());
  if (!rules_.fills_behind) return;
  if (shape.block == Block::No) return offers_.put(offer, id, offer_seats());
  offers_.erase(id, offer_seats());
  BlockedShape& blocked = blocked_[shape.blocked_at];
  if (blocked.key == offer) return;
  blocked.key = offer;
  if (is_looked_through_ && blocked.tried != pass_)
    push_woken({offer, blocked_rough_[shape.blocked_at], id});
}

void JobQueue::enter_line(LaneId id) {
  const LaneState& lane = lanes_[std::size_t(id)];
  ShapeState& shape = shapes_[std::size_t(lane.common.shape)];
  shape.lanes.put(lane.key, id, lane_seats());
  if (shape.lanes.top().id == id) refresh(lane.common.shape);
}

void JobQueue::leave_line(LaneId id) {
  const LaneState& lane = lanes_[std::size_t(id)];
  ShapeState& shape = shapes_[std::size_t(lane.common.shape)];
  const bool first = shape.lanes.top().id == id;
  shape.lanes.erase(id, lane_seats());
  if (first) refresh(lane.common.shape);
  if (shape.lanes.empty()) unblock(lane.common.shape);
}

// Puts a lane that has jobs where it belongs, under the key of its first job.
void JobQueue::enter(LaneId id) {
  LaneState& lane = lanes_[std::size_t(id)];
  key_of_(lane.common, lane.jobs.front(), lane.key);
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

LaneId JobQueue::add_lane(const Lane& common, const Shape& shape) {
  auto id = LaneId(std::uint32_t(lanes_.size()));
  if (free_lanes_.empty()) {
    lanes_.emplace_back();
  } else {
    id = free_lanes_.back();
    free_lanes_.pop_back();
  }
  if (auto part = spare_lanes_.take()) {
    part.key() = common;
    part.mapped() = id;
    lane_index_.insert(std::move(part));
  } else {
    lane_index_.emplace(common, id);
  }
  lanes_[std::size_t(id)].common = common;
  if (std::size_t(common.shape) >= shapes_.size()) shapes_.resize(std::size_t(common.shape) + 1);
  ShapeState& state = shapes_[std::size_t(common.shape)];
  state.want = shape.room;
  state.whole_node = shape.whole_node;
  state.licensed = shape.licensed;
  state.length_us = shape.length.us;
  return id;
}

LaneId JobQueue::put(const Lane& common, const Shape& shape, const Place& place) {
  const auto known = lane_index_.find(common);
  const LaneId id = known != lane_index_.end() ? known->second : add_lane(common, shape);
  LaneState& lane = lanes_[std::size_t(id)];
  if (lane.jobs.empty()) {
    lane.jobs.insert(place);
    enter(id);
  } else if (place < lane.jobs.front()) {
    leave(id);
    lane.jobs.insert(place);
    enter(id);
  } else {
    lane.jobs.insert(place);
  }
  if (listed_.is_kept() && is_listed(lane)) {
    OrderKey key;
    key_of_(common, place, key);
    listed_.joined(key, {id, common.shape, place});
  }
  return id;
}

void JobQueue::remove(LaneId id, const Place& place) {
  LaneState& lane = lanes_[std::size_t(id)];
  DROVER_CHECK(!lane.jobs.empty(), "a job left a lane that is empty");
  if (listed_.is_kept() && is_listed(lane)) {
    OrderKey key;
    key_of_(lane.common, place, key);
    listed_.left(key);
  }
  if (!(place == lane.jobs.front())) {
    lane.jobs.erase(place);
    return;
  }
  leave(id);
  lane.jobs.erase(place);
  if (!lane.jobs.empty()) return enter(id);
  spare_lanes_.put(lane_index_.extract(lane.common));
  free_lanes_.push_back(id);
  const bool was_next = lane.shortage && !lane.parked;
  const QuotaKey key{was_next ? lane.shortage->quota_index : 0, lane.common.shape};
  lane.shortage.reset();
  lane.parked = false;
  if (was_next) try_first_of(key);  // it will not start: the turn of those behind it
}

void JobQueue::rekey(LaneId id) {
  listed_.forget();
  leave(id);
  enter(id);
}

std::optional<JobQueue::Candidate> JobQueue::head() const {
  if (order_.empty()) return std::nullopt;
  const ShapeId shape = order_.top().id;
  const LaneId lane = shapes_[std::size_t(shape)].lanes.top().id;
  return Candidate{lane, shape, lanes_[std::size_t(lane)].jobs.front()};
}

bool JobQueue::is_fresh(const BlockedShape& blocked) const {
  if (blocked.tried == pass_) return false;
  for (const FreshRoom& fresh : fresh_)
    if (fresh.room.now.covers(blocked.want)) return true;
  return false;
}

// The same, and no hold of others begins too soon for it.
bool JobQueue::may_start(const BlockedShape& blocked) {
  if (blocked.tried == pass_) return false;
  bool is_held = false;
  for (const FreshRoom& fresh : fresh_) {
    if (fresh.room.may_take(blocked.want, blocked.length_us)) return true;
    is_held |= fresh.room.now.covers(blocked.want);
  }
  Block& block = shapes_[std::size_t(blocked.shape)].block;
  if (is_held && block == Block::NoRoom) block = Block::Held;
  return false;
}

// All blocked shapes are looked at once in a pass: rooms only shrink until the next one, so that
// afterwards those are enough which were fresh.
void JobQueue::look_through() {
  woken_.clear();
  for (std::size_t i = 0; i < blocked_.size(); ++i)
    if (fresh_.may_cover(blocked_rough_[i]) && may_start(blocked_[i]))
      woken_.push_back({blocked_[i].key, blocked_rough_[i], blocked_[i].shape});
  is_looked_through_ = true;
  find_first_woken();
}

// Mostly the first one starts, and hardly anybody finds room after that: only who is asked for the
// second one as well puts the others in order.
void JobQueue::find_first_woken() {
  is_heap_ = has_shrunk_ = false;
  if (woken_.empty()) return;
  const auto first = std::ranges::min_element(woken_, {}, &Woken::key);
  if (first != woken_.begin()) std::iter_swap(woken_.begin(), first);
}

void JobQueue::push_woken(const Woken& woken) {
  woken_.push_back(woken);
  if (is_heap_)
    std::ranges::push_heap(woken_, std::greater<>{}, &Woken::key);
  else if (woken.key < woken_.front().key)
    std::swap(woken_.front(), woken_.back());
}

void JobQueue::pop_woken() {
  if (is_heap_) {
    std::ranges::pop_heap(woken_, std::greater<>{}, &Woken::key);
    woken_.pop_back();
    return;
  }
  woken_.front() = woken_.back();
  woken_.pop_back();
  std::ranges::make_heap(woken_, std::greater<>{}, &Woken::key);
  is_heap_ = true;
}

// The blocked shape that is first among those that could start; null: none could.
const JobQueue::Woken* JobQueue::first_woken() {
  if (fresh_.empty()) return nullptr;
  if (!is_looked_through_) look_through();
  if (has_shrunk_) {
    std::erase_if(woken_, [&](const Woken& woken) { return !fresh_.may_cover(woken.want); });
    find_first_woken();
  }
  for (; !woken_.empty(); pop_woken()) {
    const Woken& first = woken_.front();
    const ShapeState& shape = shapes_[std::size_t(first.shape)];
    if (shape.block != Block::No && blocked_[shape.blocked_at].key == first.key &&
        may_start(blocked_[shape.blocked_at]))
      return &first;
  }
  return nullptr;
}

// A woken shape stays blocked until one of it starts: mostly what is free there is held for others.
std::optional<JobQueue::Candidate> JobQueue::candidate() {
  const Woken* woken = first_woken();
  if (woken != nullptr && !offers_.empty() && offers_.top().key < woken->key) woken = nullptr;
  if (woken == nullptr && offers_.empty()) return std::nullopt;
  const ShapeId shape = woken != nullptr ? woken->shape : offers_.top().id;
  const LaneId lane = shapes_[std::size_t(shape)].lanes.top().id;
  return Candidate{lane, shape, lanes_[std::size_t(lane)].jobs.front()};
}

JobQueue::Block JobQueue::block_of(ShapeId shape) const {
  return std::size_t(shape) < shapes_.size() ? shapes_[std::size_t(shape)].block : Block::No;
}

void JobQueue::block(ShapeId id, Block why) {
  ShapeState& shape = shapes_[std::size_t(id)];
  const Block before = std::exchange(shape.block, why);
  const bool is_ordered_anew = (before == Block::Hopeless) != (why == Block::Hopeless);
  if (is_ordered_anew) listed_.forget();
  if (before == Block::No) {
    shape.blocked_at = std::uint32_t(blocked_.size());
    BlockedShape& blocked = blocked_.emplace_back();  // in place: see KeyedHeap
    blocked.want = shape.want;
    blocked.length_us = shape.length_us;
    blocked.shape = id;
    blocked_rough_.push_back(RoughRoom::want(shape.want));
  }
  blocked_[shape.blocked_at].tried = pass_;
  if (before == Block::No || is_ordered_anew) refresh(id);
}

void JobQueue::unblock(ShapeId id) {
  ShapeState& shape = shapes_[std::size_t(id)];
  if (shape.block == Block::No) return;
  if (shape.block == Block::Hopeless) listed_.forget();
  shape.block = Block::No;
  blocked_[shape.blocked_at] = blocked_.back();
  blocked_rough_[shape.blocked_at] = blocked_rough_.back();
  shapes_[std::size_t(blocked_.back().shape)].blocked_at = shape.blocked_at;
  blocked_.pop_back();
  blocked_rough_.pop_back();
  refresh(id);
}

bool JobQueue::could_start(ShapeId id) {
  const ShapeState& shape = shapes_[std::size_t(id)];
  if (shape.block != Block::No && is_fresh(blocked_[shape.blocked_at])) unblock(id);
  return shape.block == Block::No;
}

// Those who fit into the room and whom `wake` wants. From the end: unblock() moves the last one.
template <class Wake>
void JobQueue::unblock_where(const rm::Room& room, Wake wake) {
  const RoughRoom rough = RoughRoom::room(room);
  for (std::size_t i = blocked_.size(); i-- > 0;)
    if (rough.may_cover(blocked_rough_[i]) && room.covers(blocked_[i].want) && wake(blocked_[i]))
      unblock(blocked_[i].shape);
}

// Who wants a node alone is charged all of it: another node may be within the quota.
// Null: nodes came or changed, any of them may be.
void JobQueue::wake_exclusive(const rm::Room* room) {
  if (room != nullptr && room->seats < rm::Room::kSeats) return;
  std::vector<QuotaKey> keys;
  for (const auto& [key, line] : short_of_quota_) {
    const ShapeState& shape = shapes_[std::size_t(key.second)];
    if (shape.whole_node && (room == nullptr || room->covers(shape.want))) keys.push_back(key);
  }
  for (const QuotaKey& key : keys) try_first_of(key);
}

void JobQueue::wake_where(const rm::Room& room) {
  unblock_where(room, [](const BlockedShape&) { return true; });
  wake_exclusive(&room);
}

void JobQueue::wake_held(const rm::Room& room) {
  unblock_where(room, [&](const BlockedShape& blocked) {
    return shapes_[std::size_t(blocked.shape)].block == Block::Held;
  });
}

void JobQueue::wake_all() {
  while (!blocked_.empty()) unblock(blocked_.back().shape);
  wake_exclusive(nullptr);
}

void JobQueue::wake_fresh() {
  for (std::size_t i = blocked_.size(); i-- > 0;)
    if (fresh_.may_cover(blocked_rough_[i]) && is_fresh(blocked_[i])) unblock(blocked_[i].shape);
}

void JobQueue::park(LaneId id, const rm::QuotaShort& why) {
  listed_.forget();
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
  let_go_.push_back(id);
  listed_.forget();
  leave(id);
  lanes_[std::size_t(id)].parked = false;
  ++quota_moves_;
  enter(id);
}

void JobQueue::let_go(LaneId id) {
  if (parked(id) != nullptr) unpark(id);
}

void JobQueue::wake_quota(std::uint32_t quota_index) {
  std::vector<QuotaKey> keys;
  for (auto it = short_of_quota_.lower_bound({quota_index, ShapeId{0}});
       it != short_of_quota_.end() && it->first.first == quota_index; ++it)
    keys.push_back(it->first);
  for (const QuotaKey& key : keys) try_first_of(key);
}

void JobQueue::wake_licensed() {
  for (std::size_t i = blocked_.size(); i-- > 0;)
    if (shapes_[std::size_t(blocked_[i].shape)].licensed) unblock(blocked_[i].shape);
}

const rm::QuotaShort* JobQueue::parked(LaneId id) const {
  if (id == kNoLane || !lanes_[std::size_t(id)].parked) return nullptr;
  return &*lanes_[std::size_t(id)].shortage;
}

std::vector<std::pair<OrderKey, LaneId>> JobQueue::all_lanes() const {
  std::vector<std::pair<OrderKey, LaneId>> all;
  for (std::size_t i = 0; i < lanes_.size(); ++i)
    if (!lanes_[i].jobs.empty()) all.emplace_back(lanes_[i].key, LaneId(std::uint32_t(i)));
  std::ranges::sort(all);
  return all;
}

bool JobQueue::is_listed(const LaneState& lane) const {
  return !lane.jobs.empty() && !lane.parked &&
         shapes_[std::size_t(lane.common.shape)].block != Block::Hopeless;
}

// A merge of the lanes, each of which is in order.
const std::vector<JobQueue::Candidate>& JobQueue::in_order(std::size_t limit) const {
  if (const auto* known = listed_.up_to_date(limit)) return *known;
  struct Next {
    OrderKey key;
    LaneId lane{};
    PlaceList::Iterator at;
  };
  const auto later = [](const Next& a, const Next& b) { return a.key > b.key; };
  std::vector<Next> heap;
  for (std::size_t i = 0; i < lanes_.size(); ++i)
    if (is_listed(lanes_[i]))
      heap.push_back({lanes_[i].key, LaneId(std::uint32_t(i)), lanes_[i].jobs.begin()});
  std::ranges::make_heap(heap, later);
  listed_.begin(limit);
  while (!heap.empty() && !listed_.is_full()) {
    std::ranges::pop_heap(heap, later);
    Next next = heap.back();
    heap.pop_back();
    const LaneState& lane = lanes_[std::size_t(next.lane)];
    listed_.add(next.key, {next.lane, lane.common.shape, *next.at});
    if (++next.at == lane.jobs.end()) continue;
    key_of_(lane.common, *next.at, next.key);
    heap.push_back(next);
    std::ranges::push_heap(heap, later);
  }
  return listed_.end(rules_.keys_stay);
}

void JobQueue::check(std::vector<std::string>& problems) const {
  std::size_t in_lines = 0, offered = 0, ordered = 0, parked = 0, in_lanes = 0;
  for (const ShapeState& shape : shapes_) {
    in_lines += shape.lanes.size();
    if (shape.lanes.empty()) continue;
    offered += shape.block == Block::No && rules_.fills_behind;
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
