// tests/unit/cli/selector_test.cpp - names of jobs.
// SPDX-License-Identifier: Apache-2.0
#include "cli/selector.hpp"

#include <gtest/gtest.h>

namespace drover::cli {
namespace {

std::string shown(const std::vector<std::string>& words) {
  const auto selector = parse_selector(words);
  if (!selector) return "error: " + selector.error().message;
  std::string text = to_text(selector->ranges);
  for (const auto& element : selector->elements)
    text += " " + std::to_string(element.job) + "." + element.indexes;
  for (const std::uint32_t back : selector->last) text += " last~" + std::to_string(back);
  return text + (selector->all ? " all" : "");
}

TEST(Selectors, AreRead) {
  struct {
    std::vector<std::string> words;
    const char* expected;
  } const rows[] = {
      {{"5"}, "5"},
      {{"1,3,5-8"}, "1,3,5-8"},
      {{"1", "3-4"}, "1,3-4"},
      {{"12.3"}, " 12.3"},
      {{"12_3"}, " 12.3"},
      {{"12.[1-3,7]"}, " 12.1-3,7"},
      {{"12.[1,2],4"}, "4 12.1,2"},
      {{"last"}, " last~0"},
      {{"last~2,7"}, "7 last~2"},
      {{"all"}, " all"},
      {{}, "error: which job?"},
      {{"0"}, "error: \"0\" names no job"},
      {{"x"}, "error: \"x\" names no job"},
      {{""}, "error: \"\" names no job"},
      {{"5-"}, "error: \"5-\" names no job"},
      {{"8-5"}, "error: \"8-5\" names no job"},
      {{"-5"}, "error: \"-5\" names no job"},
      {{"12.x"}, "error: \"12.x\" names no job"},
      {{"last~"}, "error: \"last~\" names no job"},
      {{"99999999999999999999"}, "error: \"99999999999999999999\" names no job"},
      {{"1-18446744073709551615"}, "error: more than 1,000,000 jobs are selected"},
      {{"1-600000,700000-1300000"}, "error: more than 1,000,000 jobs are selected"},
  };
  for (const auto& row : rows) EXPECT_EQ(shown(row.words), row.expected);
}

}  // namespace
}  // namespace drover::cli
