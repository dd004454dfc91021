// rm/plan_resources.cpp - the manager's future: leases by their limits, holds, reservations.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "rm/resource_manager_state.hpp"

namespace drover::rm {
namespace {

// The first of the places of these, of equal ones that of the first.
template <class Classes, class Find>  // std::optional<Slot>(const Class&, Time not_after)
std::optional<Slot> first_of(const Classes& numbers, Time not_after, Find find) {
  if (numbers.size() == 1) return find(numbers.front(), not_after);
  std::optional<Slot> best;
  for (const auto& one : numbers) {
    auto slot = find(one, not_after);
    if (slot && (!best || slot->start < best->start)) best = std::move(slot);
    if (best) not_after = best->start;
  }
  return best;
}

}  // namespace

void ResourceManager::State::follow_node(NodeId id) {
  ++version;
  freed_everything = true;
  if (!plans_ahead) return;
  forecast.set_capacity(id, nodes.room_in(nodes.capacity(id)));
  forecast.set_offering(id, nodes.offers(id));
}

void ResourceManager::plan_ahead(std::span<const Lease* const> live) {
  if (std::exchange(state_->plans_ahead, true)) return;
  state_->quotas.count_leases();
  for (const NodeView& node : state_->nodes.views()) state_->follow_node(node.id);
  for (const Lease* lease : live) state_->forecast_start(*lease);
}

bool ResourceManager::plans() const { return state_->plans_ahead; }

void ResourceManager::forget_before(Time now) {
  if (!state_->plans_ahead) return;
  state_->forecast.forget_before(now);
  state_->licences.forget_before(now);
  state_->quotas.set_now(now);
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

RoomAsk ResourceManager::State::ask_of(const Class& asked, ReservedId by,
                                       const Among* among) const {
  const NodeAsk& ask = asked.ask;
  const NodeBits* allowed =
      among != nullptr ? &among->nodes : nodes.planned_bits(ask, asked.planned_on);
  const NodeBits* starts = among != nullptr ? among->starts_if_any() : nullptr;
  const auto* order = ask.contiguous ? &nodes.in_order() : nullptr;
  return {planned(asked, ask), ask.nodes, allowed, order, by, starts};
}

std::optional<Slot> ResourceManager::earliest(ClassId what, Duration length, Time from,
                                              ReservedId by, Time not_after,
                                              std::optional<Payer> payer) const {
  const State::Class& asked = state_->class_at(what);
  if (!asked.countable || !state_->plans_ahead) return std::nullopt;
  const auto place = [&](const State::Class& one, const Among* among, Time at,
                         Time last) -> std::optional<Slot> {
    if (!asked.more.empty())
      return state_->forecast.earliest_of_all(state_->asks_of(asked, by), length, at, last);
    if (one.ask.nodes == 1)
      if (auto now = room_now(what, length, at, by, among)) return now;
    return state_->forecast.earliest(state_->ask_of(one, by, among), length, at, last);
  };
  if (!state_->is_beside_nodes(asked, payer))
    return first_of(state_->numbers_of(asked), not_after, [&](const State::Class& one, Time last) {
      return place(one, nullptr, from, last);
    });
  return first_of(state_->numbers_of(asked, payer), not_after,
                  [&](const State::Class& one, Time last) {
                    return state_->first_place(one, payer, {length, from, last, by}, place);
                  });
}

// A search among many nodes looks at those on which something ends.
std::optional<Slot> ResourceManager::room_now(ClassId what, Duration length, Time from,
                                              ReservedId by, const Among* among) const {
  const State::Class& asked = state_->numbers_of(state_->class_at(what)).front();
  if (asked.ask.nodes > 1 || by != kUnreserved || !state_->forecast.has_many_nodes())
    return std::nullopt;
  HoldCheck holds{&state_->forecast, state_->planned(asked, asked.ask), from, after(from, length)};
  if (among != nullptr) holds.within = &among->nodes;
  if (!state_->choose_nodes(asked.ask, &holds)) return std::nullopt;
  return Slot{from, state_->gang};
}

LastingRoom ResourceManager::lasting_room(NodeId node, Time now) const {
  LastingRoom room{state_->nodes.free_room(node), {}, {}};
  if (state_->forecast.holds() == 0) return room;
  state_->forecast.cut_by_holds(node, now, room);
  return room;
}

HoldId ResourceManager::hold(ClassId what, const Slot& slot, Duration length, ReservedId by,
                             std::optional<Payer> payer, std::optional<HoldId> moved) {
  const State::Class& asked = state_->class_at(what);
  const Time until = after(slot.start, length);
  if (moved) {
    if (state_->quotas.has_holds()) state_->quotas.drop(state_->ledger, *moved);
    if (!state_->licences.empty()) state_->licences.drop(*moved);
  }
  HoldId made = moved.value_or(HoldId{});
  if (!asked.more.empty()) {
    auto rooms = state_->rooms_of(asked);
    if (moved)
      state_->forecast.move(made, slot, std::move(rooms), until);
    else
      made = state_->forecast.hold(slot, std::move(rooms), until, by);
  } else {
    const Room room =
        state_->planned(asked, ask_on(asked.ask, asked.request, std::int64_t(slot.nodes.size())));
    if (moved)
      state_->forecast.move(made, slot, room, until);
    else
      made = state_->forecast.hold(slot, room, until, by);
  }
  if (State::has_licences(asked))
    state_->licences.hold(made, asked.ask.licences, slot.start, until, by);
  if (state_->foresees(payer)) {
    const bool is_whole = asked.ask.exclusive && asked.more.empty();
    Amounts total = is_whole ? state_->total_on(asked, slot.nodes) : asked.least;
    for (const State::Class& one : state_->numbers_of(asked))
      if (!is_whole && one.ask.nodes == slot.nodes.size()) total = one.least;
    state_->quotas.hold(state_->ledger, made, payer->path, total, slot.start, until);
  }
  return made;
}

bool ResourceManager::drop(HoldId hold) {
  state_->forecast.drop(hold);
  if (state_->quotas.has_holds()) state_->quotas.drop(state_->ledger, hold);
  return !state_->licences.empty() && state_->licences.drop(hold);
}

const Slot& ResourceManager::slot_of(HoldId hold) const {
  return QuotaForecast::is_kept(hold) ? state_->quotas.slot_of(hold)
                                      : state_->forecast.slot_of(hold);
}

std::size_t ResourceManager::holds() const { return state_->forecast.holds(); }

std::optional<Slot> ResourceManager::best_for(HoldId hold, ClassId what, Duration length, Time from,
                                              ReservedId by, std::optional<Payer> payer) {
  const State::Class& asked = state_->class_at(what);
  const auto place = [&](const State::Class& one, const Among* among, Time at,
                         Time) -> std::optional<Slot> {
    if (!asked.more.empty())
      return state_->forecast.best_for_all(hold, state_->asks_of(asked, by), length, at);
    if (one.ask.nodes == 1)
      if (auto now = room_now(what, length, at, by, among)) return now;
    return state_->forecast.best_for(hold, state_->ask_of(one, by, among), length, at);
  };
  if (!state_->is_beside_nodes(asked, payer)) {
    const auto numbers = state_->numbers_of(asked);
    if (numbers.size() == 1 && !state_->forecast.may_be_better(hold, from)) return slot_of(hold);
    return first_of(numbers, kEver, [&](const State::Class& one, Time) {
      return place(one, nullptr, from, kEver);
    });
  }
  state_->licences.lift(hold);
  state_->quotas.lift(state_->ledger, hold);
  auto slot = first_of(state_->numbers_of(asked, payer), slot_of(hold).start,
                       [&](const State::Class& one, Time last) {
                         return state_->first_place(one, payer, {length, from, last, by}, place);
                       });
  state_->quotas.lay(state_->ledger, hold);
  state_->licences.lay(hold);
  return slot;
}

bool ResourceManager::could_improve(HoldId hold, NodeId node, ClassId what, Duration length,
                                    Time now, ReservedId by) {
  const State::Class& asked = state_->class_at(what);
  if (State::has_licences(asked) && !licences_could_be_earlier(hold, what, length, now, by))
    return false;
  const auto could = [&](const RoomAsk& ask) {
    return state_->forecast.could_improve(hold, node, ask, length, now);
  };
  if (!asked.more.empty()) return std::ranges::any_of(state_->asks_of(asked, by), could);
  return std::ranges::any_of(state_->numbers_of(asked), [&](const State::Class& one) {
    return could(state_->ask_of(one, by));
  });
}

void ResourceManager::reserve(ReservedId id, const std::vector<ReservedSpan>& spans,
                              const std::vector<ReservedPart>& parts, const Counts& licences,
                              bool flexible) {
  DROVER_CHECK(state_->plans_ahead, "a reservation needs timelines");
  state_->forecast.reserve(id, spans, parts, flexible);
  state_->freed_everything = true;
  std::vector<NamedAmount> amounts;
  for (const auto& [name, count] : licences)
    if (const auto kind = state_->names.find(licence_word(name))) amounts.push_back({*kind, count});
  state_->licences.reserve(id, spans, amounts);
}

void ResourceManager::unreserve(ReservedId id) {
  state_->forecast.unreserve(id);
  state_->freed_everything = true;
  state_->licences.unreserve(id);
  if (!state_->licences.empty()) state_->ledger.wake(state_->licence_pool);
}

bool ResourceManager::is_reserved(NodeId node, const Window& window) const {
  return state_->forecast.is_reserved(node, window.from, window.until);
}

std::optional<ReservedRoom::InTheWay> ResourceManager::in_the_way(ClassId what,
                                                                  const Window& window) const {
  const State::Class& asked = state_->class_at(what);
  if (!asked.countable || !state_->plans_ahead) return std::nullopt;
  std::optional<ReservedRoom::InTheWay> first;
  State::for_each_component(asked, [&](const State::Class& one, std::size_t) {
    if (!first)
      first = state_->nodes.in_the_way(one.ask,
                                       {&state_->forecast, one.room, window.from, window.until});
  });
  return first;
}

void ResourceManager::show_reservation(NodeId node, std::string name, bool maintenance) {
  state_->nodes.show_reservation(node, std::move(name), maintenance);
}

}  // namespace drover::rm
