// rm/resource_manager.cpp - quota path, then node, then lease, as one step; and the cache of what
// did not fit.
// SPDX-License-Identifier: Apache-2.0
#include "rm/resource_manager.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "rm/resource_manager_state.hpp"

namespace drover::rm {
namespace {

// Classes come and go with single jobs: the last few without a holder wait for the next one.
constexpr std::size_t kUnheldMax = 256;

}  // namespace

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
  state_->follow_node(id);
}

void ResourceManager::set_ahead(NodeId id, std::uint32_t more) {
  state_->nodes.set_ahead(id, more);
  state_->freed.insert(id);
}

std::optional<NodeView> ResourceManager::node(NodeId id) const { return state_->nodes.view(id); }
std::vector<NodeView> ResourceManager::nodes() const { return state_->nodes.views(); }

ClassId ResourceManager::intern(const Request& request) {
  const auto known = state_->class_index.find(request);
  if (known != state_->class_index.end()) return known->second;
  auto id = ClassId(std::uint32_t(state_->classes.size()));
  if (state_->free_classes.empty()) {
    state_->classes.push_back(std::make_unique<State::Class>());
  } else {
    id = state_->free_classes.back();
    state_->free_classes.pop_back();
  }
  State::Class& added = *state_->classes[raw(id)];
  added.request = request;
  state_->weigh(added);
  state_->class_index.emplace(request, id);
  return id;
}

std::optional<ClassId> ResourceManager::known_class(const Request& request) const {
  const auto known = state_->class_index.find(request);
  if (known == state_->class_index.end()) return std::nullopt;
  return known->second;
}

void ResourceManager::hold(ClassId id) { ++state_->class_at(id).holders; }

void ResourceManager::drop(ClassId id) {
  State::Class& dropped = state_->class_at(id);
  DROVER_CHECK(dropped.holders > 0, "a request class was dropped by more than held it");
  if (--dropped.holders > 0) return;
  if (!std::exchange(dropped.is_kept, true)) state_->unheld.push_back(id);
  if (state_->unheld.size() <= kUnheldMax) return;
  const ClassId oldest = state_->unheld.front();
  state_->unheld.pop_front();
  State::Class& gone = state_->class_at(oldest);
  gone.is_kept = false;
  if (gone.holders > 0) return;
  state_->class_index.erase(gone.request);
  gone = State::Class{};
  state_->free_classes.push_back(oldest);
}

void ResourceManager::set_slices(Slices slices) { state_->nodes.set_slices(std::move(slices)); }

const Request& ResourceManager::request(ClassId id) const { return state_->class_at(id).request; }

PathId ResourceManager::path_for(const Labels& job_labels) {
  return state_->ledger.path_for(job_labels);
}

std::variant<PathId, QuotaShort> ResourceManager::try_enter(const Labels& job_labels) {
  return state_->ledger.try_enter(job_labels);
}
std::variant<PathId, QuotaShort> ResourceManager::try_enter(PathId known) {
  return state_->ledger.try_enter(known);
}
std::uint64_t ResourceManager::path_made(PathId id) const { return state_->ledger.path_made(id); }
PathId ResourceManager::enter(const Labels& job_labels) { return state_->ledger.enter(job_labels); }
void ResourceManager::leave(PathId path) { state_->ledger.leave(path); }
void ResourceManager::forget_unused(PathId path) { state_->ledger.forget_unused(path); }

Result<void> ResourceManager::can_ever_fit(const Request& request) const {
  return could_fit(state_->nodes, request);
}

Result<void> ResourceManager::can_ever_fit(ClassId what) const {
  const State::Class& asked = state_->class_at(what);
  if (asked.possible_at == state_->version) return {};
  auto fits = can_ever_fit(asked.request);
  if (fits) asked.possible_at = state_->version;
  return fits;
}

namespace {

// Made where the answer goes: a copy would wait for what was just written piece by piece.
Acquired no_room(bool held) {
  Acquired none(std::in_place_type<NoFit>);
  std::get<NoFit>(none).held = held;
  return none;
}

}  // namespace

Acquired ResourceManager::acquire(ClassId what, PathId path, const Window& window) {
  State& state = *state_;
  const State::Class& asked = state.class_at(what);
  if (!asked.countable) return NoFit{};
  if (asked.ask.exclusive && asked.more.empty() && state.ledger.is_limited(path))
    return state.take_whole(asked, path, window);
  if (!state.ledger.counters_of(path).empty())
    if (auto shortage = state.ledger.first_short(path, asked.least))
      return state.refuse(path, *std::move(shortage), asked.least);
  if (auto shortage = state.kept_from(asked, asked.least, path, window))
    return *std::move(shortage);
  if (!asked.more.empty()) return state.take_components(asked, path, window);
  if (is_elastic(asked.request)) return state.take_most(asked, path, window);
  HoldCheck holds{state.plans_ahead ? &state.forecast : nullptr, state.planned(asked, asked.ask),
                  window.from, window.until, window.by};
  if (!state.choose_nodes(asked.ask, &holds)) return no_room(holds.held);
  return state.take_gang(asked, asked.ask, path, window);
}

Acquired ResourceManager::acquire_on(ClassId what, PathId path, std::span<const NodeId> nodes,
                                     const Window& window) {
  State& state = *state_;
  const State::Class& asked = state.class_at(what);
  if (!asked.countable || nodes.empty()) return NoFit{};
  if (State::has_licences(asked))
    if (auto shortage = state.licences_short(asked, window)) return *std::move(shortage);
  if (!asked.more.empty()) return state.take_components_on(asked, path, nodes, window);
  const auto count = std::int64_t(nodes.size());
  if (count < asked.request.nodes || count > std::max(asked.request.nodes, asked.request.nodes_max))
    return NoFit{};
  const NodeAsk ask = ask_on(asked.ask, asked.request, count);
  if (auto shortage = state.ledger.first_short(path, asked.least))
    return state.refuse(path, *std::move(shortage), asked.least);
  if (is_elastic(asked.request)) {  // there may be room on more nodes than were planned
    const bool are_runs = asked.ask.contiguous && asked.ask.exclusive;
    Acquired most = are_runs && state.ledger.is_limited(path)
                        ? state.take_range(asked, path, window)
                        : state.take_most(asked, path, window);
    if (std::holds_alternative<Lease>(most)) return most;
  }
  for (const NodeId node : nodes)
    if (!state.nodes.has_room(node, ask)) return NoFit{};
  if (!state.nodes.is_allowed_gang(ask, nodes)) return NoFit{};
  state.gang.assign(nodes.begin(), nodes.end());
  return state.take_gang(asked, ask, path, window);
}

NoFit ResourceManager::State::nothing_is_so_large() const {
  NoFit why = nodes.explain(NodeAsk{}, 0);
  why.too_small = why.nodes_total - why.not_up;
  why.busy = 0;
  why.mostly_short_of.reset();
  return why;
}

NoFit ResourceManager::explain(ClassId what) const {
  State& state = *state_;
  const State::Class& asked = state.class_at(what);
  if (!asked.countable) return state.nothing_is_so_large();
  if (!asked.more.empty()) return state.explain_components(asked);
  if (is_elastic(asked.request)) return state.explain_most(asked);
  state.choose_nodes(asked.ask, nullptr);
  return state.nodes.explain(asked.ask, std::uint32_t(state.gang.size()));
}

void ResourceManager::mark_used(Lease& lease) {
  if (lease.used) return;
  state_->audit.on_used(state_->ledger, lease);
  state_->ledger.mark_used(lease.path, LeaseTotal(lease));
  lease.used = true;
}

void ResourceManager::release(const Lease& lease) {
  state_->audit.on_released(state_->ledger, lease);
  state_->ledger.release(lease.path, LeaseTotal(lease), lease.used);
  for_each_part(lease, [&](const NodePart& part) {
    state_->nodes.give(part);
    state_->freed.insert(part.node);
  });
  state_->forecast_end(lease);
}

void ResourceManager::fetch_ahead(NodeId node) const { state_->nodes.fetch_ahead(node); }

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
  state_->nodes.set_names(state_->names);
  set_quotas(state_->ledger.book().rules());
}

void ResourceManager::add_names(ResourceNames names) {
  for (std::size_t slot = 0; slot < state_->names.slots().size(); ++slot)
    DROVER_CHECK(
        state_->names.slots()[slot].empty() || state_->names.slots()[slot] == names.slots()[slot],
        "a named resource lost its slot while leases count in it");
  state_->names = std::move(names);
  ++state_->version;
  state_->nodes.set_names(state_->names);
  for (const auto& known : state_->classes)
    if (known->holders > 0 || known->is_kept) state_->weigh(*known);
  for (const NodeView& node : state_->nodes.views()) state_->follow_node(node.id);
  state_->freed_everything = true;
}

const ResourceNames& ResourceManager::names() const { return state_->names; }

void ResourceManager::set_quotas(std::vector<QuotaRule> rules) {
  state_->audit.restart();  // quotas may have changed their places
  state_->ledger.set_rules(QuotaBook(std::move(rules), state_->tree));
  state_->follow_licences();
  state_->forecast.forget_gains();
  state_->freed_everything = true;  // other nodes may be within the limits of who wants whole ones
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

bool ResourceManager::has_freed() const {
  return state_->freed_everything || !state_->freed.empty() || state_->ledger.has_freed();
}

void ResourceManager::take_freed(Freed& freed) {
  state_->ledger.take_freed(freed.quotas);
  freed.everything = std::exchange(state_->freed_everything, false);
  freed.nodes.clear();
  for (std::uint32_t from = 0; !state_->freed.empty();) {
    const NodeId id = freed.nodes.emplace_back(*state_->freed.first_common(nullptr, from));
    state_->freed.erase(id);
    from = raw(id);
  }
}

std::optional<NodeNeed> ResourceManager::need_on(NodeId node, ClassId what) const {
  const State::Class& asked = state_->class_at(what);
  // Nobody is asked to go for the sake of several components.
  if (!asked.countable || !asked.more.empty()) return std::nullopt;
  return state_->nodes.need_on(node, asked.ask);
}

Amounts ResourceManager::frees(const NodePart& part, ClassId what) const {
  return state_->nodes.frees(part, state_->class_at(what).ask);
}

std::vector<std::uint32_t> ResourceManager::counted_parts(ClassId what) const {
  return state_->nodes.counted_parts(state_->class_at(what).ask);
}

Room ResourceManager::room_of(ClassId what) const {
  const State::Class& asked = state_->class_at(what);
  Room least = asked.room;
  for (const State::Class& one : asked.more) least = least_of(least, one.room);
  return least;
}

Amounts ResourceManager::least_charge(ClassId what, PathId path) const {
  const auto whole = whole_nodes(what, path);
  return whole ? whole->least : state_->class_at(what).least;
}

std::vector<NodeId> ResourceManager::suited(ClassId what, bool in_service,
                                            std::size_t limit) const {
  const State::Class& asked = state_->class_at(what);
  if (!asked.countable) return {};
  return state_->nodes.suited(asked.ask, in_service, limit);
}

std::uint32_t ResourceManager::nodes_of(ClassId what) const {
  const State::Class& asked = state_->class_at(what);
  std::uint32_t nodes = asked.ask.nodes;
  for (const State::Class& one : asked.more) nodes += one.ask.nodes;
  return nodes;
}

std::int64_t ResourceManager::cpus_of(ClassId what) const {
  std::int64_t cpus = 0;
  State::for_each_component(state_->class_at(what), [&](const State::Class& one, std::size_t) {
    cpus += is_elastic(one.request) ? least_cpus(one.request)
                                    : one.room.cpu_milli / 1000 * one.ask.nodes;
  });
  return cpus;
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
