// tests/unit/linkis/proxy_tokens_test.cpp - which token lets whom act for whom, and until when.
// SPDX-License-Identifier: Apache-2.0
#include "linkis/proxy_tokens.hpp"

#include <gtest/gtest.h>

namespace drover::linkis {
namespace {

const std::string kSecret(32, 's');

TEST(ProxyTokens, the_first_file_can_be_read) {
  const auto tokens = parse_tokens(first_tokens(kSecret, "drover"));
  ASSERT_TRUE(tokens) << tokens.error().message;
  ASSERT_EQ(tokens->size(), 1u);
  const ProxyToken& token = tokens->front();
  EXPECT_EQ(token.secret, kSecret);
  EXPECT_TRUE(allows(token, "ann", false, "10.0.0.1", Time{1}));
  EXPECT_TRUE(allows(token, "drover", true, "10.0.0.1", Time{1}));
  EXPECT_FALSE(allows(token, "root", true, "10.0.0.1", Time{1})) << "operators are named";
}

TEST(ProxyTokens, users_hosts_and_days_are_kept_to) {
  const auto tokens =
      parse_tokens("\n# comment\n" + kSecret + "\tann,bob  127.0.0.1 2027-01-31 # x\n");
  ASSERT_TRUE(tokens) << tokens.error().message;
  const ProxyToken& token = tokens->front();
  const Time before{1'801'353'599'000'000}, after{1'801'353'600'000'000};  // 2027-01-31T00:00Z
  EXPECT_TRUE(allows(token, "ann", false, "127.0.0.1", before));
  EXPECT_TRUE(allows(token, "bob", true, "127.0.0.1", before)) << "named, operator or not";
  EXPECT_FALSE(allows(token, "cid", false, "127.0.0.1", before));
  EXPECT_FALSE(allows(token, "ann", false, "127.0.0.2", before));
  EXPECT_FALSE(allows(token, "ann", false, "127.0.0.1", after));
}

TEST(ProxyTokens, what_is_wrong_is_named_by_its_line) {
  struct Row {
    const char* what;
    std::string text;
  };
  for (const Row& row :
       {Row{"short", "BML-AUTH * * never"}, Row{"three words", kSecret + " * never"},
        Row{"no day", kSecret + " * * soon"}, Row{"a time", kSecret + " * * 16:00"},
        Row{"five words", kSecret + " * * never x"}}) {
    const auto tokens = parse_tokens("# one\n" + row.text);
    ASSERT_FALSE(tokens) << row.what;
    EXPECT_NE(tokens.error().message.find("line 2"), std::string::npos) << tokens.error().message;
    EXPECT_EQ(tokens.error().message.find(kSecret), std::string::npos) << "secrets are not told";
  }
}

TEST(ProxyTokens, nobody_is_let_in_by_an_empty_file) { EXPECT_TRUE(parse_tokens("")->empty()); }

}  // namespace
}  // namespace drover::linkis
