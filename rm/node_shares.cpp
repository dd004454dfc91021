// rm/node_shares.cpp - GPUs that several tasks share, and custom resources, in the inventory.
//
// A share lies on one GPU. It goes to the shared GPU on which least would be left over; only when
// no shared one has room is another GPU begun, so that whole GPUs stay whole.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/check.hpp"
#include "rm/node_inventory.hpp"

namespace drover::rm {

// The one that is left least of, of those with enough; ties by index.
const Gpu* NodeInventory::shared_gpu(const NodeAsk& ask, const Node& node) const {
  if (!node.units.has_shares()) return nullptr;
  const Gpu* best = nullptr;
  for (const Gpu& gpu : node.units.gpus()) {
    const std::int64_t left = node.units.left_of(gpu.index);
    if (left < ask.gpu_share || (!ask.gpu_model.empty() && gpu.model != ask.gpu_model)) continue;
    if (best == nullptr ||
        std::pair(left, gpu.index) < std::pair(node.units.left_of(best->index), best->index))
      best = &gpu;
  }
  return best;
}

bool NodeInventory::fits_gpus(const NodeAsk& ask, const Node& node, const Key& free) const {
  if (ask.gpu_share > 0)
    return shared_gpu(ask, node) != nullptr ||
           (free.gpus > 0 && node.units.free_gpus(ask.gpu_model) > 0);
  return free.gpus >= ask.gpus &&
         (ask.gpu_model.empty() || node.units.free_gpus(ask.gpu_model) >= ask.gpus);
}

// Of the nodes that have room on a shared GPU, those first where least would be left of it.
void NodeInventory::find_shared(const NodeAsk& ask, const NodeBits* allowed,
                                std::vector<NodeId>& out) const {
  for (auto level = shares_.lower_bound(ask.gpu_share); level != shares_.end(); ++level) {
    const NodeBits& nodes = level->second;
    for (auto id = nodes.first_common(allowed); id;
         id = nodes.first_common(allowed, raw(*id) + 1)) {
      ++probes_;
      const Node& node = *nodes_[raw(*id)];
      const Gpu* gpu = shared_gpu(ask, node);  // a node counts once, at its best level
      if (gpu == nullptr || node.units.left_of(gpu->index) != level->first) continue;
      const Key free = free_of(node);
      if (free.cpus >= ask.cpus && free.mem_mib >= ask.mem_mib && has_resources(ask, node) &&
          fits_cores(ask, node))
        out.push_back(*id);
    }
  }
}

void NodeInventory::reindex_shares(NodeId id, Node& node, bool offers) {
  std::vector<std::int64_t> now;
  if (offers)
    for (const Gpu& gpu : node.units.gpus())
      if (const std::int64_t left = node.units.left_of(gpu.index); left > 0) now.push_back(left);
  std::ranges::sort(now);
  now.erase(std::unique(now.begin(), now.end()), now.end());
  if (now == node.levels) return;
  for (const std::int64_t level : node.levels) {
    const auto old = shares_.find(level);
    old->second.erase(id);
    if (old->second.empty()) shares_.erase(old);
  }
  for (const std::int64_t level : now) shares_[level].insert(id);
  node.levels = std::move(now);
}

void NodeInventory::hold_units(Node& node, const NodePart& part, bool held) {
  if (held)
    node.units.hold(part.pus, part.gpus);
  else
    node.units.drop(part.pus, part.gpus);
  const std::int64_t share = gpu_share_of(part);
  if (share > 0) node.units.share(part.gpus.front(), held ? share : -share);
}

bool NodeInventory::has_resources(const NodeAsk& ask, const Node& node) const {
  return std::ranges::all_of(ask.resources, [&](const NamedAmount& resource) {
    return node.capacity[resource.kind] - node.held[resource.kind] >= resource.amount;
  });
}

// Those without a slot are not counted, and nobody can ask for them.
void NodeInventory::count_resources(Node& node) const {
  for (std::size_t k = kFixedKinds; k < kKinds; ++k) node.capacity.of[k] = 0;
  if (!node.defect.empty()) return;
  for (const auto& [name, count] : node.spec.topology.resources)
    if (const auto kind = names_.custom(name))
      node.capacity[*kind] = std::clamp<std::int64_t>(count, 0, Room::kExtraMax);
  for (const Gpu& gpu : node.spec.topology.gpus)
    if (const auto kind = names_.gpu(gpu.model)) node.capacity[*kind] += kWholeGpu;
}

// A column stays with its kind: leases have been taken from timelines by it. Licences have none.
void NodeInventory::set_names(const ResourceNames& names) {
  names_ = names;
  for (const std::string& name : names.slots()) {
    const auto kind = names.on_nodes(name);
    if (kind && columns_.size() < Room::kExtras &&
        std::ranges::find(columns_, *kind) == columns_.end())
      columns_.push_back(*kind);
  }
  for (const auto& node : nodes_)
    if (node != nullptr && node->known) count_resources(*node);
}

Room NodeInventory::room_in(const Amounts& amounts) const {
  Room room{amounts[Kind::CpuMilli], amounts[Kind::MemMib], amounts[Kind::GpuMilli], Room::kSeats};
  for (std::size_t i = 0; i < columns_.size(); ++i)
    room.extra[i] = Room::extra_of(amounts[columns_[i]]);
  return room;
}

}  // namespace drover::rm
