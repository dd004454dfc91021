// rm/quota_rule.cpp - names of combinations, and the contradictions that a set of rules can hold.
// SPDX-License-Identifier: Apache-2.0
#include "rm/quota_rule.hpp"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "base/units.hpp"
#include "rm/quota_book.hpp"
#include "rm/resource_names.hpp"

namespace drover::rm {
namespace {

constexpr std::string_view kAny = "*";
// The rules of labels of jobs (sched/entrance_limits.cpp): no ',' and no '=', which would let one
// combination pose as another.
constexpr std::size_t kKeyMax = 63, kValueMax = 256, kMatchMax = 16;

bool is_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
bool is_made_of(std::string_view text, std::string_view more) {
  return std::ranges::all_of(
      text, [&](char c) { return is_alnum(c) || more.find(c) != std::string_view::npos; });
}

Result<void> check_match(const Labels& match) {
  if (match.size() > kMatchMax)
    return fail(Errc::Limit, "a quota on " + std::to_string(match.size()) + " labels",
                "at most " + std::to_string(kMatchMax) + " are allowed", "match");
  for (const auto& [key, value] : match) {
    if (key.empty() || key.size() > kKeyMax || !is_alnum(key.front()) || !is_made_of(key, "-_./"))
      return fail(Errc::BadInput, "'" + key.substr(0, kKeyMax) + "' is not a valid name of a label",
                  "use letters, digits and - _ . /, beginning with a letter or digit", "match");
    if (value == kAny) continue;
    if (value.empty() || value.size() > kValueMax || !is_made_of(value, "-_./@:+$\\~"))
      return fail(Errc::BadInput, "the value of label '" + key + "' is not valid",
                  "use letters, digits and - _ . / @ : + $ ~, or * for every value", "match");
  }
  return {};
}

Result<void> check_amounts(const QuotaRule& rule, const ResourceNames& names) {
  const std::string name = quota_name(rule.match);
  const bool is_exact =
      std::ranges::none_of(rule.match, [](const auto& label) { return label.second == kAny; });
  if (!is_exact && !rule.guaranteed.is_zero())
    return fail(Errc::BadInput, "quota " + name + ": a guarantee needs exact values",
                "nobody knows how many values * stands for: name each one", "guaranteed");
  if (!rule.lend && rule.reclaim == Reclaim::Preempt)
    return fail(Errc::BadInput,
                "quota " + name + ": it lends nothing, so it has nothing to reclaim",
                "leave out lend = false, or reclaim = \"preempt\"", "reclaim");
  for (std::size_t k = 0; k < kKinds; ++k) {
    const std::int64_t max = rule.max.of[k], guaranteed = rule.guaranteed.of[k];
    const std::string word(names.word(Kind(k)));
    if (max < -1 || guaranteed < 0)
      return fail(Errc::BadInput, "quota " + name + ": a negative amount of " + word,
                  "leave an amount out to lift its limit", word);
    if (max > kMaxAmount || guaranteed > kMaxAmount)
      return fail(Errc::BadInput, "quota " + name + ": too large an amount of " + word,
                  "the largest is " + amount_text(kMaxAmount, Kind(k), names), word);
    if (Kind(k) == Kind::QueuedJobs && guaranteed > 0)
      return fail(Errc::BadInput, "quota " + name + ": places in a queue cannot be guaranteed",
                  "give queued_jobs a max", "guaranteed");
    if (max >= 0 && guaranteed > max)
      return fail(Errc::BadInput,
                  "quota " + name + ": " + amount_text(guaranteed, Kind(k), names) +
                      " are guaranteed, only " + amount_text(max, Kind(k), names) + " are allowed",
                  "raise max or lower guaranteed", "guaranteed");
  }
  return {};
}

// What the children of each combination are promised together, from the innermost outwards: a
// combination owes the larger of its own promise and of those below it.
Result<void> check_promises(const std::vector<QuotaRule>& rules, const QuotaTree& tree,
                            const ResourceNames& names) {
  const QuotaBook book(rules, tree);
  std::set<std::pair<QuotaTree::Order, Labels>, std::greater<>> open;
  std::map<Labels, Amounts> below;
  for (const QuotaRule& rule : rules)
    if (!rule.guaranteed.is_zero()) open.insert({tree.order(rule.match), rule.match});
  while (!open.empty()) {
    const Labels labels = open.begin()->second;
    open.erase(open.begin());
    const QuotaRule rule = *book.effective(labels);
    const Amounts& children = below[labels];
    Amounts owed = rule.guaranteed;
    for (std::size_t k = 0; k < kKinds; ++k) {
      if (rule.max.of[k] >= 0 && children.of[k] > rule.max.of[k])
        return fail(Errc::BadInput,
                    "the quotas inside " + quota_name(labels) + " are guaranteed " +
                        amount_text(children.of[k], Kind(k), names) + " together, its max is " +
                        amount_text(rule.max.of[k], Kind(k), names),
                    "raise that max or lower their guarantees", "guaranteed");
      owed.of[k] = std::max(owed.of[k], children.of[k]);
    }
    const auto parent = book.parent(labels);
    if (!parent) continue;
    below[*parent] += owed;
    open.insert({tree.order(*parent), *parent});
  }
  return {};
}

}  // namespace

std::string quota_name(const Labels& labels) {
  std::string name;
  for (const auto& [key, value] : labels) {
    if (!name.empty()) name += ',';
    if (key.empty())  // the pool of licences
      name.append(value);
    else
      name.append(key).append("=").append(value);
  }
  return name.empty() ? "all" : name;
}

Result<Labels> quota_labels(std::string_view name) {
  Labels labels;
  if (name == "all") return labels;
  while (true) {
    const std::size_t end = name.find(',');
    const std::string_view part = name.substr(0, end);
    const std::size_t sign = part.find('=');
    if (sign == std::string_view::npos || sign == 0 || sign + 1 == part.size())
      return fail(
          Errc::BadInput,
          "\"" + std::string(part.substr(0, kValueMax)) + "\" is no label combination",
          "write user=ann or account=a.b,partition=gpu; * for every value; all for every job",
          "quota");
    if (!labels.emplace(part.substr(0, sign), part.substr(sign + 1)).second)
      return fail(Errc::BadInput,
                  "the label " + std::string(part.substr(0, sign)) + " is given twice",
                  "one value for each label", "quota");
    if (end == std::string_view::npos) break;
    name.remove_prefix(end + 1);
  }
  if (auto good = check_match(labels); !good) return fail(good.error());
  return labels;
}

std::string_view to_string(Reclaim reclaim) {
  return reclaim == Reclaim::Preempt ? "preempt" : "wait";
}

std::string amount_text(std::int64_t amount, Kind kind, const ResourceNames& names) {
  const std::int64_t unit = names.unit(kind);
  std::string text = std::to_string(amount / unit);
  if (const std::int64_t rest = amount % unit; rest > 0) {
    std::string digits = std::to_string(unit + rest).substr(1);
    while (digits.ends_with('0')) digits.pop_back();
    text += '.' + digits;
  }
  std::string word(names.word(kind));
  if (is_named(kind) || kind == Kind::MemMib) return text + " " + word;
  std::ranges::replace(word, '_', ' ');
  if (amount == unit && word.ends_with('s')) word.pop_back();
  return text + " " + word;
}

Result<void> put_amount(Amounts& into, std::string_view word, std::int64_t value,
                        const ResourceNames& names) {
  const auto kind = names.find(word);
  const std::string shown(word.substr(0, kKeyMax));
  if (!kind) {
    const auto known = names.words();
    const std::string_view near = nearest_match(word, known);
    return fail(Errc::BadInput, "\"" + shown + "\" is no resource that quotas count",
                near.empty() ? "the configuration names them: quotas.resources"
                             : "did you mean " + std::string(near) +
                                   "? More are named in the configuration: quotas.resources",
                shown);
  }
  const std::int64_t unit = names.unit(*kind);
  if (value < 0 || value > kMaxAmount / unit)
    return fail(Errc::BadInput,
                shown + " is " + std::to_string(value) + "; allowed are 0 to " +
                    std::to_string(kMaxAmount / unit),
                "leave it out to lift the limit", shown);
  into[*kind] = value * unit;
  return {};
}

Result<void> check_quotas(const std::vector<QuotaRule>& rules, const QuotaTree& tree,
                          const ResourceNames& names) {
  if (rules.size() > kQuotaRulesMax)
    return fail(Errc::Limit, std::to_string(rules.size()) + " quotas",
                "at most " + std::to_string(kQuotaRulesMax) + "; user=* stands for every user",
                "quota");
  std::set<Labels> seen;
  for (const QuotaRule& rule : rules) {
    if (auto good = check_match(rule.match); !good) return good;
    if (auto good = check_amounts(rule, names); !good) return good;
    if (!seen.insert(rule.match).second)
      return fail(Errc::BadInput, "two quotas for " + quota_name(rule.match),
                  "put their amounts into one", "match");
  }
  return check_promises(rules, tree, names);
}

}  // namespace drover::rm
