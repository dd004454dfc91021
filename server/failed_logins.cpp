// server/failed_logins.cpp - the table of addresses that failed lately.
// SPDX-License-Identifier: Apache-2.0
#include "server/failed_logins.hpp"

#include <algorithm>

namespace drover::server {

Duration FailedLogins::delay_after_failure(std::string_view address, Time mono) {
  const std::string_view host = address.substr(0, address.rfind(':'));
  auto found = known_.find(host);
  if (found == known_.end()) {
    make_room(mono);
    found = known_.emplace(std::string(host), Entry{}).first;
  }
  Entry& entry = found->second;
  if (entry.failures > 0 && mono - entry.last > kForgotten) entry.failures = 0;
  entry.last = mono;
  if (++entry.failures <= kFree) return {};
  const unsigned doubled = std::min(entry.failures - kFree - 1, 5u);
  return std::min(Duration{millis(100).us << doubled}, kLongest);
}

void FailedLogins::make_room(Time mono) {
  if (known_.size() < kAddresses) return;
  std::erase_if(known_, [&](const auto& row) { return mono - row.second.last > kForgotten; });
  if (known_.size() < kAddresses) return;
  known_.erase(std::min_element(known_.begin(), known_.end(), [](const auto& a, const auto& b) {
    return a.second.last < b.second.last;
  }));
}

}  // namespace drover::server
