// store/snapshot_state.hpp - what a Snapshot holds; shared by the files that make and use one.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string_view>

#include "store/environment.hpp"
#include "store/store.hpp"

namespace drover::store {

inline constexpr std::string_view kSchemaKey = "schema";
inline constexpr std::string_view kCountersKey = "counters";
inline constexpr std::string_view kUsageKey = "usage";
inline constexpr std::string_view kReservationsKey = "reservations";
inline constexpr std::string_view kGroupsKey = "groups";
inline constexpr std::string_view kQuotasKey = "quotas";

struct Snapshot::State {
  ReadTxn txn;
};

// Reads every record of the view; store/check.cpp.
CheckReport check_records(const ReadTxn& txn);
inline constexpr std::size_t kProblemsMax = 200;

}  // namespace drover::store
