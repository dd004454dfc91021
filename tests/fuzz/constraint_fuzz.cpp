// tests/fuzz/constraint_fuzz.cpp - what parses prints to a text that parses to the same.
// LINK: drover::rm
// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.hpp"
#include "rm/node_expression.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace drover;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto parsed = rm::parse_constraint(text);
  if (!parsed) {
    DROVER_CHECK(parsed.error().message.find('^') != std::string::npos, "a refusal shows where");
    return 0;
  }
  const std::string printed = rm::to_text(*parsed);
  if (printed.size() > rm::kExpressionMaxBytes) return 0;  // parentheses that were not needed
  const auto again = rm::parse_constraint(printed);
  DROVER_CHECK(again.has_value(), "what was printed is read");
  DROVER_CHECK(rm::to_text(*again) == printed, "and means the same");
  const rm::Labels facts{{"gpu", "1"}, {"a", "x"}, {"cpus", "64"}};
  DROVER_CHECK(rm::matches(parsed->all, facts) == rm::matches(again->all, facts), "on every node");
  return 0;
}
