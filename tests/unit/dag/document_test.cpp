// tests/unit/dag/document_test.cpp - JSON and TOML as one tree, and how they are refused.
// SPDX-License-Identifier: Apache-2.0
#include "dag/document.hpp"

#include <gtest/gtest.h>

#include <functional>

namespace drover::dag {
namespace {

using Kind = DocValue::Kind;

TEST(Document, JsonAndTomlGiveTheSameTreeWithTheirLines) {
  const std::string json = R"({
  "name": "a\n\"b\"",
  "max": 7, "share": 0.5,
  "steps": [
    {"on": true},
    null
  ]
})";
  const auto tree = parse_document(json, "f.json");
  ASSERT_TRUE(tree) << tree.error().message;
  EXPECT_EQ(tree->kind, Kind::Table);
  EXPECT_EQ(tree->find("name")->text, "a\n\"b\"");
  EXPECT_EQ(tree->find("name")->line, 2u);
  EXPECT_EQ(tree->find("max")->integer, 7);
  EXPECT_EQ(tree->find("share")->real, 0.5);
  const DocValue& steps = *tree->find("steps");
  ASSERT_EQ(steps.items.size(), 2u);
  EXPECT_EQ(steps.items[0].line, 5u);
  EXPECT_TRUE(steps.items[0].find("on")->flag);
  EXPECT_EQ(steps.items[1].kind, Kind::Null);
  EXPECT_EQ(steps.items[1].line, 6u);
  EXPECT_EQ(tree->find("nothing"), nullptr);

  const auto toml =
      parse_document("name = 'x'\n[[step]]\nmax = 7\n[[step]]\non = true\n", "f.toml");
  ASSERT_TRUE(toml) << toml.error().message;
  EXPECT_EQ(toml->find("name")->text, "x");
  ASSERT_EQ(toml->find("step")->items.size(), 2u);
  EXPECT_EQ(toml->find("step")->items[0].find("max")->integer, 7);
  EXPECT_EQ(toml->find("step")->items[1].find("on")->line, 5u);
}

struct Bad {
  const char* name;
  std::function<std::string()> text;
  Errc code;
  const char* says;
  friend std::ostream& operator<<(std::ostream& out, const Bad& bad) { return out << bad.name; }
};
class BadDocument : public testing::TestWithParam<Bad> {};

TEST_P(BadDocument, IsRefusedWithItsLine) {
  const auto tree = parse_document(GetParam().text(), "f");
  ASSERT_FALSE(tree);
  EXPECT_EQ(tree.error().code, GetParam().code);
  EXPECT_NE(tree.error().message.find(GetParam().says), std::string::npos) << tree.error().message;
}

std::string nested(std::size_t depth, char open, char close) {
  return "{\"x\":" + std::string(depth, open) + std::string(depth, close) + "}";
}

INSTANTIATE_TEST_SUITE_P(
    Document, BadDocument,
    testing::Values(
        Bad{"cut_off", [] { return "{\n\"a\": [1,\n"; }, Errc::BadInput, "f:"},
        Bad{"no_comma", [] { return "{\"a\": 1 \"b\": 2}"; }, Errc::BadInput, "f:1: "},
        Bad{"twice", [] { return "{\"a\": 1,\n\"a\": 2}"; }, Errc::BadInput,
            "f:2: \"a\" comes twice"},
        Bad{"behind", [] { return "{} {}"; }, Errc::BadInput, "behind the end"},
        Bad{"huge_number", [] { return "{\"a\": 18446744073709551615}"; }, Errc::BadInput,
            "beyond 64 bits"},
        Bad{"no_utf8", [] { return std::string("{\"a\": \"\xff\"}"); }, Errc::BadInput, "f:1: "},
        Bad{"deep_list", [] { return nested(40, '[', ']'); }, Errc::Limit, "32 levels"},
        Bad{"very_deep", [] { return nested(100'000, '[', ']'); }, Errc::Limit, "32 levels"},
        Bad{"too_long", [] { return "\n\n" + std::string(kDocumentBytesMax, ' '); }, Errc::Limit,
            "f:3: the document has"},
        Bad{"deep_toml", [] { return "\na = " + std::string(40, '[') + std::string(40, ']'); },
            Errc::Limit, "f:2: nested more than 32 levels"},
        Bad{"very_deep_toml",
            [] { return "\na = " + std::string(300, '[') + std::string(300, ']'); }, Errc::Limit,
            "f:2: nested more than 32 levels"},
        Bad{"toml", [] { return "a = 1\nb = \n"; }, Errc::BadInput, "f:2: "},
        Bad{"toml_twice", [] { return "a = 1\na = 2\n"; }, Errc::BadInput, "f:2: "},
        Bad{"toml_date", [] { return "\na = 2026-01-01\n"; }, Errc::BadInput, "f:2: dates"}),
    [](const auto& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace drover::dag
