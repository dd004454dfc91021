// rm/forecast.cpp - keeps timelines and calendar in step, and searches them.
// SPDX-License-Identifier: Apache-2.0
#include "rm/forecast.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include "base/check.hpp"

namespace drover::rm {
namespace {

constexpr int kGangRounds = 256;

// A search over many nodes waits for memory more than it computes: they are fetched some at a time,
// first the nodes, then their steps.
class Ahead {
 public:
  template <class Nodes, class Look>
  void add(const Nodes& nodes, NodeId id, Look look) {
    __builtin_prefetch(&nodes[raw(id)]);
    ids_[count_++] = id;
    if (count_ == ids_.size()) finish(nodes, look);
  }
  template <class Nodes, class Look>
  void finish(const Nodes& nodes, Look look) {
    for (std::size_t i = 0; i < count_; ++i) nodes[raw(ids_[i])].timeline.fetch();
    for (std::size_t i = 0; i < count_; ++i) look(ids_[i]);
    count_ = 0;
  }

 private:
  std::array<NodeId, 16> ids_{};
  std::size_t count_ = 0;
};

}  // namespace

Forecast::Node& Forecast::at(NodeId id) {
  if (raw(id) >= nodes_.size()) {
    nodes_.resize(raw(id) + 1);
    seen_.resize(nodes_.size());
  }
  return nodes_[raw(id)];
}

std::size_t Forecast::bucket_of(Time when) const {
  const std::int64_t bucket = when.us / kBucketUs - base_;
  return std::size_t(std::clamp<std::int64_t>(bucket, 0, kBuckets - 1));
}

void Forecast::note_end(NodeId id, Time when) {
  if (when == kEver || calendar_.empty()) return;
  const std::size_t bucket = bucket_of(when);
  calendar_[ring(bucket)].insert(id);
  mark_filled(bucket, true);
}

void Forecast::mark_filled(std::size_t bucket, bool filled) {
  const std::size_t place = ring(bucket);
  const std::uint64_t bit = std::uint64_t(1) << (place % 64);
  if (filled)
    filled_[place / 64] |= bit;
  else
    filled_[place / 64] &= ~bit;
}

// The first bucket from this one on that is not empty, or kBuckets.
std::size_t Forecast::next_filled(std::size_t bucket) const {
  while (bucket < kBuckets) {
    const std::size_t place = ring(bucket);
    const std::uint64_t word = filled_[place / 64] >> (place % 64);
    if (word != 0) return std::min(bucket + std::size_t(std::countr_zero(word)), kBuckets);
    bucket += 64 - place % 64;
  }
  return kBuckets;
}

// The last bucket stands for all that is later: as it moves, what it holds may still be later.
// While it is empty, the way goes from one filled bucket to the next.
void Forecast::forget_before(Time now) {
  const std::int64_t today = now.us / kBucketUs;
  while (base_ < today && !calendar_.empty()) {
    NodeBits later = calendar_[ring(kBuckets - 1)];
    if (later.empty()) base_ = std::min(today, base_ + std::int64_t(next_filled(0)));
    if (base_ == today) break;
    mark_filled(0, false);
    calendar_[ring(0)] = {};
    ++base_;
    mark_filled(kBuckets - 1, !later.empty());  // the same place of the ring
    calendar_[ring(kBuckets - 1)] = std::move(later);
  }
  base_ = std::max(base_, today);
}

void Forecast::set_capacity(NodeId id, const Room& capacity) {
  gains_.forget();
  Node& node = at(id);
  Room change = capacity;
  change += -node.capacity;
  node.timeline.add(kAlways, kEver, change);
  if (node.reserved != nullptr) node.reserved->resize(change, node.timeline);
  node.capacity = capacity;
}

void Forecast::set_offering(NodeId id, bool offers) {
  gains_.forget();
  at(id);
  offering_.set(id, offers);
  if (calendar_.empty() && has_many_nodes()) start_calendar();
}

// Whatever begins or ends later. O(steps of all nodes), once.
void Forecast::start_calendar() {
  calendar_.resize(kBuckets);
  for (std::uint32_t i = 0; i < nodes_.size(); ++i) {
    const auto note = [&](Time when) { note_end(NodeId{i}, when); };
    nodes_[i].timeline.visit_changes(note);
    if (nodes_[i].reserved != nullptr) nodes_[i].reserved->physical.visit_changes(note);
  }
}

// To its reservation's timeline where there is one, otherwise to everybody's.
void Forecast::charge_reserved(Node& node, ReservedId by, Time from, Time until,
                               const Room& change) {
  node.reserved->physical.add(from, until, change);
  NodeTimeline* inside = by == kUnreserved ? nullptr : node.reserved->inside(by);
  if (inside != nullptr && is_flexible(by))
    return node.reserved->charge_by_time(by, from, until, change, node.timeline);
  (inside != nullptr ? *inside : node.timeline).add(from, until, change);
}

void Forecast::reserve(ReservedId id, const std::vector<ReservedSpan>& spans,
                       const std::vector<ReservedPart>& parts, bool flexible) {
  gains_.forget();
  if (flexible) flexible_.insert(id);
  NodeBits& bits = reserved_[id];
  for (const ReservedPart& part : parts) {
    Node& node = at(part.node);
    if (node.reserved == nullptr) node.reserved = std::make_unique<ReservedRoom>(node.timeline);
    node.reserved->add(id, spans, part, node.capacity, node.timeline);
    bits.insert(part.node);
    for (const ReservedSpan& span : spans) note_end(part.node, span.until);
  }
}

void Forecast::unreserve(ReservedId id) {
  gains_.forget();
  const auto found = reserved_.find(id);
  if (found == reserved_.end()) return;
  for (auto on = found->second.first_common(nullptr); on;
       on = found->second.first_common(nullptr, raw(*on) + 1)) {
    Node& node = at(*on);
    node.reserved->remove(id, node.timeline);
    if (node.reserved->empty()) node.reserved.reset();
  }
  reserved_.erase(found);
  flexible_.erase(id);
}

const NodeBits* Forecast::nodes_of(ReservedId id) const {
  const auto found = reserved_.find(id);
  return found == reserved_.end() ? nullptr : &found->second;
}

std::optional<ReservedRoom::InTheWay> Forecast::in_the_way(NodeId id, const Room& room, Time from,
                                                           Time until) const {
  const Node& at = node(id);
  if (at.reserved == nullptr) return std::nullopt;
  return at.reserved->first_in_the_way(room, from, until, at.timeline);
}

bool Forecast::fits(const Node& node, ReservedId by, const Room& want, Time from,
                    Time until) const {
  const bool flexible = is_flexible(by);
  if (node.reserved == nullptr)
    return (by == kUnreserved || flexible) && node.timeline.fits(want, from, until);
  if (flexible && node.reserved->inside(by) != nullptr)
    return node.reserved->with_others(by, node.timeline).fits(want, from, until) &&
           node.reserved->physical.fits(want, from, until);
  const NodeTimeline* own =
      by == kUnreserved || flexible ? &node.timeline : node.reserved->inside(by);
  return own != nullptr && own->fits(want, from, until) &&
         node.reserved->physical.fits(want, from, until);
}

std::optional<Time> Forecast::earliest_on(const Node& node, const RoomAsk& ask, Duration length,
                                          Time from, Time not_after, const Hold* own) const {
  const bool flexible = is_flexible(ask.by);
  if (node.reserved == nullptr) {
    if (ask.by != kUnreserved && !flexible) return std::nullopt;
    if (own != nullptr)
      return node.timeline.earliest_without({own->slot.start, own->until, own->room}, ask.want,
                                            length, from, not_after);
    return node.timeline.earliest(ask.want, length, from, not_after);
  }
  if (flexible && node.reserved->inside(ask.by) != nullptr)
    return earliest_in_both(node.reserved->with_others(ask.by, node.timeline),
                            node.reserved->physical, ask.want, length, from, not_after);
  const NodeTimeline* inside =
      ask.by == kUnreserved || flexible ? &node.timeline : node.reserved->inside(ask.by);
  if (inside == nullptr) return std::nullopt;
  return earliest_in_both(*inside, node.reserved->physical, ask.want, length, from, not_after);
}

// The nodes that may be looked at for it, by id.
std::optional<NodeId> Forecast::next_asked(const RoomAsk& ask, std::uint32_t from) const {
  if (ask.by == kUnreserved || is_flexible(ask.by))
    return offering_.first_common(ask.allowed, from);
  const NodeBits* inside = nodes_of(ask.by);
  if (inside == nullptr) return std::nullopt;
  auto id = inside->first_common(ask.allowed, from);
  while (id && !offering_.contains(*id)) id = inside->first_common(ask.allowed, raw(*id) + 1);
  return id;
}

void Forecast::forget_if_overbooked(const Hold& hold) {
  for (const NodeId on : hold.slot.nodes) forget_if_overbooked(on, hold.slot.start, hold.until);
}

// Whoever holds a place where more is taken than there is has to look for another.
void Forecast::forget_if_overbooked(NodeId id, Time from, Time until) {
  const Node& at = node(id);
  if (at.reserved != nullptr || !at.timeline.fits(Room{}, from, until)) gains_.forget();
}

// As it was before it was lifted: nothing came free and nothing was taken.
void Forecast::lay(HoldId id) {
  const Hold& hold = holds_[raw(id)];
  take(hold);
  forget_if_overbooked(hold);
}

void Forecast::take(const Hold& hold) {
  for (std::size_t i = 0; i < hold.slot.nodes.size(); ++i)
    charge(hold.slot.nodes[i], hold.by, hold.slot.start, hold.until, -hold.room_on(i));
}

void Forecast::lift(HoldId id) {
  const Hold& hold = holds_[raw(id)];
  for (std::size_t i = 0; i < hold.slot.nodes.size(); ++i)
    charge(hold.slot.nodes[i], hold.by, hold.slot.start, hold.until, hold.room_on(i));
}

HoldId Forecast::hold(const Slot& slot, const Room& room, Time until, ReservedId by) {
  HoldId id{std::uint32_t(holds_.size())};
  if (free_holds_.empty()) {
    holds_.emplace_back();
  } else {
    id = free_holds_.back();
    free_holds_.pop_back();
  }
  holds_[raw(id)] = {slot, room, until, by, true, 0, nullptr};
  ++live_holds_;
  settle(id);
  forget_if_overbooked(holds_[raw(id)]);
  return id;
}

void Forecast::settle(HoldId id) {
  newest_hold_ = id;
  const Hold& hold = holds_[raw(id)];
  take(hold);
  for (const NodeId on : hold.slot.nodes) {
    ++at(on).holds;
    note_end(on, hold.until);
  }
}

void Forecast::leave(HoldId id) {
  lift(id);
  const Hold& hold = holds_[raw(id)];
  for (std::size_t i = 0; i < hold.slot.nodes.size(); ++i) {
    --at(hold.slot.nodes[i]).holds;
    note_gain(hold.slot.nodes[i], hold.slot.start, hold.until, hold.room_on(i));
  }
}

// What it leaves is no use to itself, and where it goes there is room.
void Forecast::move(HoldId id, const Slot& slot, const Room& room, Time until) {
  leave(id);
  Hold& hold = holds_[raw(id)];
  hold.slot = slot;
  hold.room = room;
  hold.until = until;
  hold.searched = gains_.mark();
  settle(id);
  for (const NodeId on : slot.nodes) gains_.take(on, slot.start, until, room);
}

void Forecast::cut_by_holds(NodeId id, Time from, LastingRoom& room) const {
  const Node& at = node(id);
  if (at.holds == 0 || at.reserved != nullptr) return;
  const Hold& only = holds_[raw(newest_hold_)];  // with easy: the head's
  if (live_holds_ > 1 || !only.live || only.slot.start <= from)
    return at.timeline.cut_at_drop(from, room);
  room.lasts = only.slot.start - from;
  room.then.emplace(at.timeline.at(only.slot.start));
}

void Forecast::drop(HoldId id) {
  Hold& hold = holds_[raw(id)];
  DROVER_CHECK(hold.live, "a hold was dropped twice");
  leave(id);
  hold.live = false;
  hold.slot.nodes.clear();
  --live_holds_;
  free_holds_.push_back(id);
}

const Slot& Forecast::slot_of(HoldId id) const { return holds_[raw(id)].slot; }

void Forecast::look(NodeId id, const RoomAsk& ask, Duration length, Time from, Time not_after,
                    std::optional<Place>& best, const Hold* own) const {
  const Node& at = node(id);
  if (!at.capacity.covers(ask.want)) return;
  ++looked_at_;
  if (own != nullptr && own->slot.nodes.front() != id) own = nullptr;
  if (best) not_after = std::min(not_after, best->start);
  const auto start = earliest_on(at, ask, length, from, not_after, own);
  if (!start || *start > not_after) return;
  if (best && (*start > best->start || (*start == best->start && best->node < id))) return;
  best = {*start, id};
}

std::optional<Slot> Forecast::earliest_one(const RoomAsk& ask, Duration length, Time from,
                                           Time not_after, const Hold* own) const {
  std::optional<Place> best;
  const auto found = [&]() -> std::optional<Slot> {
    if (!best) return std::nullopt;
    return Slot{best->start, {best->node}};
  };
  if (offering_.count() <= kFewNodes || ask.by != kUnreserved) {
    for (auto id = next_asked(ask, 0); id; id = next_asked(ask, raw(*id) + 1))
      look(*id, ask, length, from, not_after, best, own);
    return found();
  }
  ++search_;
  std::uint32_t left = offering_.count_common(ask.allowed, nullptr);  // not looked at yet
  // From today on, also when the search is for later: what ends before has room by then.
  for (std::size_t bucket = next_filled(0); bucket < kBuckets; bucket = next_filled(bucket + 1)) {
    const Time begin{(base_ + std::int64_t(bucket)) * kBucketUs};
    if (begin > not_after || (best && best->start < begin) || left == 0) break;
    const NodeBits& ending = calendar_[ring(bucket)];
    Ahead ahead;
    const auto look_at = [&](NodeId id) { look(id, ask, length, from, not_after, best, own); };
    for (auto id = ending.first_common(&offering_); id;
         id = ending.first_common(&offering_, raw(*id) + 1)) {
      if (seen_[raw(*id)] == search_) continue;
      seen_[raw(*id)] = search_;
      if (ask.allowed != nullptr && !ask.allowed->contains(*id)) continue;
      --left;
      ahead.add(nodes_, *id, look_at);
    }
    ahead.finish(nodes_, look_at);
  }
  return found();
}

// Each node's first time that is not known to be too early for it; the gang starts at the time by
// which enough of them have one, unless a hold takes one away again: then that node's next time
// counts.
std::optional<Slot> Forecast::earliest_gang(const RoomAsk& ask, Duration length, Time from,
                                            Time not_after) const {
  std::vector<std::pair<Time, NodeId>> times;
  for (auto id = next_asked(ask, 0); id; id = next_asked(ask, raw(*id) + 1)) {
    if (!node(*id).capacity.covers(ask.want)) continue;
    ++looked_at_;
    if (const auto t = earliest_on(node(*id), ask, length, from, not_after))
      times.emplace_back(*t, *id);
  }
  for (int round = 0; round < kGangRounds && times.size() >= ask.nodes; ++round) {
    std::ranges::sort(times);
    const Time start = times[ask.nodes - 1].first;
    if (start > not_after) return std::nullopt;
    Slot slot{start, {}};
    std::vector<std::pair<Time, NodeId>> next;
    for (const auto& [time, id] : times) {
      if (time > start) {
        next.emplace_back(time, id);
      } else if (time == start || fits(node(id), ask.by, ask.want, start, after(start, length))) {
        slot.nodes.push_back(id);
        next.emplace_back(start, id);
        if (slot.nodes.size() == ask.nodes) {
          std::ranges::sort(slot.nodes);
          return slot;
        }
      } else if (const auto t = earliest_on(node(id), ask, length, start, not_after)) {
        next.emplace_back(*t, id);
      }
    }
    times = std::move(next);
  }
  return std::nullopt;
}

std::optional<Slot> Forecast::earliest(const RoomAsk& ask, Duration length, Time from,
                                       Time not_after) const {
  if (ask.order != nullptr && ask.nodes > 1) return earliest_run(ask, length, from, not_after);
  return ask.nodes == 1 ? earliest_one(ask, length, from, not_after)
                        : earliest_gang(ask, length, from, not_after);
}

std::optional<Slot> Forecast::best_for(HoldId id, const RoomAsk& ask, Duration length, Time from) {
  Hold& hold = holds_[raw(id)];
  const bool is_plain = ask.nodes == 1 && hold.slot.nodes.size() == 1 &&
                        node(hold.slot.nodes.front()).reserved == nullptr;
  if (is_plain) {
    auto slot = earliest_one(ask, length, from, hold.slot.start, &hold);
    if (slot == hold.slot && ask.want == hold.room) hold.searched = gains_.mark();
    return slot;
  }
  lift(id);
  auto slot = earliest(ask, length, from, hold.slot.start);
  lay(id);
  return slot;
}

// Sooner, or as soon on another node, only times do that did not do before: such that it would have
// some of what came free. Among many nodes the inventory is asked as well, see has_many_nodes(),
// and the calendar does not show all of them: there every search is made.
bool Forecast::may_be_better(HoldId id, Time now) {
  Hold& hold = holds_[raw(id)];
  const bool is_plain = hold.slot.nodes.size() == 1 && hold.rooms == nullptr;
  if (!is_plain || hold.by != kUnreserved || hold.slot.start <= now || has_many_nodes())
    return true;
  const auto helps = [&](RoomGain& gain) {
    const Time end = gain.node == hold.slot.nodes.front() ? hold.slot.start : hold.until;
    if (gain.until <= now || gain.from >= end) return false;
    if (!gain.most)
      gain.most = node(gain.node).timeline.most_during(std::max(gain.from, now), gain.until);
    return gain.most->covers(hold.room);
  };
  if (!gains_.knows(hold.searched) || gains_.any_since(hold.searched, helps)) return true;
  hold.searched = gains_.mark();
  return false;
}

bool Forecast::could_improve(HoldId id, NodeId on, const RoomAsk& ask, Duration length, Time from) {
  const Hold& hold = holds_[raw(id)];
  const auto at = std::ranges::find(hold.slot.nodes, on);
  const bool own = at != hold.slot.nodes.end();
  if (!offering_.contains(on) || (ask.allowed != nullptr && !ask.allowed->contains(on))) return own;
  const bool lifts = own && (node(on).reserved != nullptr || hold.rooms != nullptr);
  const Room room = lifts ? hold.room_on(std::size_t(at - hold.slot.nodes.begin())) : Room{};
  if (lifts) charge(on, hold.by, hold.slot.start, hold.until, room);
  ++looked_at_;
  // Who runs until then or longer needs the moment before as well.
  const bool spans =
      node(on).reserved == nullptr && !lifts && hold.slot.start <= after(from, length);
  if (spans && !node(on).timeline.covers_at(Time{hold.slot.start.us - 1}, ask.want)) return false;
  const auto start =
      earliest_on(node(on), ask, length, from, hold.slot.start, own && !lifts ? &hold : nullptr);
  if (lifts) charge(on, hold.by, hold.slot.start, hold.until, -room);
  return start && *start < hold.slot.start;
}

}  // namespace drover::rm
