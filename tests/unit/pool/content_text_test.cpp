// tests/unit/pool/content_text_test.cpp - which statements count as the same work.
// SPDX-License-Identifier: Apache-2.0
#include "pool/content_text.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <set>

namespace drover::pool {
namespace {

sched::JobSpec statement() {
  sched::JobSpec spec;
  spec.owner = {1000, 100};
  spec.script = "select 1";
  spec.cwd = "/home/ann";
  spec.env = {"A=1", "B=2"};
  spec.labels = {{"creator", "IDE"}, {"user", "ann"}};
  spec.statement = sched::Statement{"sql", "sql", "", "sql.1000", "namespace"};
  spec.statement->reuse = seconds(60);
  return spec;
}
Plugin plugin() {
  Plugin made;
  made.type = "sql";
  made.version = "1";
  return made;
}

TEST(ContentText, WhatDecidesAboutTheResultIsInIt) {
  using Change = std::function<void(sched::JobSpec&, Plugin&)>;
  const Change changes[] = {
      [](auto&, auto&) {},
      [](auto& s, auto&) { s.script += " "; },
      [](auto& s, auto&) { s.cwd = "/tmp"; },
      [](auto& s, auto&) { s.env = {"A=1B=2"}; },
      [](auto& s, auto&) { s.env = {"A=1"}; },
      [](auto& s, auto&) { s.env = {}; },
      [](auto& s, auto&) { s.labels["creator"] = "cli"; },
      [](auto& s, auto&) { s.labels["account"] = "physics"; },
      [](auto& s, auto&) { s.statement->language = "postgres"; },
      [](auto& s, auto&) { s.statement->reset = "respawn"; },
      [](auto&, auto& p) { p.type = "sql2"; },
      [](auto&, auto& p) { p.version = "2"; },
      [](auto&, auto& p) { p.options = R"({"database":"x"})"; },
  };
  std::set<std::string> texts;
  for (const Change& change : changes) {
    sched::JobSpec spec = statement();
    Plugin of = plugin();
    change(spec, of);
    EXPECT_TRUE(texts.insert(content_text(spec, of)).second) << texts.size();
  }
}

TEST(ContentText, WhatOnlyDecidesWhenItRunsIsNot) {
  const std::string text = content_text(statement(), plugin());
  sched::JobSpec spec = statement();
  spec.name = "other";
  spec.priority = 7;
  spec.time_limit = seconds(5);
  spec.out = "/elsewhere/log";
  spec.comment = "again";
  spec.statement->reuse = seconds(7);
  spec.statement->variables.emplace();
  EXPECT_EQ(content_text(spec, plugin()), text);
}

}  // namespace
}  // namespace drover::pool
