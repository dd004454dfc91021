// sched/shape.hpp - what jobs have in common that ask for the same resources for the same time.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <boost/unordered_map.hpp>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "rm/resource_manager.hpp"

namespace drover::sched {

enum class ShapeId : std::uint32_t {};
enum class LaneId : std::uint32_t {};
inline constexpr LaneId kNoLane{0xffffffffu};

// A job without a time limit counts as one that runs for a year: it may, and plans need a number.
inline constexpr Duration kUnlimited = seconds(366LL * 86'400);

struct Shape {
  rm::ClassId what{};
  Duration length;  // the time limit, or kUnlimited
  rm::Room room;    // on each of `nodes`, at least
  std::uint32_t nodes = 1;
  bool licensed = false;    // it wants licences
  bool whole_node = false;  // one of its nodes at least is for it alone, and charged whole
  // CPU-milliseconds by the limit: what the smallest-area-first order compares.
  std::int64_t area = 0;
};

// Interns shapes and forgets those that no job has any more. O(1).
class Shapes {
 public:
  ShapeId acquire(const rm::ResourceManager& rm, rm::ClassId what, Duration time_limit);
  void release(ShapeId id);
  const Shape& operator[](ShapeId id) const { return shapes_[std::size_t(id)].shape; }
  std::size_t size() const { return index_.size(); }

 private:
  struct Entry {
    Shape shape;
    std::uint64_t users = 0;
  };
  std::vector<Entry> shapes_;
  std::vector<ShapeId> free_;
  struct KeyHash {
    std::size_t operator()(const std::pair<rm::ClassId, std::int64_t>& key) const {
      std::uint64_t hash = std::uint64_t(key.second) * 0x9e3779b97f4a7c15u + raw(key.first);
      hash = (hash ^ (hash >> 29)) * 0xbf58476d1ce4e5b9u;  // lengths are multiples of a second
      return std::size_t(hash ^ (hash >> 32));
    }
  };
  boost::unordered_map<std::pair<rm::ClassId, std::int64_t>, ShapeId, KeyHash> index_;
};

}  // namespace drover::sched
