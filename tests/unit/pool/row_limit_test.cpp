// tests/unit/pool/row_limit_test.cpp - which queries get a limit, and where.
// SPDX-License-Identifier: Apache-2.0
#include "pool/row_limit.hpp"

#include <gtest/gtest.h>

namespace drover::pool {
namespace {

TEST(RowLimit, IsAddedCutOrLeft) {
  struct Row {
    const char *code, *wanted;
  };
  const Row rows[] = {
      {"", ""},
      {"select 1", "select 1 limit 50"},
      {"SELECT * FROM t;", "SELECT * FROM t limit 50;"},
      {"select 1 -- no limit 3\n", "select 1 limit 50 -- no limit 3\n"},
      {"select ';' ; select 2", "select ';' limit 50 ; select 2 limit 50"},
      {"select 1 limit 3", "select 1 limit 3"},
      {"select 1 LIMIT 51", "select 1 LIMIT 50"},
      {"select 1 limit 50", "select 1 limit 50"},
      {"select 1 limit 99999999999999999999", "select 1 limit 50"},
      {"select 1 limit 2, 100", "select 1 limit 2, 50"},
      {"select 1 limit 100 offset 7", "select 1 limit 50 offset 7"},
      {"select 1 limit -1", "select 1 limit 50"},
      {"select 1 limit 10 * 1000", "select 1 limit 50"},
      {"select 1 limit (select 9)", "select 1 limit 50"},
      {"select 1 limit all", "select 1 limit 50"},
      {"select 1 limit $1", "select 1 limit 50"},
      {"select 1 fetch first 100 rows only", "select 1 fetch first 50 rows only"},
      {"select 1 fetch first row only", "select 1 fetch first row only"},
      {"select 'limit 3'", "select 'limit 3' limit 50"},
      {"select * from (select 1 limit 3)", "select * from (select 1 limit 3) limit 50"},
      {"(select 1) union (select 2)", "(select 1) union (select 2) limit 50"},
      {"with a as (select 1) select * from a", "with a as (select 1) select * from a limit 50"},
      {"with a as (select 1) insert into t select * from a",
       "with a as (select 1) insert into t select * from a"},
      {"select 1 from t for update", "select 1 from t limit 50 for update"},
      {"select 1 into t", "select 1 into t"},
      {"insert into t select 1", "insert into t select 1"},
      {"create table t as select 1", "create table t as select 1"},
      {"explain select 1", "explain select 1"},
      {"select \"limit\" from t", "select \"limit\" from t limit 50"},
      {"select 1 limit", "select 1 limit"},
      {"select 1 limit 5,", "select 1 limit 5,"},
      {"((", "(("},
      {"do $$ select 1; $$", "do $$ select 1; $$"},
      {"--set ide.engine.no.limit.allow=true\nselect 1",
       "--set ide.engine.no.limit.allow=true\nselect 1"},
      {"-- set ide.engine.no.limit.allow=true \r\nselect 1",
       "-- set ide.engine.no.limit.allow=true \r\nselect 1"},
      {"select '--set ide.engine.no.limit.allow=true'",
       "select '--set ide.engine.no.limit.allow=true' limit 50"},
      {"--set ide.engine.no.limit.allow=false\nselect 1",
       "--set ide.engine.no.limit.allow=false\nselect 1 limit 50"},
  };
  for (const Row& row : rows) {
    const Limited limited = limit_rows(row.code, 50);
    EXPECT_EQ(limited.code, row.wanted) << row.code;
    EXPECT_EQ(limited.added.empty() && limited.cut.empty(), limited.code == row.code) << row.code;
    EXPECT_EQ(limit_rows(limited.code, 50).code, limited.code) << "twice is once: " << row.code;
  }
}

TEST(RowLimit, ManyQueriesAreOnePass) {
  std::string code, wanted;
  for (int i = 0; i < 200'000; ++i) code += "select;", wanted += "select limit 50;";
  EXPECT_EQ(limit_rows(code, 50).code, wanted);
}

TEST(RowLimit, TellsTheLines) {
  const Limited limited = limit_rows("select 1;\n\nselect 2 limit 99;\nselect 3 limit 1", 50);
  EXPECT_EQ(limited.added, std::vector<std::uint32_t>{1});
  EXPECT_EQ(limited.cut, std::vector<std::uint32_t>{3});
}

}  // namespace
}  // namespace drover::pool
