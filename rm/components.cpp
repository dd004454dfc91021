// rm/components.cpp - a job of several components as one gang whose nodes need not be alike.
// SPDX-License-Identifier: Apache-2.0
//
// Each component has nodes of its own, so that a node is never in a lease twice. Which node goes to
// which is a matching: taking the best for one after the other would miss ways to seat all.
#include "rm/components.hpp"

#include <algorithm>
#include <utility>

#include "rm/match_nodes.hpp"
#include "rm/resource_manager_state.hpp"

namespace drover::rm {

void NodeInventory::add_candidates(const NodeAsk& ask, std::size_t most, std::vector<NodeId>& out,
                                   HoldCheck* holds) const {
  add_best(ask, constraint_bits(ask), most, out, holds);
}

std::vector<NodeId> NodeInventory::built_for(const Request& request, std::size_t most) const {
  const NodeChoice choice = constraints_.evaluate(request);
  const std::int64_t gpus = request.gpu_share > 0 ? 1 : request.gpus;
  std::vector<NodeId> found;
  for (const auto& [size, nodes] : sizes_) {
    if (size.gpus < gpus || size.cpus < request.cpus || size.mem_mib < request.mem_mib) continue;
    for (auto id = nodes.first_common(&choice.nodes); id && found.size() < most;
         id = nodes.first_common(&choice.nodes, raw(*id) + 1))
      found.push_back(*id);
  }
  return found;
}

Result<void> could_fit_together(const NodeInventory& nodes, const Request& request) {
  std::vector<Request> components{request};
  components.front().more.clear();
  components.insert(components.end(), request.more.begin(), request.more.end());
  std::vector<NodeWish> wishes;
  const auto wanted = std::size_t(nodes_of(request));
  for (std::size_t i = 0; i < components.size(); ++i) {
    if (auto alone = nodes.can_ever_fit(components[i]); !alone)
      return fail(std::move(alone.error()), "component " + std::to_string(i + 1));
    wishes.push_back({std::uint32_t(components[i].nodes), nodes.built_for(components[i], wanted)});
  }
  if (!nodes.knows_all_sizes()) return {};
  const auto dealt = match_nodes(wishes);
  if (is_complete(wishes, dealt)) return {};
  std::size_t seated = 0;
  for (const auto& part : dealt) seated += part.size();
  return fail(Errc::Limit,
              "the components need " + std::to_string(wanted) + " nodes, each its own; " +
                  std::to_string(seated) + " are there that could be dealt out",
              "ask for fewer nodes, or for less on each", "components");
}

void ResourceManager::State::weigh_components(Class& added) {
  added.more.clear();
  for (const Request& component : added.request.more) {
    Class& one = added.more.emplace_back();
    one.request = component;
    weigh(one);
    added.countable &= one.countable;
    added.least += one.least;
    // Licences are of the whole job, so the first node is charged all of them.
    for (const NamedAmount& licence : one.ask.licences) {
      const auto same = std::ranges::find(added.ask.licences, licence.kind, &NamedAmount::kind);
      if (same != added.ask.licences.end())
        same->amount += licence.amount;
      else
        added.ask.licences.push_back(licence);
    }
    one.ask.licences.clear();
  }
  added.least[Kind::RunningJobs] = 1;
}

// What each component could have now; the first that is too short ends it.
std::vector<NodeWish> ResourceManager::State::wishes_of(const Class& asked, const Window& window,
                                                        bool* held) const {
  std::size_t wanted = 0;
  for_each_component(asked, [&](const Class& one, std::size_t) { wanted += one.ask.nodes; });
  std::vector<NodeWish> wishes;
  for_each_component(asked, [&](const Class& one, std::size_t) {
    if (!wishes.empty() && wishes.back().candidates.size() < wishes.back().nodes) return;
    HoldCheck holds{plans_ahead && held != nullptr ? &forecast : nullptr, planned(one, one.ask),
                    window.from, window.until, window.by};
    NodeWish& wish = wishes.emplace_back(NodeWish{one.ask.nodes, {}});
    nodes.add_candidates(one.ask, wanted, wish.candidates, &holds);
    if (held != nullptr) *held |= holds.held;
  });
  return wishes;
}

Acquired ResourceManager::State::take_components(const Class& asked, PathId path,
                                                 const Window& window) {
  NoFit none;
  const std::vector<NodeWish> wishes = wishes_of(asked, window, &none.held);
  if (wishes.size() < asked.more.size() + 1) return none;
  const auto dealt = match_nodes(wishes);
  if (!is_complete(wishes, dealt)) return none;
  gang.clear();
  for (const auto& part : dealt) gang.insert(gang.end(), part.begin(), part.end());
  return lease_components(asked, path, window);
}

Acquired ResourceManager::State::take_components_on(const Class& asked, PathId path,
                                                    std::span<const NodeId> on,
                                                    const Window& window) {
  if (auto shortage = ledger.first_short(path, asked.least))
    return refuse(path, *std::move(shortage), asked.least);
  std::size_t at = 0;
  bool good = true;
  for_each_component(asked, [&](const Class& one, std::size_t) {
    for (std::uint32_t n = 0; n < one.ask.nodes && good; ++n, ++at)
      good = at < on.size() && nodes.has_room(on[at], one.ask);
  });
  if (!good || at != on.size()) return NoFit{};
  gang.assign(on.begin(), on.end());
  return lease_components(asked, path, window);
}

// The nodes in `gang`, which have room and stand in the order of components, if the quotas allow.
Acquired ResourceManager::State::lease_components(const Class& asked, PathId path,
                                                  const Window& window) {
  Acquired acquired(std::in_place_type<Lease>);
  Lease& lease = std::get<Lease>(acquired);
  lease.path = path;
  lease.more.reserve(gang.size() - 1);
  std::size_t at = 0;
  for_each_component(asked, [&](const Class& one, std::size_t number) {
    for (std::uint32_t n = 0; n < one.ask.nodes; ++n, ++at) {
      NodePart part;
      nodes.take(gang[at], one.ask, at == 0, part);
      part.component = std::uint16_t(number);
      if (at == 0)
        static_cast<NodePart&>(lease) = std::move(part);
      else
        lease.more.push_back(std::move(part));
    }
  });
  // Whole nodes, whole cores and models of GPUs are known only now.
  const Amounts total = lease.total();
  if (auto shortage = ledger.first_short(path, total)) {
    for_each_part(lease, [&](const NodePart& part) { nodes.give(part); });
    return refuse(path, *std::move(shortage), total);
  }
  lock(lease, total, window);
  return acquired;
}

NoFit ResourceManager::State::explain_components(const Class& asked) const {
  const std::vector<NodeWish> wishes = wishes_of(asked, {}, nullptr);
  if (const NodeWish& last = wishes.back(); last.candidates.size() < last.nodes) {
    const Class& one = wishes.size() == 1 ? asked : asked.more[wishes.size() - 2];
    NoFit why = nodes.explain(one.ask, std::uint32_t(last.candidates.size()));
    why.component = std::uint32_t(wishes.size());
    return why;
  }
  NoFit why = nodes.explain(asked.ask, 0);
  why.label_mismatch = why.too_small = why.busy = why.of_one_user = 0;
  why.mostly_short_of.reset();
  why.nodes_needed = 0;
  for (const NodeWish& wish : wishes) why.nodes_needed += wish.nodes;
  for (const auto& part : match_nodes(wishes)) why.fit_now += std::uint32_t(part.size());
  return why;
}

std::vector<RoomAsk> ResourceManager::State::asks_of(const Class& asked, ReservedId by) const {
  std::vector<RoomAsk> asks;
  for_each_component(asked,
                     [&](const Class& one, std::size_t) { asks.push_back(ask_of(one, by)); });
  return asks;
}

std::vector<Room> ResourceManager::State::rooms_of(const Class& asked) const {
  std::vector<Room> rooms;
  for_each_component(asked, [&](const Class& one, std::size_t) {
    rooms.insert(rooms.end(), one.ask.nodes, planned(one, one.ask));
  });
  return rooms;
}

}  // namespace drover::rm
