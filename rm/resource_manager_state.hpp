// rm/resource_manager_state.hpp - what the resource manager keeps; for its own sources alone.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <algorithm>
#include <boost/unordered_map.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/check.hpp"
#include "rm/elastic.hpp"
#include "rm/ledger_audit.hpp"
#include "rm/licence.hpp"
#include "rm/licence_forecast.hpp"
#include "rm/match_nodes.hpp"
#include "rm/node_inventory.hpp"
#include "rm/quota_forecast.hpp"
#include "rm/quota_ledger.hpp"
#include "rm/request_hash.hpp"
#include "rm/resource_manager.hpp"

namespace drover::rm {

struct ResourceManager::State {
  struct Class {
    Request request;
    std::uint32_t holders = 0;
    bool countable = false, is_kept = false;  // kept: in `unheld`, though it may be held again
    NodeAsk ask;
    Amounts least;                       // what any node would charge at least
    Room room;                           // on each node
    mutable NodeBits planned_on;         // by ask_of, until the next call
    std::vector<Class> more;             // the components after the first, each as if it were alone
    mutable std::vector<Class> numbers;  // by numbers_of, of the inventory of that version
    mutable std::uint64_t numbers_version = 0;
    mutable std::uint64_t possible_at = 0;  // the version at which it could fit
  };
  NodeInventory nodes;
  QuotaLedger ledger;
  LedgerAudit audit;
  ResourceNames names;
  QuotaTree tree;
  std::vector<std::unique_ptr<Class>> classes;  // a Request keeps its address
  // Of Boost, as the other indexes that every event asks: the buckets are powers of two, where the
  // standard library divides by a prime in each call.
  boost::unordered_map<Request, ClassId, RequestHash> class_index;
  std::vector<ClassId> free_classes;
  std::deque<ClassId> unheld;  // kept for a while
  Forecast forecast;
  LicenceForecast licences;
  std::uint32_t licence_pool = 0;  // its counter, where there are licences
  QuotaForecast quotas;
  bool plans_ahead = false, foresees_quotas = false;
  std::uint64_t version = 1;  // of nodes and names
  NodeBits freed;             // since take_freed
  bool freed_everything = false;
  std::vector<NodeId> gang;  // scratch
  Class& class_at(ClassId id) {
    DROVER_CHECK(raw(id) < classes.size(), "unknown request class");
    return *classes[raw(id)];
  }
  // Fills `gang` with the nodes that fit now; true when they are enough.
  bool choose_nodes(const NodeAsk& ask, HoldCheck* holds) {
    if (ask.is_gang) {
      nodes.best_nodes(ask, gang, holds);
      return gang.size() == ask.nodes;
    }
    nodes.best_node(ask, gang, holds);
    if (gang.empty()) return false;
    nodes.fetch_ahead(gang.front());
    return true;
  }
  NoFit explain_most(const Class& asked);
  void weigh(Class& added);  // fills all but its request
  // What plans keep free on each node: whole cores may cost more threads than CPUs were asked for.
  Room planned(const Class& asked, const NodeAsk& ask) const {
    Room room = asked.room;
    room.cpu_milli = nodes.most_cpus(ask) * 1000;
    if (ask.sole_user != 0) room.seats = Room::kSeats;  // certain on an empty node
    return room;
  }
  // A search among these alone, where that is not null.
  RoomAsk ask_of(const Class&, ReservedId by, const Among* among = nullptr) const;
  // What a plan tries of a range with a number of tasks: the least numbers of nodes that could ever
  // do, 8 at most, of those on which each has less to do than on the one before. Else itself, as of
  // whole neighbours under a quota: see place_range.
  std::span<const Class> numbers_of(const Class& asked, std::optional<Payer> payer = {});
  void follow_node(NodeId id);
  // What a lease takes of a timeline: one seat, or all when it, or its user, has the node alone.
  Room room_taken(const NodePart& part) const {
    Room room = nodes.room_in(part.amounts);
    if (part.amounts[Kind::Nodes] == 0 && part.sole_user == 0) room.seats = 1;
    return room;
  }
  void forecast_start(const Lease& lease) {
    if (!plans_ahead) return;
    for_each_part(lease, [&](const NodePart& part) {
      forecast.lease_starts(part.node, room_taken(part), lease.until, lease.by);
    });
    if (!licences.empty()) licences.charge(lease.amounts, lease.by, lease.until, -1);
    if (foresees(Payer{lease.path}))
      quotas.charge(ledger, lease.path, lease.total(), kAlways, lease.until, -1);
  }
  void forecast_end(const Lease& lease) {
    if (!plans_ahead) return;
    for_each_part(lease, [&](const NodePart& part) {
      forecast.lease_ends(part.node, room_taken(part), lease.until, lease.by);
    });
    if (!licences.empty()) licences.charge(lease.amounts, lease.by, lease.until, 1);
    if (foresees(Payer{lease.path}))
      quotas.charge(ledger, lease.path, lease.total(), kAlways, lease.until, 1);
  }
  // ---- licences over time: plan_licences.cpp
  static bool has_licences(const Class& asked) { return !asked.ask.licences.empty(); }
  void follow_licences();  // their totals, from the rules
  // Free by the books, but not for as long as the window lasts: others have them by then.
  std::optional<QuotaShort> licences_short(const Class& asked, const Window& window) const;
  // What plans and reservations keep from it although it is free now.
  std::optional<QuotaShort> kept_from(const Class& asked, const Amounts& least, PathId path,
                                      const Window& window) {
    if (!has_licences(asked) && !quotas.has_holds()) return std::nullopt;  // nearly always
    if (has_licences(asked))
      if (auto shortage = licences_short(asked, window)) return shortage;
    return quotas_short(path, least, window);
  }
  // Of what is held of quotas, save by the asker himself.
  std::optional<QuotaShort> quotas_short(PathId path, const Amounts& want, const Window& window);
  bool foresees(std::optional<Payer> payer) const {
    return foresees_quotas && payer && payer->foresees && ledger.is_limited(payer->path);
  }
  // The first place on nodes, of all or of some, and not later than that.
  using Place = std::function<std::optional<Slot>(const Class&, const Among*, Time, Time)>;
  bool is_beside_nodes(const Class& asked, std::optional<Payer> payer) const {
    return has_licences(asked) ||
           (payer && !ledger.book().rules().empty() && ledger.is_limited(payer->path));
  }
  std::optional<Slot> first_place(const Class& asked, std::optional<Payer> payer, const When& when,
                                  const Place& place) const;
  std::optional<Slot> beside_nodes(const Class& asked, const Amounts& want,
                                   std::optional<Payer> payer, When when, const Among* among,
                                   const Place& place) const;

  // ---- whole nodes: take_whole.cpp, plan_whole.cpp; that are neighbours: take_run.cpp
  WholeNodes whole_runs(const Class& asked, PathId path, const std::vector<WholeSize>& sizes) const;
  std::vector<std::pair<Class, WholeNodes>> runs_of_range(const Class& range, PathId path) const;
  WholeNodes whole_range(const Class& range, PathId path) const;
  Class class_of(const Class& range, std::int64_t count) const;
  Acquired take_run(const Class& asked, PathId, const Window&, const WholeNodes& whole);
  Acquired take_range(const Class& range, PathId path, const Window& window);
  Acquired take_idle_run(const Class& range, PathId path, const Window& window);
  std::optional<Slot> place_run(const Class& asked, const WholeNodes& whole, Payer payer,
                                const When& when, const Place& place) const;
  std::optional<Slot> place_range(const Class& range, Payer payer, When when, const Place&) const;
  std::optional<WholeNodes> whole_nodes(const Class& asked, PathId path) const;
  std::optional<QuotaShort> beyond(PathId path, const Amounts& want) const;  // ever allowed
  Amounts total_on(const Class& asked, std::span<const NodeId> on) const;  // what they are charged
  std::optional<Slot> place_whole(const Class& asked, Amounts want, const Among& among, Payer payer,
                                  const When& when, const Place& place) const;
  Acquired take_whole(const Class& asked, PathId path, const Window& window);
  Acquired take_chosen(const Class& asked, PathId path, const Window& window, HoldCheck& holds);
  QuotaShort refuse(PathId path, QuotaShort shortage, const Amounts& want) {
    ledger.remember_claim(path, want, shortage);
    return shortage;
  }
  // Of a lease that comes to more than the least that was asked for.
  std::optional<QuotaShort> total_short(const Class& asked, PathId path, const Amounts& total,
                                        const Window& window);
  // Leases the nodes in `gang`, which have room, if the quotas have.
  Acquired take_gang(const Class& asked, const NodeAsk& ask, PathId path, const Window& window);
  Acquired lease_gang(const Class& asked, const NodeAsk& ask, PathId path, const Window& window);
  void lock(Lease& lease, const Amounts& total, const Window& window);
  // As many nodes up to nodes_max as fit now and the quotas allow.
  Acquired take_most(const Class& asked, PathId path, const Window& window,
                     const NodeBits* within = nullptr);

  // ---- of several components: components.cpp
  template <class Visit>  // visit(component, its number)
  static void for_each_component(const Class& asked, Visit visit) {
    visit(asked, std::size_t(0));
    for (std::size_t i = 0; i < asked.more.size(); ++i) visit(asked.more[i], i + 1);
  }
  void weigh_components(Class& added);
  Acquired take_components(const Class& asked, PathId path, const Window& window);
  Acquired take_components_on(const Class& asked, PathId path, std::span<const NodeId> nodes,
                              const Window& window);
  Acquired lease_components(const Class& asked, PathId path, const Window& window);
  // With `held` nodes that are kept for others are passed over.
  std::vector<NodeWish> wishes_of(const Class& asked, const Window& window, bool* held) const;
  NoFit explain_components(const Class& asked) const;
  std::vector<RoomAsk> asks_of(const Class& asked, ReservedId by) const;
  std::vector<Room> rooms_of(const Class& asked) const;  // by node of a slot
  NoFit nothing_is_so_large() const;
};

}  // namespace drover::rm
