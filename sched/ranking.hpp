// sched/ranking.hpp - where each job stands (account, class, partition) and the score that follows.
// SPDX-License-Identifier: Apache-2.0
//
// The policy book applied to jobs: standings are interned, so a job carries one number for them,
// and shares are charged for what runs.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <tuple>
#include <vector>

#include "sched/job_spec.hpp"
#include "sched/policy_book.hpp"

namespace drover::sched {

enum class StandingId : std::uint32_t {};

class Ranking {
 public:
  static constexpr Duration kRefresh = seconds(30);  // how often fair share ranks users again
  static constexpr Duration kStore = seconds(60);    // how often usage is stored

  struct Entry {
    LeafId leaf{};
    Standing standing;
    std::int64_t qos_priority = 0, partition_priority = 0, usage_percent = 100;
    std::uint32_t partition = 0;  // place in the table; 0 when none is configured
  };

  explicit Ranking(std::shared_ptr<const PolicyBook> book);

  // ---- who stands where. O(log n)
  StandingId standing_of(const JobSpec& spec);
  const Entry& at(StandingId id) const { return entries_[std::size_t(id)]; }
  const PolicyBook& book() const { return *book_; }
  bool anybody_preempts() const { return anybody_preempts_; }
  PreemptMode mode(StandingId winner, StandingId loser) const {
    return preempt_mode(at(winner).standing, at(loser).standing, *book_);
  }
  Duration grace(StandingId loser) const { return preempt_grace(at(loser).standing, *book_); }
  PreemptMode reclaim(StandingId loser) const { return reclaim_mode(at(loser).standing, *book_); }

  // ---- scores
  std::int64_t static_score(const JobSpec& spec, StandingId standing, Time submitted) const;
  // Not in static_score, since it grows while others come to wait for the job.
  std::int64_t path_score(std::uint32_t steps_after) const;
  std::int64_t fair_score(StandingId standing) const;
  // What the scores were made of; as of now.
  PriorityParts parts(const JobSpec& spec, StandingId standing, Time submitted,
                      std::uint32_t steps_after, Time now) const;

  // ---- what runs
  void charge_nobody() { charges_ = false; }  // before the first hold: nobody asks for usage
  void hold(StandingId standing, const rm::Amounts& total, Time now);
  void release(StandingId standing, const rm::Amounts& total, Time now);
  void restore_hold(StandingId standing, const rm::Amounts& total);
  void set_capacity(const rm::Amounts& capacity) { capacity_ = capacity; }

  // ---- time. Leaves whose fair score changed since the last call; their lanes want new keys.
  std::vector<LeafId> take_changed();
  bool has_changed() const { return !changed_.empty(); }
  // Ranks again when it is due (wall); true when it was.
  bool refresh(Now now);
  Time next_refresh() const { return next_refresh_; }  // mono
  // What is to be stored, at most once in kStore.
  std::vector<UsageRecord> take_dirty(Now now);

  FairShare& shares() { return shares_; }
  const FairShare& shares() const { return shares_; }
  // What the leases of each leaf should add up to, against what is charged.
  std::vector<std::string> check(const std::map<StandingId, std::vector<rm::Amounts>>& live) const;

 private:
  PriorityInput input_of(const JobSpec& spec, StandingId standing, Time submitted) const;
  std::int64_t fair_ppm(LeafId leaf) const;
  void note(LeafId leaf);

  std::shared_ptr<const PolicyBook> book_;
  FairShare shares_;
  std::vector<Entry> entries_;
  std::map<std::tuple<LeafId, std::string, std::string>, StandingId, std::less<>> index_;
  std::vector<rm::Amounts> held_;   // by leaf; for dominant shares
  std::vector<std::int64_t> last_;  // by leaf: the fair part that was told
  std::vector<LeafId> changed_;
  rm::Amounts capacity_;
  Time next_refresh_, next_store_;
  bool anybody_preempts_ = false, charges_ = true;
};

}  // namespace drover::sched
