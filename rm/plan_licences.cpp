// rm/plan_licences.cpp - licences in the manager's future: a place needs both nodes and licences.
// SPDX-License-Identifier: Apache-2.0
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
                                                                 Window window) const {
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

// Nodes and licences push each other's time back until they agree.
std::optional<Slot> ResourceManager::State::with_licences(const Class& asked, Duration length,
                                                          Time from, Time not_after, ReservedId by,
                                                          const Place& place) const {
  const LicenceForecast::Asked want = asked.ask.licences;
  std::optional<Slot> slot;
  for (int round = 0; round < kRounds; ++round) {
    const auto at = licences.earliest(want, length, from, not_after, by);
    if (!at || *at > not_after) return std::nullopt;
    if (slot && slot->start == *at) return slot;
    slot = place(*at);
    if (!slot || slot->start == *at) return slot;
    from = slot->start;
  }
  return std::nullopt;
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
                                                          Window window) const {
  const State::Class& asked = state_->class_at(what);
  if (!asked.countable || !State::has_licences(asked)) return std::nullopt;
  Amounts want;
  for (const NamedAmount& licence : asked.ask.licences) want[licence.kind] = licence.amount;
  if (auto shortage = state_->ledger.first_short(path, want); shortage && is_licence(*shortage))
    return shortage;
  return state_->licences_short(asked, window);
}

std::optional<ReservedRoom::InTheWay> ResourceManager::licences_in_the_way(
    const QuotaShort& shortage, Window window) const {
  return state_->licences.in_the_way({shortage.kind, shortage.asked}, window.from, window.until);
}

std::optional<std::uint32_t> ResourceManager::licence_pool() const {
  if (state_->licences.empty()) return std::nullopt;
  return state_->licence_pool;
}

}  // namespace drover::rm
