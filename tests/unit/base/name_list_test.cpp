// tests/unit/base/name_list_test.cpp - node lists as people know them, and back.
// SPDX-License-Identifier: Apache-2.0
#include "base/name_list.hpp"

#include <gtest/gtest.h>

#include "base/prng.hpp"

namespace drover {
namespace {

using Names = std::vector<std::string>;

TEST(NameList, FoldsNeighboursAndKeepsTheOrder) {
  const struct {
    Names names;
    std::string text;
  } rows[] = {
      {{}, ""},
      {{"n1"}, "n1"},
      {{"n1", "n2", "n3", "n4"}, "n[1-4]"},
      {{"n1", "n2", "n7"}, "n[1-2,7]"},
      {{"n10", "n2", "n3"}, "n[10,2-3]"},
      {{"n09", "n10", "n11"}, "n[09-11]"},
      {{"n9", "n10"}, "n[9-10]"},
      {{"n09", "n010"}, "n[09,010]"},
      {{"a1", "b2", "b3"}, "a1,b[2-3]"},
      {{"a.example.org", "n1"}, "a.example.org,n1"},
      {{"7", "8"}, "[7-8]"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(fold_names(row.names), row.text);
    const auto back = unfold_names(row.text, 100);
    ASSERT_TRUE(back) << row.text;
    EXPECT_EQ(*back, row.names);
    if (!row.names.empty()) {
      EXPECT_EQ(first_name(row.text), row.names.front());
    }
  }
}

TEST(NameList, RefusesWhatIsNoList) {
  for (const char* text : {",", "a,", "n[1-", "n[1", "n[]", "n[a]", "n[2-1]", "n[1-2][3]", "n[1-9]",
                           "n[1,]", "n[1-2],", "n[1-99999999999999999999]"})
    EXPECT_FALSE(unfold_names(text, 5)) << text;
  EXPECT_EQ(*unfold_names("n[1-2].org", 5), (Names{"n1.org", "n2.org"}));
}

TEST(NameList, UnfoldsWhatItFolds) {
  Prng random(11);
  for (int round = 0; round < 2'000; ++round) {
    Names names;
    for (std::uint64_t n = random.below(8); n > 0; --n) {
      std::string digits = std::to_string(random.below(14));
      if (random.chance(30)) digits.insert(0, "0");
      names.push_back((random.chance(50) ? "n" : "x") + (random.chance(90) ? digits : ""));
    }
    const std::string text = fold_names(names);
    const auto back = unfold_names(text, 8);
    ASSERT_TRUE(back) << text;
    ASSERT_EQ(*back, names) << text;
  }
}

}  // namespace
}  // namespace drover
