// tests/unit/sched/policy_test.cpp - policies are read as people write them.
// SPDX-License-Identifier: Apache-2.0
#include "sched/policy.hpp"

#include <gtest/gtest.h>

namespace drover::sched {
namespace {

struct Row {
  std::string text, printed;  // printed empty = refused
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.text; }
class Policy : public testing::TestWithParam<Row> {};

TEST_P(Policy, IsReadAndPrinted) {
  const auto policy = parse_policy(GetParam().text);
  ASSERT_EQ(policy.has_value(), !GetParam().printed.empty());
  if (!policy) {
    EXPECT_FALSE(policy.error().hint.empty());
    return;
  }
  EXPECT_EQ(to_string(*policy), GetParam().printed);
  EXPECT_EQ(parse_policy(to_string(*policy)).value(), *policy);
}
INSTANTIATE_TEST_SUITE_P(
    Table, Policy,
    testing::Values(Row{"fcfs", "fifo+none"}, Row{"easy", "fifo+easy"},
                    Row{"easy-sjbf", "fifo+easy-sjbf"}, Row{"conservative", "fifo+conservative"},
                    Row{"depth-k:50", "fifo+depth-k:50"}, Row{"fifo", "fifo+easy"},
                    Row{"saf-guard", "saf-guard:86400s+easy"},
                    Row{"saf-guard:12h+easy-sjbf", "saf-guard:43200s+easy-sjbf"},
                    Row{"priority+none", "priority+none"}, Row{"eazy", ""}, Row{"", ""},
                    Row{"fifo+", ""}, Row{"fifo:3+easy", ""}, Row{"depth-k:0", ""},
                    Row{"saf-guard:soon", ""}, Row{"easy:2", ""}, Row{"+", ""}));

TEST(Policy, AnUnknownWordIsToldTheShortOnesToo) {
  const auto refused = parse_policy("fcsf");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "there is no policy 'fcsf'");
  EXPECT_TRUE(refused.error().hint.starts_with("did you mean fcfs? known: fcfs, easy, "))
      << refused.error().hint;
}

}  // namespace
}  // namespace drover::sched
