// rm/node_units.cpp - the counts of free threads per core and NUMA node, kept in step with each
// hold.
// SPDX-License-Identifier: Apache-2.0
#include "rm/node_units.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"

namespace drover::rm {
namespace {

template <class Holds>
std::uint16_t& holds_at(Holds& holds, std::uint16_t index) {
  if (index >= holds.size()) holds.resize(std::size_t(index) + 1);
  return holds[index];
}

}  // namespace

// Inlined into both loops: together they are a fifth of what a placement costs.
template <bool kBecomesFree>
inline void NodeUnits::count_pu(const UnitShape::Spot& at) {
  if (at.pus == 0) return;
  NumaCounts& numa = numas_.data()[at.numa];
  std::uint16_t& free = core_free_.data()[at.core];
  if constexpr (kBecomesFree) {
    ++free, ++numa.free, ++free_pus_;
    if (free == at.pus) numa.idle += at.pus, l3s_.data()[at.l3].idle += at.pus;
  } else {
    if (free == at.pus) numa.idle -= at.pus, l3s_.data()[at.l3].idle -= at.pus;
    --free, --numa.free, --free_pus_;
  }
}

void NodeUnits::rebuild(std::shared_ptr<const UnitShape> shape) {
  shape_ = std::move(shape);
  numas_.assign(shape_->numas.size(), NumaCounts{});
  l3s_.clear();
  for (const UnitShape::Numa& numa : shape_->numas)
    for (const std::uint16_t number : numa.l3_numbers) l3s_.push_back({number, 0});
  core_free_.assign(shape_->cores.size(), 0);
  pu_holds_.resize(std::max(pu_holds_.size(), shape_->spots.size()));
  free_pus_ = free_gpus_ = 0;
  for (const std::uint16_t pu : shape_->pu_indexes)
    if (is_free(pu)) count_pu<true>(shape_->spots[pu]);
  for (const Gpu& gpu : shape_->gpus)
    if (is_free_gpu(gpu.index)) count_gpu(gpu.index, true);
}

void NodeUnits::count_gpu(std::uint16_t index, bool becomes_free) {
  const auto gpu = std::ranges::find(shape_->gpus, index, &Gpu::index);
  if (gpu == shape_->gpus.end()) return;
  if (becomes_free) {
    ++free_gpus_, ++numas_[gpu->numa].free_gpus;
  } else {
    --free_gpus_, --numas_[gpu->numa].free_gpus;
  }
}

void NodeUnits::hold(std::span<const std::uint16_t> pus, std::span<const std::uint16_t> gpus) {
  const std::span spots(shape_->spots);
  for (const std::uint16_t pu : pus)
    if (holds_at(pu_holds_, pu)++ == 0 && pu < spots.size()) count_pu<false>(spots[pu]);
  for (const std::uint16_t gpu : gpus)
    if (holds_at(gpu_holds_, gpu)++ == 0) count_gpu(gpu, false);
}

void NodeUnits::drop(std::span<const std::uint16_t> pus, std::span<const std::uint16_t> gpus) {
  const std::span spots(shape_->spots);
  for (const std::uint16_t pu : pus) {
    DROVER_CHECK(!is_free(pu), "a CPU was released that nobody holds");
    if (--pu_holds_[pu] == 0 && pu < spots.size()) count_pu<true>(spots[pu]);
  }
  for (const std::uint16_t gpu : gpus) {
    DROVER_CHECK(!is_free_gpu(gpu), "a GPU was released that nobody holds");
    if (--gpu_holds_[gpu] == 0) count_gpu(gpu, true);
  }
}

void NodeUnits::share(std::uint16_t gpu, std::int64_t milli) {
  if (gpu >= gpu_shares_.size()) gpu_shares_.resize(std::size_t(gpu) + 1);
  gpu_shares_[gpu] += milli;
  shares_ += milli;
  DROVER_CHECK(gpu_shares_[gpu] >= 0, "more of a GPU was given back than shares held");
}

std::int64_t NodeUnits::left_of_shared() const {
  std::int64_t sum = 0;
  if (has_shares())
    for (const Gpu& gpu : gpus()) sum += left_of(gpu.index);
  return sum;
}

std::uint32_t NodeUnits::free_gpus(std::string_view model) const {
  if (model.empty()) return free_gpus_;
  return std::uint32_t(std::ranges::count_if(
      shape_->gpus, [&](const Gpu& gpu) { return gpu.model == model && is_free_gpu(gpu.index); }));
}

}  // namespace drover::rm
