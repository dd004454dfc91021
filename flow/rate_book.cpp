// flow/rate_book.cpp - a window over the latest starts.
// SPDX-License-Identifier: Apache-2.0
#include "flow/rate_book.hpp"

#include <algorithm>

namespace drover::flow {

Time RateBook::earliest(std::uint32_t uid, const std::string& key, const dag::RateRule& rule,
                        Time now) const {
  const auto found = starts_.find({uid, key});
  if (found == starts_.end() || found->second.size() < rule.starts) return now;
  return std::max(now, found->second[found->second.size() - rule.starts] + rule.interval);
}

void RateBook::note(std::uint32_t uid, const std::string& key, const dag::RateRule& rule, Time at) {
  auto& starts = starts_[{uid, key}];
  while (!starts.empty() && starts.front() + rule.interval <= at) starts.pop_front();
  starts.push_back(at);
}

}  // namespace drover::flow
