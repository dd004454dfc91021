// sched/fair_share.hpp - who has used how much of late, and who is owed most.
// SPDX-License-Identifier: Apache-2.0
//
// Usage is amounts times time, in milli-CPU, and counts half after each half-life. Nothing is
// touched to decay it: instead a charge weighs more the later it comes, by 2^(t / half-life), and
// only ratios are compared. After 16 half-lives all sums are shifted back. Sums are whole numbers:
// a parent's usage is exactly that of its children.
//
// What runs is a rate per user, so a million running tasks cost as much to settle as one.
//
// Level fairness of a child = (its part of its siblings' shares) / (its part of their usage). The
// tree is walked from the root, children in order of falling fairness, and each user's rank in that
// walk is the factor: a user of the more deserving account is served first, whatever happens inside
// the other. Those with equal fairness share a rank, and the users below equal accounts compete as
// one pool. (Kay and Lauder, A Fair Share Scheduler, CACM 1988; the walk is that of Slurm's Fair
// Tree, Cox and Morrison, 2014.)
#pragma once
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "rm/amounts.hpp"
#include "sched/account_tree.hpp"

namespace drover::sched {

__extension__ using Wide = unsigned __int128;

struct UsageWeights {  // in milli-CPU, so that one number says how much of a machine is held
  std::int64_t cpu = 1000;
  std::int64_t mem_gib = 0;
  std::int64_t gpu = 8000;
  friend bool operator==(const UsageWeights&, const UsageWeights&) = default;
};

// What holding `amounts` costs per second, times `factor_percent` (of the QOS).
std::int64_t usage_rate(const rm::Amounts& amounts, const UsageWeights& weights,
                        std::int64_t factor_percent = 100);

enum class LeafId : std::uint32_t {};  // a user in an account

struct UsageRecord {  // durable; exact while the half-life stays the same
  std::string account, user;
  std::uint64_t high = 0, low = 0;  // of the weighted sum
  Time base;                        // where the weight is 1
  Time settled;                     // charged until here
  Duration half_life;
  friend bool operator==(const UsageRecord&, const UsageRecord&) = default;
};

struct ShareView {      // one row of `drover share`
  std::string account;  // "" = the root
  std::string user;     // empty: the account itself
  std::uint32_t depth = 0;
  std::int64_t shares = 0, shares_of_level_ppm = 0, usage_of_level_ppm = 0;
  std::int64_t usage_milli_cpu_s = 0;  // decayed
  std::int64_t rate_milli_cpu = 0;     // charged per second now
  std::int64_t factor_ppm = 0;         // users only
};

class FairShare {
 public:
  static constexpr std::int64_t kOne = 1'000'000;  // factors are millionths

  FairShare(AccountTree tree, Duration half_life);

  LeafId leaf(std::string_view account, std::string_view user);  // made when new; O(log n)
  // Holding begins (+) or ends (-): settles the user and changes the rate. O(depth).
  void change_rate(LeafId leaf, std::int64_t by, Time now);
  // Recovery: a lease that was held before the record was settled.
  void restore_rate(LeafId leaf, std::int64_t rate);
  void restore(const UsageRecord& record);
  void charge(LeafId leaf, std::int64_t milli_cpu_us, Time at);

  // Settles what runs and ranks again. O(n log n) of users and accounts. Returns whether a factor
  // changed.
  bool refresh(Time now);
  void settle(Time now);  // charges what runs until now
  std::int64_t rate(LeafId leaf) const { return leaves_[std::size_t(leaf)].rate; }
  std::int64_t factor(LeafId leaf) const { return leaves_[std::size_t(leaf)].factor; }

  std::int64_t usage(LeafId leaf, Time now) const;  // decayed, milli-CPU seconds
  std::int64_t usage(AccountId account, Time now) const;
  std::vector<ShareView> views(Time now) const;  // the tree in order of names, accounts first
  // Everybody's, if some usage has been charged since the last call.
  std::vector<UsageRecord> take_dirty();
  const AccountTree& accounts() const { return tree_; }
  std::size_t leaves() const { return leaves_.size(); }
  // The sums of all accounts, recomputed. Empty when they hold.
  std::vector<std::string> check() const;

 private:
  struct Leaf {
    AccountId account{};
    std::string user;
    std::int64_t shares = 1;
    Wide usage = 0;
    std::int64_t rate = 0;
    Time settled;
    std::int64_t factor = kOne;
  };
  struct Sum {  // of an account
    Wide usage = 0;
    std::int64_t rate = 0;
    std::int64_t shares = 0;  // of its children
    std::vector<AccountId> accounts;
    std::map<std::string, LeafId, std::less<>> users;
  };
  struct Child {  // in the walk
    double fairness = 0;
    bool is_user = false;
    std::uint32_t id = 0;
  };
  Wide weigh(std::int64_t milli_cpu_us, Time at);
  std::int64_t unweigh(Wide usage, Time now) const;
  void rebase(Time to);
  void settle(Leaf& leaf, Time now);
  void add(Leaf& leaf, Wide usage);
  void add_children(AccountId account, std::vector<Child>& pool) const;
  void open_unused(std::vector<Child>& pool) const;
  void walk(std::vector<Child> pool, std::size_t& passed, bool& changed);
  void add_views(AccountId account, std::uint32_t depth, Time now,
                 std::vector<ShareView>& views) const;

  AccountTree tree_;
  Duration half_life_;
  Time base_;              // a multiple of 16 half-lives
  std::vector<Sum> sums_;  // by AccountId
  std::vector<Leaf> leaves_;
  bool dirty_ = false;
};

}  // namespace drover::sched
