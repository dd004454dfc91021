// sched/shape.hpp - what jobs have in common that ask for the same resources for the same time.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <boost/unordered_map.hpp>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/time.hpp"
#include "rm/resource_manager.hpp"

namespace drover::sched {

enum class ShapeId : std::uint32_t {};
enum class LaneId : std::uint32_t {};
inline constexpr LaneId kNoLane{0xffffffffu};

// A job without a time limit counts as one that runs for a year: it may, and plans need a number.
// No limit that anybody sets, which are whole seconds, is the same.
inline constexpr Duration kUnlimited{seconds(366LL * 86'400).us + 1};
// What plans count for a time limit; 0 is none. Times added to it stay far from their largest.
constexpr Duration length_of(Duration time_limit) {
  constexpr Duration kMost{std::int64_t(1) << 62};
  return time_limit.us <= 0 ? kUnlimited : time_limit < kMost ? time_limit : kMost;
}
constexpr bool is_unlimited(Duration length) { return length == kUnlimited; }

struct Shape {
  rm::ClassId what{};
  Duration length;  // the time limit, or kUnlimited
  // Of who has a node alone: which nodes his quotas allow he shares with who pays as he does.
  std::optional<rm::PathId> path;
  rm::Room room;  // on each of `nodes`, at least
  std::uint32_t nodes = 1;
  bool licensed = false;    // it wants licences
  bool whole_node = false;  // one of its nodes at least is for it alone, and charged whole
  // CPU-milliseconds by the limit: what the smallest-area-first order compares.
  std::int64_t area = 0;
};

// Interns shapes and forgets those that no job has any more. O(1).
class Shapes {
 public:
  ShapeId acquire(const rm::ResourceManager& rm, rm::ClassId what, Duration time_limit,
                  rm::PathId path);
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
  struct Key {
    rm::ClassId what{};
    std::int64_t length_us = 0;
    std::uint64_t path = 0;  // and 1 more
    friend bool operator==(const Key&, const Key&) = default;
  };
  static Key key_of(const Shape& shape) {
    return {shape.what, shape.length.us, shape.path ? raw(*shape.path) + std::uint64_t(1) : 0};
  }
  struct KeyHash {
    std::size_t operator()(const Key& key) const {
      std::uint64_t hash = std::uint64_t(key.length_us) * 0x9e3779b97f4a7c15u + raw(key.what);
      hash ^= key.path << 32;
      hash = (hash ^ (hash >> 29)) * 0xbf58476d1ce4e5b9u;  // lengths are multiples of a second
      return std::size_t(hash ^ (hash >> 32));
    }
  };
  boost::unordered_map<Key, ShapeId, KeyHash> index_;
};

}  // namespace drover::sched
