// tests/unit/linkis/names_test.cpp - execIDs, labels, states and paths: written, read, and refused.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "linkis/engine_name.hpp"
#include "linkis/exec_id.hpp"
#include "linkis/json.hpp"
#include "linkis/labels.hpp"
#include "linkis/result_path.hpp"
#include "linkis/state_name.hpp"

namespace drover::linkis {
namespace {

TEST(ExecId, is_that_of_the_contract) {
  EXPECT_EQ(exec_id("bda01node03.oracle.cn:9104", {"LINKISCLI", "hadoop", "shell", 7}),
            "exec_id018026linkis-cg-entrancebda01node03.oracle.cn:9104LINKISCLI_hadoop_shell_7");
}

TEST(ExecId, comes_back_as_its_number_and_short_id) {
  for (const TaskName& name : {TaskName{"IDE", "hadoop", "shell", 12},
                               TaskName{"my_tool", "a_b", "x_1", 18446744073709551615u}}) {
    const auto read = parse_task(exec_id("h:1", name));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->task, name.task);
    EXPECT_EQ(read->short_id, short_id(name));
    EXPECT_EQ(read->instance, "h:1");
    EXPECT_EQ(parse_task(short_id(name))->short_id, short_id(name));
  }
  EXPECT_EQ(parse_task("12")->task, 12u);
  EXPECT_EQ(parse_task("12")->short_id, "");
}

TEST(ExecId, everything_else_is_refused) {
  for (const char* text :
       {"", "0", "-1", "+1", "12x", "99999999999999999999999", "exec_id", "exec_id018026",
        "exec_id999999linkis-cg-entranceh:1IDE_u_e_1", "exec_id018003linkis-cg-entranceh:1IDE_u_e_",
        "exec_id018003linkis-cg-entranceh:1IDE_u_e_0", "exec_id018003linkis-cg-entranceh:1_5",
        "exec_id018003linkis-cg-somewhereh:1IDE_u_e_1",
        "exec_id-18003linkis-cg-entranceh:1IDE_u_e_1", "IDE_u_e_012", "IDE", "_1"})
    EXPECT_FALSE(parse_task(text)) << text;
  EXPECT_FALSE(parse_task(std::string(5000, 'x') + "_1"));
}

TEST(ExecId, a_long_instance_is_cut_to_three_digits) {
  EXPECT_TRUE(parse_task(exec_id(std::string(2000, 'h'), {"IDE", "u", "e", 1})));
}

TEST(UserCreator, has_exactly_one_dash) {
  EXPECT_EQ(parse_user_creator("hadoop-IDE")->user, "hadoop");
  EXPECT_EQ(parse_user_creator("hadoop-IDE")->creator, "IDE");
  for (const char* text : {"", "-", "a-", "-b", "a", "a-b-c", "a b-c", "a-b\n", "a'--x-y"})
    EXPECT_FALSE(parse_user_creator(text)) << text;
}

TEST(EngineType, is_cut_at_its_first_dash) {
  EXPECT_EQ(parse_engine_type("spark-2.4.3")->type, "spark");
  EXPECT_EQ(parse_engine_type("spark-2.4.3")->version, "2.4.3");
  EXPECT_EQ(parse_engine_type("Python-python2")->type, "python");
  EXPECT_EQ(parse_engine_type("jdbc-4-x")->version, "4-x");
  EXPECT_EQ(parse_engine_type("shell")->version, "");
  for (const char* text : {"", "-1", "a b", "a;drop table", "../x"})
    EXPECT_FALSE(parse_engine_type(text)) << text;
}

TEST(EngineName, says_which_of_those_that_had_the_name) {
  EXPECT_EQ(engine_instance({"engine-7", 12345}), "engine-7-12345");
  EXPECT_EQ(engine_instance({once_name(12), 12}), "once-12") << "it is used once anyway";
  EXPECT_EQ(engine_instance({"engine-7", 0}), "engine-7") << "unknown";
  for (const EngineName& name :
       {EngineName{"engine-7", 12345}, EngineName{"engine-7", 18446744073709551615u},
        EngineName{"engine-7", 0}, EngineName{"once-12", 12}})
    EXPECT_EQ(parse_instance(engine_instance(name)), name) << name.name;
  for (const char* text :
       {"", "engine", "engine-", "engine-7-", "engine-7-0", "engine-7-012", "engine-7-x",
        "node-3-12", "../engine-7-1x", "once-", "once-x", "engine-7-18446744073709551616"})
    EXPECT_EQ(parse_instance(text), (EngineName{text, 0})) << text;
}

TEST(EngineType, becomes_an_engine_and_a_language) {
  const std::vector<std::string> aliases{"jdbc=sql", "wrong"};
  const auto of = [&](const char* label, const char* run_type) {
    const DroverEngine engine = to_drover_engine(*parse_engine_type(label), run_type, aliases);
    return engine.engine + "/" + engine.language;
  };
  EXPECT_EQ(of("shell-1", "shell"), "shell/shell");
  EXPECT_EQ(of("python-python2", "python"), "python/python");
  EXPECT_EQ(of("spark-2.4.3", "py"), "spark/pyspark");
  EXPECT_EQ(of("spark-2.4.3", "SQL"), "spark/sql");
  EXPECT_EQ(of("jdbc-4", "jdbc"), "sql/sql");
  EXPECT_EQ(of("hive-1.2.1", "hql"), "hive/sql");
}

TEST(State, every_one_has_a_name_that_clients_know) {
  for (std::size_t i = 0; i < sched::kJobStates; ++i) {
    const auto name = state_name(sched::JobState(i));
    EXPECT_TRUE(name == "Inited" || name == "Scheduled" || name == "Running" || is_complete(name))
        << name;
    EXPECT_EQ(is_complete(name), sched::is_final(sched::JobState(i))) << name;
  }
  EXPECT_EQ(state_name(sched::JobState::Succeeded), "Succeed");
}

TEST(State, lists_are_read_back) {
  EXPECT_EQ(parse_states("Succeed,Failed")->size(), 2u);
  EXPECT_EQ(parse_states("Running,Inited")->size(), 4u) << "suspended and held are shown so";
  EXPECT_TRUE(parse_states("")->empty());
  EXPECT_TRUE(parse_states("WaitForRetry")->empty());
  EXPECT_FALSE(parse_states("SUCCESS"));
}

TEST(ResultPath, comes_back_as_it_was) {
  using Kind = ResultPath::Kind;
  for (const ResultPath& path :
       {ResultPath{Kind::Home, "ann", 0, 0}, ResultPath{Kind::Results, "ann", 12, 0},
        ResultPath{Kind::Result, "a.b-c_d", 18446744073709551615u, 4294967295u},
        ResultPath{Kind::Result, "ann", 12, 0}, ResultPath{Kind::Log, "ann", 12, 0}}) {
    const std::string text = to_text(path);
    ASSERT_TRUE(parse_path(text)) << text;
    EXPECT_EQ(*parse_path(text), path) << text;
    EXPECT_EQ(*parse_path(text.substr(7)), path) << "the scheme may be missing";
  }
  EXPECT_EQ(result_path("ann", 12, 0), "file:///drover/ann/result/12/_0.dolphin");
  EXPECT_EQ(parse_path("file:///drover/ann/result/12/")->kind, Kind::Results);
}

TEST(ResultPath, everything_else_is_refused) {
  for (const char* text : {"",
                           "/",
                           "file://",
                           "file:///",
                           "drover/ann",
                           "/drover",
                           "/drover/",
                           "/drover//result/1",
                           "/drover/../result/1",
                           "/drover/ann/result/../../etc/passwd",
                           "/drover/ann/result/12/..",
                           "/drover/ann/result/012",
                           "/drover/ann/result/0",
                           "/drover/ann/result/-1",
                           "/drover/ann/result/12/_0.dolphin/",
                           "/drover/ann/result/12/_00.dolphin",
                           "/drover/ann/result/12/_4294967296.dolphin",
                           "/drover/ann/result/12/_.dolphin",
                           "/drover/ann/result/12//",
                           "/drover/ann/result/12/_0.dolphin/x",
                           "/drover/ann/log/12",
                           "/drover/ann/log/12.log/",
                           "/drover/ann/log/x.log",
                           "/etc/passwd",
                           "hdfs:///drover/ann",
                           "/drover/a\nb/log/1.log",
                           "/drover/a\\b"})
    EXPECT_FALSE(parse_path(text)) << text;
  EXPECT_FALSE(parse_path(std::string("/drover/ann\0/log/1.log", 22)));
  EXPECT_FALSE(parse_path("/drover/" + std::string(2000, 'a')));
}

TEST(Json, has_no_more_members_than_can_be_compared) {
  const auto many = [](int count) {
    std::string text = "{";
    for (int i = 0; i < count; ++i) text += "\"k" + std::to_string(i) + "\":\":\",";
    text.back() = '}';
    return text;
  };
  EXPECT_TRUE(parse_object(many(kMembersMax)));
  EXPECT_EQ(parse_object(many(kMembersMax + 1)).error().code, Errc::Limit);
  EXPECT_EQ(parse_object(many(400'000)).error().code, Errc::Limit);
  std::string rows = "{\"rows\":[";
  for (int i = 0; i < 100; ++i) rows += many(500) + ",";
  rows.back() = ']';
  EXPECT_EQ(parse_object(rows + "}").error().code, Errc::Limit) << "in all";
  EXPECT_TRUE(parse_stored(many(400'000)).is_discarded());
  EXPECT_TRUE(parse_stored("[1,{\"a\":2}]").is_array());
  EXPECT_EQ(parse_object("]]]]:::{").error().code, Errc::BadInput);
}

}  // namespace
}  // namespace drover::linkis
