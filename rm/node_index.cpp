// rm/node_index.cpp - under what a node is found: by what it has free.
// SPDX-License-Identifier: Apache-2.0
#include <iterator>
#include <utility>

#include "rm/node_inventory.hpp"

namespace drover::rm {
namespace {

// Whether the bucket may stay where it is under that key.
bool keeps_order(const InventoryBuckets& all, InventoryBuckets::const_iterator bucket,
                 const InventoryKey& key) {
  const auto next = std::next(bucket);
  return (next == all.end() || key < next->first.key) &&
         (bucket == all.begin() || std::prev(bucket)->first.key < key);
}

}  // namespace

void NodeInventory::reindex(NodeId id, Node& node) {
  const bool offers = node.known && node.state == NodeState::Up && node.defect.empty();
  idle_.set(id, offers && node.leases == 0 && node.spec.seats == 0);
  const bool open = offers && node.exclusive == 0 && node.is_shared();
  if (node.units.has_shares() || !node.levels.empty()) reindex_shares(id, node, open);
  if (node.sole_user != node.listed_for || node.listed_for != 0) list_for_user(id, node, offers);
  const Key key = open ? free_of(node) : Key{};
  const bool wanted = key.cpus > 0;
  if (node.bucket.has_value() == wanted && (!wanted || key == (*node.bucket)->first.key)) return;
  Buckets::node_type own;  // the old bucket, when the node was alone in it: it mostly moves along
  if (node.bucket) {
    const Buckets::iterator old = *node.bucket;
    if (old->second.count() > 1) {
      old->second.erase(id);
    } else if (wanted && keeps_order(free_, old, key)) {
      old->first.key = key;
      return;
    } else {
      own = free_.extract(old);
    }
    node.bucket.reset();
  }
  if (wanted) put_in_bucket(id, node, key, own);
  if (own.empty()) return;
  own.mapped().erase(id);
  spare_.push_back(std::move(own));
}

// `own` is a bucket with this node alone; it is taken when there is none yet for the key.
void NodeInventory::put_in_bucket(NodeId id, Node& node, const Key& key, Buckets::node_type& own) {
  auto bucket = free_.lower_bound({key});
  if (bucket != free_.end() && bucket->first.key == key) {
    bucket->second.insert(id);
  } else if (!own.empty()) {
    own.key().key = key;
    bucket = free_.insert(bucket, std::move(own));
  } else if (!spare_.empty()) {
    spare_.back().key().key = key;
    bucket = free_.insert(bucket, std::move(spare_.back()));
    spare_.pop_back();
    bucket->second.insert(id);
  } else {
    bucket = free_.try_emplace(bucket, InventoryPlace{key});
    bucket->second.insert(id);
  }
  node.bucket = bucket;
}

}  // namespace drover::rm
