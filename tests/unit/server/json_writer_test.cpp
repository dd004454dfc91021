// tests/unit/server/json_writer_test.cpp - commas, escapes, broken UTF-8; errors on the wire.
// SPDX-License-Identifier: Apache-2.0
#include "server/json_writer.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "server/problem.hpp"

namespace drover::server {
namespace {

TEST(JsonWriter, nests_with_commas_in_place) {
  std::string text;
  JsonWriter out(text);
  out.begin_object();
  out.field("a", 1);
  out.key("b");
  out.begin_array();
  out.value("x");
  out.begin_object();
  out.end_object();
  out.null();
  out.end_array();
  out.field("c", 1.5);
  out.field("d", true);
  out.end_object();
  EXPECT_EQ(text, R"({"a":1,"b":["x",{},null],"c":1.5,"d":true})");
}

TEST(JsonWriter, any_bytes_come_out_as_valid_json) {
  for (const std::string& bytes :
       {std::string("plain"), std::string("q\"b\\n\n\t\r\x01\x1b[31m"),
        std::string("\xff\xfe ok \xc3"), std::string("\xe2\x82\xac euro"),
        std::string("nul\0in", 6), std::string("\xed\xa0\x80")}) {
    std::string text;
    JsonWriter(text).value(bytes);
    EXPECT_TRUE(nlohmann::json::accept(text)) << text;
  }
}

TEST(Problem, carries_code_hint_and_field) {
  const Error error{Errc::Limit, "too many", "wait", "array"};
  const auto response = problem(error, "r-1");
  EXPECT_EQ(response.status, 422);
  EXPECT_EQ(response.content_type, "application/problem+json");
  const auto json = nlohmann::json::parse(response.body);
  EXPECT_EQ(json["type"], "urn:drover:error:limit");
  EXPECT_EQ(json["status"], 422);
  EXPECT_EQ(json["error"]["hint"], "wait");
  EXPECT_EQ(json["error"]["field"], "array");
  EXPECT_EQ(json["error"]["request_id"], "r-1");
  EXPECT_EQ(json["error"]["retryable"], false);
}

TEST(Problem, unavailable_asks_to_come_back) {
  const auto response = problem({Errc::Unavailable, "full", "", ""}, "r-1");
  EXPECT_EQ(response.status, 503);
  ASSERT_FALSE(response.headers.empty());
  EXPECT_EQ(response.headers[0].first, "Retry-After");
}

}  // namespace
}  // namespace drover::server
