// tests/unit/server/config_test.cpp - defaults, origins, and errors that name the place.
// SPDX-License-Identifier: Apache-2.0
#include "server/config.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "server/config_policy.hpp"

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

TEST(Config, licences_are_counted_and_may_be_named_in_quotas) {
  const auto config = parse_config(
      "[licences]\nmatlab = 20\nansys = 0\n[quotas]\nresources = [\"licence:ansys\"]\n"
      "[[quota]]\nmatch = {user = \"*\"}\nmax = {\"licence:matlab\" = 5}\n",
      "c.toml");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->licences, (rm::Counts{{"ansys", 0}, {"matlab", 20}}));
  const auto kind = config->resource_names.find("licence:matlab");
  ASSERT_TRUE(kind);
  EXPECT_EQ(config->quotas[0].max[*kind], 5);
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

TEST(Config, accounts_classes_and_partitions_make_a_policy) {
  auto config = parse_config(
      "[policy]\ndefault_account = \"open\"\nweight_age = 5\nfairness = \"drf\"\n"
      "[[account]]\nname = \"physics\"\nshares = 60\nusers = [\"ann\"]\nuser_shares = {ann = 3}\n"
      "[[account]]\nname = \"open\"\nusers = [\"*\"]\n"
      "[[qos]]\nname = \"urgent\"\npreempts = [\"low\"]\nmax_wall = \"2h\"\nmax_cpus_per_user = 4\n"
      "[[qos]]\nname = \"low\"\npreempt_mode = \"cancel\"\n"
      "[[partition]]\nname = \"gpu\"\nnodes = {kind = \"gpu\"}\npolicy = "
      "\"saf-guard:2h+easy-sjbf\"\n"
      "default = true\nmax_time = \"1-00\"\n",
      "c.toml");
  ASSERT_TRUE(config) << config.error().message;
  const auto book = policy_book(*config);
  ASSERT_TRUE(book) << book.error().message;
  EXPECT_EQ(book->accounts.account_for("eve", "").value(), "open");
  EXPECT_EQ(book->accounts.at(book->accounts.id_of("physics")).spec.user_shares.at("ann"), 3);
  EXPECT_TRUE(book->qos.preempts("urgent", "low"));
  EXPECT_EQ(book->qos.find("low")->preempt_mode, sched::PreemptMode::Cancel);
  EXPECT_EQ(book->qos.find("urgent")->per_user.cpus, 4);
  EXPECT_EQ(book->partitions.find("gpu")->policy.guard, seconds(7200));
  EXPECT_EQ(book->partitions.find("gpu")->nodes, (rm::Labels{{"kind", "gpu"}}));
  EXPECT_EQ(book->weights[sched::Factor::Age], 5);
  EXPECT_EQ(book->weights.fairness, sched::Fairness::Drf);
  EXPECT_EQ(config->origin.at("qos"), "c.toml:13");
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
      {"qos with a wrong word", "[[qos]]\nname=\"a\"\nmax_cpu = 4\n",
       "c.toml:3: unknown key qos.max_cpu did you mean max_cpus?"},
      {"qos without a name", "[[qos]]\npriority = 4\n", "needs a name"},
      {"qos as a section", "[qos]\nname = \"a\"\n", "must be written as [[qos]]"},
      {"classes in a circle", "[[qos]]\nname=\"a\"\npreempts=[\"a\"]\n", "in a circle: a over a"},
      {"a policy that is none", "[[partition]]\nname=\"a\"\npolicy=\"lifo\"\n",
       "c.toml:3: partition.policy"},
      {"a time that is none", "[[partition]]\nname=\"a\"\nmax_time=7\n", "a time in quotes"},
      {"accounts under each other", "[[account]]\nname=\"a\"\nparent=\"a\"\n", "a under a"},
      {"negative licence", "[licences]\nmatlab = -1\n", "cannot be -1"},
      {"licence that is no number", "[licences]\nmatlab = \"many\"\n", "licences.matlab must be"},
      {"licence with a colon", "[licences]\n\"a:b\" = 1\n", "colon"},
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
