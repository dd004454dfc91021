// rm/node_inventory.hpp - the nodes, what is free on each, and which one fits best.
//
// Best fit is the lexicographically smallest (free GPUs, free CPUs, free memory, id) that is
// enough, so that big and GPU-rich holes stay whole. Nodes with equal free amounts share a bucket,
// buckets are sorted, and the constraints of requests are interned as bitmaps. A search costs
//   O(L log B + M)   L = distinct (free GPUs, free CPUs) pairs that are enough, B = buckets,
//                    M = buckets that are enough but hold no node with the wanted labels (0 without
//                    labels),
// whatever the number of nodes. A change of one node costs O(log B + constraints seen).
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "rm/constraint_index.hpp"
#include "rm/hold_check.hpp"
#include "rm/inventory_node.hpp"
#include "rm/node_ask.hpp"
#include "rm/node_bits.hpp"
#include "rm/node_group.hpp"
#include "rm/node_need.hpp"
#include "rm/node_units.hpp"
#include "rm/resource_manager.hpp"
#include "rm/slices.hpp"
#include "rm/whole_nodes.hpp"

namespace drover::rm {

class NodeInventory {
 public:
  void put(NodeId id, NodeSpec spec);
  void set_state(NodeId id, NodeState state, std::string reason);
  // GPUs of a named model are charged under that name too, whatever the request said; custom
  // resources of nodes are counted when they have a name. A name that had a slot keeps it.
  void set_names(const ResourceNames& names);
  // What a timeline plans with: of custom resources the first few that were named.
  Room room_in(const Amounts& amounts) const;
  void set_labels(NodeId id, Labels labels);
  void set_ahead(NodeId id, std::uint32_t more);  // of an engine; engine_seats.cpp
  // See ResourceManager::in_the_way. O(nodes) until 64 with room were found.
  std::optional<ReservedRoom::InTheWay> in_the_way(const NodeAsk& ask, const HoldCheck& of) const;
  void show_reservation(NodeId id, std::string name, bool maintenance);
  std::optional<NodeView> view(NodeId id) const;
  std::vector<NodeView> views() const;
  Amounts capacity(NodeId id) const { return find(id)->capacity; }
  void set_slices(Slices slices) { slices_ = std::move(slices); }
  bool offers(NodeId id) const;                               // takes new work
  Room free_room(NodeId id) const;                            // nothing when it does not offer
  const NodeBits* constraint_bits(const NodeAsk& ask) const;  // null = any node
  // For plans: without nodes that have enough CPUs only by a factor; then in `own`.
  const NodeBits* planned_bits(const NodeAsk& ask, NodeBits& own) const;
  // By name, numbers in names by value: what "contiguous" means.
  const std::vector<NodeId>& in_order() const { return order_; }
  // What a request may cost on a node in threads, for plans: on the worst node that there is.
  std::int64_t most_cpus(const NodeAsk& ask) const;
  const std::vector<NodeBits>& alternatives(const NodeAsk& ask) const;  // of which a gang has one
  NodeAsk ask_for(const Request& request);  // interns its constraint: O(nodes) when that is new
  // A node whose room is held for others is passed over; `holds` then says so.
  void best_node(const NodeAsk& ask, std::vector<NodeId>& out, HoldCheck* holds) const;
  // The ask.nodes best ones, by id, or as many as there are. O(nodes) more per alternative.
  void best_nodes(const NodeAsk& ask, std::vector<NodeId>& out, HoldCheck* holds = nullptr) const;
  std::vector<WholeSize> whole_sizes(const NodeAsk& ask) const;  // in service; by what is charged
  // Of single nodes that fit now the best, up to so many, best first.
  void add_candidates(const NodeAsk& ask, std::size_t most, std::vector<NodeId>& out,
                      HoldCheck* holds) const;
  // Up to so many nodes that are large enough for one of the request's.
  std::vector<NodeId> built_for(const Request& request, std::size_t most) const;
  bool knows_all_sizes() const { return undescribed_.empty() && !known_.empty(); }
  bool has_room(NodeId id, const NodeAsk& ask) const;  // it offers, matches, and has it now
  // Whether these nodes keep to [a|b] and a*2 of the constraint, of which each of them is allowed.
  bool is_allowed_gang(const NodeAsk& ask, std::span<const NodeId> nodes) const;
  NoFit explain(const NodeAsk& ask, std::uint32_t fit_now) const;  // O(distinct capacities + 64)
  std::vector<NodeId> suited(const NodeAsk& ask, bool in_service, std::size_t limit) const;

  // What the node would need to give; nothing where the request could not run were it empty.
  std::optional<NodeNeed> need_on(NodeId id, const NodeAsk& ask) const;
  Amounts frees(const NodePart& part, const NodeAsk& ask) const;       // in the terms of need_on
  std::vector<std::uint32_t> counted_parts(const NodeAsk& ask) const;  // how many nodes of each

  // Adds what one node of the request is charged; an exclusive one every CPU and GPU.
  void add_charge(NodeId id, const NodeAsk& ask, bool is_head, Amounts& to) const;
  // Fills an empty part. The node must fit; O(cores of the node).
  void take(NodeId id, const NodeAsk& ask, bool is_head, NodePart& part);
  void give(const NodePart& part);
  void restore(const NodePart& part) { charge(part); }
  void fetch_ahead(NodeId id) const;           // a part on it will be given back in a moment
  NodePart give_cpus(NodePart& part);          // the part still counts as a lease; asleep.cpp
  bool has_cpus(const NodePart& given) const;  // the very same, now
  void take_cpus_back(const NodePart& given, NodePart& part);

  Result<void> can_ever_fit(const Request& request) const;
  bool could_ever_fit(const Request& request) const;  // the same, of a sound one, without words
  // What one node is charged and how many leases it counts; nothing of an unknown one.
  std::pair<Amounts, std::uint32_t> books(NodeId id) const {
    const Node* node = find(id);
    return node != nullptr ? std::pair(node->held, node->leases)
                           : std::pair(Amounts{}, std::uint32_t(0));
  }
  void check(std::span<const Lease* const> live, std::vector<std::string>& problems) const;
  // Of one node: whether its books are those of the leases with a part on it.
  void audit(NodeId id, std::span<const Lease* const> leases,
             std::vector<std::string>& problems) const;

  // By GPU: the sum of its shares, and how many they are; for the check.
  using SharesOfGpus = std::map<std::uint16_t, std::pair<std::int64_t, std::uint32_t>>;

  std::uint64_t probes() const { return probes_; }  // buckets and candidates looked at, for tests
  static constexpr std::uint32_t kMaxNodes = kNodesMax;

 private:
  using Key = InventoryKey;
  using Node = InventoryNode;
  using Buckets = InventoryBuckets;

  ResourceNames names_;
  Node& at(NodeId id);  // creates it
  const Node* find(NodeId id) const { return raw(id) < nodes_.size() ? nodes_[raw(id)] : nullptr; }
  Error refusal(const Request& request) const;
  std::int64_t large_enough(const Request& request) const;
  static Key free_of(const Node& node);
  static bool fits_empty(const NodeAsk& ask, const Key& size);
  bool fits_free(const NodeAsk& ask, const Node& node, const Key& free) const;
  bool fits_now(const NodeAsk& ask, const Node& node) const;
  struct IdRange {
    std::uint32_t begin = 0, end = kMaxNodes;
  };
  struct Found {  // in the order of best fit; no two nodes are equal
    Key key;      // what it has free, or its size where the request is exclusive
    NodeId id{};
    friend auto operator<=>(const Found&, const Found&) = default;
  };
  bool fits_cores(const NodeAsk& ask, const Node& node) const;
  void count_cpus(NodeId id, Node& node);
  std::optional<NodeId> free_engine(const NodeBits* allowed) const;  // engine_seats.cpp
  // sole_user.cpp
  void list_for_user(NodeId id, Node& node, bool offers);
  template <class Visit>
  std::uint64_t search_own(const NodeAsk& ask, const NodeBits* allowed, Visit visit) const;
  void check_user(NodeId id, const Node& node, const std::vector<std::int64_t>& users,
                  const std::string& where, std::vector<std::string>& problems) const;
  static std::int64_t threads_on(const NodeAsk& ask, const Node& node);
  void put_in_order(NodeId id, bool is_new);  // O(log nodes) comparisons
  bool is_run(std::span<const NodeId> nodes) const;
  // The shortest run of neighbours that has ask.nodes of them, or the longest when none has.
  void best_run(const NodeAsk& ask, std::vector<NodeId>& out, HoldCheck* holds) const;
  bool has_resources(const NodeAsk& ask, const Node& node) const;
  void count_resources(Node& node) const;
  void check_shares(NodeId id, const Node& node, const SharesOfGpus& shares,
                    const std::string& where, std::vector<std::string>& problems) const;
  // node_shares.cpp
  const Gpu* shared_gpu(const NodeAsk& ask, const Node& node) const;
  bool fits_gpus(const NodeAsk& ask, const Node& node, const Key& free) const;
  void reindex_shares(NodeId id, Node& node, bool offers);
  void find_shared(const NodeAsk& ask, const NodeBits* allowed, std::vector<NodeId>& out) const;
  void hold_units(Node& node, const NodePart& part, bool held);
  template <class Visit>
  std::uint64_t search_idle(const NodeAsk& ask, const NodeBits* allowed, IdRange range,
                            Visit visit) const;
  template <class Visit>
  std::uint64_t search(const NodeAsk& ask, const NodeBits* allowed, IdRange range,
                       Visit visit) const;
  bool in_slices() const { return slices_.count > 1 && known_.count() >= slices_.nodes_min; }
  void add_from_slices(const NodeAsk& ask, const NodeBits* allowed, std::size_t wanted,
                       std::vector<NodeId>& out, HoldCheck* holds) const;
  void add_best(const NodeAsk& ask, const NodeBits* allowed, std::size_t wanted,
                std::vector<NodeId>& out, HoldCheck* holds) const;
  void add_gang(const NodeAsk& ask, const NodeChoice& choice, const NodeBits& within,
                std::vector<NodeId>& out, HoldCheck* holds) const;
  void reindex(NodeId id, Node& node);
  void put_in_bucket(NodeId id, Node& node, const Key& key, Buckets::node_type& own);
  void charge(const NodePart& part);
  NodeView view_of(NodeId id, const Node& node) const;

  InventoryNodes all_nodes_;    // a NodeSpec keeps its address
  std::vector<Node*> nodes_;    // by id; null: not known
  NodeBits known_, up_, idle_;  // idle: up and without leases
  UnitShapes shapes_;
  NodeBits oversubscribed_, undescribed_;  // put without a topology: known by name from the store
  Buckets free_;
  std::map<Key, NodeBits> sizes_;
  std::vector<Buckets::node_type> spare_;  // emptied: a moving node allocates nothing
  ConstraintIndex constraints_;
  Slices slices_;
  std::vector<NodeId> order_;
  std::uint32_t most_per_core_ = 1, most_sockets_ = 1;  // of a node, ever seen
  std::vector<Kind> columns_;                           // of Room::extra
  std::map<std::int64_t, NodeBits> own_;                // by sole_user: its nodes, in service
  // What is left of a shared GPU -> the nodes that have such a one and take new work.
  std::map<std::int64_t, NodeBits> shares_;
  mutable std::uint64_t probes_ = 0;
};

}  // namespace drover::rm
