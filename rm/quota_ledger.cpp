// rm/quota_ledger.cpp - rules to counters, counters to paths, and the sums on both.
// SPDX-License-Identifier: Apache-2.0
#include "rm/quota_ledger.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/check.hpp"

namespace drover::rm {
namespace {

constexpr std::int64_t kNoLimit = -1;
constexpr std::string_view kAny = "*";

Amounts unlimited() {
  Amounts max;
  max.of.fill(kNoLimit);
  return max;
}

// The values that a job's labels put in the places a rule names; nothing when a label is absent or
// differs.
std::optional<Labels> combination(const QuotaRule& rule, const Labels& job_labels) {
  Labels exact;
  for (const auto& [key, wanted] : rule.match) {
    const auto label = job_labels.find(key);
    if (label == job_labels.end() || (wanted != kAny && wanted != label->second))
      return std::nullopt;
    exact.emplace(key, label->second);
  }
  return exact;
}

std::ptrdiff_t exact_values(const QuotaRule& rule) {
  return std::ranges::count_if(rule.match, [](const auto& label) { return label.second != kAny; });
}

// Does the rule speak about exactly this combination?
bool covers(const QuotaRule& rule, const Labels& exact) {
  return rule.match.size() == exact.size() && combination(rule, exact).has_value();
}

void tighten(Amounts& max, const Amounts& other) {
  for (std::size_t k = 0; k < kKinds; ++k) {
    if (other.of[k] < 0) continue;
    max.of[k] = max.of[k] < 0 ? other.of[k] : std::min(max.of[k], other.of[k]);
  }
}

void add_checked(Amounts& sum, const Amounts& amounts) {
  for (std::size_t k = 0; k < kKinds; ++k) {
    std::int64_t total = 0;
    const bool wraps = __builtin_add_overflow(sum.of[k], amounts.of[k], &total);
    DROVER_CHECK(!wraps, "a quota sum does not fit 64 bits");
    sum.of[k] = total;
  }
}

void subtract_checked(Amounts& sum, const Amounts& amounts) {
  sum -= amounts;
  for (const std::int64_t rest : sum.of)
    DROVER_CHECK(rest >= 0, "more was released from a quota than it held");
}

}  // namespace

std::string quota_name(const Labels& labels) {
  std::string name;
  for (const auto& [key, value] : labels) {
    if (!name.empty()) name += ',';
    name.append(key).append("=").append(value);
  }
  return name.empty() ? "all" : name;
}

QuotaLedger::Path& QuotaLedger::path_at(PathId id) {
  DROVER_CHECK(raw(id) < paths_.size(), "unknown quota path");
  return paths_[raw(id)];
}

const QuotaLedger::Path& QuotaLedger::path_at(PathId id) const {
  DROVER_CHECK(raw(id) < paths_.size(), "unknown quota path");
  return paths_[raw(id)];
}

Amounts QuotaLedger::limit_for(const Labels& exact) const {
  Amounts max = unlimited();
  std::ptrdiff_t best = -1;
  for (const QuotaRule& rule : rules_) {
    if (!covers(rule, exact) || exact_values(rule) < best) continue;
    if (exact_values(rule) > best) max = unlimited();
    best = exact_values(rule);
    tighten(max, rule.max);
  }
  return max;
}

std::uint32_t QuotaLedger::counter_for(Labels exact) {
  const auto known = counter_index_.find(exact);
  if (known != counter_index_.end()) return known->second;
  const auto index = std::uint32_t(counters_.size());
  Counter counter;
  counter.max = limit_for(exact);
  counter.labels = exact;
  counters_.push_back(std::move(counter));
  counter_index_.emplace(std::move(exact), index);
  return index;
}

void QuotaLedger::select_counters(Path& path) {
  path.counters.clear();
  for (const QuotaRule& rule : rules_) {
    auto exact = combination(rule, path.labels);
    if (!exact) continue;
    const std::uint32_t index = counter_for(std::move(*exact));
    // Two rules may speak about one combination; it is charged once.
    if (std::ranges::find(path.counters, index) == path.counters.end())
      path.counters.push_back(index);
  }
}

void QuotaLedger::set_rules(std::vector<QuotaRule> rules) {
  rules_ = std::move(rules);
  for (const QuotaRule& rule : rules_) {
    for (const auto& label : rule.match) governed_.insert(label.first);
    if (exact_values(rule) == std::ptrdiff_t(rule.match.size())) counter_for(rule.match);
  }
  for (Counter& counter : counters_) {
    counter.max = limit_for(counter.labels);
    counter.sums = {};
  }
  for (std::uint32_t i = 0; i < counters_.size(); ++i) mark_freed(i);
  for (Path& path : paths_) {
    select_counters(path);
    for (const std::uint32_t index : path.counters) {
      add_checked(counters_[index].sums.locked, path.sums.locked);
      add_checked(counters_[index].sums.used, path.sums.used);
    }
  }
}

PathId QuotaLedger::path_for(const Labels& job_labels) {
  Labels labels;
  for (const std::string& key : governed_) {
    const auto label = job_labels.find(key);
    if (label != job_labels.end()) labels.insert(*label);
  }
  auto known = path_index_.find(labels);
  if (known == path_index_.end() && paths_.size() >= kMaxPaths) {
    for (auto& label : labels) label.second = "(other)";
    known = path_index_.find(labels);
  }
  if (known != path_index_.end()) return known->second;
  const auto id = PathId(std::uint32_t(paths_.size()));
  Path path;
  path.labels = labels;
  select_counters(path);
  paths_.push_back(std::move(path));
  path_index_.emplace(std::move(labels), id);
  return id;
}

std::optional<QuotaShort> QuotaLedger::first_short(PathId path, const Amounts& want) const {
  for (const std::uint32_t index : path_at(path).counters) {
    const Counter& counter = counters_[index];
    for (std::size_t k = 0; k < kKinds; ++k) {
      const std::int64_t held = counter.sums.locked.of[k] + counter.sums.used.of[k];
      const std::int64_t limit =
          counter.max.of[k] < 0 ? std::numeric_limits<std::int64_t>::max() : counter.max.of[k];
      if (want.of[k] <= 0 || want.of[k] <= limit - held) continue;
      return QuotaShort{quota_name(counter.labels), Kind(k), limit, held, want.of[k], index};
    }
  }
  return std::nullopt;
}

template <class Change>
void QuotaLedger::change(PathId id, Change change) {
  Path& path = path_at(id);
  change(path.sums);
  for (const std::uint32_t index : path.counters) change(counters_[index].sums);
}

void QuotaLedger::lock(PathId path, const Amounts& amounts) {
  change(path, [&](Sums& sums) { add_checked(sums.locked, amounts); });
}

void QuotaLedger::mark_used(PathId path, const Amounts& amounts) {
  change(path, [&](Sums& sums) {
    subtract_checked(sums.locked, amounts);
    add_checked(sums.used, amounts);
  });
}

void QuotaLedger::release(PathId path, const Amounts& amounts, bool used) {
  change(path, [&](Sums& sums) { subtract_checked(used ? sums.used : sums.locked, amounts); });
  for (const std::uint32_t index : path_at(path).counters) mark_freed(index);
}

void QuotaLedger::mark_freed(std::uint32_t index) {
  if (std::exchange(counters_[index].freed, true)) return;
  freed_.push_back(index);
}

std::vector<std::uint32_t> QuotaLedger::take_freed() {
  for (const std::uint32_t index : freed_) counters_[index].freed = false;
  std::ranges::sort(freed_);
  return std::exchange(freed_, {});
}

std::vector<QuotaView> QuotaLedger::views() const {
  std::vector<QuotaView> views;
  for (const Counter& counter : counters_) {
    if (counter.max == unlimited() && counter.sums.locked.is_zero() && counter.sums.used.is_zero())
      continue;
    views.push_back(
        {quota_name(counter.labels), counter.max, counter.sums.locked, counter.sums.used});
  }
  std::ranges::stable_sort(views, {}, &QuotaView::name);
  return views;
}

void QuotaLedger::check(std::span<const Lease* const> live,
                        std::vector<std::string>& problems) const {
  std::vector<Sums> paths(paths_.size()), counters(counters_.size());
  for (const Lease* lease : live) {
    if (raw(lease->path) >= paths_.size()) {
      problems.push_back("a lease names the unknown quota path " +
                         std::to_string(raw(lease->path)));
      continue;
    }
    const Amounts total = lease->total();
    const auto charge = [&](Sums& sums) { (lease->used ? sums.used : sums.locked) += total; };
    charge(paths[raw(lease->path)]);
    for (const std::uint32_t index : paths_[raw(lease->path)].counters) charge(counters[index]);
  }
  const auto compare = [&](const std::string& name, const Sums& kept, const Sums& real) {
    for (std::size_t k = 0; k < kKinds; ++k) {
      const auto report = [&](const char* verb, std::int64_t has, std::int64_t should) {
        if (has == should) return;
        std::string text = name;
        text.append(verb).append(std::to_string(has)).append(" of ").append(to_string(Kind(k)));
        problems.push_back(text.append(", its leases hold ").append(std::to_string(should)));
      };
      report(" has locked ", kept.locked.of[k], real.locked.of[k]);
      report(" uses ", kept.used.of[k], real.used.of[k]);
    }
  };
  for (std::size_t i = 0; i < paths_.size(); ++i)
    compare("path " + quota_name(paths_[i].labels), paths_[i].sums, paths[i]);
  for (std::size_t i = 0; i < counters_.size(); ++i)
    compare("quota " + quota_name(counters_[i].labels), counters_[i].sums, counters[i]);
}

}  // namespace drover::rm
