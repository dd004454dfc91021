// rm/node_inventory.cpp - keeps the indexes in step with each change, and searches them.
// SPDX-License-Identifier: Apache-2.0
#include "rm/node_inventory.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "rm/oversubscribe.hpp"
#include "rm/place_cores.hpp"
#include "rm/place_units.hpp"

namespace drover::rm {
namespace {

constexpr std::int64_t kMilli = 1000;

}  // namespace

NodeInventory::Node& NodeInventory::at(NodeId id) {
  DROVER_CHECK(raw(id) < kMaxNodes, "node ids are dense; there can be a million");
  if (raw(id) >= nodes_.size()) nodes_.resize(raw(id) + 1);
  if (nodes_[raw(id)] == nullptr) nodes_[raw(id)] = &all_nodes_.emplace_back();
  return *nodes_[raw(id)];
}

NodeInventory::Key NodeInventory::free_of(const Node& node) {
  const auto left = [&](Kind kind) {
    return std::max<std::int64_t>(node.capacity[kind] - node.held[kind], 0);
  };
  Key key{std::uint32_t(left(Kind::GpuMilli) / kMilli),
          std::uint32_t(left(Kind::CpuMilli) / kMilli), left(Kind::MemMib)};
  // After a change of the topology the amounts may be free while the threads themselves are not.
  if (node.binds()) key.cpus = std::min(key.cpus, node.units.free_pus());
  // No job has more CPUs than there are, however often they are given out.
  if (node.cpu_percent != 100 && node.size) key.cpus = std::min(key.cpus, node.size->cpus);
  key.gpus = std::min(key.gpus, node.units.free_gpus());
  return key;
}

bool NodeInventory::fits_empty(const NodeAsk& ask, const Key& size) {
  return size.gpus >= (ask.gpu_share > 0 ? 1 : ask.gpus) && size.cpus >= ask.cpus &&
         size.mem_mib >= ask.mem_mib;
}

bool NodeInventory::fits_now(const NodeAsk& ask, const Node& node) const {
  if (!has_resources(ask, node) || !fits_cores(ask, node)) return false;
  // Whoever could be on a GPU that is shared already was found before.
  if (ask.gpu_share > 0)
    return node.units.free_gpus(ask.gpu_model) > 0 && shared_gpu(ask, node) == nullptr;
  return ask.gpu_model.empty() || node.units.free_gpus(ask.gpu_model) >= ask.gpus;
}

// Amounts tell how many threads are free, not whether they make whole cores or lie together. A node
// without binding knows no more than amounts.
bool NodeInventory::fits_cores(const NodeAsk& ask, const Node& node) const {
  if (!ask.cores.places()) return true;
  if (free_of(node).cpus < threads_on(ask, node)) return false;
  return !node.binds() || rm::has_room(ask.cores, ask.cpus, threads_of(node.units));
}

std::int64_t NodeInventory::threads_on(const NodeAsk& ask, const Node& node) {
  const NodeThreads built = threads_of(node.spec.topology);
  return node.binds() ? least_threads(ask.cores, ask.cpus, built.per_core)
                      : most_threads(ask.cores, ask.cpus, built.per_core,
                                     std::uint32_t(built.sockets.size()));
}

std::int64_t NodeInventory::most_cpus(const NodeAsk& ask) const {
  if (!ask.cores.whole_cores()) return ask.cpus;
  return most_threads(ask.cores, ask.cpus, most_per_core_, most_sockets_);
}

const NodeBits* NodeInventory::constraint_bits(const NodeAsk& ask) const {
  return ask.constraint == 0 ? nullptr : &constraints_.at(ask.constraint).nodes;
}

const NodeBits* NodeInventory::planned_bits(const NodeAsk& ask, NodeBits& own) const {
  const NodeBits* allowed = constraint_bits(ask);
  if (oversubscribed_.empty()) return allowed;
  const auto is_too_small = [&](NodeId id) {
    const Node& node = *find(id);
    const bool by_rule = ask.cores.places() && !ask.exclusive;
    return node.size->cpus < (by_rule ? threads_on(ask, node) : ask.cpus);
  };
  bool is_own = false;
  for (auto id = oversubscribed_.first_common(nullptr); id;
       id = oversubscribed_.first_common(nullptr, raw(*id) + 1)) {
    if (!is_too_small(*id)) continue;
    if (!std::exchange(is_own, true)) own = allowed != nullptr ? *allowed : known_;
    own.erase(*id);
  }
  return is_own ? &own : allowed;
}

void NodeInventory::put(NodeId id, NodeSpec spec) {
  Node& node = at(id);
  const std::string before = node.known ? node.spec.name : std::string();
  const bool is_new = !node.known;
  node.known = true;
  known_.insert(id);
  up_.set(id, node.state == NodeState::Up);
  node.spec = std::move(spec);
  node.ahead = 0;
  if (is_new || before != node.spec.name) put_in_order(id, is_new);
  const bool is_engine = node.spec.seats > 0;
  const auto sound = is_engine ? Result<void>() : check_topology(node.spec.topology);
  const bool described = is_engine || node.spec.topology != Topology{};
  undescribed_.set(id, !described);
  node.defect = sound ? "" : described ? sound.error().message : "has not registered yet";
  node.capacity = {};
  node.units.rebuild(shapes_.find_or_add(sound ? node.spec.topology : Topology{}));
  if (sound) {
    node.capacity[Kind::MemMib] = node.spec.topology.mem_mib();
    node.capacity[Kind::GpuMilli] = std::int64_t(node.spec.topology.gpus.size()) * kMilli;
    node.capacity[Kind::Nodes] = is_engine ? 0 : 1;
  }
  count_resources(node);
  count_cpus(id, node);
  if (node.size) {
    const auto old = sizes_.find(*node.size);
    old->second.erase(id);
    if (old->second.empty()) sizes_.erase(old);
  }
  node.size = Key{std::uint32_t(node.capacity[Kind::GpuMilli] / kMilli),
                  std::uint32_t(node.defect.empty() ? node.spec.topology.pu_count() : 0),
                  node.capacity[Kind::MemMib]};
  sizes_[*node.size].insert(id);
  const NodeThreads built = threads_of(node.spec.topology);
  most_per_core_ = std::max(most_per_core_, built.per_core);
  most_sockets_ = std::max(most_sockets_, std::uint32_t(built.sockets.size()));
  constraints_.change(id, node.spec.labels, node.spec.topology);
  reindex(id, node);
}

void NodeInventory::set_state(NodeId id, NodeState state, std::string reason) {
  Node& node = at(id);
  node.state = state;
  up_.set(id, node.known && state == NodeState::Up);
  node.reason = std::move(reason);
  reindex(id, node);
}

void NodeInventory::set_labels(NodeId id, Labels labels) {
  Node& node = at(id);
  node.spec.labels = std::move(labels);
  constraints_.change(id, node.spec.labels, node.spec.topology);
  count_cpus(id, node);
  reindex(id, node);
}

void NodeInventory::count_cpus(NodeId id, Node& node) {
  node.cpu_percent = oversubscribe_percent(node.spec.labels);
  oversubscribed_.set(id, node.cpu_percent != 100);
  const std::int64_t built = node.defect.empty() ? node.spec.topology.pu_count() : 0;
  node.capacity[Kind::CpuMilli] = built * node.cpu_percent / 100 * kMilli;
}

NodeAsk NodeInventory::ask_for(const Request& request) {
  NodeAsk ask;
  ask.cpus = std::uint32_t(request.cpus);
  ask.gpus = std::uint32_t(request.gpus);
  ask.mem_mib = request.mem_mib;
  if (request.gpus > 0) ask.gpu_model = request.gpu_model;
  ask.gpu_share = std::uint32_t(request.gpu_share);
  if (request.gpu_share > 0) ask.gpu_model = request.gpu_model;
  ask.exclusive = request.exclusive;
  ask.constraint = constraints_.intern(request);
  ask.cores = request.cores;
  ask.contiguous = request.contiguous;
  ask.sole_user = request.exclusive ? 0 : request.sole_user;
  ask.engines = std::uint32_t(request.engines);
  ask.nodes = std::uint32_t(request.nodes);
  ask.is_gang = request.nodes > 1 || request.nodes_max > request.nodes ||
                !constraints_.at(ask.constraint).counted.empty();
  return ask;
}

// Calls `visit` with the nodes of the range that fit, best first, until it says that it has enough.
// Returns how many buckets and nodes were looked at.
template <class Visit>
std::uint64_t NodeInventory::search_idle(const NodeAsk& ask, const NodeBits* allowed, IdRange range,
                                         Visit visit) const {
  std::uint64_t probes = 0;
  for (const auto& [size, nodes] : sizes_) {
    ++probes;
    if (!fits_empty(ask, size)) continue;
    for (auto id = nodes.first_common(&idle_, range.begin); id && raw(*id) < range.end;
         id = nodes.first_common(&idle_, raw(*id) + 1)) {
      ++probes;
      if ((allowed == nullptr || allowed->contains(*id)) && visit(Found{size, *id})) return probes;
    }
  }
  return probes;
}

// Its user's nodes, the fullest first, then idle ones: a node is begun only when none has room.
template <class Visit>
std::uint64_t NodeInventory::search_own(const NodeAsk& ask, const NodeBits* allowed,
                                        Visit visit) const {
  std::uint64_t probes = 0;
  std::vector<Found> own;
  if (const auto nodes = own_.find(ask.sole_user); nodes != own_.end())
    for (auto id = nodes->second.first_common(allowed); id;
         id = nodes->second.first_common(allowed, raw(*id) + 1)) {
      ++probes;
      const Node& node = *nodes_[raw(*id)];
      if (const Key free = free_of(node); fits_free(ask, node, free)) own.push_back({free, *id});
    }
  std::ranges::sort(own);
  for (const Found& found : own)
    if (visit(found)) return probes;
  return probes + search_idle(ask, allowed, {}, [&](const Found& found) {
           const Node& node = *nodes_[raw(found.id)];
           return fits_free(ask, node, free_of(node)) && visit(found);
         });
}

template <class Visit>
std::uint64_t NodeInventory::search(const NodeAsk& ask, const NodeBits* allowed, IdRange range,
                                    Visit visit) const {
  if (ask.exclusive) return search_idle(ask, allowed, range, visit);
  if (ask.sole_user != 0) return search_own(ask, allowed, visit);  // never in slices
  std::uint64_t probes = 0;
  if (ask.gpu_share > 0) {  // never in slices
    std::vector<NodeId> shared;
    find_shared(ask, allowed, shared);
    for (const NodeId id : shared)
      if (visit(Found{free_of(*find(id)), id})) return probes;
  }
  Key from{ask.gpu_share > 0 ? 1 : ask.gpus, ask.cpus, ask.mem_mib};
  for (auto bucket = free_.lower_bound({from}); bucket != free_.end();) {
    ++probes;
    const Key& key = bucket->first.key;
    if (key.cpus < ask.cpus || key.mem_mib < ask.mem_mib) {
      // Too small here: jump to the first bucket of this level, or of the next one, that can be
      // enough.
      from = key.cpus < ask.cpus ? Key{key.gpus, ask.cpus, ask.mem_mib}
                                 : Key{key.gpus, key.cpus, ask.mem_mib};
      bucket = free_.lower_bound({from});
      continue;
    }
    for (auto id = bucket->second.first_common(allowed, range.begin); id && raw(*id) < range.end;
         id = bucket->second.first_common(allowed, raw(*id) + 1)) {
      ++probes;
      if (fits_now(ask, *nodes_[raw(*id)]) && visit(Found{key, *id})) return probes;
    }
    ++bucket;
  }
  return probes;
}

void NodeInventory::best_node(const NodeAsk& ask, std::vector<NodeId>& out,
                              HoldCheck* holds) const {
  out.clear();
  if (ask.is_statement()) {
    if (const auto engine = free_engine(constraint_bits(ask))) out.push_back(*engine);
    return;
  }
  if (in_slices() && ask.gpu_share == 0 && ask.sole_user == 0)
    return add_from_slices(ask, constraint_bits(ask), 1, out, holds);
  probes_ += search(ask, constraint_bits(ask), {}, [&](const Found& found) {
    if (holds != nullptr && !holds->allows(found.id)) return false;
    out.push_back(found.id);
    return true;
  });
}

// As add_best: each slice of the ids finds its best, then the best of all of them are taken.
// Whether holds were in the way is what one walk would say, which ends at the last that it takes.
void NodeInventory::add_from_slices(const NodeAsk& ask, const NodeBits* allowed, std::size_t wanted,
                                    std::vector<NodeId>& out, HoldCheck* holds) const {
  struct Part {
    std::vector<Found> found;
    std::optional<Found> refused;  // the first
    std::uint64_t probes = 0;
  };
  std::vector<NodeId> taken = out;
  std::ranges::sort(taken);
  const std::size_t left = wanted - out.size();
  const auto width = std::uint32_t(nodes_.size() / slices_.count + 1);
  std::vector<Part> parts(slices_.count);
  slices_.for_each([&](std::size_t slice) {
    Part& part = parts[slice];
    HoldCheck check = holds != nullptr ? *holds : HoldCheck{};
    const IdRange range{std::uint32_t(slice) * width, std::uint32_t(slice + 1) * width};
    part.probes = search(ask, allowed, range, [&](const Found& found) {
      if (std::ranges::binary_search(taken, found.id)) return false;
      if (check.allows(found.id)) {
        part.found.push_back(found);
      } else if (check.held && !part.refused) {
        part.refused = found;
      }
      return part.found.size() == left;
    });
  });
  std::vector<Found> best;
  for (const Part& part : parts) {
    best.insert(best.end(), part.found.begin(), part.found.end());
    probes_ += part.probes;
  }
  std::ranges::sort(best);
  if (best.size() > left) best.resize(left);
  for (const Found& found : best) out.push_back(found.id);
  if (holds == nullptr) return;
  for (const Part& part : parts)
    holds->held |= part.refused && (best.size() < left || *part.refused < best.back());
}

// Adds the best nodes that are not in `out` yet, until it has `wanted`.
void NodeInventory::add_best(const NodeAsk& ask, const NodeBits* allowed, std::size_t wanted,
                             std::vector<NodeId>& out, HoldCheck* holds) const {
  if (out.size() >= wanted) return;
  if (in_slices() && ask.gpu_share == 0 && ask.sole_user == 0)
    return add_from_slices(ask, allowed, wanted, out, holds);
  std::vector<NodeId> taken = out;
  std::ranges::sort(taken);
  probes_ += search(ask, allowed, {}, [&](const Found& found) {
    if (std::ranges::binary_search(taken, found.id)) return false;
    if (holds != nullptr && !holds->allows(found.id)) return false;
    out.push_back(found.id);
    return out.size() == wanted;
  });
}

// Counted parts first, in the order of the text: a node that counts for one of them is not counted
// for another.
void NodeInventory::add_gang(const NodeAsk& ask, const NodeChoice& choice, const NodeBits& within,
                             std::vector<NodeId>& out, HoldCheck* holds) const {
  for (std::size_t part = 0; part < choice.counted.size(); ++part) {
    NodeBits allowed = choice.counted[part];
    allowed.intersect(within);
    const std::size_t wanted = out.size() + choice.what.counted[part].nodes;
    add_best(ask, &allowed, wanted, out, holds);
    if (out.size() < wanted) return;
  }
  add_best(ask, &within, ask.nodes, out, holds);
}

void NodeInventory::best_nodes(const NodeAsk& ask, std::vector<NodeId>& out,
                               HoldCheck* holds) const {
  out.clear();
  if (ask.contiguous) return best_run(ask, out, holds);
  if (ask.constraint == 0) {
    add_best(ask, nullptr, ask.nodes, out, holds);
  } else if (const NodeChoice& choice = constraints_.at(ask.constraint);
             choice.alternatives.empty()) {
    add_gang(ask, choice, choice.nodes, out, holds);
  } else {
    for (const NodeBits& one : choice.alternatives) {
      std::vector<NodeId> found;
      add_gang(ask, choice, one, found, holds);
      if (found.size() > out.size()) out = std::move(found);
      if (out.size() == ask.nodes) break;
    }
  }
  std::ranges::sort(out);
}

bool NodeInventory::offers(NodeId id) const {
  const Node* node = find(id);
  return node != nullptr && node->known && node->state == NodeState::Up && node->defect.empty();
}

bool NodeInventory::is_allowed_gang(const NodeAsk& ask, std::span<const NodeId> nodes) const {
  if (ask.contiguous && !is_run(nodes)) return false;
  if (ask.constraint == 0) return true;
  const NodeChoice& choice = constraints_.at(ask.constraint);
  const auto inside = [&](const NodeBits& bits) {
    return std::ranges::count_if(nodes, [&](NodeId id) { return bits.contains(id); });
  };
  for (std::size_t part = 0; part < choice.counted.size(); ++part)
    if (inside(choice.counted[part]) < std::ptrdiff_t(choice.what.counted[part].nodes))
      return false;
  return choice.alternatives.empty() ||
         std::ranges::any_of(choice.alternatives, [&](const NodeBits& one) {
           return inside(one) == std::ptrdiff_t(nodes.size());
         });
}

bool NodeInventory::has_room(NodeId id, const NodeAsk& ask) const {
  if (!offers(id)) return false;
  const NodeBits* allowed = constraint_bits(ask);
  const Node& node = *find(id);
  return (allowed == nullptr || allowed->contains(id)) && fits_free(ask, node, free_of(node));
}

Room NodeInventory::free_room(NodeId id) const {
  Room room;
  if (!offers(id)) return room;
  const Node& node = *find(id);
  if (node.exclusive > 0) return room;
  if (node.spec.seats > 0) {
    room.seats = node.has_seat() ? 1 : 0;
    return room;
  }
  const Key free = free_of(node);
  room.cpu_milli = free.cpus * kMilli;
  room.mem_mib = free.mem_mib;
  room.gpu_milli = free.gpus * kMilli + node.units.left_of_shared();
  room.seats = node.leases == 0 ? Room::kSeats : Room::kSeats - node.leases;
  for (std::size_t i = 0; i < columns_.size(); ++i)
    room.extra[i] = Room::extra_of(node.capacity[columns_[i]] - node.held[columns_[i]]);
  return room;
}

bool NodeInventory::fits_free(const NodeAsk& ask, const Node& node, const Key& free) const {
  if (ask.is_statement()) return node.has_seat();
  if (ask.exclusive) return node.leases == 0 && node.size && fits_empty(ask, *node.size);
  return node.exclusive == 0 && node.may_join(ask) && free.cpus >= ask.cpus &&
         free.mem_mib >= ask.mem_mib && has_resources(ask, node) && fits_gpus(ask, node, free) &&
         fits_cores(ask, node);
}

void NodeInventory::add_charge(NodeId id, const NodeAsk& ask, bool is_head, Amounts& to) const {
  const Node* node = find(id);
  DROVER_CHECK(node != nullptr, "a task is placed on an unknown node");
  to[Kind::MemMib] += ask.mem_mib;
  for (const NamedAmount& resource : ask.resources) to[resource.kind] += resource.amount;
  if (is_head) {
    to[Kind::RunningJobs] += 1;
    to[Kind::Engines] += ask.engines;
    for (const NamedAmount& licence : ask.licences) to[licence.kind] += licence.amount;
  }
  if (ask.exclusive) {
    to[Kind::CpuMilli] += node->capacity[Kind::CpuMilli];
    to[Kind::GpuMilli] += node->capacity[Kind::GpuMilli];
    to[Kind::Nodes] += 1;
    return;
  }
  const std::int64_t cpus = ask.cores.whole_cores() ? threads_on(ask, *node) : ask.cpus;
  to[Kind::CpuMilli] += cpus * kMilli;
  to[Kind::GpuMilli] += ask.gpus * kMilli + ask.gpu_share;
}

void NodeInventory::charge(const NodePart& part) {
  Node& node = at(part.node);
  node.held += part.amounts;
  if (++node.leases == 1) node.sole_user = part.sole_user;
  if (part.amounts[Kind::Nodes] > 0) ++node.exclusive;
  hold_units(node, part, true);
  reindex(part.node, node);
}

void NodeInventory::take(NodeId id, const NodeAsk& ask, bool is_head, NodePart& part) {
  const Node& node = at(id);
  part.node = id;
  add_charge(id, ask, is_head, part.amounts);
  part.sole_user = ask.sole_user;
  const auto cpus = std::uint32_t(part.amounts[Kind::CpuMilli] / kMilli);
  UnitsAsked asked{node.binds() ? cpus : 0, std::uint32_t(part.amounts[Kind::GpuMilli] / kMilli),
                   ask.gpu_model};
  if (ask.exclusive) asked.gpu_model = {};  // all of them, whatever model
  const bool is_share = ask.gpu_share > 0 && !ask.exclusive;
  const Gpu* shared = is_share ? shared_gpu(ask, node) : nullptr;
  if (is_share && shared == nullptr) asked.gpus = 1;
  const bool by_rule = ask.cores.places() && !ask.exclusive && asked.cpus > 0;
  if (by_rule) asked.cpus = ask.cpus;
  if (by_rule) asked.rule = &ask.cores;
  if (asked.cpus > 0 || asked.gpus > 0) {  // else nothing that is counted one by one
    asked.nics = node.spec.topology.nics;
    Units units = place_units(node.units, asked);
    if (by_rule) part.amounts[Kind::CpuMilli] = std::int64_t(units.pus.size()) * kMilli;
    part.pus = std::move(units.pus);
    part.gpus = std::move(units.gpus);
  }
  if (shared != nullptr) part.gpus.push_back(shared->index);
  if (names_.has_gpus())
    for (const Gpu& gpu : node.spec.topology.gpus)
      if (const auto kind = names_.gpu(gpu.model);
          kind && std::ranges::binary_search(part.gpus, gpu.index))
        part.amounts[*kind] += is_share ? ask.gpu_share : kMilli;
  charge(part);
}

void NodeInventory::give(const NodePart& part) {
  DROVER_CHECK(find(part.node) != nullptr, "a lease of an unknown node was released");
  Node& node = at(part.node);
  DROVER_CHECK(node.leases > 0, "a lease was released twice");
  DROVER_CHECK(subtract(node.held, part.amounts, width_of(part.amounts)),
               "more was released on a node than it held");
  if (--node.leases == 0) node.sole_user = 0;
  if (part.amounts[Kind::Nodes] > 0) --node.exclusive;
  hold_units(node, part, false);
  reindex(part.node, node);
}

}  // namespace drover::rm
