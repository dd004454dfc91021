// flow/rate_book.hpp - when a step with a rate rule may start.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>

#include "base/time.hpp"
#include "dag/workflow.hpp"

namespace drover::flow {

// The latest starts of each user and key, over all workflows. O(log keys).
class RateBook {
 public:
  // The earliest time, not before `now`, at which one more start keeps to the rule.
  Time earliest(std::uint32_t uid, const std::string& key, const dag::RateRule& rule,
                Time now) const;
  void note(std::uint32_t uid, const std::string& key, const dag::RateRule& rule, Time at);

 private:
  struct Starts {
    std::deque<Time> at;  // ascending
    Duration longest;     // interval of the rules that count them
  };
  std::map<std::pair<std::uint32_t, std::string>, Starts> starts_;
};

}  // namespace drover::flow
