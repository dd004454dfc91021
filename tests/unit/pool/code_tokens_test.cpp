// tests/unit/pool/code_tokens_test.cpp - strings and comments of each family.
// SPDX-License-Identifier: Apache-2.0
#include "pool/code_tokens.hpp"

#include <gtest/gtest.h>

#include "base/prng.hpp"

namespace drover::pool {
namespace {

using enum CodeFamily;

// w(ord) s(ign) t(ext) c(omment), each with what it is.
std::string shown(std::string_view code, CodeFamily family) {
  std::string out;
  for (const Token& token : tokens_of(code, family)) {
    out += "wstc"[std::size_t(token.kind)];
    out += '[' + std::string(code.substr(token.begin, token.end - token.begin)) + ']';
  }
  return out;
}

TEST(CodeTokens, StringsAndCommentsEndWhereTheyDo) {
  struct Row {
    CodeFamily family;
    const char *code, *wanted;
  };
  const Row rows[] = {
      {Sql, "", ""},
      {Sql, "select 'a--b' -- c", "w[select]t['a--b']c[-- c]"},
      {Sql, "'it''s'", "t['it']t['s']"},
      {Sql, "e'it\\'s' x", "w[e]t['it\\'s']w[x]"},
      {Sql, "me'a\\' x", "w[me]t['a\\']w[x]"},
      {Sql, "\"a;b\" `c;d`", "t[\"a;b\"]t[`c;d`]"},
      {Sql, "/* a /* b */ c */x", "c[/* a /* b */ c */]w[x]"},
      {Sql, "/* open", "c[/* open]"},
      {Sql, "$$ ; $$ $x$ $$ $x$ $1", "t[$$ ; $$]t[$x$ $$ $x$]s[$]w[1]"},
      {Sql, "a - -1--b", "w[a]s[-]s[-]w[1]c[--b]"},
      {Sql, "'open", "t['open]"},
      {Python, "a = '#' # b", "w[a]s[=]t['#']c[# b]"},
      {Python, "'''a'b\n'''c", "t['''a'b\n''']w[c]"},
      {Python, "'a\\'b' \"\\\\\"x", "t['a\\'b']t[\"\\\\\"]w[x]"},
      {Python, "'open\nx", "t['open]w[x]"},
      {Python, "'''open\\", "t['''open\\]"},
      {Shell, "rm -rf /tmp # all", "w[rm]w[-rf]w[/tmp]c[# all]"},
      {Shell, "echo ${#a} $# a#b", "w[echo]s[$]s[{]w[#a]s[}]s[$]w[#]w[a#b]"},
      {Shell, "spark-sql;'a\\'b", "w[spark-sql]s[;]t['a\\']w[b]"},
      {Shell, "a\\ b \"c\\\"d\"", "w[a\\ b]t[\"c\\\"d\"]"},
      {Shell, "(#c\nx", "s[(]c[#c]w[x]"},
      {CLike, "a // b\n/* /* */c", "w[a]c[// b]c[/* /* */]w[c]"},
      {Other, "'a' # b", "s[']w[a]s[']s[#]w[b]"},
  };
  for (const Row& row : rows) EXPECT_EQ(shown(row.code, row.family), row.wanted) << row.code;
}

TEST(CodeTokens, CommentsGoAndLinesStay) {
  EXPECT_EQ(without_comments("select 1 -- one\n/* a\nb */, '--'", Sql),
            "select 1       \n    \n    , '--'");
  EXPECT_EQ(without_comments("select /*+ hint */ 1", Sql), "select /*+ hint */ 1");
  EXPECT_EQ(without_comments("#!/bin/bash\n#x\necho", Shell), "#!/bin/bash\n  \necho");
}

TEST(CodeTokens, LanguagesHaveFamilies) {
  EXPECT_EQ(family_of("spark-sql"), Sql);
  EXPECT_EQ(family_of("pyspark"), Python);
  EXPECT_EQ(family_of("bash"), Shell);
  EXPECT_EQ(family_of("cobol"), Other);
}

TEST(CodeTokensProperty, TokensCoverAllButBlanksInOrder) {
  constexpr std::string_view kPieces[] = {"'", "\"", "--", "/*", "*/", "#", "$$", "\\", "\n",
                                          " ", "a",  "(",  ")",  ";",  "$", "{",  "`",  "e'"};
  Prng random(7);
  for (int round = 0; round < 2000; ++round) {
    std::string code;
    for (std::uint64_t i = random.below(30); i > 0; --i)
      code += kPieces[random.below(std::size(kPieces))];
    for (const CodeFamily family : {Sql, Python, Shell, CLike, Other}) {
      std::size_t at = 0;
      for (const Token& token : tokens_of(code, family)) {
        ASSERT_LT(token.begin, token.end) << code;
        ASSERT_LE(token.end, code.size()) << code;
        for (; at < token.begin; ++at)
          ASSERT_NE(std::string_view(" \n").find(code[at]), std::string_view::npos) << code;
        ASSERT_EQ(at, token.begin) << code;
        at = token.end;
      }
      ASSERT_EQ(without_comments(code, family).size(), code.size());
    }
  }
}

}  // namespace
}  // namespace drover::pool
