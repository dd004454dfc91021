// rm/lease.hpp - what an attempt holds, node by node.
//
// A gang holds the same amounts on several nodes, all of them or none. The first node is the head:
// there the script runs. Its part stands in the lease itself, so that the common lease of one node
// needs no list.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/ids.hpp"
#include "rm/amounts.hpp"
#include "rm/node_timeline.hpp"
#include "rm/reserved_room.hpp"

namespace drover::rm {

enum class PathId : std::uint32_t {};  // interned list of quotas that a job's labels select

// What is held on one node. `pus` is empty when the node is not bindable.
struct NodePart {
  NodeId node{};
  std::uint16_t component = 0;  // of the job; parts stand in the order of components
  // What the node was charged, of the head also RunningJobs 1. Exclusive: every CPU and GPU of the
  // node, Nodes 1, memory as asked.
  Amounts amounts;
  std::vector<std::uint16_t> pus;   // OS indexes, sorted
  std::vector<std::uint16_t> gpus;  // driver indexes, sorted
  std::int64_t sole_user = 0;       // that of the request
  friend bool operator==(const NodePart&, const NodePart&) = default;
};

// Thousandths of its one GPU, when the part is a share of it; else 0.
constexpr std::int64_t kWholeGpu = 1000;
inline std::int64_t gpu_share_of(const NodePart& part) {
  const std::int64_t milli = part.amounts[Kind::GpuMilli];
  return part.gpus.size() == 1 && milli < kWholeGpu ? milli : 0;
}

struct Lease : NodePart {      // the head's part
  std::vector<NodePart> more;  // the other nodes of a gang, by id in each component
  PathId path{};               // not stored: recomputed from the job's labels at recovery
  bool used = false;           // locked until the start was seen
  // By its time limit; kEver when nobody plans ahead. Not stored: follows from start and limit.
  Time until = kEver;
  ReservedId by = kUnreserved;  // what its time is charged to; not stored either
  friend bool operator==(const Lease&, const Lease&) = default;

  std::size_t node_count() const { return 1 + more.size(); }
  bool is_on(NodeId id) const {
    if (node == id) return true;
    for (const NodePart& part : more)
      if (part.node == id) return true;
    return false;
  }
  Amounts total() const {  // what the quotas are charged
    Amounts sum = amounts;
    for (const NodePart& part : more) sum += part.amounts;
    return sum;
  }
};

// total() without a copy for one node; good as long as the lease is.
class LeaseTotal {
 public:
  explicit LeaseTotal(const Lease& lease) : total_(&lease.amounts) {
    if (!lease.more.empty()) total_ = &sum_.emplace(lease.total());
  }
  LeaseTotal(const LeaseTotal&) = delete;
  LeaseTotal& operator=(const LeaseTotal&) = delete;
  operator const Amounts&() const { return *total_; }

 private:
  const Amounts* total_;
  std::optional<Amounts> sum_;
};

// Calls `visit` with the part of each node, the head first.
template <class Visit>
void for_each_part(const Lease& lease, Visit visit) {
  visit(static_cast<const NodePart&>(lease));
  for (const NodePart& part : lease.more) visit(part);
}
template <class Visit>
void for_each_part(Lease& lease, Visit visit) {
  visit(static_cast<NodePart&>(lease));
  for (NodePart& part : lease.more) visit(part);
}

}  // namespace drover::rm
