// tests/unit/pool/interceptors_test.cpp - what the chain refuses, changes and says.
// SPDX-License-Identifier: Apache-2.0
#include "pool/interceptors.hpp"

#include <gtest/gtest.h>

namespace drover::pool {
namespace {

sched::JobSpec statement(std::string language, std::string code) {
  sched::JobSpec spec;
  spec.script = std::move(code);
  spec.statement = sched::Statement{language, language, "", "", ""};
  return spec;
}

CodeSettings settings(std::vector<std::string> forbidden) {
  CodeSettings made;
  for (const std::string& rule : forbidden) made.forbidden.push_back(parse_code_rule(rule).value());
  return made;
}

TEST(Interceptors, RulesFindWordsAndNotWhatLooksLikeThem) {
  struct Row {
    const char *rule, *language, *code;
    std::uint32_t line;  // 0 = passes
  };
  const Row rows[] = {
      {"shell: rm", "shell", "echo a\nrm -rf /", 2},
      {"shell: rm", "bash", "/bin/rm x", 1},
      {"shell: rm", "shell", "echo rmdir farm my-rm .rm", 0},
      {"shell: rm", "shell", "echo 'rm'; # rm", 0},
      {"shell: rm", "shell", "a=$(rm x)", 1},
      {"shell: rm", "python", "rm = 1", 0},
      {"bash: rm", "sh", "rm x", 0},
      {"bash: rm", "bash", "rm x", 1},
      {"sql: drop database", "sql", "select 1;\nDROP /* x */\n  Database y", 2},
      {"sql: drop database", "spark-sql", "drop database y", 1},
      {"sql: drop database", "sql", "select 'drop database'", 0},
      {"sql: drop database", "sql", "drop table database_x", 0},
      {"sql: drop * cascade", "sql", "drop t cascade", 1},
      {"python: os.system", "pyspark", "import os\nos . system('x')", 2},
      {"python: os.system", "py", "OS.system('x')", 0},
      {"python: os.system", "py", "'os.system'", 0},
      {"python: sys.exit(", "py", "sys.exit (0)", 1},
      {"klingon: qapla'", "klingon", "a qapla'", 1},
  };
  for (const Row& row : rows) {
    sched::JobSpec spec = statement(row.language, row.code);
    const auto passed = intercept_code(spec, "cli", settings({row.rule}));
    EXPECT_EQ(bool(passed), row.line == 0) << row.rule << " on " << row.code;
    if (passed) continue;
    EXPECT_EQ(passed.error().code, Errc::Denied);
    EXPECT_EQ(passed.error().message.find("line " + std::to_string(row.line) + ": "), 0u);
    EXPECT_NE(passed.error().message.find(row.rule), std::string::npos);
  }
}

TEST(Interceptors, WishesThatOnlyAnEngineCanHaveAreRefusedByName) {
  struct Row {
    const char* field;
    void (*wish)(sched::JobSpec&);
  };
  for (const Row& row : {
           Row{"gpus", [](sched::JobSpec& s) { s.request.gpu_share = 500; }},
           Row{"gpus", [](sched::JobSpec& s) { s.request.gpu_model = "h100"; }},
           Row{"exclusive", [](sched::JobSpec& s) { s.request.exclusive = true; }},
           Row{"constraints", [](sched::JobSpec& s) { s.request.node_labels["a"] = "b"; }},
           Row{"resources", [](sched::JobSpec& s) { s.request.resources["fpga"] = 1; }},
       }) {
    sched::JobSpec spec = statement("sql", "select 1");
    EXPECT_TRUE(take_wishes(spec));
    row.wish(spec);
    const auto good = take_wishes(spec);
    ASSERT_FALSE(good) << row.field;
    EXPECT_EQ(good.error().field, row.field);
    EXPECT_EQ(good.error().code, Errc::Unsupported);
    spec.statement.reset();
    EXPECT_TRUE(take_wishes(spec)) << "a batch job may";
  }
  sched::JobSpec spec = statement("sql", "select 1");
  spec.cpus_per_task = 2;
  spec.request.mem_mib = 100;
  spec.request.gpus = 1;
  ASSERT_TRUE(take_wishes(spec));
  EXPECT_EQ(spec.statement->wish, (sched::EngineAmounts{2, 100, 1}));
  EXPECT_EQ(spec.cpus_per_task, 1) << "the statement itself takes a seat";
  EXPECT_EQ(spec.request.mem_mib, 0);
  EXPECT_EQ(spec.request.gpus, 0);
}

TEST(Interceptors, WrongSettingsAreRefused) {
  for (const char* rule : {"", "rm", ":rm", " : rm", "shell:", "shell:  ", "shell: # all"})
    EXPECT_FALSE(parse_code_rule(rule)) << rule;
  for (const char* limit : {"", "IDE", "=5", "IDE=", "IDE=-1", "IDE=5x", "IDE/=5", "IDE=9e9"})
    EXPECT_FALSE(parse_row_limit(limit)) << limit;
  const RowLimit limit = parse_row_limit("IDE/spark=1000").value();
  EXPECT_EQ(limit.creator + "," + limit.engine + "," + std::to_string(limit.rows),
            "IDE,spark,1000");
}

TEST(Interceptors, TheFirstRowLimitThatFitsHolds) {
  CodeSettings made;
  for (const char* text : {"IDE/spark=10", "IDE=20", "free=0", "*=30"})
    made.row_limits.push_back(parse_row_limit(text).value());
  struct Row {
    const char *creator, *engine, *wanted;
  };
  for (const Row& row :
       {Row{"IDE", "spark", "select 1 limit 10"}, Row{"IDE", "sql", "select 1 limit 20"},
        Row{"free", "sql", "select 1"}, Row{"cli", "spark", "select 1 limit 30"}}) {
    sched::JobSpec spec = statement("sql", "select 1");
    spec.statement->engine = row.engine;
    ASSERT_TRUE(intercept_code(spec, row.creator, made));
    EXPECT_EQ(spec.script, row.wanted) << row.creator << " " << row.engine;
  }
  sched::JobSpec spec = statement("python", "select = 1");
  ASSERT_TRUE(intercept_code(spec, "IDE", made));
  EXPECT_EQ(spec.script, "select = 1");
}

TEST(Interceptors, TellWhatTheyChanged) {
  CodeSettings made;
  made.row_limits = {{"*", "", 5}};
  made.strip_comments = {"sql"};
  sched::JobSpec spec = statement("sql", "-- a\nselect 1;select 2 limit 9");
  const auto notes = intercept_code(spec, "cli", made);
  ASSERT_TRUE(notes);
  EXPECT_EQ(spec.script, "    \nselect 1 limit 5;select 2 limit 5");
  ASSERT_EQ(notes->size(), 3u);
  EXPECT_EQ((*notes)[0].find("limit 5 was added, line 2"), 0u);
  EXPECT_EQ((*notes)[1].find("the limit was cut to 5, line 2"), 0u);
  EXPECT_EQ((*notes)[2], "comments are left out");
  spec = statement("sql", "--set ide.engine.no.limit.allow=true\nselect 1");
  ASSERT_TRUE(intercept_code(spec, "cli", made));
  EXPECT_EQ(spec.script, std::string(36, ' ') + "\nselect 1") << "the line counts before it goes";
}

TEST(Interceptors, RefuseWhatIsTooLong) {
  CodeSettings made;
  made.bytes_max = 10;
  sched::JobSpec spec = statement("python", "01234567890");
  EXPECT_EQ(intercept_code(spec, "cli", made).error().code, Errc::Limit);
  sched::JobSpec batch;
  batch.script = "01234567890";
  EXPECT_TRUE(intercept_code(batch, "cli", made)) << "batch scripts are not their business";
}

}  // namespace
}  // namespace drover::pool
