// tests/unit/server/line_marks_test.cpp - marks are few, true, and near to whatever is asked for.
// SPDX-License-Identifier: Apache-2.0
#include "server/line_marks.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace drover::server {
namespace {

constexpr std::int64_t offset_of(std::int64_t line) { return line * 80; }

TEST(LineMarks, none_is_behind_what_is_asked_for) {
  LineMarks marks;
  EXPECT_FALSE(marks.before(1'000));
  marks.set({100, 8'000});
  EXPECT_FALSE(marks.before(99));
  EXPECT_EQ(marks.before(100), (LineMark{100, 8'000}));
  EXPECT_EQ(marks.before(5'000), (LineMark{100, 8'000}));
}

TEST(LineMarks, readers_at_two_places_keep_both) {
  LineMarks marks;
  marks.set({900'000, offset_of(900'000)});
  for (std::int64_t line = 5'000; line < 300'000; line += 5'000) {
    marks.set({line, offset_of(line)});
    EXPECT_EQ(marks.before(line)->line, line) << "the reader goes on where it was";
    EXPECT_EQ(marks.before(905'000)->line, 900'000) << "so does the other";
  }
}

// Pages in any order: once all were read, a page is at most an eighth of the text from a mark.
TEST(LineMarks, stay_few_true_and_spread) {
  std::mt19937 prng(7);
  for (int round = 0; round < 50; ++round) {
    std::vector<std::int64_t> lines;
    for (std::int64_t line = 0; line < 1'000; ++line) lines.push_back(line * 1'000);
    if (round > 0) std::shuffle(lines.begin(), lines.end(), prng);
    LineMarks marks;
    for (const std::int64_t line : lines) {
      marks.set({line, offset_of(line)});
      ASSERT_LE(marks.size(), LineMarks::kMost);
      ASSERT_EQ(marks.before(line)->line, line);
    }
    for (std::int64_t line = 125'000; line < 1'000'000; line += 777) {
      const auto mark = marks.before(line);
      ASSERT_TRUE(mark) << round << " " << line;
      ASSERT_EQ(mark->offset, offset_of(mark->line));
      if (round == 0) {
        ASSERT_LE(line - mark->line, 125'000) << line;
      }
    }
  }
}

}  // namespace
}  // namespace drover::server
