// tests/unit/pool/statement_labels_test.cpp - labels that are completed, and those refused.
// SPDX-License-Identifier: Apache-2.0
#include "pool/statement_labels.hpp"

#include <gtest/gtest.h>

namespace drover::pool {
namespace {

TEST(StatementLabels, SettingsAreReadOrRefused) {
  struct Row {
    const char *text, *engine, *key, *value;
  };
  for (const Row& row : {
           Row{"creator=IDE", "", "creator", "IDE"},
           Row{"sql: partition=short", "sql", "partition", "short"},
           Row{" project = a:b=c ", "", "project", "a:b=c"},
       }) {
    const auto read = parse_label_default(row.text);
    ASSERT_TRUE(read) << row.text;
    EXPECT_EQ(read->engine, row.engine);
    EXPECT_EQ(read->key, row.key);
    EXPECT_EQ(read->value, row.value);
  }
  for (const char* text : {"", "creator", "=x", "creator=", "sql:", ": a=b", "user=root",
                           "engineType=sql", "sql: pool=x", "userCreator=ann-IDE"}) {
    const auto read = parse_label_default(text);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().field, "interceptors.labels") << text;
  }
}

TEST(StatementLabels, WhatIsSaidGoesBeforeWhatIsNot) {
  const std::vector<LabelDefault> defaults{
      {"sql", "creator", "bi"}, {"", "creator", "IDE"}, {"", "project", "none"}};
  struct Row {
    const char* engine;
    rm::Labels said, want;
  };
  for (const Row& row : {
           Row{"python", {}, {{"creator", "IDE"}, {"project", "none"}}},
           Row{"sql", {}, {{"creator", "bi"}, {"project", "none"}}},
           Row{"sql", {{"creator", "x"}}, {{"creator", "x"}, {"project", "none"}}},
           Row{"sql", {{"userCreator", "a-b-x"}}, {{"creator", "x"}, {"project", "none"}}},
           Row{"sql",
               {{"userCreator", "a-b-x"}, {"creator", "x"}, {"project", "p"}},
               {{"creator", "x"}, {"project", "p"}}},
       }) {
    sched::JobSpec spec;
    spec.user = "a-b";
    spec.statement = sched::Statement{row.engine, "", "", "", ""};
    spec.labels = row.said;
    ASSERT_TRUE(complete_statement_labels(spec, defaults));
    EXPECT_EQ(spec.labels, row.want);
  }
}

TEST(StatementLabels, NobodySubmitsForSomebodyElse) {
  struct Row {
    rm::Labels labels;
    Errc code;
  };
  for (const Row& row : {Row{{{"userCreator", "bob-IDE"}}, Errc::Denied},
                         Row{{{"userCreator", "ann"}}, Errc::BadInput},
                         Row{{{"userCreator", "-IDE"}}, Errc::BadInput},
                         Row{{{"userCreator", "ann-"}}, Errc::BadInput},
                         Row{{{"userCreator", "ann-IDE"}, {"creator", "cli"}}, Errc::BadInput}}) {
    sched::JobSpec spec;
    spec.user = "ann";
    spec.statement = sched::Statement{"sql", "", "", "", ""};
    spec.labels = row.labels;
    const auto done = complete_statement_labels(spec, {});
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, row.code);
    EXPECT_EQ(done.error().field, "labels");
  }
}

}  // namespace
}  // namespace drover::pool
