// tests/unit/cli/items_test.cpp - entries of files become elements of an array.
// SPDX-License-Identifier: Apache-2.0
#include "cli/items.hpp"

#include <gtest/gtest.h>

#include <sstream>

namespace drover::cli {
namespace {

std::string lines(const std::string& text) {
  std::istringstream from(text);
  const Result<Json> items = read_item_lines(from, "list.txt");
  return items ? to_text(*items) : "error: " + items.error().message;
}

std::string json(const std::string& text) {
  const Result<Json> items = read_item_json(text, "list.json");
  return items ? to_text(*items) : "error: " + items.error().message;
}

TEST(Items, AreTheLinesThatAreNotEmpty) {
  EXPECT_EQ(lines("a\n\nb c\r\n d"), R"(["a","b c"," d"])");
  EXPECT_EQ(lines("\n\n"), "error: list.txt has no entries");
  EXPECT_EQ(lines("ok\n\xff\n"), "error: list.txt, entry 2 is not UTF-8 text");
  EXPECT_EQ(lines("x\n" + std::string(65'537, 'y')),
            "error: list.txt, entry 2 is longer than 64 KiB");
  std::string many;
  for (int i = 0; i < 300; ++i) many += std::string(60'000, 'z') + "\n";
  EXPECT_EQ(lines(many), "error: the entries of list.txt are longer than 16 MiB together");
  many.clear();
  for (int i = 0; i < 1'000'001; ++i) many += "1\n";
  EXPECT_EQ(lines(many), "error: list.txt has more than 1000000 entries");
}

TEST(Items, AreTheValuesOfAList) {
  EXPECT_EQ(json(R"(["a", {"x": [1, 2]}, 7, null, "é"])"),
            R"(["a","{\"x\":[1,2]}","7","null","é"])");
  EXPECT_EQ(json("{}"), "error: list.json does not hold a JSON list");
  EXPECT_EQ(json("[]"), "error: list.json has no entries");
  EXPECT_TRUE(json("[1,").starts_with("error: "));
}

TEST(Items, ReachTheCommand) {
  struct Row {
    const char *before, *after;
  };
  const Row rows[] = {
      {R"(["gzip","{}"])", R"(["gzip","${item}"])"},
      {R"(["a","x-{}-{}"])", R"(["a","x-${item}-${item}"])"},
      {R"(["echo","hi"])", R"(["echo","hi","${item}"])"},
      {R"(["sh","-c","echo $DROVER_ITEM"])", R"(["sh","-c","echo $DROVER_ITEM"])"},
      {R"(["a","${item}.out"])", R"(["a","${item}.out"])"},
      {R"([])", R"(["${item}"])"},
  };
  for (const Row& row : rows) {
    Json spec{{"argv", Json::parse(row.before)}};
    use_items(spec);
    EXPECT_EQ(to_text(spec["argv"]), row.after);
  }
  Json script{{"script", "#!/bin/sh\nwork \"$DROVER_ITEM\"\n"}};
  use_items(script);
  EXPECT_TRUE(script["argv"].empty());
}

}  // namespace
}  // namespace drover::cli
