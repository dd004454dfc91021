// rm/quota_edit.cpp - rules before and after, side by side.
// SPDX-License-Identifier: Apache-2.0
#include "rm/quota_edit.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "rm/licence.hpp"
#include "rm/quota_ledger.hpp"

namespace drover::rm {
namespace {

std::map<Labels, QuotaRule> by_match(const std::vector<QuotaRule>& rules) {
  std::map<Labels, QuotaRule> sorted;
  for (const QuotaRule& rule : rules) sorted.emplace(rule.match, rule);
  return sorted;
}

bool speaks_about(const Labels& match, const Labels& exact) {
  return match.size() == exact.size() && std::ranges::all_of(match, [&](const auto& label) {
           const auto value = exact.find(label.first);
           return value != exact.end() && (label.second == "*" || label.second == value->second);
         });
}

using Held = std::map<Labels, Amounts>;

// What each combination holds that the rules of before or of `after` speak about.
Held held_by(const QuotaLedger& ledger, const QuotaBook& after) {
  Held held;
  ledger.visit_paths([&](const Labels& labels, const QuotaLedger::Sums& sums) {
    for (const Labels& exact : after.combinations(labels)) {
      Amounts& sum = held[exact];
      sum += sums.locked;
      sum += sums.used;
    }
  });
  ledger.visit([&](const Labels& exact, const QuotaLedger::Sums& sums) {
    Amounts& sum = held[exact];
    sum = sums.locked;
    sum += sums.used;
  });
  return held;
}

void see(QuotaChange& change, const Labels& match, const Held& held) {
  for (const auto& [exact, amounts] : held) {
    if (!speaks_about(match, exact)) continue;
    ++change.combinations;
    for (std::size_t k = 0; k < kKinds; ++k)
      change.held.of[k] = std::max(change.held.of[k], amounts.of[k]);
  }
}

}  // namespace

Result<std::vector<QuotaRule>> apply_edit(std::vector<QuotaRule> now, const QuotaEdit& edit,
                                          const std::vector<QuotaRule>& configured) {
  if (edit.reset) return configured;
  if (edit.replace) return edit.put;
  for (const Labels& gone : edit.remove) {
    const auto at = std::ranges::find(now, gone, &QuotaRule::match);
    if (at == now.end())
      return fail(Errc::NotFound, "there is no quota " + quota_name(gone), "drover quota ls",
                  "quota");
    now.erase(at);
  }
  for (const QuotaRule& rule : edit.put) {
    const auto at = std::ranges::find(now, rule.match, &QuotaRule::match);
    if (at == now.end())
      now.push_back(rule);
    else
      *at = rule;
  }
  return now;
}

QuotaDiff diff_quotas(const QuotaLedger& ledger, const std::vector<QuotaRule>& rules) {
  QuotaDiff diff;
  const QuotaBook book(rules, ledger.book().tree());
  const Held held = held_by(ledger, book);
  const auto before = by_match(ledger.book().rules()), after = by_match(rules);
  std::map<std::string, QuotaChange> changes;
  for (const auto& [match, rule] : before) {
    const auto kept = after.find(match);
    if (kept != after.end() && kept->second == rule) continue;
    QuotaChange change{quota_name(match), rule, std::nullopt, {}, 0};
    if (kept != after.end()) change.after = kept->second;
    see(change, match, held);
    changes.emplace(change.name, std::move(change));
  }
  for (const auto& [match, rule] : after) {
    if (before.contains(match)) continue;
    QuotaChange change{quota_name(match), std::nullopt, rule, {}, 0};
    see(change, match, held);
    changes.emplace(change.name, std::move(change));
  }
  for (auto& [name, change] : changes) diff.changes.push_back(std::move(change));

  for (const auto& [exact, amounts] : held) {
    if (exact == licence_pool()) continue;  // not what is edited
    const auto rule = book.effective(exact);
    for (std::size_t k = 0; rule && k < kKinds; ++k) {
      if (rule->max.of[k] < 0 || amounts.of[k] <= rule->max.of[k]) continue;
      if (++diff.drains_total <= QuotaDiff::kDrainsShown)
        diff.drains.push_back({quota_name(exact), Kind(k), amounts.of[k], rule->max.of[k]});
    }
  }
  return diff;
}

void translate(QuotaRule& rule, const ResourceNames& from, const ResourceNames& to) {
  const QuotaRule old = rule;
  for (std::size_t slot = 0; slot < kNamedKinds; ++slot) {
    rule.max[named_kind(slot)] = -1;
    rule.guaranteed[named_kind(slot)] = 0;
  }
  for (std::size_t slot = 0; slot < from.slots().size(); ++slot) {
    const auto kind = to.find(from.slots()[slot]);
    if (!kind) continue;
    rule.max[*kind] = old.max[named_kind(slot)];
    rule.guaranteed[*kind] = old.guaranteed[named_kind(slot)];
  }
}

}  // namespace drover::rm
