// rm/resource_manager.cpp - quota path, then node, then lease, as one step; and the cache of what
// did not fit.
// SPDX-License-Identifier: Apache-2.0
#include "rm/resource_manager.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <utility>

#include "base/check.hpp"
#include "rm/elastic.hpp"
#include "rm/ledger_audit.hpp"
#include "rm/licence.hpp"
#include "rm/node_inventory.hpp"
#include "rm/quota_ledger.hpp"

namespace drover::rm {
namespace {

constexpr std::int64_t kMaxUnits = 1 << 20;  // CPUs or GPUs of one task

bool is_countable(const Request& request) {
  for (const auto& licence : request.licences)
    if (licence.second < 1 || licence.second > kMaxAmount) return false;
  if (request.nodes_max < 0 || request.nodes_max > NodeInventory::kMaxNodes || request.tasks < 0 ||
      request.tasks > kMaxUnits || request.cores.cpus_per_task < 0)
    return false;
  return request.nodes >= 1 && request.nodes <= NodeInventory::kMaxNodes && request.cpus >= 1 &&
         request.cpus <= kMaxUnits && request.gpus >= 0 && request.gpus <= kMaxUnits &&
         request.mem_mib >= 0 && request.mem_mib <= kMaxAmount;
}

}  // namespace

struct ResourceManager::State {
  struct Class {
    Request request;
    std::uint32_t holders = 0;
    bool countable = false;
    NodeAsk ask;
    Amounts least;  // what any node would charge at least
    Room room;      // on each node
  };

  NodeInventory nodes;
  QuotaLedger ledger;
  LedgerAudit audit;
  ResourceNames names;
  QuotaTree tree;
  std::deque<Class> classes;  // a Request keeps its address
  std::map<Request, ClassId> class_index;
  std::vector<ClassId> free_classes;
  Forecast forecast;
  bool plans_ahead = false;
  NodeBits freed;  // since take_freed
  bool freed_everything = false;
  std::vector<NodeId> gang;  // scratch

  Class& class_at(ClassId id) {
    DROVER_CHECK(raw(id) < classes.size(), "unknown request class");
    return classes[raw(id)];
  }
  // Fills `gang` with the nodes that fit now; true when they are enough.
  bool choose_nodes(const NodeAsk& ask, HoldCheck* holds) {
    if (ask.is_gang) {
      nodes.best_nodes(ask, gang, holds);
      return gang.size() == ask.nodes;
    }
    gang.clear();
    if (const auto node = nodes.best_node(ask, holds)) gang.push_back(*node);
    return !gang.empty();
  }
  // What the request comes to, in the names that there are now.
  void weigh(Class& added) {
    const Request& request = added.request;
    added.countable = is_countable(request);
    if (!added.countable) return;
    added.ask = nodes.ask_for(request);
    added.least = {};
    added.least[Kind::CpuMilli] = least_cpus(request) * 1000;
    added.least[Kind::MemMib] = request.nodes * request.mem_mib;
    added.least[Kind::GpuMilli] = request.nodes * request.gpus * 1000;
    added.least[Kind::Nodes] = request.exclusive ? request.nodes : 0;
    added.least[Kind::RunningJobs] = 1;
    if (const auto kind = names.gpu(request.gpu_model))
      added.least[*kind] = request.nodes * request.gpus * 1000;
    for (const auto& [name, count] : request.licences) {
      const auto kind = names.find(licence_word(name));
      if (!kind) added.countable = false;  // of a job from before the name lost its slot
      if (!kind) continue;
      added.ask.licences.push_back({*kind, count});
      added.least[*kind] += count;
    }
    added.room = {request.cpus * 1000, request.mem_mib, request.gpus * 1000,
                  request.exclusive ? Room::kSeats : 1};
  }
  // What plans keep free on each node: whole cores may cost more threads than CPUs were asked for.
  Room planned(const Class& asked, const NodeAsk& ask) const {
    Room room = asked.room;
    room.cpu_milli = nodes.most_cpus(ask) * 1000;
    return room;
  }
  RoomAsk ask_of(const Class& asked, ReservedId by) const {
    const NodeAsk ask = planned_ask(nodes, asked.ask, asked.request);
    return {planned(asked, ask), ask.nodes, nodes.constraint_bits(ask),
            ask.contiguous ? &nodes.in_order() : nullptr, by};
  }
  void follow_node(NodeId id) {
    freed_everything = true;
    if (!plans_ahead) return;
    forecast.set_capacity(id, room_in(nodes.capacity(id)));
    forecast.set_offering(id, nodes.offers(id));
  }
  static Room room_in(const Amounts& amounts) {
    return {amounts[Kind::CpuMilli], amounts[Kind::MemMib], amounts[Kind::GpuMilli], Room::kSeats};
  }
  // What a lease takes of a timeline: one seat, or all when it has the node alone.
  static Room room_taken(const NodePart& part) {
    Room room = room_in(part.amounts);
    if (part.amounts[Kind::Nodes] == 0) room.seats = 1;
    return room;
  }
  void forecast_start(const Lease& lease) {
    if (!plans_ahead) return;
    for_each_part(lease, [&](const NodePart& part) {
      forecast.lease_starts(part.node, room_taken(part), lease.until, lease.by);
    });
  }
  void forecast_end(const Lease& lease) {
    if (!plans_ahead) return;
    for_each_part(lease, [&](const NodePart& part) {
      forecast.lease_ends(part.node, room_taken(part), lease.until, lease.by);
    });
  }
  QuotaShort refuse(PathId path, QuotaShort shortage, const Amounts& want) {
    ledger.remember_claim(path, want, shortage);
    return shortage;
  }
  // Leases the nodes in `gang`, which have room, if the quotas have.
  Acquired take_gang(const Class& asked, const NodeAsk& ask, PathId path, Window window) {
    if (ask.exclusive) {  // charged the whole nodes, known only now
      Amounts whole;
      for (const NodeId node : gang) whole += nodes.charge_on(node, ask, node == gang.front());
      if (auto shortage = ledger.first_short(path, whole))
        return refuse(path, *std::move(shortage), whole);
    }
    Acquired acquired(std::in_place_type<Lease>);
    Lease& lease = std::get<Lease>(acquired);
    static_cast<NodePart&>(lease) = nodes.take(gang.front(), ask);
    lease.more.reserve(gang.size() - 1);
    for (std::size_t i = 1; i < gang.size(); ++i)
      lease.more.push_back(nodes.take(gang[i], ask, false));
    lease.path = path;
    const Amounts total = lease.total();
    // The models of GPUs that were asked for without one are known only once they are chosen; so
    // are the threads of whole cores, and the number of nodes where it may vary.
    if ((names.has_gpus() && !lease.gpus.empty()) || asked.request.cores.whole_cores() ||
        is_elastic(asked.request)) {
      if (auto shortage = ledger.first_short(path, total)) {
        for_each_part(lease, [&](const NodePart& part) { nodes.give(part); });
        return refuse(path, *std::move(shortage), total);
      }
    }
    ledger.lock(path, total);
    audit.on_locked(ledger, lease);
    if (plans_ahead) {
      lease.until = window.until;
      lease.by = window.by;
    }
    forecast_start(lease);
    return acquired;
  }
  // As many nodes up to nodes_max as fit now and the quotas allow.
  Acquired take_most(const Class& asked, PathId path, Window window) {
    NoFit none;
    std::optional<QuotaShort> shortage;
    for (std::int64_t count = asked.request.nodes_max; count >= asked.request.nodes; --count) {
      if (asked.request.tasks > 0 && count > asked.request.tasks) continue;
      const NodeAsk ask = ask_on(asked.ask, asked.request, count);
      HoldCheck holds{plans_ahead ? &forecast : nullptr, planned(asked, ask), window.from,
                      window.until, window.by};
      if (!choose_nodes(ask, &holds)) {
        none.held |= holds.held;
        // Without a number of tasks fewer nodes ask the same of each: no need to count down.
        if (asked.request.tasks == 0)
          count = std::min<std::int64_t>(count, std::int64_t(gang.size()) + 1);
        continue;
      }
      Acquired answer = take_gang(asked, ask, path, window);
      if (!std::holds_alternative<QuotaShort>(answer)) return answer;
      shortage = std::get<QuotaShort>(std::move(answer));
    }
    if (shortage) return *std::move(shortage);
    return none;
  }
  NoFit nothing_is_so_large() const {
    NoFit why = nodes.explain(NodeAsk{}, 0);
    why.too_small = why.nodes_total - why.not_up;
    why.busy = 0;
    why.mostly_short_of.reset();
    return why;
  }
};

ResourceManager::ResourceManager() : state_(std::make_unique<State>()) {}
ResourceManager::~ResourceManager() = default;
ResourceManager::ResourceManager(ResourceManager&&) noexcept = default;
ResourceManager& ResourceManager::operator=(ResourceManager&&) noexcept = default;

void ResourceManager::put_node(NodeId id, NodeSpec spec) {
  state_->nodes.put(id, std::move(spec));
  state_->follow_node(id);
}

void ResourceManager::set_node_state(NodeId id, NodeState state, std::string reason) {
  state_->nodes.set_state(id, state, std::move(reason));
  state_->follow_node(id);
}

void ResourceManager::set_node_labels(NodeId id, Labels labels) {
  state_->nodes.set_labels(id, std::move(labels));
  state_->freed_everything = true;
}

std::optional<NodeView> ResourceManager::node(NodeId id) const { return state_->nodes.view(id); }
std::vector<NodeView> ResourceManager::nodes() const { return state_->nodes.views(); }

ClassId ResourceManager::intern(const Request& request) {
  const auto known = state_->class_index.find(request);
  if (known != state_->class_index.end()) return known->second;
  auto id = ClassId(std::uint32_t(state_->classes.size()));
  if (state_->free_classes.empty()) {
    state_->classes.emplace_back();
  } else {
    id = state_->free_classes.back();
    state_->free_classes.pop_back();
  }
  State::Class added;
  added.request = request;
  state_->weigh(added);
  state_->classes[raw(id)] = std::move(added);
  state_->class_index.emplace(request, id);
  return id;
}

void ResourceManager::hold(ClassId id) { ++state_->class_at(id).holders; }

void ResourceManager::drop(ClassId id) {
  State::Class& dropped = state_->class_at(id);
  DROVER_CHECK(dropped.holders > 0, "a request class was dropped by more than held it");
  if (--dropped.holders > 0) return;
  state_->class_index.erase(dropped.request);
  dropped = State::Class{};
  state_->free_classes.push_back(id);
}

void ResourceManager::set_slices(Slices slices) { state_->nodes.set_slices(std::move(slices)); }

const Request& ResourceManager::request(ClassId id) const { return state_->class_at(id).request; }

PathId ResourceManager::path_for(const Labels& job_labels) {
  return state_->ledger.path_for(job_labels);
}

std::variant<PathId, QuotaShort> ResourceManager::try_enter(const Labels& job_labels) {
  return state_->ledger.try_enter(job_labels);
}
PathId ResourceManager::enter(const Labels& job_labels) { return state_->ledger.enter(job_labels); }
void ResourceManager::leave(PathId path) { state_->ledger.leave(path); }

Result<void> ResourceManager::can_ever_fit(const Request& request) const {
  return could_fit(state_->nodes, request);
}

Acquired ResourceManager::acquire(ClassId what, PathId path, Window window) {
  State& state = *state_;
  const State::Class& asked = state.class_at(what);
  if (!asked.countable) return NoFit{};
  if (auto shortage = state.ledger.first_short(path, asked.least))
    return state.refuse(path, *std::move(shortage), asked.least);
  if (is_elastic(asked.request)) return state.take_most(asked, path, window);
  HoldCheck holds{state.plans_ahead ? &state.forecast : nullptr, state.planned(asked, asked.ask),
                  window.from, window.until, window.by};
  if (!state.choose_nodes(asked.ask, &holds)) {
    NoFit none;
    none.held = holds.held;
    return none;
  }
  return state.take_gang(asked, asked.ask, path, window);
}

Acquired ResourceManager::acquire_on(ClassId what, PathId path, std::span<const NodeId> nodes,
                                     Window window) {
  State& state = *state_;
  const State::Class& asked = state.class_at(what);
  if (!asked.countable || nodes.empty()) return NoFit{};
  const auto count = std::int64_t(nodes.size());
  if (count < asked.request.nodes || count > std::max(asked.request.nodes, asked.request.nodes_max))
    return NoFit{};
  const NodeAsk ask = ask_on(asked.ask, asked.request, count);
  if (auto shortage = state.ledger.first_short(path, asked.least))
    return state.refuse(path, *std::move(shortage), asked.least);
  if (is_elastic(asked.request)) {  // its place was planned for the least number of nodes
    Acquired most = state.take_most(asked, path, window);
    if (std::holds_alternative<Lease>(most)) return most;
  }
  for (const NodeId node : nodes)
    if (!state.nodes.has_room(node, ask)) return NoFit{};
  if (!state.nodes.is_allowed_gang(ask, nodes)) return NoFit{};
  state.gang.assign(nodes.begin(), nodes.end());
  return state.take_gang(asked, ask, path, window);
}

NoFit ResourceManager::explain(ClassId what) const {
  State& state = *state_;
  const State::Class& asked = state.class_at(what);
  if (!asked.countable) return state.nothing_is_so_large();
  state.choose_nodes(asked.ask, nullptr);
  return state.nodes.explain(asked.ask, std::uint32_t(state.gang.size()));
}

void ResourceManager::mark_used(Lease& lease) {
  if (lease.used) return;
  state_->audit.on_used(state_->ledger, lease);
  state_->ledger.mark_used(lease.path, lease.total());
  lease.used = true;
}

void ResourceManager::release(const Lease& lease) {
  state_->audit.on_released(state_->ledger, lease);
  state_->ledger.release(lease.path, lease.total(), lease.used);
  for_each_part(lease, [&](const NodePart& part) {
    state_->nodes.give(part);
    state_->freed.insert(part.node);
  });
  state_->forecast_end(lease);
}

void ResourceManager::restore(Lease& lease, PathId path) {
  // A damaged record must not break the books: what cannot be counted is cut to what can.
  const auto cut = [](Amounts& amounts) {
    for (std::int64_t& amount : amounts.of)
      amount = std::clamp<std::int64_t>(amount, 0, kMaxAmount);
  };
  cut(lease.amounts);
  for (NodePart& part : lease.more) cut(part.amounts);
  lease.path = path;
  lease.until = kEver;
  lease.by = kUnreserved;
  for_each_part(lease, [&](const NodePart& part) { state_->nodes.restore(part); });
  state_->forecast_start(lease);
  state_->ledger.lock(path, lease.total());
  if (lease.used) state_->ledger.mark_used(path, lease.total());
}

void ResourceManager::configure(ResourceNames names, QuotaTree tree) {
  DROVER_CHECK(state_->classes.empty(), "names and levels are set before requests are interned");
  state_->names = std::move(names);
  state_->tree = std::move(tree);
  state_->nodes.count_gpus_apart(state_->names);
  set_quotas(state_->ledger.book().rules());
}

void ResourceManager::add_names(ResourceNames names) {
  for (std::size_t slot = 0; slot < state_->names.slots().size(); ++slot)
    DROVER_CHECK(
        state_->names.slots()[slot].empty() || state_->names.slots()[slot] == names.slots()[slot],
        "a named resource lost its slot while leases count in it");
  state_->names = std::move(names);
  state_->nodes.count_gpus_apart(state_->names);
  for (State::Class& known : state_->classes)
    if (known.holders > 0) state_->weigh(known);
  state_->freed_everything = true;
}

const ResourceNames& ResourceManager::names() const { return state_->names; }

void ResourceManager::set_quotas(std::vector<QuotaRule> rules) {
  state_->audit.restart();  // quotas may have changed their places
  state_->ledger.set_rules(QuotaBook(std::move(rules), state_->tree));
}

std::vector<QuotaView> ResourceManager::quotas() const { return state_->ledger.views(); }
const QuotaLedger& ResourceManager::ledger() const { return state_->ledger; }
std::vector<Claim> ResourceManager::claims() const { return state_->ledger.claims(); }
std::vector<const Lease*> ResourceManager::victims(const Claim& claim,
                                                   std::span<const Lease* const> live) const {
  return state_->ledger.victims(claim, live);
}

bool ResourceManager::is_claimant(const Claim& claim, PathId path) const {
  return state_->ledger.is_on(path, claim.claimant_index);
}

Freed ResourceManager::take_freed() {
  Freed freed;
  freed.quotas = state_->ledger.take_freed();
  freed.everything = std::exchange(state_->freed_everything, false);
  for (auto id = state_->freed.first_common(nullptr); id;
       id = state_->freed.first_common(nullptr, raw(*id)))
    state_->freed.erase(freed.nodes.emplace_back(*id));
  return freed;
}

void ResourceManager::plan_ahead(std::span<const Lease* const> live) {
  if (std::exchange(state_->plans_ahead, true)) return;
  for (const NodeView& node : state_->nodes.views()) state_->follow_node(node.id);
  for (const Lease* lease : live) state_->forecast_start(*lease);
}

bool ResourceManager::plans() const { return state_->plans_ahead; }

void ResourceManager::forget_before(Time now) {
  if (state_->plans_ahead) state_->forecast.forget_before(now);
}

void ResourceManager::extend(Lease& lease, Time until) {
  if (!state_->plans_ahead) return;
  state_->forecast_end(lease);
  lease.until = until;
  state_->forecast_start(lease);
}

void ResourceManager::charge_to(Lease& lease, ReservedId by) {
  if (!state_->plans_ahead || lease.by == by) return;
  state_->forecast_end(lease);
  lease.by = by;
  state_->forecast_start(lease);
}

std::optional<Slot> ResourceManager::earliest(ClassId what, Duration length, Time from,
                                              ReservedId by, Time not_after) const {
  const State::Class& asked = state_->class_at(what);
  if (!asked.countable || !state_->plans_ahead) return std::nullopt;
  if (auto now = room_now(what, length, from, by)) return now;
  return state_->forecast.earliest(state_->ask_of(asked, by), length, from, not_after);
}

// A search among many nodes looks at those on which something ends.
std::optional<Slot> ResourceManager::room_now(ClassId what, Duration length, Time from,
                                              ReservedId by) const {
  const State::Class& asked = state_->class_at(what);
  if (asked.ask.nodes > 1 || by != kUnreserved || !state_->forecast.has_many_nodes())
    return std::nullopt;
  HoldCheck holds{&state_->forecast, state_->planned(asked, asked.ask), from, after(from, length)};
  if (!state_->choose_nodes(asked.ask, &holds)) return std::nullopt;
  return Slot{from, state_->gang};
}

HoldId ResourceManager::hold(ClassId what, const Slot& slot, Duration length, ReservedId by) {
  const State::Class& asked = state_->class_at(what);
  const Room room =
      state_->planned(asked, ask_on(asked.ask, asked.request, std::int64_t(slot.nodes.size())));
  return state_->forecast.hold(slot, room, after(slot.start, length), by);
}

void ResourceManager::drop(HoldId hold) { state_->forecast.drop(hold); }

const Slot& ResourceManager::slot_of(HoldId hold) const { return state_->forecast.slot_of(hold); }

std::size_t ResourceManager::holds() const { return state_->forecast.holds(); }

std::optional<Slot> ResourceManager::best_for(HoldId hold, ClassId what, Duration length, Time from,
                                              ReservedId by) {
  if (auto now = room_now(what, length, from, by)) return now;
  return state_->forecast.best_for(hold, state_->ask_of(state_->class_at(what), by), length, from);
}

bool ResourceManager::could_improve(HoldId hold, NodeId node, ClassId what, Duration length,
                                    Time now, ReservedId by) {
  return state_->forecast.could_improve(hold, node, state_->ask_of(state_->class_at(what), by),
                                        length, now);
}

void ResourceManager::reserve(ReservedId id, const std::vector<ReservedSpan>& spans,
                              const std::vector<ReservedPart>& parts) {
  DROVER_CHECK(state_->plans_ahead, "a reservation needs timelines");
  state_->forecast.reserve(id, spans, parts);
  state_->freed_everything = true;
}

void ResourceManager::unreserve(ReservedId id) {
  state_->forecast.unreserve(id);
  state_->freed_everything = true;
}

bool ResourceManager::is_reserved(NodeId node, Window window) const {
  return state_->forecast.is_reserved(node, window.from, window.until);
}

std::optional<ReservedRoom::InTheWay> ResourceManager::in_the_way(ClassId what,
                                                                  Window window) const {
  constexpr std::uint32_t kLooked = 64;
  State& state = *state_;
  const State::Class& asked = state.class_at(what);
  if (!asked.countable || !state.plans_ahead) return std::nullopt;
  std::optional<ReservedRoom::InTheWay> last;
  std::uint32_t looked = 0, clear = 0;
  for (std::uint32_t id = 0; id < NodeInventory::kMaxNodes && looked < kLooked; ++id) {
    if (!state.nodes.knows(NodeId(id))) break;
    if (!state.nodes.has_room(NodeId(id), asked.ask)) continue;
    ++looked;
    const auto way = state.forecast.in_the_way(NodeId(id), asked.room, window.from, window.until);
    clear += !way;
    if (way && (!last || last->span.from < way->span.from)) last = way;
  }
  return clear < asked.ask.nodes ? last : std::nullopt;
}

void ResourceManager::show_reservation(NodeId node, std::string name, bool maintenance) {
  state_->nodes.show_reservation(node, std::move(name), maintenance);
}

std::optional<NodeNeed> ResourceManager::need_on(NodeId node, ClassId what) const {
  const State::Class& asked = state_->class_at(what);
  return asked.countable ? state_->nodes.need_on(node, asked.ask) : std::nullopt;
}

Amounts ResourceManager::frees(const NodePart& part, ClassId what) const {
  return state_->nodes.frees(part, state_->class_at(what).ask);
}

std::vector<std::uint32_t> ResourceManager::counted_parts(ClassId what) const {
  return state_->nodes.counted_parts(state_->class_at(what).ask);
}

Room ResourceManager::room_of(ClassId what) const { return state_->class_at(what).room; }

std::uint32_t ResourceManager::nodes_of(ClassId what) const {
  return state_->class_at(what).ask.nodes;
}

Room ResourceManager::free_room(NodeId node) const { return state_->nodes.free_room(node); }

std::vector<std::string> ResourceManager::check(std::span<const Lease* const> live,
                                                const std::vector<PathId>* jobs) const {
  std::vector<std::string> problems;
  state_->nodes.check(live, problems);
  state_->ledger.check(live, jobs, problems);
  return problems;
}

NodeId ResourceManager::audit_node() const { return state_->audit.next_node(); }

void ResourceManager::audit(NodeId id, std::span<const Lease* const> leases,
                            std::vector<std::string>& problems) {
  state_->nodes.audit(id, leases, problems);
  state_->audit.see_node(id, leases);
}

bool ResourceManager::compare_slice(std::size_t count, std::vector<std::string>& problems) {
  return state_->audit.compare(state_->ledger, count, problems);
}

}  // namespace drover::rm
