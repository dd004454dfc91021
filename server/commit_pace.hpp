// server/commit_pace.hpp - how long commits took lately, and so who had better write the next one.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/time.hpp"

namespace drover::server {

struct BatchSize {
  std::size_t records = 0, bytes = 0;  // bytes: of texts, about
};

// To hand a batch over wakes two threads, which takes as long as a good disk takes for a few
// records: those are better written at once. More of them, or a disk that has been slow, would keep
// the loop from its other work. At first nothing is known, which counts as slow; one commit of a
// second leaves the next forty to the thread.
class CommitPace {
 public:
  static constexpr std::size_t kFewRecords = 32, kFewBytes = 64 << 10;
  static constexpr Duration kQuick = millis(1);

  void learn(Duration took) { lately_.us += (took.us - lately_.us) / kOneIn; }
  bool writes_at_once(BatchSize size) const {
    return size.records <= kFewRecords && size.bytes <= kFewBytes && lately_ <= kQuick;
  }

 private:
  static constexpr std::int64_t kOneIn = 8;  // the weight of the latest commit in the mean

  Duration lately_{kQuick.us * kOneIn};
};

}  // namespace drover::server
