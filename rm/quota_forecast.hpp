// rm/quota_forecast.hpp - when quotas will have room, by the limits of what runs and what is
// planned.
//
// For each limit of a counter the use of it over time: by leases up to their limits, and by holds.
// What runs only gives back, so what fits by the books now can be short later on because of holds
// alone, and is most so where one begins. What quotas keep for the guarantees of others is not
// foreseen: the ledger has the last word when a job starts.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "rm/amount_timeline.hpp"
#include "rm/quota_ledger.hpp"
#include "rm/slot.hpp"

namespace drover::rm {

class QuotaForecast {
 public:
  void clear() { uses_.clear(), holds_.clear(); }  // the limits change: all is to be said anew
  // Without plans nobody says when leases end: the books say what they hold now.
  void count_leases() { counts_leases_ = true; }
  void set_now(Time now) { now_ = now; }
  // O(limits on the path * log of what is in them).
  void charge(const QuotaLedger& ledger, PathId path, const Amounts& amounts, Time from, Time until,
              std::int64_t sign);

  // ---- what is planned: for the hold of that id on nodes
  void hold(const QuotaLedger& ledger, HoldId id, PathId path, const Amounts& amounts, Time from,
            Time until);
  // A hold of quotas alone, from the time on at which they are likely to have room, at once where
  // ends are not followed; nothing where somebody who stands still has them. O(changes up to then).
  std::optional<HoldId> keep(const QuotaLedger& ledger, PathId path, const Amounts& amounts,
                             Duration length, Time now);
  void drop(QuotaLedger& ledger, HoldId id);          // who waits for its quotas may look again
  void forget(const QuotaLedger& ledger, HoldId id);  // nobody needs to
  void lift(const QuotaLedger& ledger, HoldId id);
  void lay(const QuotaLedger& ledger, HoldId id);
  bool has_holds() const { return !holds_.empty(); }
  Time until_of(HoldId id) const { return holds_.at(id).until; }
  static bool is_kept(HoldId id) { return raw(id) >= kFirstKept; }
  const Slot& slot_of(HoldId kept) const;  // kEver: it is gone, the limits have changed

  // ---- questions
  std::optional<Time> earliest(const QuotaLedger& ledger, PathId path, const Amounts& want,
                               Duration length, Time from, Time not_after) const;
  // Of what fits by the books at `from`: the limit that will be short by `until` because of what is
  // held. Whom a guarantee owes what he asks for is not stopped by it. O(changes up to the last
  // hold of a limit).
  std::optional<QuotaShort> first_short(const QuotaLedger& ledger, PathId path, const Amounts& want,
                                        Time from, Time until) const;

 private:
  using Key = std::pair<std::uint32_t, Kind>;  // a counter's limit
  struct Held {
    PathId path{};
    Amounts amounts;
    Slot slot;  // without nodes
    Time until;
  };
  static constexpr std::uint32_t kFirstKept = 1u << 31;  // holds on nodes are counted from 0 on
  struct Use {
    AmountTimeline line;         // less than 0: so much is in use
    std::multiset<Time> starts;  // of the holds
  };
  void set(const QuotaLedger& ledger, const Held& held, bool is_laid);

  std::map<Key, Use> uses_;
  std::map<HoldId, Held> holds_;
  std::uint32_t newest_kept_ = 0;
  bool counts_leases_ = false;
  Time now_ = kAlways;
};

}  // namespace drover::rm
