// tests/unit/linkis/envelope_test.cpp - answers as clients parse them, bodies as they send them.
// SPDX-License-Identifier: Apache-2.0
#include "linkis/envelope.hpp"

#include <gtest/gtest.h>

#include "linkis/cookie.hpp"
#include "linkis/log_text.hpp"

namespace drover::linkis {
namespace {

TEST(Envelope, is_one_object_in_the_order_of_the_contract) {
  Json data;
  data["execID"] = "x";
  data["taskID"] = 12;
  EXPECT_EQ(
      envelope("/api/entrance/submit", Status::Ok, "OK", data),
      R"({"method":"/api/entrance/submit","status":0,"message":"OK","data":{"execID":"x","taskID":12}})");
  EXPECT_EQ(envelope("/api/x", Status::Ok, "OK", {}),
            R"({"method":"/api/x","status":0,"message":"OK","data":{}})");
}

TEST(Envelope, a_status_has_its_http_code) {
  EXPECT_EQ(http_code(Status::Ok), 200);
  EXPECT_EQ(http_code(Status::Error), 400);
  EXPECT_EQ(http_code(Status::NotLoggedIn), 401);
  EXPECT_EQ(http_code(Status::Validation), 412);
  EXPECT_EQ(http_code(Status::NoPermission), 403);
  EXPECT_EQ(http_code(Status::Warning), 206);
}

TEST(Envelope, no_failure_of_a_handler_looks_like_a_missing_login) {
  for (const Errc code : {Errc::BadInput, Errc::NotFound, Errc::Denied, Errc::Conflict, Errc::Limit,
                          Errc::Unsupported, Errc::Unavailable, Errc::Corrupt, Errc::Io})
    EXPECT_NE(status_of(code), Status::NotLoggedIn);
}

TEST(Envelope, an_error_has_code_text_and_hint_twice) {
  const Error error{Errc::BadInput, "there is no code", "give some", "script"};
  const Json answer = Json::parse(error_envelope("/api/entrance/submit", error));
  EXPECT_EQ(answer["status"], 1);
  EXPECT_EQ(answer["message"], "error code: 20007, error message: there is no code; give some");
  EXPECT_EQ(answer["data"]["errorMsg"]["errCode"], 20007);
  EXPECT_EQ(answer["data"]["errorMsg"]["desc"], "there is no code; give some");
}

TEST(Envelope, what_is_no_utf8_is_replaced) {
  EXPECT_EQ(envelope("/a", Status::Ok, "\xff", {}),
            "{\"method\":\"/a\",\"status\":0,\"message\":\"\xef\xbf\xbd\",\"data\":{}}");
}

TEST(Method, drops_the_base) {
  EXPECT_EQ(method_of("/api/rest_j/v1/user/login"), "/api/user/login");
  EXPECT_EQ(method_of("/other"), "/other");
}

TEST(Body, what_is_no_object_is_refused) {
  for (const char* text : {"", "[]", "1", "{", "{\"a\":\"\xff\"}", "null", "{\"a\":1}x"})
    EXPECT_FALSE(parse_object(text)) << text;
  const std::string deep = "{\"a\":" + std::string(100, '[') + std::string(100, ']') + "}";
  EXPECT_FALSE(parse_object(deep));
  EXPECT_FALSE(parse_object("{\"a\":" + std::string(1'000'000, '[')));
  EXPECT_TRUE(parse_object("{\"a\":\"[[[\\\"[[\"}"));
}

TEST(Body, numbers_and_texts_are_read_as_either) {
  const Json body = Json::parse(
      R"({"a":"12","b":12,"c":1.5,"d":null,"e":18446744073709551615,"f":"x","g":{"h":1}})");
  EXPECT_EQ(number_of(body, "a", 0), 12);
  EXPECT_EQ(number_of(body, "b", 0), 12);
  EXPECT_EQ(number_of(body, "c", 7), 7);
  EXPECT_EQ(number_of(body, "d", 7), 7);
  EXPECT_EQ(number_of(body, "e", 7), 7);
  EXPECT_EQ(number_of(body, "f", 7), 7);
  EXPECT_EQ(number_of(body, "none", 7), 7);
  EXPECT_EQ(text_of(body, "b"), "12");
  EXPECT_EQ(text_of(body, "f"), "x");
  EXPECT_EQ(text_of(body, "d", "z"), "z");
  EXPECT_EQ(object_of(body, "g").size(), 1u);
  EXPECT_TRUE(object_of(body, "a").empty());
  EXPECT_TRUE(object_of(Json(3), "a").empty());
}

TEST(Cookie, is_found_among_others) {
  EXPECT_EQ(cookie_value("a=1; b=2;c=\"3\"", "b"), "2");
  EXPECT_EQ(cookie_value("a=1; b=2;c=\"3\"", "c"), "3");
  EXPECT_EQ(cookie_value("aa=1", "a"), "");
  EXPECT_EQ(cookie_value("", "a"), "");
  EXPECT_EQ(cookie_value("a", "a"), "");
  EXPECT_EQ(cookie_value(";;=;", "a"), "");
}

TEST(LogText, a_line_has_its_time_and_level) {
  EXPECT_EQ(log_line(Time{1'790'000'000'123'456}, Level::Warn, "x"),
            "2026-09-21 14:13:20.123 WARN x");
}

TEST(LogText, splits_into_four) {
  const std::string text =
      "plain\n2026-09-21 14:13:20.123 ERROR bad\nmore\n2026-09-21 14:13:20.123 WARN hm\nlast";
  const auto lines = lines_of(text);
  ASSERT_EQ(lines.size(), 5u);
  const FourLogs live = split_log(lines, false);
  EXPECT_EQ(live[0], "2026-09-21 14:13:20.123 ERROR bad");
  EXPECT_EQ(live[1], "2026-09-21 14:13:20.123 WARN hm");
  EXPECT_EQ(live[2], "plain\nmore\nlast");
  EXPECT_EQ(live[3], text);
  const FourLogs file = split_log(lines, true);
  EXPECT_EQ(file[0], "2026-09-21 14:13:20.123 ERROR bad\nmore");
  EXPECT_EQ(file[1], "2026-09-21 14:13:20.123 WARN hm\nlast");
  EXPECT_EQ(file[2], "plain");
  EXPECT_EQ(split_log({}, false), FourLogs{});
}

}  // namespace
}  // namespace drover::linkis
