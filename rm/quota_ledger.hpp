// rm/quota_ledger.hpp - how much each label combination may hold and holds: limits, locked and used
// sums.
//
// A path is the list of counters that a job's labels select. It is interned over the governed
// labels (those that some rule has named, and the usual ones below), so the number of paths follows
// the number of users, not of jobs. Sums are kept per path too: a live edit of the rules recomputes
// every counter from the paths, exactly.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "rm/resource_manager.hpp"

namespace drover::rm {

class QuotaLedger {
 public:
  // The rule with more exact values wins a combination; among equals the tighter number does. A
  // label that no rule has named before takes effect for jobs whose path is asked for from then on.
  // O(paths * rules).
  void set_rules(std::vector<QuotaRule> rules);

  // O(log paths) when known. Past `kMaxPaths` new combinations share one counter per label set,
  // "(other)".
  PathId path_for(const Labels& job_labels);

  // The first counter on the path, in the order of the rules, that has no room for `want`. O(path
  // length).
  std::optional<QuotaShort> first_short(PathId path, const Amounts& want) const;

  // The caller has asked first_short before, or restores what was granted earlier.
  void lock(PathId path, const Amounts& amounts);
  void mark_used(PathId path, const Amounts& amounts);
  void release(PathId path, const Amounts& amounts, bool used);

  // The counters that may have more room than when this was last asked: each once, by index. A
  // release frees those of its path; a change of the rules frees all. O(n log n) of the answer.
  std::vector<std::uint32_t> take_freed();

  std::vector<QuotaView> views() const;
  void check(std::span<const Lease* const> live, std::vector<std::string>& problems) const;

  static constexpr std::size_t kMaxPaths = 1'000'000;

 private:
  struct Sums {
    Amounts locked, used;
  };
  struct Counter {
    Labels labels;  // exact values
    Amounts max;
    Sums sums;
    bool freed = false;  // in freed_
  };
  struct Path {
    Labels labels;  // the governed ones
    std::vector<std::uint32_t> counters;
    Sums sums;
  };

  Path& path_at(PathId id);
  const Path& path_at(PathId id) const;
  std::uint32_t counter_for(Labels exact);
  void select_counters(Path& path);
  void mark_freed(std::uint32_t index);
  Amounts limit_for(const Labels& exact) const;
  template <class Change>
  void change(PathId id, Change change);

  std::vector<QuotaRule> rules_;
  std::set<std::string> governed_ = {"account", "creator", "partition", "qos", "user"};
  std::vector<Counter> counters_;  // never removed: an index stays valid
  std::map<Labels, std::uint32_t> counter_index_;
  std::vector<Path> paths_;
  std::map<Labels, PathId> path_index_;
  std::vector<std::uint32_t> freed_;
};

// "user=ann,creator=cli" in label order.
std::string quota_name(const Labels& labels);

}  // namespace drover::rm
