// rm/unit_shape.cpp - a topology as tables, and the tables that are known.
// SPDX-License-Identifier: Apache-2.0
#include "rm/unit_shape.hpp"

#include <algorithm>
#include <utility>

namespace drover::rm {
namespace {

std::uint16_t l3_position(UnitShape::Numa& numa, std::uint16_t number) {
  auto known = std::ranges::find(numa.l3_numbers, number);
  if (known == numa.l3_numbers.end()) known = numa.l3_numbers.insert(known, number);
  return std::uint16_t(known - numa.l3_numbers.begin());
}

}  // namespace

UnitShape::UnitShape(const Topology& topology)
    : bindable(topology.bindable), numas(topology.numa_mem_mib.size()), gpus(topology.gpus) {
  for (const rm::Core& core : topology.cores) {
    const auto index = std::uint32_t(cores.size());
    Numa& numa = numas[core.numa];
    cores.push_back({core.numa, l3_position(numa, core.l3), std::uint16_t(core.pus.size()),
                     std::uint32_t(pu_indexes.size()), 0});
    for (const std::uint16_t pu : core.pus) {
      pu_indexes.push_back(pu);
      if (pu >= spots.size()) spots.resize(std::size_t(pu) + 1);
      spots[pu] = {std::uint16_t(index), core.numa, 0, std::uint16_t(core.pus.size())};
    }
    numa.package = core.package;
    numa.cores.push_back(index);
  }
  for (Numa& numa : numas) {
    numa.first_l3 = std::uint32_t(l3_count);
    l3_count += numa.l3_numbers.size();
  }
  for (Core& core : cores) core.l3_index = numas[core.numa].first_l3 + core.l3;
  for (Spot& spot : spots)
    if (spot.pus > 0) spot.l3 = std::uint16_t(cores[spot.core].l3_index);
}

std::shared_ptr<const UnitShape> UnitShapes::find_or_add(const Topology& topology) {
  auto made = std::make_shared<const UnitShape>(topology);
  for (const auto& known : known_)
    if (*known == *made) return known;
  if (known_.size() >= kMax)
    std::erase_if(known_, [](const auto& shape) { return shape.use_count() == 1; });
  if (known_.size() < kMax) known_.push_back(made);
  return made;
}

}  // namespace drover::rm
