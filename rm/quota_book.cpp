// rm/quota_book.cpp - from labels to rules.
// SPDX-License-Identifier: Apache-2.0
#include "rm/quota_book.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "rm/licence.hpp"

namespace drover::rm {
namespace {

constexpr std::string_view kAny = "*";
const std::string kAccount{kAccountLabel};

// Two rules that speak about one combination with equally many exact values: the tighter number
// counts, the larger promise, and the more careful way to lend.
void merge(QuotaRule& into, const QuotaRule& other) {
  for (std::size_t k = 0; k < kKinds; ++k) {
    if (other.max.of[k] >= 0)
      into.max.of[k] =
          into.max.of[k] < 0 ? other.max.of[k] : std::min(into.max.of[k], other.max.of[k]);
    into.guaranteed.of[k] = std::max(into.guaranteed.of[k], other.guaranteed.of[k]);
  }
  into.lend = into.lend && other.lend;
  if (other.reclaim == Reclaim::Preempt) into.reclaim = Reclaim::Preempt;
}

}  // namespace

QuotaBook::QuotaBook(std::vector<QuotaRule> rules, QuotaTree tree)
    : rules_(std::move(rules)), tree_(std::move(tree)) {
  std::map<Labels, Shape> shapes;
  for (const QuotaRule& rule : rules_) {
    if (rule.match == licence_pool()) has_pool_ = true;
    Labels keys, exact;
    for (const auto& [key, value] : rule.match) {
      keys[key] = value == kAny ? "*" : "";
      if (value != kAny) exact.insert({key, value});
    }
    Shape& shape = shapes[keys];
    shape.keys = keys;
    shape.exact_values = exact.size();
    const auto [known, is_new] = shape.rules.try_emplace(std::move(exact), rule);
    if (!is_new) merge(known->second, rule);
  }
  shapes_.reserve(shapes.size());
  for (auto& [keys, shape] : shapes) shapes_.push_back(std::move(shape));
}

// The values that `labels` put in the shape's places; nothing when a label is missing.
std::optional<Labels> QuotaBook::fill(const Shape& shape, const Labels& labels) {
  Labels filled;
  for (const auto& [key, kind] : shape.keys) {
    const auto label = labels.find(key);
    if (label == labels.end()) return std::nullopt;
    filled.insert(*label);
  }
  return filled;
}

std::optional<QuotaRule> QuotaBook::effective(const Labels& exact) const {
  std::optional<QuotaRule> best;
  std::size_t best_values = 0;
  for (const Shape& shape : shapes_) {
    if (shape.keys.size() != exact.size()) continue;
    if (best && shape.exact_values < best_values) continue;
    auto values = fill(shape, exact);
    if (!values) continue;
    std::erase_if(*values, [&](const auto& v) { return shape.keys.at(v.first) == kAny; });
    const auto rule = shape.rules.find(*values);
    if (rule == shape.rules.end()) continue;
    if (best && shape.exact_values == best_values) {
      merge(*best, rule->second);
    } else {
      best = rule->second;
      best_values = shape.exact_values;
    }
  }
  if (best) best->match = exact;
  return best;
}

std::vector<Labels> QuotaBook::combinations(const Labels& job_labels) const {
  std::vector<Labels> variants{job_labels};
  const auto account = job_labels.find(kAccount);
  if (account != job_labels.end()) {
    variants.clear();
    for (std::string& name : tree_.account_line(account->second)) {
      variants.push_back(job_labels);
      variants.back()[kAccount] = std::move(name);
    }
  }
  std::set<Labels> found;
  for (const Shape& shape : shapes_) {
    const bool by_account = shape.keys.contains(kAccount);
    for (std::size_t v = 0; v < (by_account ? variants.size() : 1); ++v) {
      auto filled = fill(shape, variants[v]);
      if (!filled) break;
      Labels values = *filled;
      std::erase_if(values, [&](const auto& l) { return shape.keys.at(l.first) == kAny; });
      if (shape.rules.contains(values)) found.insert(std::move(*filled));
    }
  }
  std::vector<Labels> combinations(found.begin(), found.end());
  std::ranges::sort(combinations, {}, [&](const Labels& labels) { return tree_.order(labels); });
  if (has_pool_) combinations.push_back(licence_pool());
  return combinations;
}

std::optional<Labels> QuotaBook::parent(const Labels& exact) const {
  Labels above = exact;
  while (tree_.step_up(above))
    if (covers(above)) return above;
  return std::nullopt;
}

}  // namespace drover::rm
