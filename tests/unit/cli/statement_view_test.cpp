// tests/unit/cli/statement_view_test.cpp - results and failures of statements as text.
// SPDX-License-Identifier: Apache-2.0
#include "cli/statement_view.hpp"

#include <gtest/gtest.h>

namespace drover::cli {
namespace {

Json answer_with(const char* results, const char* state = "succeeded", int code = 0) {
  Json answer{{"job", {{"id", 7}, {"state", state}, {"exit_code", code}}},
              {"task", {{"out", "/r/7/log"}}}};
  answer["results"] = Json::parse(results);
  return answer;
}

TEST(Statements, ShowTheirResults) {
  struct {
    const char* name;
    const char* results;
    const char* expected;
  } const cases[] = {
      {"none", "null", ""},
      {"table",
       R"({"results":[{"kind":"table","name":"t","rows":2,"complete":true,"file":"0.index",
           "columns":[{"name":"n","type":"int"},{"name":"word","type":"string"}],
           "preview":[[1,"a"],[20,null]]}]})",
       "t:\n n  word\n 1  a\n20  null\n"},
      {"more rows than shown",
       R"({"results":[{"kind":"table","name":"","rows":500,"complete":true,"file":"0.index",
           "columns":[{"name":"n","type":"int"}],"preview":[[1]]}]})",
       "n\n1\n… 1 of 500 rows: drover result get 7 0\n"},
      {"cut rows",
       R"({"results":[{"kind":"table","name":"","rows":1,"complete":false,"file":"0.index",
           "columns":[{"name":"n","type":"int"}],"preview":[[1]]}]})",
       "n\n1\n… 1 of 1 rows (cut at the limit): drover result get 7 0\n"},
      {"a short row", R"({"results":[{"kind":"table","rows":1,"columns":[{"name":"n"},{"name":"m"}],
           "preview":[[1]]}]})",
       "n  m\n1\n"},
      {"text", R"({"results":[{"kind":"text","name":"","bytes":1,"file":"","preview":"2"}]})",
       "2\n"},
      {"long text",
       R"({"results":[{"kind":"text","name":"","bytes":9,"file":"0.txt","preview":"ab"}]})",
       "ab\n… 9 bytes: drover result get 7 0\n"},
      {"image", R"({"results":[{"kind":"image","name":"","bytes":9,"file":"0.png"}]})",
       "image, 9 bytes: drover result get 7 0\n"},
  };
  for (const auto& one : cases)
    EXPECT_EQ(render_results(answer_with(one.results), {}), one.expected) << one.name;
}

TEST(Statements, SayWhatIsCut) {
  EXPECT_EQ(describe_cut(Json::parse(R"({"index":0,"rows":5,"bytes":9,"complete":true})")), "");
  EXPECT_EQ(describe_cut(Json::parse(R"({"index":0,"rows":5,"bytes":9})")), "");
  EXPECT_EQ(describe_cut(Json::parse(R"({"index":0,"rows":5,"bytes":9,"complete":false})")),
            "result 0 is not whole: it ends after 5 rows, 9 bytes");
  EXPECT_EQ(describe_cut(Json::parse(R"({"index":1,"bytes":9,"complete":false})")),
            "result 1 is not whole: it ends after 9 bytes");
}

TEST(Statements, ShowWhyTheyFailed) {
  EXPECT_EQ(render_failure(answer_with("null"), false), "");
  const Json failed = answer_with(
      R"({"error":{"name":"ValueError","message":"no\u001b[2J","line":3,"traceback":"T\n"}})",
      "failed", 3);
  EXPECT_EQ(render_failure(failed, false), "ValueError: no?[2J (line 3)\nT\n");
  EXPECT_EQ(statement_status(failed), 3);
  Json lost = answer_with("null", "failed", 1);
  lost["job"]["reason"] = "engine_lost";
  const std::string told = render_failure(lost, false);
  EXPECT_TRUE(told.starts_with("error: job 7 failed: engine_lost\n  hint: its engine ended"))
      << told;
  EXPECT_EQ(statement_status(answer_with("null", "cancelled", 0)), 1);
  EXPECT_EQ(statement_status(answer_with("null")), 0);
}

TEST(Statements, ShowTheirProgress) {
  Json answer = answer_with("null", "running");
  EXPECT_EQ(describe_statement(answer), "job 7 running");
  answer["progress"] = {{"thousandths", 500}, {"text", "half"}};
  EXPECT_EQ(describe_statement(answer), "job 7 running [##########..........] 50% half");
}

}  // namespace
}  // namespace drover::cli
