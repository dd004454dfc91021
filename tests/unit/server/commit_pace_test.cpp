// tests/unit/server/commit_pace_test.cpp - only few records, and only to a disk that is quick, are
// written by the loop.
// SPDX-License-Identifier: Apache-2.0
#include "server/commit_pace.hpp"

#include <gtest/gtest.h>

namespace drover::server {
namespace {

constexpr Duration kGood{300};

CommitPace of_a_good_disk() {
  CommitPace pace;
  for (int i = 0; i < 100; ++i) pace.learn(kGood);
  return pace;
}

int commits_until_quick(CommitPace pace, Duration each) {
  int count = 0;
  for (; !pace.writes_at_once({1, 100}) && count < 1'000; ++count) pace.learn(each);
  return count;
}

TEST(CommitPace, nothing_is_known_at_first) {
  EXPECT_FALSE(CommitPace().writes_at_once({1, 100}));
  EXPECT_EQ(commits_until_quick({}, kGood), 18);
}

TEST(CommitPace, many_records_go_to_the_thread) {
  const CommitPace pace = of_a_good_disk();
  EXPECT_TRUE(pace.writes_at_once({CommitPace::kFewRecords, 0}));
  EXPECT_FALSE(pace.writes_at_once({CommitPace::kFewRecords + 1, 0}));
  EXPECT_TRUE(pace.writes_at_once({1, CommitPace::kFewBytes}));
  EXPECT_FALSE(pace.writes_at_once({1, CommitPace::kFewBytes + 1}));
}

TEST(CommitPace, one_hiccup_is_none) {
  CommitPace pace = of_a_good_disk();
  pace.learn(millis(4));
  EXPECT_TRUE(pace.writes_at_once({1, 100}));
}

TEST(CommitPace, a_slow_disk_is_left_to_the_thread) {
  CommitPace pace = of_a_good_disk();
  pace.learn(seconds(1));
  EXPECT_FALSE(pace.writes_at_once({1, 100}));
  EXPECT_EQ(commits_until_quick(pace, kGood), 39);
  EXPECT_EQ(commits_until_quick(pace, millis(2)), 1'000) << "as long as it is slow";
}

}  // namespace
}  // namespace drover::server
