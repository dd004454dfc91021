// server/failed_logins.hpp - how long a refused login waits for its answer: guessing gets slow.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "base/time.hpp"

namespace drover::server {

// Counts by address, in a bounded table. A right token is never delayed, so nobody can lock out
// those who have one.
class FailedLogins {
 public:
  static constexpr std::size_t kAddresses = 1'000;
  static constexpr unsigned kFree = 5;  // answered at once: people mistype
  static constexpr Duration kLongest = seconds(2);
  static constexpr Duration kForgotten = seconds(60);  // after so long without a failure

  // One more failure from `address` ("127.0.0.1:4711"; the port does not count). O(log addresses).
  Duration delay_after_failure(std::string_view address, Time mono);
  std::size_t size() const { return known_.size(); }

 private:
  struct Entry {
    unsigned failures = 0;
    Time last;
  };
  void make_room(Time mono);

  std::map<std::string, Entry, std::less<>> known_;
};

}  // namespace drover::server
