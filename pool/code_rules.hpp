// pool/code_rules.hpp - what code of a site must not contain.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "pool/code_tokens.hpp"

namespace drover::pool {

// "shell: rm", "sql: drop database", "python: os.system": words and signs in this order, whatever
// blanks and comments are between them; "*" is any one of them. In shell a word also means the
// program of that name in any folder ("/bin/rm"); in SQL letters are of either case. Strings and
// comments are not looked into.
struct CodeRule {
  CodeFamily family = CodeFamily::Other;
  std::string language;  // exactly this one; empty = all of the family
  std::string text;      // as it was written
  std::vector<std::string> words;
};
// BadInput: no "LANGUAGE: ", or nothing behind it.
Result<CodeRule> parse_code_rule(std::string_view text);

struct Breach {
  std::string rule;
  std::uint32_t line = 1;
};
std::optional<Breach> find_breach(const std::vector<CodeRule>& rules, std::string_view language,
                                  std::string_view code);  // O(rules * code)

}  // namespace drover::pool
