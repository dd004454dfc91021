// tests/unit/server/config_test.cpp - defaults, origins, and errors that name the place.
// SPDX-License-Identifier: Apache-2.0
#include "server/config.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace drover::server {
namespace {

TEST(Config, values_replace_defaults_and_remember_their_line) {
  auto config = parse_config("[scheduler]\nopen_jobs = 7\ngroup_by = [\"project\"]\n", "c.toml");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->open_jobs, 7);
  EXPECT_EQ(config->group_by, std::vector<std::string>{"project"});
  EXPECT_EQ(config->origin.at("scheduler.open_jobs"), "c.toml:2");
  EXPECT_EQ(config->origin.count("server.port"), 0u);
}

TEST(Config, quotas_count_in_milli_units) {
  auto config =
      parse_config("[[quota]]\nmatch = {user = \"*\"}\ncpus = 4\nmem_mib = 100\n", "c.toml");
  ASSERT_TRUE(config) << config.error().message;
  ASSERT_EQ(config->quotas.size(), 1u);
  EXPECT_EQ(config->quotas[0].max[rm::Kind::CpuMilli], 4000);
  EXPECT_EQ(config->quotas[0].max[rm::Kind::MemMib], 100);
  EXPECT_EQ(config->quotas[0].max[rm::Kind::GpuMilli], -1);
}

struct BadCase {
  const char* name;
  const char* text;
  const char* message;  // part of the message or hint
};

TEST(Config, mistakes_are_named_with_place_and_hint) {
  const BadCase cases[] = {
      {"unknown key", "[scheduler]\nopen_job = 7\n", "did you mean scheduler.open_jobs?"},
      {"key in the wrong section", "[server]\nopen_jobs = 7\n",
       "did you mean scheduler.open_jobs?"},
      {"unknown section", "[schduler]\nopen_jobs = 7\n", "c.toml:2: unknown key"},
      {"value at the top", "port = 7\n", "c.toml:1: unknown key port"},
      {"wrong type", "[server]\nport = \"7\"\n", "c.toml:2: server.port must be a whole number"},
      {"out of range", "[server]\nport = 70000\n", "from -1 to 65535"},
      {"not TOML", "[server\n", "c.toml:1:"},
      {"bad level", "[server]\nlog_level = \"loud\"\n", "trace, debug"},
      {"quota without match", "[[quota]]\ncpus = 4\n", "match"},
      {"quota with a wrong word", "[[quota]]\nmatch={user=\"*\"}\ncpu = 4\n",
       "unknown key quota.cpu"},
      {"negative quota", "[[quota]]\nmatch={user=\"*\"}\ncpus = -4\n", "whole number from 0"},
  };
  for (const BadCase& c : cases) {
    auto config = parse_config(c.text, "c.toml");
    ASSERT_FALSE(config) << c.name;
    EXPECT_EQ(config.error().code, Errc::BadInput) << c.name;
    EXPECT_NE((config.error().message + " " + config.error().hint).find(c.message),
              std::string::npos)
        << c.name << ": " << config.error().message << " / " << config.error().hint;
  }
}

TEST(Config, a_missing_file_is_not_found) {
  auto config = load_config("/nonexistent/drover.toml");
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().code, Errc::NotFound);
}

TEST(Config, the_page_matches_the_table) {
  if (std::getenv("BLESS") != nullptr) std::ofstream("docs/config.md") << config_markdown();
  std::stringstream page;
  page << std::ifstream("docs/config.md").rdbuf();
  EXPECT_EQ(page.str(), config_markdown())
      << "BLESS=1 build/dev/bin/server_json_test rewrites docs/config.md";
}

}  // namespace
}  // namespace drover::server
