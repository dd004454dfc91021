// tests/unit/pool/catalogue_test.cpp - words of users, and the engines that they mean.
// SPDX-License-Identifier: Apache-2.0
#include "pool/catalogue.hpp"

#include <gtest/gtest.h>

namespace drover::pool {
namespace {

Catalogue three() {
  Catalogue made;
  Plugin python;
  python.type = "python";
  python.languages = {"python", "py"};
  python.command = {"x"};
  Plugin sql = python;
  sql.type = "sql";
  sql.languages = {"sql"};
  sql.reset = "none";
  Plugin spark = python;
  spark.type = "spark";
  spark.languages = {"pyspark", "sql"};  // who is called so comes first
  EXPECT_TRUE(made.add(python) && made.add(sql) && made.add(spark));
  return made;
}

struct Case {
  const char *engine, *language, *session, *reset;
  const char *type, *speaks, *pool, *resets;  // or field and a part of the hint
};
TEST(Catalogue, CompletesStatements) {
  const Case cases[] = {
      {"python", "", "", "", "python", "python", "python.1000", "namespace"},
      {"py", "", "", "", "python", "py", "python.1000", "namespace"},
      {"", "sql", "", "", "sql", "sql", "sql.1000", "none"},
      {"", "pyspark", "", "", "spark", "pyspark", "spark.1000", "namespace"},
      {"python", "py", "s1", "", "python", "py", "python.1000.s.s1", "none"},
      {"python", "", "s1", "respawn", "python", "python", "python.1000.s.s1", "respawn"},
  };
  for (const Case& one : cases) {
    sched::JobSpec spec;
    spec.owner = {1000, 100};
    spec.statement = sched::Statement{one.engine, one.language, one.session, "", one.reset};
    const auto done = three().complete(spec);
    ASSERT_TRUE(done) << one.engine << " " << done.error().message;
    EXPECT_EQ(spec.statement->engine, one.type);
    EXPECT_EQ(spec.statement->language, one.speaks);
    EXPECT_EQ(spec.statement->pool, one.pool);
    EXPECT_EQ(spec.statement->reset, one.resets);
    EXPECT_EQ(spec.labels["engineType"], one.type);
  }
}

TEST(Catalogue, NamesTheNearestWord) {
  const struct {
    const char *engine, *language, *field, *hint;
  } cases[] = {
      {"pyton", "", "engine", "did you mean python?"},
      {"", "sqll", "language", "did you mean sql?"},
      {"python", "pyt", "language", "did you mean py?"},
      {"cobol-2002", "", "engine", "drover engine types lists those there are"},
  };
  for (const auto& one : cases) {
    sched::JobSpec spec;
    spec.statement = sched::Statement{one.engine, one.language, "", "", ""};
    const auto done = three().complete(spec);
    ASSERT_FALSE(done) << one.engine;
    EXPECT_EQ(done.error().code, Errc::NotFound);
    EXPECT_EQ(done.error().field, one.field);
    EXPECT_EQ(done.error().hint, one.hint);
  }
}

TEST(Catalogue, RefusesPluginsThatCannotBeRight) {
  const struct {
    const char* field;
    void (*spoil)(Plugin&);
  } cases[] = {
      {"plugin.type", [](Plugin& p) { p.type = "a/b"; }},
      {"plugin.type", [](Plugin& p) { p.type = "python"; }},
      {"plugin.type", [](Plugin& p) { p.type = std::string(41, 'a'); }},
      {"plugin.languages", [](Plugin& p) { p.languages.clear(); }},
      {"plugin.languages", [](Plugin& p) { p.languages = {"a b"}; }},
      {"start.command", [](Plugin& p) { p.command.clear(); }},
      {"reuse.reset", [](Plugin& p) { p.reset = "often"; }},
  };
  for (const auto& one : cases) {
    Catalogue catalogue = three();
    Plugin good;
    good.type = "shell";
    good.languages = {"shell"};
    good.command = {"x"};
    one.spoil(good);
    const auto added = catalogue.add(good);
    ASSERT_FALSE(added) << one.field;
    EXPECT_EQ(added.error().field, one.field);
    EXPECT_EQ(catalogue.all().size(), 3u) << "the others stay";
  }
}

}  // namespace
}  // namespace drover::pool
