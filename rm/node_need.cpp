// rm/node_need.cpp - the node as a request sees it that somebody could be asked to make room for.
// SPDX-License-Identifier: Apache-2.0
#include "rm/node_need.hpp"

#include <algorithm>

#include "rm/node_inventory.hpp"

namespace drover::rm {
namespace {

constexpr std::int64_t kMilli = 1000;
constexpr std::size_t kBits = 64;  // more parts of a constraint than these are not told apart

std::uint64_t bits_of(const std::vector<NodeBits>& sets, NodeId id) {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < std::min(sets.size(), kBits); ++i)
    if (sets[i].contains(id)) bits |= std::uint64_t(1) << i;
  return bits;
}

}  // namespace

std::optional<NodeNeed> NodeInventory::need_on(NodeId id, const NodeAsk& ask) const {
  const NodeBits* allowed = constraint_bits(ask);
  // Nobody is asked to go for a share: which GPU would have room for it then is not looked for.
  if (ask.gpu_share > 0) return std::nullopt;
  // Nor for the sake of users, or from nodes that are one user's: all would have to go.
  if (ask.sole_user != 0) return std::nullopt;
  if (!offers(id) || (allowed != nullptr && !allowed->contains(id))) return std::nullopt;
  const Node& node = *find(id);
  if (!node.size || !fits_empty(ask, *node.size) || !node.is_shared()) return std::nullopt;
  NodeNeed need;
  const Key free = free_of(node);
  need.free[Kind::CpuMilli] = free.cpus * kMilli;
  need.free[Kind::MemMib] = free.mem_mib;
  need.free[Kind::GpuMilli] = free.gpus * kMilli;
  need.want[Kind::CpuMilli] =
      (ask.cores.whole_cores() ? threads_on(ask, node) : std::int64_t(ask.cpus)) * kMilli;
  need.want[Kind::MemMib] = ask.mem_mib;
  need.want[Kind::GpuMilli] = ask.gpus * kMilli;
  if (!ask.gpu_model.empty()) {
    need.free[Kind::GpuMilli] = node.units.free_gpus(ask.gpu_model) * kMilli;
    const auto there = std::ranges::count(node.spec.topology.gpus, ask.gpu_model, &Gpu::model);
    if (there < std::ptrdiff_t(ask.gpus)) return std::nullopt;
  }
  for (const NamedAmount& resource : ask.resources) {
    need.want[resource.kind] = resource.amount;
    need.free[resource.kind] =
        std::max<std::int64_t>(node.capacity[resource.kind] - node.held[resource.kind], 0);
  }
  if (ask.constraint == 0) return need;
  const NodeChoice& choice = constraints_.at(ask.constraint);
  need.counts_for = bits_of(choice.counted, id);
  need.alternatives = bits_of(choice.alternatives, id);
  return need;
}

Amounts NodeInventory::frees(const NodePart& part, const NodeAsk& ask) const {
  Amounts freed = part.amounts;
  if (gpu_share_of(part) > 0) {  // others may be on that GPU
    freed[Kind::GpuMilli] = 0;
    return freed;
  }
  if (ask.gpu_model.empty()) return freed;
  freed[Kind::GpuMilli] = 0;
  for (const Gpu& gpu : find(part.node)->spec.topology.gpus)
    if (gpu.model == ask.gpu_model && std::ranges::binary_search(part.gpus, gpu.index))
      freed[Kind::GpuMilli] += kMilli;
  return freed;
}

std::vector<std::uint32_t> NodeInventory::counted_parts(const NodeAsk& ask) const {
  std::vector<std::uint32_t> counts;
  if (ask.constraint == 0) return counts;
  for (const auto& part : constraints_.at(ask.constraint).what.counted)
    counts.push_back(std::uint32_t(part.nodes));
  return counts;
}

}  // namespace drover::rm
