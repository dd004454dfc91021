// rm/plan_licences.cpp - licences and quotas in the manager's future: a place needs all of it.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "rm/resource_manager_state.hpp"

namespace drover::rm {
namespace {

constexpr int kRounds = 256;  // as for a gang: behind so many obstacles nobody looks further

}  // namespace

void ResourceManager::State::follow_licences() {
  const auto rule = ledger.book().effective(rm::licence_pool());
  std::vector<NamedAmount> totals;
  for (std::size_t slot = 0; rule && slot < names.slots().size(); ++slot)
    if (!licence_name(names.slots()[slot]).empty() && rule->max[named_kind(slot)] > 0)
      totals.push_back({named_kind(slot), rule->max[named_kind(slot)]});
  licences.set_totals(totals);
  licence_pool = ledger.counter_of(rm::licence_pool()).value_or(0);
}

std::optional<QuotaShort> ResourceManager::State::licences_short(const Class& asked,
                                                                 const Window& window) const {
  if (!plans_ahead) return std::nullopt;
  const auto missing =
      licences.first_short(asked.ask.licences, window.from, window.until, window.by);
  if (!missing) return std::nullopt;
  QuotaShort shortage;
  shortage.quota = kLicencePool;
  shortage.kind = missing->kind;
  shortage.limit = ledger.book().effective(rm::licence_pool())->max[missing->kind];
  shortage.held = ledger.counter_sums(licence_pool).held(std::size_t(missing->kind));
  shortage.asked = missing->asked;
  shortage.quota_index = licence_pool;
  shortage.set_aside = std::max<std::int64_t>(1, shortage.limit - shortage.held - missing->free);
  return shortage;
}

std::optional<QuotaShort> ResourceManager::State::quotas_short(PathId path, const Amounts& want,
                                                               const Window& window) {
  if (!foresees_quotas || !quotas.has_holds()) return std::nullopt;
  Time until = window.until;
  if (window.own) {  // whose time has come a little late is stopped by nobody who came after it
    until = std::min(until, quotas.until_of(*window.own));
    quotas.lift(ledger, *window.own);
  }
  auto shortage = quotas.first_short(ledger, path, want, window.from, until);
  if (window.own) quotas.lay(ledger, *window.own);
  return shortage;
}

// Nodes, licences and quotas push each other's time back until they agree.
std::optional<Slot> ResourceManager::State::beside_nodes(const Class& asked, const Amounts& want,
                                                         std::optional<Payer> payer, When when,
                                                         const Among* among,
                                                         const Place& place) const {
  const auto [length, from, not_after, by] = when;
  if (!has_licences(asked) && !foresees(payer)) return place(asked, among, from, not_after);
  std::optional<Slot> slot;
  for (int round = 0; round < kRounds; ++round) {
    std::optional<Time> at = when.from;
    if (has_licences(asked)) at = licences.earliest(asked.ask.licences, length, *at, not_after, by);
    if (at && foresees(payer))
      at = quotas.earliest(ledger, payer->path, want, length, *at, not_after);
    if (!at || *at > not_after) return std::nullopt;
    if (*at == when.from) {
      if (slot && slot->start == when.from) return slot;
      slot = place(asked, among, when.from, not_after);
      if (!slot || slot->start == when.from) return slot;
      when.from = slot->start;
    } else {
      when.from = *at;
    }
  }
  return std::nullopt;
}

// Says anew what runs; whoever holds a place has given it up before.
void ResourceManager::foresee_quotas(std::span<const Lease* const> live) {
  state_->foresees_quotas = !state_->ledger.book().rules().empty();
  state_->quotas.clear();
  if (!state_->plans_ahead) return;
  for (const Lease* lease : live)
    state_->quotas.charge(state_->ledger, lease->path, lease->total(), kAlways, lease->until, -1);
}

std::optional<QuotaShort> ResourceManager::quota_short(ClassId what, PathId path,
                                                       const Window& window) const {
  const Amounts least = least_charge(what, path);
  if (auto now = state_->ledger.first_short(path, least)) return now;
  if (!(window.from < window.until)) return std::nullopt;  // now alone
  return state_->quotas_short(path, least, window);
}

std::optional<HoldId> ResourceManager::keep_quotas(ClassId what, PathId path, Duration length,
                                                   Time now, const QuotaShort& shortage) {
  Amounts want = least_charge(what, path);
  want[shortage.kind] = std::max(want[shortage.kind], shortage.asked);
  if (!state_->foresees(Payer{path}) || !state_->ledger.could_hold(path, want)) return std::nullopt;
  return state_->quotas.keep(state_->ledger, path, want, length, now);
}

void ResourceManager::drop_quotas(HoldId kept, bool wakes) {
  if (wakes)
    state_->quotas.drop(state_->ledger, kept);
  else
    state_->quotas.forget(state_->ledger, kept);
}

void ResourceManager::lift(HoldId held) {
  if (!QuotaForecast::is_kept(held)) {
    state_->forecast.lift(held);
    state_->licences.lift(held);
  }
  state_->quotas.lift(state_->ledger, held);
}

void ResourceManager::lay(HoldId held) {
  if (!QuotaForecast::is_kept(held)) {
    state_->forecast.lay(held);
    state_->licences.lay(held);
  }
  state_->quotas.lay(state_->ledger, held);
}

std::vector<std::uint32_t> ResourceManager::limits_on(ClassId what, PathId path) const {
  std::vector<std::uint32_t> limits;
  const auto add = [&](std::uint32_t counter, Kind, std::int64_t) {
    if (limits.empty() || limits.back() != counter) limits.push_back(counter);
    return true;
  };
  state_->ledger.visit_limits(path, least_charge(what, path), add);
  return limits;
}

bool ResourceManager::licences_could_be_earlier(HoldId hold, ClassId what, Duration length,
                                                Time from, ReservedId by) {
  const LicenceForecast::Asked want = state_->class_at(what).ask.licences;
  state_->licences.lift(hold);
  const auto at = state_->licences.earliest(want, length, from, slot_of(hold).start, by);
  state_->licences.lay(hold);
  return at && *at < slot_of(hold).start;
}

std::optional<QuotaShort> ResourceManager::licences_short(ClassId what, PathId path,
                                                          const Window& window) const {
  const State::Class& asked = state_->class_at(what);
  if (!asked.countable || !State::has_licences(asked)) return std::nullopt;
  Amounts want;
  for (const NamedAmount& licence : asked.ask.licences) want[licence.kind] = licence.amount;
  if (auto shortage = state_->ledger.first_short(path, want); shortage && is_licence(*shortage))
    return shortage;
  return state_->licences_short(asked, window);
}

std::optional<ReservedRoom::InTheWay> ResourceManager::licences_in_the_way(
    const QuotaShort& shortage, const Window& window) const {
  return state_->licences.in_the_way({shortage.kind, shortage.asked}, window.from, window.until);
}

std::optional<std::uint32_t> ResourceManager::licence_pool() const {
  if (state_->licences.empty()) return std::nullopt;
  return state_->licence_pool;
}

}  // namespace drover::rm
