// sched/shape.cpp - the shapes that open jobs have.
// SPDX-License-Identifier: Apache-2.0
#include "sched/shape.hpp"

#include <algorithm>
#include <limits>

#include "rm/quota_ledger.hpp"

namespace drover::sched {
namespace {

// Absurd requests are possible while no node is known: theirs is the largest area there is.
std::int64_t area_of(const Shape& shape, std::int64_t cpus) {
  const std::int64_t limit = std::numeric_limits<std::int64_t>::max();
  const std::int64_t ms = shape.length.us / 1000;
  return ms > 0 && cpus > limit / ms ? limit : cpus * ms;
}

}  // namespace

ShapeId Shapes::acquire(const rm::ResourceManager& rm, rm::ClassId what, Duration time_limit,
                        rm::PathId path) {
  const rm::Request& request = rm.request(what);
  Shape asked;
  asked.what = what;
  asked.length = length_of(time_limit);
  asked.whole_node = request.exclusive;
  for (const rm::Request& more : request.more) asked.whole_node |= more.exclusive;
  if (asked.whole_node && rm.ledger().is_limited(path)) asked.path = path;
  const auto [known, is_new] = index_.try_emplace(key_of(asked), ShapeId{});
  if (is_new) {
    if (free_.empty()) {
      known->second = ShapeId(std::uint32_t(shapes_.size()));
      shapes_.emplace_back();
    } else {
      known->second = free_.back();
      free_.pop_back();
    }
    Shape& shape = shapes_[std::size_t(known->second)].shape;
    shape = asked;
    shape.room = rm.room_of(what);
    shape.nodes = rm.nodes_of(what);
    shape.licensed = !rm::licences_of(request).empty();
    shape.area = area_of(shape, rm.cpus_of(what));
  }
  ++shapes_[std::size_t(known->second)].users;
  return known->second;
}

void Shapes::release(ShapeId id) {
  Entry& entry = shapes_[std::size_t(id)];
  if (--entry.users > 0) return;
  index_.erase(key_of(entry.shape));
  free_.push_back(id);
}

}  // namespace drover::sched
