// tests/unit/base/index_set_test.cpp - index sets read, normalise and answer like a plain set of
// numbers.
// SPDX-License-Identifier: Apache-2.0
#include "base/index_set.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

#include "base/prng.hpp"

namespace drover {
namespace {

TEST(IndexSet, ReadsAndWritesTheNormalForm) {
  struct Row {
    const char* text;
    const char* normal;
    std::uint64_t count;
  };
  const Row rows[] = {
      {"7", "7", 1},
      {"0-9", "0-9", 10},
      {"1,2,3", "1-3", 3},
      {"3,1,2,2,2", "1-3", 3},
      {"1,100", "1,100", 2},
      {"1,3,5", "1-5:2", 3},
      {"0-99:2,200,300-310", "0-98:2,200,300-310", 62},
      {"0-10:2,12,14", "0-14:2", 8},
      {"1-9:2,2-8:2", "1-9", 9},
      {"0-1000000:3,3-9", "0-3:3", 0},  // only the round trip is asked below
      {"5-5:9", "5", 1},
      {"0-4294967295", "0-4294967295", 4294967296},
      {"4294967294,4294967295", "4294967294-4294967295", 2},
      {"0-4294967295:4294967295", "0,4294967295", 2},
      {"0-9,5-14,7-8:1", "0-14", 15},
      {"0-99,10-20:5", "0-99", 100},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.text);
    const auto set = IndexSet::parse(row.text, std::uint64_t(1) << 32);
    ASSERT_TRUE(set) << set.error().message;
    const auto again = IndexSet::parse(set->to_string(), std::uint64_t(1) << 32);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(*again, *set);
    if (row.count == 0) continue;
    EXPECT_EQ(set->to_string(), row.normal);
    EXPECT_EQ(set->count(), row.count);
  }
}

TEST(IndexSet, RefusesBadTextAndSaysWhich) {
  for (const char* text :
       {"", ",", "1,", ",1", "a", "1-", "-1", "3-1", "1-9:0", "1-9:", "1-9:x", "1:2", "4294967296",
        "1 ,2", "0-9%2", "1-2-3", "99999999999999999999", "0x10"}) {
    const auto set = IndexSet::parse(text);
    ASSERT_FALSE(set) << text;
    EXPECT_EQ(set.error().code, Errc::BadInput) << text;
    EXPECT_EQ(set.error().field, "array");
    EXPECT_FALSE(set.error().hint.empty());
  }
}

TEST(IndexSet, RefusesTooMuch) {
  EXPECT_EQ(IndexSet::parse("0-10", 10).error().code, Errc::Limit);
  EXPECT_TRUE(IndexSet::parse("0-9,0-9", 10));
  EXPECT_EQ(IndexSet::parse("0-4294967295").error().code, Errc::Limit);
  EXPECT_EQ(IndexSet::parse("0-4000000000:2,1-4000000001:3").error().code, Errc::Limit);
  std::string many = "0";
  for (int i = 1; i <= 10'000; ++i) many += "," + std::to_string(i);
  EXPECT_EQ(IndexSet::parse(many).error().code, Errc::Limit);
}

TEST(IndexSet, AMillionElementsAreOneRun) {
  const auto set = IndexSet::parse("0-999999");
  ASSERT_TRUE(set);
  EXPECT_EQ(set->runs().size(), 1u);
  EXPECT_EQ(set->max(), 999'999u);
  EXPECT_EQ(set->next_after(999'998), 999'999u);
  EXPECT_FALSE(set->next_after(999'999));
}

// Random texts against std::set. Canonical form: whatever the spelling, equal members are equal
// sets.
TEST(IndexSet, AnswersLikeAPlainSet) {
  const char* env = std::getenv("SEED");
  const std::uint64_t base = env != nullptr ? std::strtoull(env, nullptr, 10) : 1;
  for (std::uint64_t seed = base; seed < base + (env != nullptr ? 1 : 500); ++seed) {
    SCOPED_TRACE("replay: SEED=" + std::to_string(seed) +
                 " base_test --gtest_filter=IndexSet.AnswersLikeAPlainSet");
    Prng random(seed);
    std::set<std::uint32_t> model;
    std::string text;
    for (std::uint64_t piece = 1 + random.below(6); piece > 0; --piece) {
      const auto first = std::uint32_t(random.below(60)), step = std::uint32_t(1 + random.below(4));
      const auto last = first + std::uint32_t(random.below(20));
      for (std::uint32_t m = first; m <= last; m += step) model.insert(m);
      if (!text.empty()) text += ',';
      text += std::to_string(first) + "-" + std::to_string(last) + ":" + std::to_string(step);
    }
    std::string spelled;
    for (const std::uint32_t m : model) spelled += (spelled.empty() ? "" : ",") + std::to_string(m);
    const auto set = IndexSet::parse(text), plain = IndexSet::parse(spelled);
    ASSERT_TRUE(set && plain) << text;
    ASSERT_EQ(*set, *plain) << text;
    ASSERT_EQ(*IndexSet::parse(set->to_string()), *set) << text;
    ASSERT_EQ(IndexSet::from_runs(set->runs()), *set) << text;
    ASSERT_EQ(set->count(), model.size()) << text;
    ASSERT_EQ(set->first(), *model.begin());
    ASSERT_EQ(set->max(), *model.rbegin());
    for (std::uint32_t i = 0; i < 90; ++i) {
      ASSERT_EQ(set->contains(i), model.contains(i)) << text << " at " << i;
      const auto next = model.upper_bound(i);
      const auto got = set->next_after(i);
      ASSERT_EQ(got.has_value(), next != model.end()) << text << " after " << i;
      if (got) {
        ASSERT_EQ(*got, *next) << text << " after " << i;
      }
    }
  }
}

}  // namespace
}  // namespace drover
