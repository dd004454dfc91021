// rm/quota_promises.cpp - guarantees: what siblings may not borrow, who is owed, and who has too
// much. The rules are written down in docs/quotas.md.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <utility>

#include "rm/quota_ledger.hpp"
#include "rm/resource_manager.hpp"

namespace drover::rm {

// What `counter` keeps from its siblings when it holds `more` than now and its children keep
// `below`: its unused guarantee unless it lends that, and never less than its children keep.
Amounts QuotaLedger::keeps(const Counter& counter, Scope scope, const Amounts& below,
                           const Amounts& more) {
  Amounts kept = below;
  const Promise& promise = *counter.promise;
  for (std::size_t k = 0; k < kKinds; ++k) {
    if (promise.lend && (scope == Firm || promise.claim.of[k] == 0)) continue;
    const std::int64_t unused = promise.guaranteed.of[k] - counter.sums.held(k) - more.of[k];
    kept.of[k] = std::max(kept.of[k], unused);
  }
  return kept;
}

// Innermost first, so that each finds its children's sum up to date. A counter's parent is on every
// path that the counter is on.
void QuotaLedger::refresh_kept(std::span<const std::uint32_t> counters) {
  for (std::size_t i = counters.size(); i-- > 0;) {
    Counter& counter = counters_[counters[i]];
    if (counter.promise == nullptr) continue;
    for (const Scope scope : {Firm, Now}) {
      const Amounts kept = keeps(counter, scope, counter.promise->below[scope], {});
      if (counter.parent != kNone) {
        Amounts& above = counters_[counter.parent].promise->below[scope];
        above += kept;
        above -= counter.promise->kept[scope];
      }
      counter.promise->kept[scope] = kept;
    }
  }
}

// The sums of what children keep, for each counter of the path, once the path holds `want` more.
std::vector<QuotaLedger::Both> QuotaLedger::kept_below(const Path& path,
                                                       const Amounts& want) const {
  std::vector<Both> below(path.counters.size());
  for (std::size_t i = path.counters.size(); i-- > 0;) {
    const Counter& counter = counters_[path.counters[i]];
    if (counter.promise == nullptr) continue;
    const auto parent = std::ranges::find(path.counters, counter.parent);
    for (const Scope scope : {Firm, Now}) {
      below[i][scope] += counter.promise->below[scope];
      if (parent == path.counters.end()) continue;
      Amounts& above = below[std::size_t(parent - path.counters.begin())][scope];
      above += keeps(counter, scope, below[i][scope], want);
      above -= counter.promise->kept[scope];
    }
  }
  return below;
}

// Is `want` within the guarantee of a counter of the path that lies inside its `outer`-th?
bool QuotaLedger::is_owed(const Path& path, std::size_t outer, std::size_t kind,
                          std::int64_t want) const {
  for (std::size_t i = outer + 1; i < path.counters.size(); ++i) {
    const Counter& inner = counters_[path.counters[i]];
    if (inner.promise != nullptr &&
        inner.sums.held(kind) + want <= inner.promise->guaranteed.of[kind] &&
        is_inside(path.counters[i], path.counters[outer]))
      return true;
  }
  return false;
}

void QuotaLedger::set_promises() {
  for (Counter& counter : counters_) counter.promise.reset();
  std::vector<std::uint32_t> guarded;
  for (const std::uint32_t pinned : pinned_) {
    const auto rule = book_.effective(counters_[pinned].labels);
    if (rule->guaranteed.is_zero()) continue;
    for (std::uint32_t at = pinned; at != kNone; at = counters_[at].parent) {
      if (counters_[at].promise != nullptr) continue;
      counters_[at].promise = std::make_unique<Promise>();
      guarded.push_back(at);
    }
    Promise& promise = *counters_[pinned].promise;
    promise.guaranteed = rule->guaranteed;
    promise.reclaim = rule->reclaim;
    promise.lend = rule->lend;
  }
  std::ranges::sort(guarded, {}, [&](std::uint32_t index) {
    return book_.tree().order(counters_[index].labels);
  });
  for (std::size_t i = guarded.size(); i-- > 0;) {
    Promise& promise = *counters_[guarded[i]].promise;
    promise.most = promise.most_below;
    for (std::size_t k = 0; k < kKinds; ++k)
      promise.most.of[k] = std::max(promise.most.of[k], promise.guaranteed.of[k]);
    const std::uint32_t parent = counters_[guarded[i]].parent;
    if (parent != kNone) counters_[parent].promise->most_below += promise.most;
  }
  refresh_kept(guarded);
  for (Path& path : paths_)
    path.guarded = std::ranges::any_of(
        path.counters, [&](std::uint32_t index) { return counters_[index].promise != nullptr; });
}

bool QuotaLedger::is_inside(std::uint32_t index, std::uint32_t outer) const {
  for (index = counters_[index].parent; index != kNone; index = counters_[index].parent)
    if (index == outer) return true;
  return false;
}

bool QuotaLedger::owes(PathId id, std::uint32_t counter, Kind kind, std::int64_t want) const {
  const Path& path = path_at(id);
  if (!path.guarded) return false;
  const auto at = std::ranges::find(path.counters, counter);
  return at != path.counters.end() &&
         is_owed(path, std::size_t(at - path.counters.begin()), std::size_t(kind), want);
}

bool QuotaLedger::could_hold(PathId id, const Amounts& want) const {
  const Path& path = path_at(id);
  std::vector<Amounts> others(path.counters.size());  // guaranteed inside, and not to this path
  for (std::size_t i = path.counters.size(); i-- > 0;) {
    const Counter& counter = counters_[path.counters[i]];
    if (counter.promise != nullptr) others[i] += counter.promise->most_below;
    for (std::size_t k = 0; k < kKinds; ++k)
      if (want.of[k] > 0 && counter.max.of[k] >= 0 &&
          want.of[k] + others[i].of[k] > counter.max.of[k])
        return false;
    const auto parent = std::ranges::find(path.counters, counter.parent);
    if (counter.promise == nullptr || parent == path.counters.end()) continue;
    Amounts& above = others[std::size_t(parent - path.counters.begin())];
    for (std::size_t k = 0; k < kKinds; ++k)
      above.of[k] += std::max(others[i].of[k], counter.promise->guaranteed.of[k] - want.of[k]);
    above -= counter.promise->most;
  }
  return true;
}

void QuotaLedger::remember_claim(PathId id, const Amounts& want, const QuotaShort& shortage) {
  const Path& path = path_at(id);
  if (!path.guarded) return;
  const auto k = std::size_t(shortage.kind);
  for (const std::uint32_t index : path.counters) {
    Counter& counter = counters_[index];
    if (counter.promise == nullptr || !is_inside(index, shortage.quota_index)) continue;
    Promise& promise = *counter.promise;
    if (counter.sums.held(k) + want.of[k] > promise.guaranteed.of[k]) continue;
    promise.claim.of[k] = std::max(promise.claim.of[k], want.of[k]);
  }
  refresh_kept(path.counters);
}

// A task was placed (its kinds), or a job left (all kinds): those who still wait say so again.
void QuotaLedger::drop_claims(const Path& path, const Amounts* placed) {
  bool dropped = false;
  for (const std::uint32_t index : path.counters) {
    Promise* promise = counters_[index].promise.get();
    if (promise == nullptr) continue;
    for (std::size_t k = 0; k < kKinds; ++k) {
      if (promise->claim.of[k] == 0 || (placed != nullptr && placed->of[k] == 0)) continue;
      promise->claim.of[k] = 0;
      dropped = true;
    }
  }
  if (!dropped) return;
  refresh_kept(path.counters);
  for (const std::uint32_t index : path.counters) mark_freed(index);
}

std::vector<Claim> QuotaLedger::claims() const {
  std::vector<Claim> claims;
  for (const auto& [labels, index] : counter_index_) {
    const Promise* promise = counters_[index].promise.get();
    if (promise == nullptr || promise->reclaim != Reclaim::Preempt) continue;
    for (std::size_t k = 0; k < kKinds; ++k) {
      if (promise->claim.of[k] == 0) continue;
      Amounts want;
      want.of[k] = promise->claim.of[k];
      // Upwards, as if the request was granted: where is how much too little?
      Amounts below = promise->below[Firm];
      for (std::uint32_t at = index; counters_[at].parent != kNone; at = counters_[at].parent) {
        const Counter& inner = counters_[at];
        const Counter& outer = counters_[inner.parent];
        Amounts above = outer.promise->below[Firm];
        above += keeps(inner, Firm, below, want);
        above -= inner.promise->kept[Firm];
        below = above;
        const std::int64_t owed = outer.sums.held(k) + want.of[k] + below.of[k] - outer.max.of[k];
        if (outer.max.of[k] < 0 || owed <= 0) continue;
        claims.push_back(
            {quota_name(labels), quota_name(outer.labels), index, inner.parent, Kind(k), owed});
      }
    }
  }
  return claims;
}

bool QuotaLedger::is_on(PathId path, std::uint32_t counter) const {
  const std::vector<std::uint32_t>& counters = path_at(path).counters;
  return std::ranges::find(counters, counter) != counters.end();
}

std::vector<const Lease*> QuotaLedger::victims(const Claim& claim,
                                               std::span<const Lease* const> live) const {
  std::vector<const Lease*> victims;
  std::map<std::uint32_t, std::int64_t> taken;
  const auto k = std::size_t(claim.kind);
  std::int64_t owed = claim.owed;
  for (const Lease* lease : live) {
    if (owed <= 0) break;
    const std::int64_t amount = lease->total().of[k];
    const std::vector<std::uint32_t>& counters = path_at(lease->path).counters;
    if (amount <= 0 || std::ranges::find(counters, claim.quota_index) == counters.end()) continue;
    const bool borrowed = std::ranges::all_of(counters, [&](std::uint32_t index) {
      if (!is_inside(index, claim.quota_index)) return true;
      if (index == claim.claimant_index) return false;
      const Counter& counter = counters_[index];
      const std::int64_t owns =
          counter.promise != nullptr ? counter.promise->guaranteed.of[k] : std::int64_t(0);
      return owns == 0 || counter.sums.held(k) - taken[index] - amount >= owns;
    });
    if (!borrowed) continue;
    for (const std::uint32_t index : counters) taken[index] += amount;
    victims.push_back(lease);
    owed -= amount;
  }
  return victims;
}

}  // namespace drover::rm
