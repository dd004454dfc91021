// rm/resource_manager.hpp - what exists and who holds it: one door for quota path, placement and
// lease.
//
// A lease is locked when a task is placed, used when it was seen to start, and released exactly
// once. All counters are derived from leases and can be recomputed (`check`). Owned by one thread;
// nothing blocks. Cost: acquire is O(path length + nodes that may fit), never O(leases) or
// O(waiting tasks).
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "rm/amounts.hpp"
#include "rm/lease.hpp"
#include "rm/request.hpp"
#include "rm/topology.hpp"

namespace drover::rm {

enum class ClassId : std::uint32_t {};  // interned Request
enum class NodeState : std::uint8_t {
  Up,
  Draining,
  Lost
};  // Draining keeps running work, takes no new

struct NodeSpec {
  std::string name;
  Labels labels;
  Topology topology;
};

// A quota on the path is short: which, of what, and the numbers.
struct QuotaShort {
  std::string quota;  // "user=ann,creator=cli"
  Kind kind{};
  std::int64_t limit = 0, held = 0, asked = 0;
  std::uint32_t quota_index = 0;  // to park waiters per quota
};

// Too few nodes fit, counted by cause when the request was last tried in earnest: again after
// something was freed.
struct NoFit {
  std::uint32_t nodes_total = 0, not_up = 0;
  std::uint32_t label_mismatch = 0;  // up, but without a label or the GPU model that is asked for
  std::uint32_t too_small = 0;       // even when empty
  std::uint32_t busy = 0;            // would fit when empty
  std::uint32_t fit_now = 0;         // of a gang that needs more of them
  std::uint32_t nodes_needed = 1;
  std::optional<Kind> mostly_short_of;  // judged by up to 64 of the busy nodes; Nodes = held alone
};

using Acquired = std::variant<Lease, QuotaShort, NoFit>;

// A limit on every value of a label combination, or on one exact combination. The rule with more
// exact values wins a combination; among equals the tighter number does. A job without one of the
// labels is not limited.
struct QuotaRule {
  Labels match;  // {"user":"ann"} exact; {"user":"*"} one counter per user
  Amounts max;   // -1 in a slot = no limit on that kind
  friend bool operator==(const QuotaRule&, const QuotaRule&) = default;
};

struct QuotaView {
  std::string name;
  Amounts max, locked, used;
};

struct NodeView {
  NodeId id{};
  const NodeSpec* spec = nullptr;
  NodeState state{};
  std::string reason;  // why draining
  Amounts capacity, free;
  std::uint32_t leases = 0;
};

class ResourceManager {
 public:
  ResourceManager();
  ~ResourceManager();
  ResourceManager(ResourceManager&&) noexcept;
  ResourceManager& operator=(ResourceManager&&) noexcept;

  // ---- nodes
  // Adds a node or updates the one of that id (a reboot may change it; free never goes negative, it
  // drains).
  void put_node(NodeId id, NodeSpec spec);
  void set_node_state(NodeId id, NodeState state, std::string reason);
  std::optional<NodeView> node(NodeId id) const;
  std::vector<NodeView> nodes() const;  // by id

  // ---- what jobs ask
  ClassId intern(const Request& request);
  const Request& request(ClassId id) const;
  // Paths are interned over the governed labels: user, creator, account, partition, qos and those
  // that a rule has named. After set_quotas names a new label, ask again for the paths of waiting
  // jobs.
  PathId path_for(const Labels& job_labels);
  // Could this ever run on the nodes as they are built (ignoring use and state)? Otherwise
  // Errc::Limit: says what the largest node offers. Ok while no node has registered, or while a
  // node that was put without a topology (known from the store) has not: it may be the one.
  Result<void> can_ever_fit(const Request& request) const;

  // ---- leases
  Acquired acquire(ClassId what, PathId path);
  void mark_used(Lease& lease);      // locked -> used; idempotent
  void release(const Lease& lease);  // exactly once per lease; DROVER_CHECK on imbalance
  void restore(Lease& lease,
               PathId path);  // recovery: charge again exactly what the stored lease says

  // ---- quotas
  void set_quotas(
      std::vector<QuotaRule> rules);      // live edit: use is kept, lowering below use drains
  std::vector<QuotaView> quotas() const;  // those with a limit or a non-zero use, by name

  // Grows whenever capacity may have become available: a class found NoFit need not be tried again
  // before.
  std::uint64_t freed_generation() const;

  // The quotas (QuotaShort::quota_index) that may have more room than when this was last asked:
  // each once, by index. Only waiters that are parked at one of these need another try for their
  // quota's sake. A release frees the quotas of its own path, set_quotas frees all.
  std::vector<std::uint32_t> take_freed_quotas();

  // Double entry: recomputes every counter from `live` and compares. Empty when consistent, else
  // what differs.
  std::vector<std::string> check(std::span<const Lease* const> live) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace drover::rm
