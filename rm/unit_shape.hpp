// rm/unit_shape.hpp - what does not change about the threads and GPUs of a node, shared by nodes
// that are built alike.
//
// A cluster has few kinds of nodes. That ten thousand of them read one table keeps it in the
// processor's cache, and leaves each node with its counts alone.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "rm/topology.hpp"

namespace drover::rm {

struct UnitShape {
  struct Core {
    std::uint16_t numa = 0, l3 = 0;  // l3: position in the NUMA node's list
    std::uint16_t pus = 0;           // hardware threads
    std::uint32_t first_pu = 0;      // into pu_indexes
    std::uint32_t l3_index = 0;      // among those of all NUMA nodes
    friend bool operator==(const Core&, const Core&) = default;
  };
  struct Numa {
    std::uint16_t package = 0;
    std::uint32_t first_l3 = 0;        // into l3_numbers
    std::vector<std::uint32_t> cores;  // in logical order
    std::vector<std::uint16_t> l3_numbers;
    friend bool operator==(const Numa&, const Numa&) = default;
  };
  // Where a thread is, in one piece: every start and end looks it up for each of its threads.
  struct Spot {
    std::uint16_t core = 0, numa = 0;
    std::uint16_t l3 = 0;   // among those of all NUMA nodes
    std::uint16_t pus = 0;  // of its core; 0: the thread is not in the topology
    friend bool operator==(const Spot&, const Spot&) = default;
  };

  UnitShape() = default;
  explicit UnitShape(const Topology& topology);  // O(threads)

  bool bindable = false;
  std::size_t l3_count = 0;  // of all NUMA nodes
  std::vector<Core> cores;
  std::vector<Numa> numas;
  std::vector<std::uint16_t> pu_indexes;  // OS indexes, core by core
  std::vector<Spot> spots;                // by OS index
  std::vector<Gpu> gpus;
  friend bool operator==(const UnitShape&, const UnitShape&) = default;
};

// The shapes in use. Where there are very many, later ones are not shared.
class UnitShapes {
 public:
  std::shared_ptr<const UnitShape> find_or_add(const Topology& topology);

 private:
  static constexpr std::size_t kMax = 64;
  std::vector<std::shared_ptr<const UnitShape>> known_;
};

}  // namespace drover::rm
