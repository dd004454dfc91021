// rm/quota_forecast.hpp - when quotas will have room, by the limits of what runs and what is
// planned.
//
// For each limit of a counter the use of it over time. Only plans ask, so only where somebody plans
// for everybody is anything kept (see ResourceManager::foresee_quotas). What quotas keep for the
// guarantees of others is not foreseen: the ledger has the last word when a job starts.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "rm/amount_timeline.hpp"
#include "rm/forecast.hpp"
#include "rm/quota_ledger.hpp"

namespace drover::rm {

class QuotaForecast {
 public:
  void clear() { uses_.clear(), holds_.clear(); }  // the limits change: all is to be said anew
  void set_now(Time now) { now_ = now; }
  // O(limits on the path * log of what is in them).
  void charge(const QuotaLedger& ledger, PathId path, const Amounts& amounts, Time from, Time until,
              std::int64_t sign);

  // ---- what is planned: for the hold of that id on nodes
  void hold(const QuotaLedger& ledger, HoldId id, PathId path, const Amounts& amounts, Time from,
            Time until);
  void drop(QuotaLedger& ledger, HoldId id);  // who waits for its quotas may look again
  void lift(const QuotaLedger& ledger, HoldId id);
  void lay(const QuotaLedger& ledger, HoldId id);
  bool has_holds() const { return !holds_.empty(); }

  // ---- questions
  std::optional<Time> earliest(const QuotaLedger& ledger, PathId path, const Amounts& want,
                               Duration length, Time from, Time not_after) const;
  // The limit that will be short by then because of what is planned.
  std::optional<QuotaShort> first_short(const QuotaLedger& ledger, PathId path, const Amounts& want,
                                        Time from, Time until) const;

 private:
  using Key = std::pair<std::uint32_t, Kind>;  // a counter's limit
  struct Held {
    PathId path{};
    Amounts amounts;
    Time from, until;
  };
  std::map<Key, AmountTimeline> uses_;  // less than 0: so much is in use
  std::map<HoldId, Held> holds_;
  Time now_ = kAlways;
};

}  // namespace drover::rm
