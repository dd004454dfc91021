// rm/node_audit.cpp - recomputes every node's counters from its leases and compares: the second
// entry of the books.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <utility>

#include "rm/node_inventory.hpp"

namespace drover::rm {
namespace {

struct Tally {
  Amounts held;
  std::uint32_t leases = 0, exclusive = 0;
  std::vector<std::uint16_t> pus, gpus;  // with repetition
  NodeInventory::SharesOfGpus shares;
  std::vector<std::int64_t> users;  // sole_user, each once
};

// Compares how often leases name each OS index with the holds that are kept.
void compare_holds(const std::string& where, std::vector<std::uint16_t> named,
                   std::span<const std::uint16_t> holds, const Tally& tally,
                   std::vector<std::string>& problems) {
  std::vector<std::uint32_t> counts(holds.size());
  for (const std::uint16_t index : named) {
    if (index >= counts.size()) counts.resize(std::size_t(index) + 1);
    ++counts[index];
  }
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const std::uint32_t kept = i < holds.size() ? holds[i] : 0;
    if (kept != counts[i])
      problems.push_back(where + std::to_string(i) + " has " + std::to_string(kept) +
                         " holds, its leases make " + std::to_string(counts[i]));
    const auto shared = tally.shares.find(std::uint16_t(i));
    const bool is_gpu = where.ends_with("GPU ");
    if (is_gpu && shared != tally.shares.end() && shared->second.second == counts[i]) continue;
    if (counts[i] > 1)
      problems.push_back(where + std::to_string(i) + " is held by " + std::to_string(counts[i]) +
                         " tasks");
  }
}

}  // namespace

void NodeInventory::check_shares(NodeId id, const Node& node, const SharesOfGpus& shares,
                                 const std::string& where,
                                 std::vector<std::string>& problems) const {
  const bool offers_shares = offers(id) && node.exclusive == 0 && node.is_shared();
  for (const Gpu& gpu : node.units.gpus()) {
    const std::string what = where + "GPU " + std::to_string(gpu.index);
    const auto found = shares.find(gpu.index);
    const std::int64_t real = found == shares.end() ? 0 : found->second.first;
    const auto kept = node.units.gpu_shares();
    const std::int64_t counts = gpu.index < kept.size() ? kept[gpu.index] : 0;
    if (counts != real)
      problems.push_back(what + " counts " + std::to_string(counts) +
                         " thousandths in shares, there are " + std::to_string(real));
    if (real > kWholeGpu) problems.push_back(what + " is shared out beyond the whole of it");
    const std::int64_t left = node.units.left_of(gpu.index);
    const auto level = shares_.find(left);
    const bool listed = level != shares_.end() && level->second.contains(id);
    if (left > 0 && listed != offers_shares)
      problems.push_back(what + " is wrongly listed as shared");
  }
}

void NodeInventory::check(std::span<const Lease* const> live,
                          std::vector<std::string>& problems) const {
  std::vector<Tally> tallies(nodes_.size());
  const auto add = [&](const NodePart& part) {
    if (find(part.node) == nullptr) {
      problems.push_back("a lease names the unknown node " + std::to_string(raw(part.node)));
      return;
    }
    Tally& tally = tallies[raw(part.node)];
    tally.held += part.amounts;
    ++tally.leases;
    if (std::ranges::find(tally.users, part.sole_user) == tally.users.end())
      tally.users.push_back(part.sole_user);
    if (part.amounts[Kind::Nodes] > 0) ++tally.exclusive;
    tally.pus.insert(tally.pus.end(), part.pus.begin(), part.pus.end());
    tally.gpus.insert(tally.gpus.end(), part.gpus.begin(), part.gpus.end());
    if (const std::int64_t share = gpu_share_of(part)) {
      tally.shares[part.gpus.front()].first += share;
      ++tally.shares[part.gpus.front()].second;
    }
  };
  for (const Lease* lease : live) for_each_part(*lease, add);
  std::uint32_t indexed = 0;
  for (std::uint32_t id = 0; id < nodes_.size(); ++id) {
    if (nodes_[id] == nullptr) continue;
    const Node& node = *nodes_[id];
    const Tally& tally = tallies[id];
    const std::string where = "node " + (node.known ? node.spec.name : std::to_string(id)) + ": ";
    for (std::size_t k = 0; k < kKinds; ++k)
      if (node.held.of[k] != tally.held.of[k])
        problems.push_back(where + "holds " + std::to_string(node.held.of[k]) + " of " +
                           std::string(to_string(Kind(k))) + ", its leases " +
                           std::to_string(tally.held.of[k]));
    if (node.leases != tally.leases || node.exclusive != tally.exclusive)
      problems.push_back(where + "counts " + std::to_string(node.leases) + " leases, there are " +
                         std::to_string(tally.leases));
    compare_holds(where + "CPU ", tally.pus, node.units.pu_holds(), tally, problems);
    check_shares(NodeId(id), node, tally.shares, where, problems);
    check_user(NodeId(id), node, tally.users, where, problems);
    compare_holds(where + "GPU ", tally.gpus, node.units.gpu_holds(), tally, problems);

    const bool offers = node.known && node.state == NodeState::Up && node.defect.empty();
    const Key free = free_of(node);
    const bool wanted = offers && node.exclusive == 0 && node.is_shared() && free.cpus > 0;
    if (node.bucket.has_value() != wanted || (wanted && (*node.bucket)->first.key != free))
      problems.push_back(where + "is indexed with other free amounts than it has");
    if (node.bucket) {
      const auto bucket = free_.find((*node.bucket)->first);
      if (bucket == free_.end() || !bucket->second.contains(NodeId(id)))
        problems.push_back(where + "is missing in its bucket");
      ++indexed;
    }
    if (idle_.contains(NodeId(id)) != (offers && node.leases == 0 && node.spec.seats == 0))
      problems.push_back(where + "is wrongly listed as idle or busy");
  }
  for (const auto& [key, nodes] : free_) indexed -= nodes.count();
  if (indexed != 0) problems.push_back("the index of free nodes lists nodes twice or not at all");
}

void NodeInventory::audit(NodeId id, std::span<const Lease* const> leases,
                          std::vector<std::string>& problems) const {
  Amounts real;
  std::uint32_t parts = 0;
  for (const Lease* lease : leases)
    for_each_part(*lease, [&](const NodePart& part) {
      if (part.node != id) return;
      real += part.amounts;
      ++parts;
    });
  const auto [held, counted] = books(id);
  if (counted != parts)
    problems.push_back("node " + std::to_string(raw(id)) + " counts " + std::to_string(counted) +
                       " leases, there are " + std::to_string(parts));
  for (std::size_t k = 0; k < kKinds; ++k)
    if (held.of[k] != real.of[k])
      problems.push_back("node " + std::to_string(raw(id)) + " holds " +
                         std::to_string(held.of[k]) + " of " + std::string(to_string(Kind(k))) +
                         ", its leases " + std::to_string(real.of[k]));
}

}  // namespace drover::rm
