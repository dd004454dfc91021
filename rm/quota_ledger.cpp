// rm/quota_ledger.cpp - rules to counters, counters to paths, and the sums on both.
// SPDX-License-Identifier: Apache-2.0
#include "rm/quota_ledger.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/check.hpp"
#include "rm/licence.hpp"

namespace drover::rm {
namespace {

// Both add first and look at all kinds together: every start and end comes through here, for each
// quota of its path.
template <std::size_t kWidth>
void add_wide(Amounts& sum, const Amounts& amounts) {
  std::uint64_t wrapped = 0;  // its sign bit: of a sum whose sign is neither that of its parts
#pragma GCC unroll 8
  for (std::size_t k = 0; k < kWidth; ++k) {
    const auto a = std::uint64_t(sum.of[k]), b = std::uint64_t(amounts.of[k]);
    sum.of[k] = std::int64_t(a + b);
    wrapped |= (a ^ (a + b)) & (b ^ (a + b));
  }
  DROVER_CHECK(std::int64_t(wrapped) >= 0, "a quota sum does not fit 64 bits");
}

void add_checked(Amounts& sum, const Amounts& amounts, std::size_t width) {
  if (width == kFixedKinds)
    add_wide<kFixedKinds>(sum, amounts);
  else
    add_wide<kKinds>(sum, amounts);
}

void subtract_checked(Amounts& sum, const Amounts& amounts, std::size_t width) {
  DROVER_CHECK(subtract(sum, amounts, width), "more was released from a quota than it held");
}

Amounts one_job() {
  Amounts one;
  one[Kind::QueuedJobs] = 1;
  return one;
}

}  // namespace

std::uint32_t QuotaLedger::use_counter(const Labels& exact) {
  const auto known = counter_index_.find(exact);
  if (known != counter_index_.end()) {
    ++counters_[known->second].users;
    return known->second;
  }
  auto index = std::uint32_t(counters_.size());
  if (free_counters_.empty()) {
    counters_.emplace_back();
  } else {
    index = free_counters_.back();
    free_counters_.pop_back();
  }
  const auto rule = book_.effective(exact);
  Counter added;
  added.labels = exact;
  added.max = rule ? rule->max : kUnlimited;
  added.is_licences = exact == licence_pool();
  added.users = 1;
  added.exists = true;
  added.freed = counters_[index].freed;  // an old note about this index is harmless
  counters_[index] = std::move(added);
  counter_index_.emplace(exact, index);
  if (const auto above = book_.parent(exact)) {
    const std::uint32_t parent = use_counter(*above);  // may move counters_
    counters_[index].parent = parent;
  }
  return index;
}

void QuotaLedger::unuse_counter(std::uint32_t index) {
  while (index != kNone && --counters_[index].users == 0) {
    Counter& gone = counters_[index];
    counter_index_.erase(gone.labels);
    const std::uint32_t parent = gone.parent;
    const bool freed = gone.freed;
    gone = Counter{};
    gone.freed = freed;
    free_counters_.push_back(index);
    index = parent;
  }
}

void QuotaLedger::select_counters(Path& path) {
  path.counters.clear();
  for (const Labels& exact : book_.combinations(path.labels))
    path.counters.push_back(use_counter(exact));
  path.guarded = std::ranges::any_of(
      path.counters, [&](std::uint32_t index) { return counters_[index].promise != nullptr; });
}

void QuotaLedger::set_rules(QuotaBook book) {
  book_ = std::move(book);
  for (std::uint32_t i = 0; i < counters_.size(); ++i)
    if (counters_[i].exists) mark_freed(i);  // also those that go: somebody may wait for them
  for (const QuotaRule& rule : book_.rules())
    for (const auto& label : rule.match) governed_.insert(label.first);
  // New references are taken before the old ones go, so that what stays keeps its index.
  std::vector<std::uint32_t> old = std::exchange(pinned_, {});
  for (Path& path : paths_) old.insert(old.end(), path.counters.begin(), path.counters.end());
  for (const QuotaRule& rule : book_.rules()) {
    const bool exact =
        std::ranges::none_of(rule.match, [](const auto& label) { return label.second == "*"; });
    if (exact) pinned_.push_back(use_counter(rule.match));
  }
  for (Path& path : paths_)
    if (path.exists) select_counters(path);
  for (const std::uint32_t index : old) unuse_counter(index);
  for (std::uint32_t i = 0; i < counters_.size(); ++i) {
    if (!counters_[i].exists) continue;
    const auto above = book_.parent(counters_[i].labels);
    const std::uint32_t parent = above ? use_counter(*above) : kNone;
    unuse_counter(std::exchange(counters_[i].parent, parent));
  }
  for (std::uint32_t i = 0; i < counters_.size(); ++i) {
    if (!counters_[i].exists) continue;
    mark_freed(i);
    const auto rule = book_.effective(counters_[i].labels);
    counters_[i].max = rule ? rule->max : kUnlimited;
    counters_[i].sums = {};
  }
  for (const Path& path : paths_) {
    for (const std::uint32_t index : path.counters) {
      add_checked(counters_[index].sums.locked, path.sums.locked, kKinds);
      add_checked(counters_[index].sums.used, path.sums.used, kKinds);
    }
  }
  set_promises();
}

// Equal sets of governed labels have equal keys: no label holds a zero byte. Both are sorted.
void QuotaLedger::make_key(const Labels& job_labels) {
  key_.clear();
  auto label = job_labels.begin();
  for (const std::string& name : governed_) {
    int order = -1;
    while (label != job_labels.end() && (order = label->first.compare(name)) < 0) ++label;
    if (label == job_labels.end()) return;
    if (order > 0) continue;
    key_.append(name).push_back('\0');
    key_.append(label->second).push_back('\0');
  }
}

PathId QuotaLedger::path_for(const Labels& job_labels) {
  make_key(job_labels);
  const auto known = path_index_.find(key_);
  if (known != path_index_.end()) return known->second;
  Labels labels;
  for (const std::string& name : governed_) {
    const auto label = job_labels.find(name);
    if (label != job_labels.end()) labels.insert(*label);
  }
  if (path_index_.size() >= kMaxPaths) {
    for (auto& label : labels) label.second = "(other)";
    make_key(labels);
    if (const auto other = path_index_.find(key_); other != path_index_.end()) return other->second;
  }
  return add_path(std::move(labels));
}

PathId QuotaLedger::add_path(Labels labels) {
  auto id = PathId(std::uint32_t(paths_.size()));
  if (free_paths_.empty()) {
    paths_.emplace_back();
  } else {
    id = free_paths_.back();
    free_paths_.pop_back();
  }
  Path& path = paths_[raw(id)];
  path.exists = true;
  path.made = ++paths_made_;
  path.labels = std::move(labels);
  select_counters(path);
  path_index_.emplace(key_, id);
  return id;
}

std::variant<PathId, QuotaShort> QuotaLedger::try_enter(const Labels& job_labels) {
  const std::size_t known = path_index_.size();
  const PathId id = path_for(job_labels);
  if (auto shortage = first_short(id, one_job())) {
    if (path_index_.size() > known) forget_path(id);  // what is refused leaves no trace
    return *std::move(shortage);
  }
  enter(id);
  return id;
}

std::variant<PathId, QuotaShort> QuotaLedger::try_enter(PathId known) {
  if (!counters_of(known).empty())
    if (auto shortage = first_short(known, one_job())) return *std::move(shortage);
  enter(known);
  return known;
}

PathId QuotaLedger::enter(const Labels& job_labels) {
  const PathId id = path_for(job_labels);
  enter(id);
  return id;
}

void QuotaLedger::enter(PathId id) {
  change(id, [](Sums& sums) { ++sums.used[Kind::QueuedJobs]; });
  ++path_at(id).jobs;
}

void QuotaLedger::leave(PathId id) {
  Path& path = path_at(id);
  DROVER_CHECK(path.jobs > 0, "a job left a quota path that it had not entered");
  --path.jobs;
  change(id, [](Sums& sums) {
    DROVER_CHECK(--sums.used[Kind::QueuedJobs] >= 0, "more jobs left a quota than had entered");
  });
  if (path.guarded) drop_claims(path, nullptr);
  forget_unused(id);
}

void QuotaLedger::forget_unused(PathId id) {
  const Path& path = path_at(id);
  if (path.jobs == 0 && path.sums.locked.is_zero() && path.sums.used.is_zero()) forget_path(id);
}

void QuotaLedger::forget_path(PathId id) {
  Path gone = std::exchange(paths_[raw(id)], Path{});
  make_key(gone.labels);
  path_index_.erase(key_);
  for (const std::uint32_t index : gone.counters) unuse_counter(index);
  free_paths_.push_back(id);
}

std::optional<QuotaShort> QuotaLedger::first_short(PathId id, const Amounts& want,
                                                   bool heeds_claims) const {
  const Path& path = path_at(id);
  if (path.counters.empty()) return std::nullopt;
  std::vector<Both> below;
  if (path.guarded) below = kept_below(path, want);
  for (std::size_t i = 0; i < path.counters.size(); ++i) {
    const Counter& counter = counters_[path.counters[i]];
    for (std::size_t k = 0; k < kKinds; ++k) {
      if (want.of[k] <= 0 || counter.max.of[k] < 0) continue;
      const std::int64_t held = counter.sums.held(k);
      const std::int64_t left = counter.max.of[k] - held - want.of[k];
      std::int64_t kept = path.guarded ? below[i][Firm].of[k] : 0;
      // What others wait for binds those who would borrow, not those who are owed themselves.
      if (left >= kept && heeds_claims && path.guarded && below[i][Now].of[k] > left &&
          !is_owed(path, i, k, want.of[k]))
        kept = below[i][Now].of[k];
      if (left >= kept) continue;
      return QuotaShort{quota_name(counter.labels), Kind(k), counter.max.of[k], held, want.of[k],
                        path.counters[i],           kept};
    }
  }
  return std::nullopt;
}

template <class Change>
void QuotaLedger::change(PathId id, Change change) {
  Path& path = path_at(id);
  change(path.sums);
  for (const std::uint32_t index : path.counters) change(counters_[index].sums);
  if (path.guarded) refresh_kept(path.counters);
}

void QuotaLedger::lock(PathId id, const Amounts& amounts) {
  const std::size_t width = width_of(amounts);
  change(id, [&](Sums& sums) { add_checked(sums.locked, amounts, width); });
  const Path& path = path_at(id);
  if (path.guarded) drop_claims(path, &amounts);
}

void QuotaLedger::mark_used(PathId path, const Amounts& amounts) {
  const std::size_t width = width_of(amounts);
  change(path, [&](Sums& sums) {
    subtract_checked(sums.locked, amounts, width);
    add_checked(sums.used, amounts, width);
  });
}

void QuotaLedger::release(PathId path, const Amounts& amounts, bool used) {
  const std::size_t width = width_of(amounts);
  change(path,
         [&](Sums& sums) { subtract_checked(used ? sums.used : sums.locked, amounts, width); });
  const bool named = width > kFixedKinds;
  for (const std::uint32_t index : path_at(path).counters)
    if (named || !counters_[index].is_licences) mark_freed(index);
}

bool QuotaLedger::is_limited(PathId path) const {
  return std::ranges::any_of(path_at(path).counters,
                             [&](std::uint32_t index) { return !counters_[index].is_licences; });
}

std::optional<std::uint32_t> QuotaLedger::counter_of(const Labels& exact) const {
  const auto known = counter_index_.find(exact);
  if (known == counter_index_.end()) return std::nullopt;
  return known->second;
}

void QuotaLedger::mark_freed(std::uint32_t index) {
  if (std::exchange(counters_[index].freed, true)) return;
  freed_.push_back(index);
}

void QuotaLedger::take_freed(std::vector<std::uint32_t>& freed) {
  freed.clear();
  if (freed_.empty()) return;
  for (const std::uint32_t index : freed_) counters_[index].freed = false;
  std::ranges::sort(freed_);
  freed.swap(freed_);
}

std::vector<QuotaView> QuotaLedger::views() const {
  std::vector<QuotaView> views;
  for (const auto& [labels, index] : counter_index_) {
    const Counter& counter = counters_[index];
    const Promise* promise = counter.promise.get();
    if (counter.max == kUnlimited && promise == nullptr && counter.sums.locked.is_zero() &&
        counter.sums.used.is_zero())
      continue;
    QuotaView view{quota_name(labels), counter.max, counter.sums.locked, counter.sums.used};
    if (counter.parent != kNone) view.parent = quota_name(counters_[counter.parent].labels);
    if (promise != nullptr) {
      view.guaranteed = promise->guaranteed;
      view.kept = promise->below[Now];
      view.reclaim = promise->reclaim;
      view.lend = promise->lend;
    }
    views.push_back(std::move(view));
  }
  std::ranges::stable_sort(views, {}, &QuotaView::name);
  return views;
}

}  // namespace drover::rm
