// rm/resource_manager.hpp - what exists and who holds it: one door for quotas, placement, leases.
//
// A lease is locked when a task is placed, used when it was seen to start, and released exactly
// once. All counters are derived from leases and can be recomputed (`check`). Owned by one thread.
// acquire is O(path length + nodes that may fit), never O(leases) or O(waiting tasks).
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "rm/amounts.hpp"
#include "rm/lease.hpp"
#include "rm/no_fit.hpp"
#include "rm/node_need.hpp"
#include "rm/node_view.hpp"
#include "rm/quota_book.hpp"
#include "rm/request.hpp"
#include "rm/resource_names.hpp"
#include "rm/slices.hpp"
#include "rm/slot.hpp"
#include "rm/topology.hpp"
#include "rm/whole_nodes.hpp"

namespace drover::rm {

class QuotaLedger;

enum class ClassId : std::uint32_t {};  // interned Request
using Acquired = std::variant<Lease, QuotaShort, NoFit>;

class ResourceManager {
 public:
  ResourceManager();
  ~ResourceManager();
  ResourceManager(ResourceManager&&) noexcept;
  ResourceManager& operator=(ResourceManager&&) noexcept;

  // ---- nodes
  // Adds a node or updates the one of that id; free never goes negative, it drains.
  void put_node(NodeId id, NodeSpec spec);
  void set_node_state(NodeId id, NodeState state, std::string reason);
  void set_node_labels(NodeId id, Labels labels);  // O(labels + constraints seen)
  void set_ahead(NodeId id, std::uint32_t more);   // statements that may wait in an engine
  std::optional<NodeView> node(NodeId id) const;
  std::vector<NodeView> nodes() const;  // by id

  // ---- what jobs ask
  // A class is forgotten some time after its last holder; its id is then used again.
  ClassId intern(const Request& request);
  std::optional<ClassId> known_class(const Request& request) const;  // good until the next drop()
  void hold(ClassId id);
  void drop(ClassId id);
  const Request& request(ClassId id) const;
  // Paths are interned over the governed labels: user, creator, account, partition, qos and those
  // that a rule has named. When set_quotas names a new label, the paths of waiting jobs are stale.
  PathId path_for(const Labels& job_labels);
  // A job comes and goes: counted in queued_jobs of its path, which is forgotten with its last job.
  std::variant<PathId, QuotaShort> try_enter(const Labels& job_labels);
  std::variant<PathId, QuotaShort> try_enter(PathId known);
  std::uint64_t path_made(PathId id) const;  // see QuotaLedger
  PathId enter(const Labels& job_labels);    // recovery: whatever the limits say now
  void leave(PathId path);
  void forget_unused(PathId path);  // path_for() was asked for somebody who did not enter
  // Could this ever run on the nodes as they are built (ignoring use and state)? Otherwise
  // Errc::Limit: says what the largest node offers. Ok while no node has registered, or while a
  // node that was put without a topology (known from the store) has not: it may be the one.
  Result<void> can_ever_fit(const Request& request) const;
  Result<void> can_ever_fit(ClassId what) const;  // if yes, O(1) until a node changes
  void set_slices(Slices slices);                 // what searches find stays the same

  // ---- leases
  // What `window` takes must be free of holds. NoFit says only whether holds were in the way:
  // explain() has the numbers.
  Acquired acquire(ClassId what, PathId path, const Window& window = {});
  // On nodes that a plan has chosen: what others plan with quotas for later does not stop it.
  Acquired acquire_on(ClassId what, PathId path, std::span<const NodeId> nodes,
                      const Window& window);
  NoFit explain(ClassId what) const;    // why nothing fits now; O(distinct capacities + 64)
  void mark_used(Lease& lease);         // locked -> used; idempotent
  void release(const Lease& lease);     // exactly once per lease; DROVER_CHECK on imbalance
  void fetch_ahead(NodeId node) const;  // a lease on it will be released in a moment
  // A task stands still: gives its CPUs back and answers what it needs to go on. wake_up takes that
  // again, or says no: not free, kept by a quota, held in `window`, or claimed (if it heeds that).
  std::vector<NodePart> put_to_sleep(Lease& lease);
  bool wake_up(Lease& lease, std::span<const NodePart> asleep, const Window& window,
               bool heeds_claims);
  bool has_room_to_wake(std::span<const NodePart> asleep) const;  // whoever holds it for later
  void restore(Lease& lease, PathId path);  // recovery: charges what the stored lease says

  // ---- who could make room. See NodeNeed; `frees`: what the end of a lease's part leaves of it.
  std::optional<NodeNeed> need_on(NodeId node, ClassId what) const;
  Amounts frees(const NodePart& part, ClassId what) const;
  std::vector<std::uint32_t> counted_parts(ClassId what) const;

  // ---- the future. Off until plan_ahead(), which may come late, with every lease there is.
  void plan_ahead(std::span<const Lease* const> live = {});
  bool plans() const;
  void forget_before(Time now);
  void extend(Lease& lease, Time until);        // it will be held for so long
  void charge_to(Lease& lease, ReservedId by);  // its time counts in this reservation from now on
  // Quotas are foreseen now: with every lease, no holds and nothing kept; again after set_quotas.
  void foresee_quotas(std::span<const Lease* const> live = {});
  std::optional<Slot> earliest(ClassId what, Duration length, Time from, ReservedId by = {},
                               Time not_after = kEver, std::optional<Payer> payer = {}) const;
  // `moved`: that hold, which keeps its id, to the place that best_for() has just told.
  HoldId hold(ClassId what, const Slot& slot, Duration length, ReservedId by = {},
              std::optional<Payer> payer = {}, std::optional<HoldId> moved = {});
  bool drop(HoldId hold);                  // true: it kept licences
  const Slot& slot_of(HoldId held) const;  // without nodes of what is kept of quotas
  std::size_t holds() const;
  std::optional<Slot> best_for(HoldId hold, ClassId what, Duration length, Time from,
                               ReservedId by = {}, std::optional<Payer> payer = {});  // Forecast
  // Whether the hold, which is of `what`, might start earlier because of this node.
  bool could_improve(HoldId hold, NodeId node, ClassId what, Duration length, Time now,
                     ReservedId by = {});
  // What the refused request needs of quotas is kept from others. Nothing: it can never have it.
  std::optional<HoldId> keep_quotas(ClassId what, PathId path, Duration length, Time now,
                                    const QuotaShort& shortage);
  void drop_quotas(HoldId kept, bool wakes);  // wakes: who waits for them is tried again
  void lift(HoldId held);  // it is asked as if the hold, or what is kept, were not there
  void lay(HoldId held);   // it is again
  std::vector<std::uint32_t> limits_on(ClassId what, PathId path) const;  // of quotas, by index
  Room room_of(ClassId what) const;  // on each of its nodes, at least
  std::uint32_t nodes_of(ClassId what) const;
  Amounts least_charge(ClassId what, PathId path) const;  // to its quotas
  // Nothing: it wants none alone, or pays by no quota. O(sizes of nodes * nodes / 64).
  std::optional<WholeNodes> whole_nodes(ClassId what, PathId path) const;
  // The first nodes, by id, that could take its first component if they were empty, among those in
  // service or among the others. O(sizes of nodes * nodes / 64).
  std::vector<NodeId> suited(ClassId what, bool in_service, std::size_t limit) const;
  std::int64_t cpus_of(ClassId what) const;               // on all nodes together
  Room free_room(NodeId node) const;                      // now; nothing when it takes no new work
  LastingRoom lasting_room(NodeId node, Time now) const;  // for who is in no reservation

  // ---- reservations; plan_ahead() comes first. See Forecast::reserve.
  void reserve(ReservedId id, const std::vector<ReservedSpan>& spans,
               const std::vector<ReservedPart>& parts, const Counts& licences = {},
               bool flexible = false);
  void unreserve(ReservedId id);
  bool is_reserved(NodeId node, const Window& window) const;  // something of it, at some time
  // Of those that keep it from nodes with room now (64 are looked at) the one that begins last.
  std::optional<ReservedRoom::InTheWay> in_the_way(ClassId what, const Window& window) const;
  // The quota that is short now, or will be because of what is planned.
  std::optional<QuotaShort> quota_short(ClassId what, PathId path, const Window& window) const;
  // What keeps it from its licences during the window; and the first reservation that does.
  std::optional<QuotaShort> licences_short(ClassId what, PathId path, const Window& window) const;
  std::optional<ReservedRoom::InTheWay> licences_in_the_way(const QuotaShort& shortage,
                                                            const Window& window) const;
  std::optional<std::uint32_t> licence_pool() const;  // as a quota's index; none: no licences
  bool is_licence_pool(std::uint32_t quota_index) const { return licence_pool() == quota_index; }
  void show_reservation(NodeId node, std::string name, bool maintenance);  // while it goes on there

  // ---- quotas
  // Names, levels and accounts; before anything is interned.
  void configure(ResourceNames names, QuotaTree tree);
  // `names` has every name that is known, in its slot (ResourceNames::with), and more.
  void add_names(ResourceNames names);
  const ResourceNames& names() const;
  // Live edit: use is kept, lowering below use drains. The rules have passed check_quotas.
  void set_quotas(std::vector<QuotaRule> rules);
  std::vector<QuotaView> quotas() const;  // those with a limit or a non-zero use, by name
  const QuotaLedger& ledger() const;
  // What a quota with reclaim = preempt is owed, and which of `live` (in the order of preference)
  // are to be taken for it: leases of quotas beside it, beyond their own guarantees. Pure.
  std::vector<Claim> claims() const;
  std::vector<const Lease*> victims(const Claim& claim, std::span<const Lease* const> live) const;
  bool is_claimant(const Claim& claim, PathId path) const;  // asks for it as well

  // Only waiters for these need another try: for what they ask, or at QuotaShort::quota_index.
  void take_freed(Freed& freed);  // in place of what that holds
  bool has_freed() const;

  // Double entry: recomputes every counter from `live` (`jobs`: the path of each open job, when the
  // caller has them) and says what differs.
  std::vector<std::string> check(std::span<const Lease* const> live,
                                 const std::vector<PathId>* jobs = nullptr) const;

  // The same in slices: from node `audit_node` on, by id, and then compare_slice until it is true.
  NodeId audit_node() const;
  void audit(NodeId id, std::span<const Lease* const> leases, std::vector<std::string>& problems);
  bool compare_slice(std::size_t count, std::vector<std::string>& problems);

 private:
  std::optional<Slot> room_now(ClassId what, Duration length, Time from, ReservedId by,
                               const Among* among) const;
  bool licences_could_be_earlier(HoldId hold, ClassId, Duration length, Time from, ReservedId by);
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace drover::rm
