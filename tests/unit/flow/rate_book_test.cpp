// tests/unit/flow/rate_book_test.cpp - so many starts in every interval.
// SPDX-License-Identifier: Apache-2.0
#include "flow/rate_book.hpp"

#include <gtest/gtest.h>

namespace drover::flow {
namespace {

TEST(RateBook, KeepsEveryIntervalToTheRule) {
  RateBook book;
  const dag::RateRule rule{3, seconds(10), "api"};
  std::vector<Time> starts;
  Time now{1'000'000};
  for (int i = 0; i < 50; ++i) {
    const Time at = book.earliest(1, "api", rule, now);
    book.note(1, "api", rule, at);
    starts.push_back(at);
    now = at + millis(i * 37 % 400);
  }
  for (std::size_t i = 3; i < starts.size(); ++i)
    EXPECT_GE((starts[i] - starts[i - 3]).us, seconds(10).us) << i;
}

TEST(RateBook, UsersAndKeysDoNotShare) {
  RateBook book;
  const dag::RateRule rule{1, seconds(10), "api"};
  const Time now{5'000'000};
  book.note(1, "api", rule, now);
  EXPECT_EQ(book.earliest(1, "api", rule, now), now + seconds(10));
  EXPECT_EQ(book.earliest(2, "api", rule, now), now);
  EXPECT_EQ(book.earliest(1, "db", rule, now), now);
}

}  // namespace
}  // namespace drover::flow
