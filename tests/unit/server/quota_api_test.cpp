// tests/unit/server/quota_api_test.cpp - quotas over HTTP: previews, edits, versions, refusals.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "harness.hpp"
#include "server/ledger_watch.hpp"

namespace drover::server::testing {
namespace {

const Asker kAnnAsks{kAnn, {}, {}};
const Asker kOperator{kDaemon, {}, {}};
const std::string kHeldJob = R"({"argv":["true"],"cwd":"/tmp","hold":true,"name":"j"})";
const std::string kQuotas = "/api/v1/quotas";

TEST(QuotaApi, an_edit_takes_effect_and_says_what_it_did) {
  Harness server;
  const auto dry = server.ask(kOperator, "PUT", kQuotas + "/user=*?dry_run=1",
                              R"({"max":{"cpus":4,"queued_jobs":1}})");
  ASSERT_EQ(dry.status, 200) << dry.body;
  EXPECT_EQ(dry.json()["dry_run"], true);
  EXPECT_EQ(dry.json()["version"], 0);
  EXPECT_EQ(dry.json()["changes"][0]["change"], "added");
  EXPECT_EQ(dry.json()["changes"][0]["after"]["max"]["cpus"], 4);
  EXPECT_TRUE(server.ask(kOperator, "GET", kQuotas).json()["rules"].empty());

  const auto done =
      server.ask(kOperator, "PUT", kQuotas + "/user=*", R"({"max":{"cpus":4,"queued_jobs":1}})");
  ASSERT_EQ(done.status, 200) << done.body;
  EXPECT_EQ(done.json()["version"], 1);
  server.submit(kAnn, kHeldJob);
  const auto full = server.ask(kAnnAsks, "POST", "/api/v1/jobs", kHeldJob);
  EXPECT_GE(full.status, 400);
  EXPECT_NE(full.body.find("1 of 1 queued_jobs is open"), std::string::npos) << full.body;

  const auto lower =
      server.ask(kOperator, "PUT", kQuotas + "/user=*?dry_run=1", R"({"max":{"queued_jobs":0}})");
  EXPECT_EQ(lower.json()["drains_total"], 1);
  EXPECT_EQ(lower.json()["drains"][0]["resource"], "queued_jobs");
  EXPECT_EQ(lower.json()["drains"][0]["held"], 1);
  const auto list = server.ask(kOperator, "GET", kQuotas).json();
  EXPECT_EQ(list["source"], "edited");
  EXPECT_EQ(list["version"], 1);
  EXPECT_EQ(server.ask(kOperator, "DELETE", kQuotas + "/user=*").status, 200);
  EXPECT_EQ(server.ask(kAnnAsks, "POST", "/api/v1/jobs", kHeldJob).status, 201);
}

TEST(QuotaApi, an_edit_of_an_older_version_is_refused) {
  Harness server;
  const std::string body = R"({"max":{"cpus":4}})";
  EXPECT_EQ(
      server.ask(kOperator, "PUT", kQuotas + "/user=ann", body, {{"if-match", "\"0\""}}).status,
      200);
  const auto late =
      server.ask(kOperator, "PUT", kQuotas + "/user=bob", body, {{"if-match", "\"0\""}});
  EXPECT_EQ(late.status, 409) << late.body;
  EXPECT_NE(late.body.find("at version 1, not 0"), std::string::npos) << late.body;
  EXPECT_EQ(server.ask(kOperator, "PUT", kQuotas + "/user=bob?version=0", body).status, 409);
  EXPECT_EQ(server.ask(kOperator, "PUT", kQuotas + "/user=bob", R"({"version":1})").status, 200);
  EXPECT_EQ(
      server.ask(kOperator, "PUT", kQuotas + "/user=bob?version=1", R"({"version":2})").status,
      400);
}

TEST(QuotaApi, an_edit_that_changes_nothing_is_none) {
  Harness server;
  const std::string path = kQuotas + "/user=ann", four = R"({"max":{"cpus":4}})";
  EXPECT_EQ(server.ask(kOperator, "PUT", path, four).json()["version"], 1);
  const auto events = [&] {
    const auto all = server.ask(kOperator, "GET", "/api/v1/events").json()["events"];
    return std::ranges::count_if(all, [](const auto& e) { return e["kind"] == "quotas_edited"; });
  };
  EXPECT_EQ(events(), 1);
  for (const char* dry : {"?dry_run=1", ""}) {
    const auto again = server.ask(kOperator, "PUT", path + dry, four);
    ASSERT_EQ(again.status, 200) << again.body;
    EXPECT_EQ(again.json()["version"], 1) << again.body;
    EXPECT_TRUE(again.json()["changes"].empty());
  }
  EXPECT_EQ(events(), 1);
  EXPECT_EQ(server.ask(kOperator, "PUT", path, R"({"max":{"cpus":5},"version":0})").status, 409);

  // Taking the edits back is a change, also where the rules were those of the configuration.
  EXPECT_EQ(server.ask(kOperator, "DELETE", path).json()["version"], 2);
  EXPECT_EQ(server.ask(kOperator, "GET", kQuotas).json()["source"], "edited");
  EXPECT_EQ(server.ask(kOperator, "DELETE", kQuotas).json()["version"], 3);
  EXPECT_EQ(server.ask(kOperator, "GET", kQuotas).json()["source"], "configuration");
  EXPECT_EQ(server.ask(kOperator, "DELETE", kQuotas).json()["version"], 3);
  EXPECT_EQ(events(), 3);
}

TEST(QuotaApi, amounts_that_contradict_are_refused) {
  Harness server;
  const std::string path = kQuotas + "/user=ann";
  const auto twice = server.ask(kOperator, "PUT", path, R"({"max":{"cpus":4,"cpus":8}})");
  EXPECT_EQ(twice.status, 400) << twice.body;
  EXPECT_NE(twice.body.find("cpus is given twice"), std::string::npos) << twice.body;
  const auto labels =
      server.ask(kOperator, "PUT", kQuotas,
                 R"({"quotas":[{"match":{"user":"a","user":"b"},"max":{"cpus":4}}]})");
  EXPECT_EQ(labels.status, 400) << labels.body;
}

TEST(QuotaApi, names_may_have_slashes) {
  Harness server;
  const std::string path = kQuotas + "/project=a/b";
  const auto put = server.ask(kOperator, "PUT", path, R"({"max":{"cpus":4}})");
  ASSERT_EQ(put.status, 200) << put.body;
  const auto rules = server.ask(kOperator, "GET", kQuotas).json()["rules"];
  ASSERT_EQ(rules.size(), 1u);
  EXPECT_EQ(rules[0]["match"]["project"], "a/b");
  EXPECT_EQ(server.ask(kOperator, "DELETE", path).status, 200);
  EXPECT_EQ(server.ask(kOperator, "PUT", kQuotas + "/", R"({"max":{"cpus":4}})").status, 404);
  EXPECT_EQ(
      server.ask(kOperator, "PATCH", "/api/v1/groups/user=ann,creator=a/b", R"({"queued_jobs":9})")
          .status,
      200);
  EXPECT_EQ(server.ask(kOperator, "PUT", "/api/v1/reservations/a/b", "{}").status, 404);
}

TEST(QuotaApi, what_contradicts_is_refused_whole) {
  Harness server;
  struct Row {
    const char* method;
    const char* path;
    const char* body;
    int status;
    const char* says;
  };
  const Row rows[] = {
      {"PUT", "/user=ann", R"({"max":{"cpus":2},"guaranteed":{"cpus":3}})", 400, "are guaranteed"},
      {"PUT", "/user=ann", R"({"max":{"cpus":-2}})", 400, "from 0 to 1099511627\""},
      {"PUT", "/user=ann", R"({"max":{"cpus":9223372036854775807}})", 400,
       "from 0 to 1099511627\""},
      {"PUT", "/user=ann", R"({"max":{"mem_mib":99999999999999999999}})", 400, "mem_mib"},
      {"PUT", "/user=ann", R"({"max":{"cpu":2}})", 400, "did you mean cpus"},
      {"PUT", "/user=ann", R"({"max":{"licence:x":2}})", 400, "is no resource"},
      {"PUT", "/user=ann", R"({"maximum":{}})", 400, "max"},
      {"PUT", "/user=*", R"({"guaranteed":{"cpus":1}})", 400, "exact values"},
      {"PUT", "/us!er=ann", R"({"max":{"cpus":2}})", 400, "not a valid name"},
      {"PUT", "/ann", R"({"max":{"cpus":2}})", 400, "no label combination"},
      {"PUT", "/user=ann", R"([1])", 400, ""},
      {"PUT", "/user=ann", "", 400, ""},
      {"DELETE", "/user=ann", "", 404, "there is no quota user=ann"},
      {"PUT", "", R"({"quotas":[{"match":{"user":"a"},"max":{"cpus":1}},{"match":{"user":"a"}}]})",
       400, "two quotas for user=a"},
      {"PUT", "", R"({"quotas":[{"max":{"cpus":1}}]})", 400, "match"},
      {"PUT", "",
       R"({"quotas":[{"match":{},"max":{"cpus":3}},)"
       R"({"match":{"user":"a"},"guaranteed":{"cpus":2}},)"
       R"({"match":{"user":"b"},"guaranteed":{"cpus":2}}]})",
       400, "guaranteed 4 cpus together, its max is 3 cpus"},
      {"PUT", "", R"({})", 400, "quotas are missing"},
      {"PUT", "", R"({"quotas":[{"match":{"user":"a","team":5}}]})", 400,
       "match.team must be a text"},
  };
  for (const Row& row : rows) {
    const auto said = server.ask(kOperator, row.method, kQuotas + row.path, row.body);
    EXPECT_EQ(said.status, row.status) << row.path << row.body << said.body;
    EXPECT_NE(said.body.find(row.says), std::string::npos) << row.body << said.body;
  }
  const auto list = server.ask(kOperator, "GET", kQuotas).json();
  EXPECT_EQ(list["version"], 0);
  EXPECT_TRUE(list["rules"].empty());
  EXPECT_EQ(server.ask(kAnnAsks, "PUT", kQuotas + "/user=ann", R"({"max":{"cpus":99}})").status,
            403);
  EXPECT_FALSE(server.ask(kAnnAsks, "GET", kQuotas).json().contains("rules"));
}

TEST(LedgerWatch, a_mismatch_raises_the_metric_until_a_clean_check) {
  net::Loop loop;
  metrics::Metrics metrics;
  sched::AuditReport report;
  LedgerWatch watch(loop, metrics, [&](std::size_t) { return report; });
  const auto shows = [&](const std::string& line) {
    return metrics.scrape().find("\n" + line + "\n") != std::string::npos;
  };
  EXPECT_TRUE(shows("drover_ledger_mismatches 0"));
  report.mismatches = {"node 0 holds 3 of cpu, its leases 2"};
  watch.look();
  EXPECT_TRUE(shows("drover_ledger_mismatches 1"));
  report = {{}, true};
  watch.look();
  EXPECT_TRUE(shows("drover_ledger_mismatches 1")) << "the sweep that has ended found it";
  watch.look();
  EXPECT_TRUE(shows("drover_ledger_mismatches 0"));
  EXPECT_TRUE(shows("drover_ledger_checks_total 2"));
}

}  // namespace
}  // namespace drover::server::testing
