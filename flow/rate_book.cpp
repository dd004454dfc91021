// flow/rate_book.cpp - a window over the latest starts.
// SPDX-License-Identifier: Apache-2.0
#include "flow/rate_book.hpp"

#include <algorithm>

namespace drover::flow {

Time RateBook::earliest(std::uint32_t uid, const std::string& key, const dag::RateRule& rule,
                        Time now) const {
  const auto found = starts_.find({uid, key});
  if (found == starts_.end() || found->second.at.size() < rule.starts) return now;
  const auto& starts = found->second.at;
  return std::max(now, starts[starts.size() - rule.starts] + rule.interval);
}

void RateBook::note(std::uint32_t uid, const std::string& key, const dag::RateRule& rule, Time at) {
  auto& [starts, longest] = starts_[{uid, key}];
  longest = std::max(longest, rule.interval);  // steps of one key may have rules of their own
  starts.insert(std::upper_bound(starts.begin(), starts.end(), at), at);
  while (starts.front() + longest <= starts.back()) starts.pop_front();
}

}  // namespace drover::flow
