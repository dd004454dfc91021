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

TEST(Catalogue, ChoosesThePoolByWhatTheEngineMustHave) {
  const struct {
    sched::EngineAmounts wish;
    bool once;
    const char *session, *pool, *field;
  } cases[] = {
      {{1, 0, 0}, false, "", "python.1000", ""},
      {{0, 1024, 0}, false, "s", "python.1000.s.s", "session"},
      {{2, 0, 0}, false, "", "python.1000+2c1024m0g", ""},
      {{0, 4096, 1}, false, "", "python.1000+1c4096m1g", ""},
      {{}, true, "", "python.1000.o.1c1024m0g", ""},
      {{2, 0, 0}, true, "", "python.1000.o.2c1024m0g", ""},
      {{}, true, "s", "", "once"},
      {{9, 0, 0}, false, "", "", "cpus"},
      {{0, 1 << 20, 0}, false, "", "", "mem"},
      {{0, 0, 3}, true, "", "", "gpus"},
  };
  for (const auto& one : cases) {
    Catalogue catalogue;
    Plugin python;
    python.type = "python";
    python.languages = {"python"};
    python.command = {"x"};
    python.max_cpus = 8;
    python.max_mem_mib = 64 << 10;
    python.max_gpus = 2;
    ASSERT_TRUE(catalogue.add(python));
    sched::JobSpec spec;
    spec.owner = {1000, 100};
    spec.statement = sched::Statement{"python", "", one.session, "", ""};
    spec.statement->wish = one.wish;
    spec.statement->once = one.once;
    const auto done = catalogue.complete(spec);
    ASSERT_EQ(bool(done), one.field[0] == '\0') << one.pool << one.field;
    if (done) {
      EXPECT_EQ(spec.statement->pool, one.pool);
    } else {
      EXPECT_EQ(done.error().field, one.field);
    }
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

Catalogue with_shared() {
  Catalogue made = three();
  Plugin trino;
  trino.type = "trino";
  trino.languages = {"trino"};
  trino.command = {"x"};
  trino.shared_as = sched::Account{{991, 99}, "svc"};
  EXPECT_TRUE(made.add(trino));
  return made;
}

TEST(Catalogue, UsersShareWhatIsDeclaredSharedAndNothingElse) {
  for (const std::uint32_t uid : {1000u, 1001u}) {
    sched::JobSpec spec;
    spec.owner = {uid, 100};
    spec.statement = sched::Statement{"trino", "", "", "", ""};
    spec.statement->runs_as = sched::Account{{0, 0}, "root"};  // nobody says that himself
    ASSERT_TRUE(with_shared().complete(spec));
    EXPECT_EQ(spec.statement->pool, "trino.shared-991");
    EXPECT_EQ(*spec.statement->runs_as, (sched::Account{{991, 99}, "svc"}));
    EXPECT_EQ(sched::files_owner(spec), (Owner{991, 99}));
    EXPECT_EQ(spec.owner.uid, uid);
    spec.statement = sched::Statement{"python", "", "", "", ""};
    spec.statement->runs_as = sched::Account{{0, 0}, "root"};
    ASSERT_TRUE(with_shared().complete(spec));
    EXPECT_FALSE(spec.statement->runs_as);
    EXPECT_EQ(sched::files_owner(spec).uid, uid);
    EXPECT_EQ(spec.statement->pool, "python." + std::to_string(uid));
  }
}

TEST(Catalogue, SharedEnginesTakeNothingThatReachesBeyondAStatement) {
  const struct {
    const char* field;
    void (*ask)(sched::JobSpec&);
  } cases[] = {
      {"session", [](sched::JobSpec& s) { s.statement->session = "s1"; }},
      {"reset", [](sched::JobSpec& s) { s.statement->reset = "none"; }},
      {"env", [](sched::JobSpec& s) { s.env = {"DROVER_TRINO_URL=https://elsewhere"}; }},
      {"env",
       [](sched::JobSpec& s) {
         s.env = {"DROVER_STEP=a", "LD_PRELOAD=/tmp/x.so"};
       }},
  };
  for (const auto& one : cases) {
    sched::JobSpec spec;
    spec.owner = {1000, 100};
    spec.statement = sched::Statement{"trino", "", "", "", ""};
    one.ask(spec);
    const auto done = with_shared().complete(spec);
    ASSERT_FALSE(done) << one.field;
    EXPECT_EQ(done.error().field, one.field);
    EXPECT_EQ(done.error().code, Errc::Unsupported);
  }
  sched::JobSpec step;
  step.owner = {1000, 100};
  step.statement = sched::Statement{"trino", "", "", "", ""};
  step.env = {"DROVER_WORKFLOW_ID=1", "DROVER_STEP=a", "DROVER_STEP_START=1"};
  EXPECT_TRUE(with_shared().complete(step)) << "of a workflow";
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
      {"tenancy.account",
       [](Plugin& p) {
         p.shared_as = sched::Account{{0, 0}, "root"};
       }},
      {"tenancy.account",
       [](Plugin& p) {
         p.shared_as = sched::Account{{991, 99}, ""};
       }},
      {"reuse.reset",
       [](Plugin& p) {
         p.shared_as = sched::Account{{991, 99}, "svc"};
         p.reset = "none";
       }},
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
