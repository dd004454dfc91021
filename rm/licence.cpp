// rm/licence.cpp - licences as named resources and as one rule.
// SPDX-License-Identifier: Apache-2.0
#include "rm/licence.hpp"

#include <algorithm>

#include "base/counted_words.hpp"
#include "base/units.hpp"
#include "rm/quota_ledger.hpp"
#include "rm/resource_manager.hpp"

namespace drover::rm {
namespace {

std::string quoted(const std::string& name) { return "\"" + name.substr(0, 64) + "\""; }

}  // namespace

Labels licence_pool() { return {{"", std::string(kLicencePool)}}; }

std::string licence_word(std::string_view name) { return std::string(kLicencePrefix).append(name); }

std::string_view licence_name(std::string_view word) {
  return word.starts_with(kLicencePrefix) ? word.substr(kLicencePrefix.size()) : std::string_view();
}

std::vector<std::string> licence_words(const Counts& totals,
                                       const std::vector<std::string>& words) {
  std::vector<std::string> more;
  for (const auto& total : totals) {
    std::string word = licence_word(total.first);
    if (std::ranges::find(words, word) == words.end()) more.push_back(std::move(word));
  }
  return more;
}

QuotaRule licence_rule(const Counts& totals, const ResourceNames& names) {
  QuotaRule rule;
  rule.match = licence_pool();
  for (std::size_t slot = 0; slot < names.slots().size(); ++slot) {
    const std::string_view name = licence_name(names.slots()[slot]);
    if (name.empty()) continue;
    const auto total = totals.find(std::string(name));
    rule.max[named_kind(slot)] = total == totals.end() ? 0 : total->second;
  }
  return rule;
}

Result<void> check_licences(const Counts& totals) {
  for (const auto& [name, total] : totals) {
    if (name.find(':') != std::string::npos)
      return fail(Errc::BadInput, quoted(name) + " cannot name a licence: it has a colon",
                  "behind a colon stands how many are asked for", "licences");
    if (total < 0 || total > kMaxAmount)
      return fail(Errc::BadInput,
                  "there cannot be " + std::to_string(total) + " licences " + quoted(name),
                  "allowed are 0 to " + std::to_string(kMaxAmount), "licences");
  }
  const std::vector<std::string> words = licence_words(totals, {});
  auto names = ResourceNames::make(words);
  if (!names) return fail(std::move(names.error()));
  return {};
}

Result<void> can_ever_have(const Counts& asked, const Counts& totals) {
  for (const auto& [name, count] : asked) {
    const auto total = totals.find(name);
    if (total == totals.end()) {
      std::vector<std::string_view> known;
      for (const auto& one : totals) known.push_back(one.first);
      const std::string_view near = nearest_match(name, known);
      return fail(Errc::NotFound, "there is no licence " + quoted(name),
                  !near.empty()   ? "did you mean " + std::string(near) + "?"
                  : known.empty() ? "this cluster counts no licences: leave them out"
                                  : "drover licence ls shows those that there are",
                  "licences");
    }
    if (count <= total->second) continue;
    return fail(Errc::Limit,
                counted(count, "licence") + " " + name + is_or_are(count) + " asked for, there" +
                    is_or_are(total->second) + " " + std::to_string(total->second),
                "drover licence ls shows how many there are", "licences");
  }
  return {};
}

std::vector<LicenceView> licences_of(const ResourceManager& manager) {
  std::vector<LicenceView> views;
  const std::vector<std::string>& slots = manager.names().slots();
  const auto rule = manager.ledger().book().effective(licence_pool());
  manager.ledger().visit([&](const Labels& labels, const QuotaLedger::Sums& sums) {
    if (labels != licence_pool() || !rule) return;
    for (std::size_t slot = 0; slot < slots.size(); ++slot) {
      const std::string_view name = licence_name(slots[slot]);
      const Kind kind = named_kind(slot);
      if (!name.empty() && (rule->max[kind] > 0 || sums.held(std::size_t(kind)) > 0))
        views.push_back({std::string(name), rule->max[kind], sums.locked[kind], sums.used[kind]});
    }
  });
  std::ranges::sort(views, {}, &LicenceView::name);
  return views;
}

}  // namespace drover::rm
