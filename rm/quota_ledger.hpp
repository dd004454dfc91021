// rm/quota_ledger.hpp - what each label combination may hold and holds: limits and sums.
//
// A path is the list of counters that a job's labels select, outermost first. It is interned over
// the governed labels (those that some rule has named, and the usual ones below) and counts the
// jobs that have entered it: with the last one it is forgotten, and so are counters that no path
// selects and no rule names exactly. Memory follows the users who have open jobs. Sums are kept per
// path too: a live edit of the rules recomputes every counter from the paths, exactly.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/check.hpp"
#include "rm/lease.hpp"
#include "rm/quota_book.hpp"
#include "rm/quota_view.hpp"

namespace drover::rm {

class QuotaLedger {
 public:
  struct Sums {
    Amounts locked, used;  // used[QueuedJobs] = jobs that have entered
    std::int64_t held(std::size_t kind) const { return locked.of[kind] + used.of[kind]; }
  };

  // A label that no rule has named before counts for later jobs. O(paths * shapes of rules).
  void set_rules(QuotaBook book);
  const QuotaBook& book() const { return book_; }
  // O(labels) when known. Past `kMaxPaths` new combinations share one counter per label set,
  // "(other)". A path that nobody enters stays.
  PathId path_for(const Labels& job_labels);

  // A job comes and goes; meanwhile queued_jobs of its path count it.
  std::variant<PathId, QuotaShort> try_enter(const Labels& job_labels);
  std::variant<PathId, QuotaShort> try_enter(PathId known);
  // Which path of that id it is: the number is never used again. 0: there is none.
  std::uint64_t path_made(PathId id) const {
    return raw(id) < paths_.size() ? paths_[raw(id)].made : 0;
  }
  PathId enter(const Labels& job_labels);  // whatever the limits say: it was let in before
  void leave(PathId path);
  void forget_unused(PathId path);  // path_for() was asked for somebody who did not enter

  // The first counter on the path, outermost first, that has no room for `want`. O(path length).
  // Without `heeds_claims` as if nobody waited for a guarantee that is lent.
  std::optional<QuotaShort> first_short(PathId path, const Amounts& want,
                                        bool heeds_claims = true) const;
  // A request so answered waits: nobody borrows what it is guaranteed until its quota gets a task.
  void remember_claim(PathId path, const Amounts& want, const QuotaShort& shortage);

  bool could_hold(PathId path, const Amounts& want) const;  // beside all guarantees of others
  bool owes(PathId path, std::uint32_t counter, Kind kind, std::int64_t want) const;  // inside it
  // The caller has asked first_short before, or restores what was granted earlier.
  void lock(PathId path, const Amounts& amounts);
  void mark_used(PathId path, const Amounts& amounts);
  void release(PathId path, const Amounts& amounts, bool used);

  // The counters that may have more room than when this was last asked: each once, by index; of a
  // release those of its path, of a change of the rules all. O(n log n) of the answer.
  void take_freed(std::vector<std::uint32_t>& freed);  // in place of what that holds
  bool has_freed() const { return !freed_.empty(); }
  std::optional<std::uint32_t> counter_of(const Labels& exact) const;  // of exactly these labels
  void wake(std::uint32_t counter) { mark_freed(counter); }

  // Claims that are to be met by preemption, and the leases to take for one of them: in the order
  // of `live`, those that a quota inside holds beyond its own guarantee, until enough is found.
  std::vector<Claim> claims() const;
  bool is_on(PathId path, std::uint32_t counter) const;
  std::vector<const Lease*> victims(const Claim& claim, std::span<const Lease* const> live) const;

  std::vector<QuotaView> views() const;
  // What each known combination holds, for the preview of an edit: calls each(labels, sums).
  template <class Each>
  void visit(const Each& each) const {
    for (const auto& [labels, index] : counter_index_) each(labels, counters_[index].sums);
  }
  template <class Each>
  void visit_paths(const Each& each) const {  // calls each(labels, sums) for what is held by path
    for (const Path& path : paths_)
      if (path.exists) each(path.labels, path.sums);
  }
  // `jobs`: one path per open job, when the caller knows them.
  void check(std::span<const Lease* const> live, const std::vector<PathId>* jobs,
             std::vector<std::string>& problems) const;

  // Calls each(counter, kind, max) for what limits `amounts`, until that answers false. Queued jobs
  // and licences are not among it: see LicenceForecast.
  template <class Each>
  void visit_limits(PathId path, const Amounts& amounts, const Each& each) const {
    for (const std::uint32_t index : path_at(path).counters) {
      const Counter& counter = counters_[index];
      for (std::size_t k = 0; k < kKinds && !counter.is_licences; ++k)
        if (amounts.of[k] > 0 && counter.max.of[k] >= 0 && k != std::size_t(Kind::QueuedJobs) &&
            !each(index, Kind(k), counter.max.of[k]))
          return;
    }
  }

  bool is_limited(PathId path) const;  // by some quota, other than the pool of licences
  bool is_guarded(PathId path) const { return path_at(path).guarded; }  // guarantees count there

  // For the audit in slices: dense indexes, some unused.
  std::size_t path_slots() const { return paths_.size(); }
  std::size_t counter_slots() const { return counters_.size(); }
  bool has_path(PathId id) const { return raw(id) < paths_.size() && paths_[raw(id)].exists; }
  const Sums& path_sums(std::uint32_t path) const { return paths_[path].sums; }
  const Sums& counter_sums(std::uint32_t counter) const { return counters_[counter].sums; }
  const Labels& labels_of(PathId path) const { return path_at(path).labels; }  // governed ones
  std::string path_name(std::uint32_t path) const { return quota_name(paths_[path].labels); }
  std::string counter_name(std::uint32_t at) const { return quota_name(counters_[at].labels); }
  const std::vector<std::uint32_t>& counters_of(PathId of) const { return path_at(of).counters; }

  static constexpr std::size_t kMaxPaths = 1'000'000;

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;
  // What may not be borrowed: Firm by quotas that lend nothing, Now also by those that wait.
  enum Scope : std::size_t { Firm, Now };
  using Both = std::array<Amounts, 2>;
  struct Promise {  // of counters that have a guarantee or lie above one
    Amounts guaranteed;
    Both kept;                 // by this counter
    Both below;                // the sums of that over its children
    Amounts most, most_below;  // likewise, when nobody holds anything and nobody lends
    Amounts claim;             // the request that waits for this guarantee; 0 = none
    Reclaim reclaim = Reclaim::Wait;
    bool lend = true;
  };
  struct Counter {
    Labels labels;  // exact values
    Amounts max;
    Sums sums;
    std::unique_ptr<Promise> promise;
    std::uint32_t parent = kNone;
    std::uint32_t users = 0;   // paths and children that refer to it, and 1 for an exact rule
    bool freed = false;        // in freed_
    bool is_licences = false;  // the pool: what frees none of them frees nothing of it
    bool exists = false;
  };
  struct Path {
    Labels labels;  // the governed ones
    std::vector<std::uint32_t> counters;
    Sums sums;
    std::uint64_t jobs = 0, made = 0;
    bool guarded = false;  // one of its counters has a promise
    bool exists = false;
  };

  Path& path_at(PathId id) {
    DROVER_CHECK(has_path(id), "unknown quota path");
    return paths_[raw(id)];
  }
  const Path& path_at(PathId id) const { return const_cast<QuotaLedger*>(this)->path_at(id); }
  std::uint32_t use_counter(const Labels& exact);
  void unuse_counter(std::uint32_t index);
  void select_counters(Path& path);
  void make_key(const Labels& job_labels);
  PathId add_path(Labels labels);  // under the key that was made
  void enter(PathId id);
  void forget_path(PathId id);
  void mark_freed(std::uint32_t index);
  void set_promises();
  static Amounts keeps(const Counter& counter, Scope scope, const Amounts& below,
                       const Amounts& more);
  void refresh_kept(std::span<const std::uint32_t> counters);
  void drop_claims(const Path& path, const Amounts* placed);
  std::vector<Both> kept_below(const Path& path, const Amounts& want) const;
  bool is_owed(const Path& path, std::size_t outer, std::size_t kind, std::int64_t want) const;
  bool is_inside(std::uint32_t index, std::uint32_t outer) const;
  void check_promises(std::vector<std::string>& problems) const;
  template <class Change>
  void change(PathId id, Change change);

  QuotaBook book_;
  std::set<std::string> governed_ = {"account", "creator", "partition", "qos", "user"};
  std::vector<Counter> counters_;
  std::map<Labels, std::uint32_t> counter_index_;
  std::vector<std::uint32_t> free_counters_;
  std::vector<std::uint32_t> pinned_;  // counters of exact rules
  std::vector<Path> paths_;
  std::uint64_t paths_made_ = 0;
  std::unordered_map<std::string, PathId> path_index_;  // by key, see make_key; never iterated
  std::string key_;                                     // scratch
  std::vector<PathId> free_paths_;
  std::vector<std::uint32_t> freed_;
};

}  // namespace drover::rm
