// tests/unit/linkis/submission_test.cpp - bodies of submit and execute, good and bad.
// SPDX-License-Identifier: Apache-2.0
#include "linkis/submission.hpp"

#include <gtest/gtest.h>

#include "linkis/envelope.hpp"

namespace drover::linkis {
namespace {

Result<Submission> submit(const std::string& body) { return parse_submit(*parse_object(body)); }

TEST(Submit, is_that_of_the_contract) {
  const auto read = submit(
      R"({"executionContent":{"code":"echo 1","runType":"shell"},"executeUser":"hadoop",)"
      R"("labels":{"engineType":"shell-1","userCreator":"hadoop-IDE","jobRunningTimeout":"60"},)"
      R"("params":{"variable":{"a":"b"},"configuration":{"runtime":{"wds.linkis.engine.runtime.priority":"105",)"
      R"("extraArguments":["x y",7],"wds.linkis.shell.runtime.working.directory":"/srv"}}},"source":{"scriptPath":"x"}})");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->code, "echo 1");
  EXPECT_EQ(read->run_type, "shell");
  EXPECT_EQ(read->execute_user, "hadoop");
  EXPECT_EQ(read->engine.type, "shell");
  EXPECT_EQ(read->user_creator.creator, "IDE");
  EXPECT_EQ(read->running_timeout_s, 60);
  EXPECT_EQ(read->priority, 5);
  EXPECT_EQ(read->arguments, (std::vector<std::string>{"x y", "7"}));
  EXPECT_EQ(read->directory, "/srv");
  const Json origin = Json::parse(to_origin(*read, "127.0.0.1"));
  EXPECT_EQ(origin["params"]["variable"]["a"], "b");
  EXPECT_EQ(origin["source"]["scriptPath"], "x");
  EXPECT_EQ(origin["source"]["requestIP"], "127.0.0.1");
  EXPECT_EQ(origin["labels"]["engineType"], "shell-1");
}

TEST(Submit, the_code_type_may_stand_in_the_labels) {
  const auto read = submit(
      R"({"executionContent":{"code":"1"},"labels":{"engineType":"python-3","codeType":"python","userCreator":"a-b"}})");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->run_type, "python");
  EXPECT_EQ(read->priority, 0);
}

TEST(Submit, a_job_group_is_a_session_and_waiting_has_its_limit) {
  struct Row {
    const char *labels, *params, *session;
    std::int64_t queuing;
  };
  for (const Row& row : {
           Row{R"("jobQueuingTimeout":"90")", "{}", "", 90},
           Row{R"("jobQueuingTimeout":90)", "{}", "", 90},
           Row{R"("jobQueuingTimeout":"soon")", "{}", "", 0},
           Row{R"("bindEngine":{"jobGroupId":"g-1","isJobGroupHead":"true"})", "{}", "bind-g-1", 0},
           Row{R"("bindEngine":{"jobGroupId":""})", "{}", "", 0},
           Row{R"("bindEngine":"g")", "{}", "", 0},
           Row{R"("bindEngine":{"jobGroupId":"g"})",
               R"({"configuration":{"runtime":{"drover.session":"mine"}}})", "mine", 0},
           Row{R"("fixedEngineConn":"abc-1")", "{}", "fix-abc-1", 0},
           Row{R"("fixedEngineConn":"0b9e1c7a-5a5c-4a52-9d6f-0f6f3a0b9c11")", "{}",
               "fix-0b9e1c7a-5a5c-4a52-9d6f-0f6f3a0b9c11", 0},
           Row{R"("fixedEngineConn":"")", "{}", "", 0},
           Row{R"("fixedEngineConn":{"sessionId":"x"})", "{}", "", 0},
           Row{R"("fixedEngineConn":"a","bindEngine":{"jobGroupId":"g"})", "{}", "bind-g", 0},
           Row{R"("fixedEngineConn":"a")",
               R"({"configuration":{"runtime":{"drover.session":"mine"}}})", "mine", 0},
       }) {
    const auto read =
        submit(std::string(R"({"executionContent":{"code":"1","runType":"sh"},"params":)") +
               row.params + R"(,"labels":{"engineType":"a-1",)" + row.labels + "}}");
    ASSERT_TRUE(read) << row.labels;
    EXPECT_EQ(read->session, row.session) << row.labels;
    EXPECT_EQ(read->queuing_timeout_s, row.queuing) << row.labels;
  }
  for (const char* group : {"../x", "a b", "a'b", "012345678901234567890123456789012345"})
    EXPECT_FALSE(submit(
        std::string(R"({"executionContent":{"code":"1","runType":"sh"},"labels":{"engineType":)") +
        R"("a-1","bindEngine":{"jobGroupId":")" + group + R"("}}})"))
        << group;
  for (const char* fixed : {"../x", "a b", "a.b", "0123456789012345678901234567890123456"}) {
    const auto read = submit(
        std::string(R"({"executionContent":{"code":"1","runType":"sh"},"labels":{"engineType":)") +
        R"("a-1","fixedEngineConn":")" + fixed + R"("}})");
    ASSERT_FALSE(read) << fixed;
    EXPECT_EQ(read.error().field, "labels");
    EXPECT_NE(read.error().message.find("fixedEngineConn is '"), std::string::npos)
        << read.error().message;
  }
}

TEST(Submit, retries_are_asked_for) {
  struct Row {
    const char *labels, *runtime;
    std::int64_t retries, delay_s;
  };
  for (const Row& row : {
           Row{R"("x":1)", "{}", 0, 30},
           Row{R"("jobRetryCount":"3")", "{}", 3, 30},
           Row{R"("jobRetryCount":2,"jobRetryTimeout":5)", "{}", 2, 5},
           Row{R"("jobRetryCount":-1)", "{}", 0, 30},
           Row{R"("jobRetryCount":"many")", "{}", 0, 30},
           Row{R"("x":1)", R"({"jobRetryCount":4,"jobRetryTimeout":"60"})", 4, 60},
           Row{R"("jobRetryCount":1)", R"({"jobRetryCount":4})", 1, 30},
       }) {
    const auto read = submit(
        std::string(
            R"({"executionContent":{"code":"1","runType":"sh"},"params":{"configuration":)") +
        R"({"runtime":)" + row.runtime + R"(}},"labels":{"engineType":"a-1",)" + row.labels + "}}");
    ASSERT_TRUE(read) << row.labels;
    EXPECT_EQ(read->retries, row.retries) << row.labels << row.runtime;
    EXPECT_EQ(read->retry_delay_s, row.delay_s) << row.labels << row.runtime;
  }
}

TEST(Submit, the_startup_map_says_how_large_the_engine_is) {
  struct Row {
    const char* startup;
    std::int64_t cpus, mem_mib;
  };
  for (const Row& row : {
           Row{"{}", 0, 0},
           Row{R"({"wds.linkis.engineconn.java.driver.memory":"2g"})", 0, 2048},
           Row{R"({"wds.linkis.engineconn.java.driver.memory":"2"})", 0, 2048},
           Row{R"({"wds.linkis.engineconn.java.driver.memory":3})", 0, 3072},
           Row{R"({"spark.driver.memory":"1500m","spark.driver.cores":"2"})", 2, 1500},
           Row{R"({"spark.driver.memory":"1GB","wds.linkis.engineconn.java.driver.memory":"4g"})",
               0, 4096},
           Row{R"({"spark.driver.memory":"1025k","spark.driver.cores":-3})", 0, 2},
           Row{R"({"spark.driver.memory":"x"})", -1, 0},
           Row{R"({"spark.driver.memory":"1 g"})", -1, 0},
           Row{R"({"spark.driver.memory":"-1g"})", -1, 0},
           Row{R"({"spark.driver.memory":"99999999999999999999g"})", -1, 0},
       }) {
    const auto read = submit(
        std::string(
            R"({"executionContent":{"code":"1","runType":"sh"},"params":{"configuration":)") +
        R"({"startup":)" + row.startup + R"(}},"labels":{"engineType":"a-1"}})");
    ASSERT_EQ(bool(read), row.cpus >= 0) << row.startup;
    if (!read) continue;
    EXPECT_EQ(read->cpus, row.cpus) << row.startup;
    EXPECT_EQ(read->mem_mib, row.mem_mib) << row.startup;
  }
}

TEST(Submit, a_once_job_is_what_was_uploaded_with_the_labels_of_its_engine) {
  const Json body =
      parse_object(R"({"labels":{"engineType":"python-3","userCreator":"ann-exchangis",
      "engineConnMode":"once"},"properties":{"onceExecutorContent":"x","label.codeType":"python",
      "wds.linkis.engineconn.java.driver.memory":"2g"}})")
          .value();
  const struct {
    const char *content, *code, *run_type;
  } rows[] = {
      {R"({"jobContent":{"code":"1+1","runType":"py"},"variable":{"a":"b"}})", "1+1", "py"},
      {R"({"jobContent":{"code":"1+1"}})", "1+1", "python"},
      {R"({"jobContent":{"job":{"a":[1]}}})", R"({"job":{"a":[1]}})", "python"},
      {R"({"jobContent":{}})", nullptr, ""},
      {R"({})", nullptr, ""},
  };
  for (const auto& row : rows) {
    const auto read = parse_once(body, parse_object(row.content).value());
    ASSERT_EQ(bool(read), row.code != nullptr) << row.content;
    if (!read) continue;
    EXPECT_TRUE(read->once);
    EXPECT_EQ(read->code, row.code);
    EXPECT_EQ(read->run_type, row.run_type);
    EXPECT_EQ(read->engine.type, "python");
    EXPECT_EQ(read->user_creator.creator, "exchangis");
    EXPECT_EQ(read->mem_mib, 2048);
    EXPECT_FALSE(read->params["configuration"]["startup"].contains("onceExecutorContent"));
  }
  EXPECT_TRUE(submit(R"({"executionContent":{"code":"1","runType":"sh"},
      "labels":{"engineType":"a-1","engineConnMode":"once"}})")
                  .value()
                  .once);
  EXPECT_FALSE(submit(R"({"executionContent":{"code":"1","runType":"sh"},
      "labels":{"engineType":"a-1","executeOnce":""}})")
                   .value()
                   .once);
}

TEST(Submit, what_is_missing_has_the_number_of_the_contract) {
  struct Row {
    const char* body;
    int code;
  };
  for (
      const Row& row : {
          Row{R"({})", 20007},
          Row{R"({"executionContent":{"code":""},"labels":{"engineType":"a-1"}})", 20007},
          Row{R"({"executionContent":{"code":" \n"},"labels":{"engineType":"a-1"}})", 20007},
          Row{R"({"executionContent":{"code":7.5},"labels":{"engineType":"a-1"}})", 20007},
          Row{R"({"executionContent":{"code":"a\u0000b"},"labels":{"engineType":"a-1"}})", 20007},
          Row{R"({"executionContent":{"code":"1","runType":"sh"}})", 20008},
          Row{R"({"executionContent":{"code":"1","runType":"sh"},"labels":{}})", 20008},
          Row{R"({"executionContent":{"code":"1","runType":"sh"},"labels":"x"})", 20008},
          Row{R"({"executionContent":{"code":"1","runType":"sh"},"labels":{"userCreator":"a-b"}})",
              20009},
          Row{R"({"executionContent":{"code":"1"},"labels":{"engineType":"shell-1"}})", 20009},
          Row{R"({"executionContent":{"code":"1","runType":"sh"},"labels":{"engineType":"a'; drop-1"}})",
              20008},
          Row{R"({"executionContent":{"code":"1","runType":"sh"},"labels":{"engineType":"a-1","userCreator":"a-b-c"}})",
              20008},
      }) {
    const auto read = submit(row.body);
    ASSERT_FALSE(read) << row.body;
    EXPECT_EQ(error_code(read.error()), row.code) << row.body << ": " << read.error().message;
  }
}

TEST(Submit, strange_numbers_do_no_harm) {
  const auto read = submit(
      R"({"executionContent":{"code":"1","runType":"sh"},"labels":{"engineType":"a-1","jobRunningTimeout":"-5"},)"
      R"("params":{"configuration":{"runtime":{"wds.linkis.engine.runtime.priority":9223372036854775807}}}})");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->running_timeout_s, 0);
  EXPECT_EQ(read->priority, 999'900);
}

TEST(Execute, is_the_older_style) {
  const auto read = parse_execute(*parse_object(
      R"({"executeApplicationName":"python","runType":"python","executionCode":"1+1","requestApplicationName":"dss","scriptPath":"/a","params":null})"));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->engine.type, "python");
  EXPECT_EQ(read->user_creator.creator, "dss");
  EXPECT_EQ(read->source["scriptPath"], "/a");
  const auto usual = parse_execute(*parse_object(R"({"executionCode":"select 1"})"));
  ASSERT_TRUE(usual);
  EXPECT_EQ(usual->engine.type, "spark");
  EXPECT_EQ(usual->run_type, "sql");
  EXPECT_EQ(usual->user_creator.creator, "IDE");
}

}  // namespace
}  // namespace drover::linkis
