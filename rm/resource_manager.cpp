// rm/resource_manager.cpp - quota path, then node, then lease, as one step; and the cache of what
// did not fit.
// SPDX-License-Identifier: Apache-2.0
#include "rm/resource_manager.hpp"

#include <algorithm>
#include <deque>
#include <map>

#include "base/check.hpp"
#include "rm/node_inventory.hpp"
#include "rm/quota_ledger.hpp"

namespace drover::rm {
namespace {

// Above every machine, and far enough below 2^63 that millions of leases cannot wrap a sum.
constexpr std::int64_t kMaxAmount = std::int64_t(1) << 40;
constexpr std::int64_t kMaxUnits = 1 << 20;  // CPUs or GPUs of one task

bool is_countable(const Request& request) {
  return request.cpus >= 1 && request.cpus <= kMaxUnits && request.gpus >= 0 &&
         request.gpus <= kMaxUnits && request.mem_mib >= 0 && request.mem_mib <= kMaxAmount;
}

}  // namespace

struct ResourceManager::State {
  struct Class {
    Request request;
    bool countable = false;
    NodeAsk ask;
    Amounts least;                // what any node would charge at least
    std::uint64_t no_fit_at = 0;  // the freed generation in which no node fitted; 0 = none
    NoFit no_fit;
  };

  NodeInventory nodes;
  QuotaLedger ledger;
  std::deque<Class> classes;  // a Request keeps its address
  std::map<Request, ClassId> class_index;
  std::uint64_t generation = 1;

  Class& class_at(ClassId id) {
    DROVER_CHECK(raw(id) < classes.size(), "unknown request class");
    return classes[raw(id)];
  }
  NoFit nothing_is_so_large() const {
    NoFit why = nodes.explain(NodeAsk{});
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
  ++state_->generation;
}

void ResourceManager::set_node_state(NodeId id, NodeState state, std::string reason) {
  state_->nodes.set_state(id, state, std::move(reason));
  ++state_->generation;  // also when it takes a node away: the counts in NoFit are then old
}

std::optional<NodeView> ResourceManager::node(NodeId id) const { return state_->nodes.view(id); }
std::vector<NodeView> ResourceManager::nodes() const { return state_->nodes.views(); }

ClassId ResourceManager::intern(const Request& request) {
  const auto known = state_->class_index.find(request);
  if (known != state_->class_index.end()) return known->second;
  const auto id = ClassId(std::uint32_t(state_->classes.size()));
  State::Class added;
  added.request = request;
  added.countable = is_countable(request);
  if (added.countable) {
    added.ask = state_->nodes.ask_for(request);
    added.least[Kind::CpuMilli] = request.cpus * 1000;
    added.least[Kind::MemMib] = request.mem_mib;
    added.least[Kind::GpuMilli] = request.gpus * 1000;
    added.least[Kind::Nodes] = request.exclusive ? 1 : 0;
    added.least[Kind::RunningJobs] = 1;
  }
  state_->classes.push_back(std::move(added));
  state_->class_index.emplace(request, id);
  return id;
}

const Request& ResourceManager::request(ClassId id) const { return state_->class_at(id).request; }

PathId ResourceManager::path_for(const Labels& job_labels) {
  return state_->ledger.path_for(job_labels);
}

Result<void> ResourceManager::can_ever_fit(const Request& request) const {
  return state_->nodes.can_ever_fit(request);
}

Acquired ResourceManager::acquire(ClassId what, PathId path) {
  State& state = *state_;
  State::Class& asked = state.class_at(what);
  if (!asked.countable) return state.nothing_is_so_large();
  if (auto shortage = state.ledger.first_short(path, asked.least)) return *std::move(shortage);
  if (asked.no_fit_at == state.generation) return asked.no_fit;
  const auto node = state.nodes.best_node(asked.ask);
  if (!node) {
    asked.no_fit = state.nodes.explain(asked.ask);
    asked.no_fit_at = state.generation;
    return asked.no_fit;
  }
  if (asked.ask.exclusive) {  // charged the whole node, known only now
    const Amounts whole = state.nodes.charge_on(*node, asked.ask);
    if (auto shortage = state.ledger.first_short(path, whole)) return *std::move(shortage);
  }
  Lease lease = state.nodes.take(*node, asked.ask);
  lease.path = path;
  state.ledger.lock(path, lease.amounts);
  return lease;
}

void ResourceManager::mark_used(Lease& lease) {
  if (lease.used) return;
  state_->ledger.mark_used(lease.path, lease.amounts);
  lease.used = true;
}

void ResourceManager::release(const Lease& lease) {
  state_->ledger.release(lease.path, lease.amounts, lease.used);
  state_->nodes.give(lease);
  ++state_->generation;
}

void ResourceManager::restore(Lease& lease, PathId path) {
  // A damaged record must not break the books: what cannot be counted is cut to what can.
  for (std::int64_t& amount : lease.amounts.of)
    amount = std::clamp<std::int64_t>(amount, 0, kMaxAmount);
  lease.path = path;
  state_->nodes.restore(lease);
  state_->ledger.lock(path, lease.amounts);
  if (lease.used) state_->ledger.mark_used(path, lease.amounts);
}

void ResourceManager::set_quotas(std::vector<QuotaRule> rules) {
  state_->ledger.set_rules(std::move(rules));
  ++state_->generation;
}

std::vector<QuotaView> ResourceManager::quotas() const { return state_->ledger.views(); }

std::uint64_t ResourceManager::freed_generation() const { return state_->generation; }

std::vector<std::uint32_t> ResourceManager::take_freed_quotas() {
  return state_->ledger.take_freed();
}

std::vector<std::string> ResourceManager::check(std::span<const Lease* const> live) const {
  std::vector<std::string> problems;
  state_->nodes.check(live, problems);
  state_->ledger.check(live, problems);
  return problems;
}

}  // namespace drover::rm
