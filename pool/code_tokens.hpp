// pool/code_tokens.hpp - code as words, strings and comments: what rules about code look at.
// SPDX-License-Identifier: Apache-2.0
//
// Not a parser: it knows where strings and comments of a language begin and end, so that a rule is
// neither fooled by them nor wrong about them. What it does not know (a string that is not closed)
// ends with the code.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace drover::pool {

enum class CodeFamily : std::uint8_t { Sql, Python, Shell, CLike, Other };

// Of a language that a plugin speaks: "spark-sql", "pyspark", "bash". Other: no comments and no
// strings are known; all is words and signs.
CodeFamily family_of(std::string_view language);

struct Token {
  enum class Kind : std::uint8_t { Word, Sign, String, Comment };
  Kind kind = Kind::Sign;
  std::size_t begin = 0, end = 0;  // bytes
  std::uint32_t line = 1;
};

// In order; blanks are left out. A word of shell is what stands between blanks and operators
// ("/bin/rm", "spark-sql"); elsewhere letters, digits and '_'. O(code)
std::vector<Token> tokens_of(std::string_view code, CodeFamily family);

// Comments become blanks, line ends stay: positions and line numbers hold. Hints ("/*+ ... */") and
// a script's first line stay.
std::string without_comments(std::string_view code, CodeFamily family);

bool is_same_word(std::string_view a, std::string_view b, bool any_case);  // of ASCII letters

}  // namespace drover::pool
