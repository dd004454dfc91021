// rm/node_units.cpp - the counts of free threads per core and NUMA node, kept in step with each
// hold.
// SPDX-License-Identifier: Apache-2.0
#include "rm/node_units.hpp"

#include <algorithm>
#include <limits>

#include "base/check.hpp"

namespace drover::rm {
namespace {

constexpr std::uint32_t kNowhere = std::numeric_limits<std::uint32_t>::max();

std::uint16_t& holds_at(std::vector<std::uint16_t>& holds, std::uint16_t index) {
  if (index >= holds.size()) holds.resize(std::size_t(index) + 1);
  return holds[index];
}

std::uint16_t l3_position(NodeUnits::NumaState& numa, std::uint16_t number) {
  auto known = std::ranges::find(numa.l3s, number, &NodeUnits::L3State::number);
  if (known == numa.l3s.end())
    known = numa.l3s.insert(numa.l3s.end(), NodeUnits::L3State{number, 0});
  return std::uint16_t(known - numa.l3s.begin());
}

}  // namespace

void NodeUnits::rebuild(const Topology& topology) {
  bindable_ = topology.bindable;
  cores_.clear();
  numas_.assign(topology.numa_mem_mib.size(), {});
  pu_indexes_.clear();
  core_of_pu_.clear();
  gpus_ = topology.gpus;
  free_pus_ = free_gpus_ = 0;
  for (const Core& core : topology.cores) {
    const auto index = std::uint32_t(cores_.size());
    NumaState& numa = numas_[core.numa];
    CoreState state{core.numa, l3_position(numa, core.l3), std::uint16_t(core.pus.size()), 0,
                    std::uint32_t(pu_indexes_.size())};
    for (const std::uint16_t pu : core.pus) {
      pu_indexes_.push_back(pu);
      if (pu >= core_of_pu_.size()) core_of_pu_.resize(std::size_t(pu) + 1, kNowhere);
      core_of_pu_[pu] = index;
      if (is_free(pu)) ++state.free;
    }
    numa.package = core.package;
    numa.free += state.free;
    if (state.idle()) count_idle(state, true);
    numa.cores.push_back(index);
    free_pus_ += state.free;
    cores_.push_back(state);
  }
  for (const Gpu& gpu : gpus_) {
    if (!is_free_gpu(gpu.index)) continue;
    ++free_gpus_;
    ++numas_[gpu.numa].free_gpus;
  }
}

void NodeUnits::count_idle(const CoreState& core, bool becomes_idle) {
  NumaState& numa = numas_[core.numa];
  for (std::uint32_t* idle : {&numa.idle, &numa.l3s[core.l3].idle})
    *idle = becomes_idle ? *idle + core.pus : *idle - core.pus;
}

void NodeUnits::count_pu(std::uint16_t pu, bool becomes_free) {
  if (pu >= core_of_pu_.size() || core_of_pu_[pu] == kNowhere) return;
  CoreState& core = cores_[core_of_pu_[pu]];
  NumaState& numa = numas_[core.numa];
  if (core.idle()) count_idle(core, false);
  if (becomes_free) {
    ++core.free, ++numa.free, ++free_pus_;
  } else {
    --core.free, --numa.free, --free_pus_;
  }
  if (core.idle()) count_idle(core, true);
}

void NodeUnits::count_gpu(std::uint16_t index, bool becomes_free) {
  const auto gpu = std::ranges::find(gpus_, index, &Gpu::index);
  if (gpu == gpus_.end()) return;
  if (becomes_free) {
    ++free_gpus_, ++numas_[gpu->numa].free_gpus;
  } else {
    --free_gpus_, --numas_[gpu->numa].free_gpus;
  }
}

void NodeUnits::hold(std::span<const std::uint16_t> pus, std::span<const std::uint16_t> gpus) {
  for (const std::uint16_t pu : pus)
    if (holds_at(pu_holds_, pu)++ == 0) count_pu(pu, false);
  for (const std::uint16_t gpu : gpus)
    if (holds_at(gpu_holds_, gpu)++ == 0) count_gpu(gpu, false);
}

void NodeUnits::drop(std::span<const std::uint16_t> pus, std::span<const std::uint16_t> gpus) {
  for (const std::uint16_t pu : pus) {
    DROVER_CHECK(!is_free(pu), "a CPU was released that nobody holds");
    if (--pu_holds_[pu] == 0) count_pu(pu, true);
  }
  for (const std::uint16_t gpu : gpus) {
    DROVER_CHECK(!is_free_gpu(gpu), "a GPU was released that nobody holds");
    if (--gpu_holds_[gpu] == 0) count_gpu(gpu, true);
  }
}

std::uint32_t NodeUnits::free_gpus(std::string_view model) const {
  if (model.empty()) return free_gpus_;
  return std::uint32_t(std::ranges::count_if(
      gpus_, [&](const Gpu& gpu) { return gpu.model == model && is_free_gpu(gpu.index); }));
}

}  // namespace drover::rm
