// rm/ledger_audit.hpp - the second entry of the books, recomputed in slices while work goes on.
//
// A sweep visits every node, then every quota path, then every quota, a few at a time. What changes
// behind the cursor is entered here as well, so that each sum is compared with one that was made
// from leases alone; what changes before it is met later. Cost: O(leases of a visited node), and
// O(log n) for each change of a lease while a sweep runs.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "rm/quota_ledger.hpp"

namespace drover::rm {

class LedgerAudit {
 public:
  // The leases that have a part on this node; nodes come in the order of their ids. Paths are
  // entered with the node of the lease's head.
  void see_node(NodeId id, std::span<const Lease* const> leases);
  // Every node has been seen: compares up to `count` paths or quotas. True: the sweep is complete
  // and the next one begins.
  bool compare(const QuotaLedger& ledger, std::size_t count, std::vector<std::string>& problems);
  void restart() { *this = LedgerAudit(); }
  NodeId next_node() const { return NodeId(node_); }

  void on_locked(const QuotaLedger& ledger, const Lease& lease);
  void on_used(const QuotaLedger& ledger, const Lease& lease);
  // Before the ledger is told: afterwards the path may be gone.
  void on_released(const QuotaLedger& ledger, const Lease& lease);

 private:
  struct Entry {
    Amounts locked, used;
    bool is_zero() const { return locked.is_zero() && used.is_zero(); }
  };
  template <class Change>
  void enter(const QuotaLedger& ledger, const Lease& lease, Change change);

  std::uint32_t node_ = 0, path_ = 0, counter_ = 0;  // the next to visit
  std::map<std::uint32_t, Entry> paths_, counters_;  // without those that hold nothing
};

}  // namespace drover::rm
