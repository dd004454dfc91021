// tests/unit/server/access_test.cpp - every route with every kind of caller.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <set>

#include "harness.hpp"
#include "server/auth.hpp"
#include "server/failed_logins.hpp"
#include "server/openapi.hpp"
#include "server/routes.hpp"

namespace drover::server::testing {
namespace {

std::string fill(std::string_view path, std::uint64_t job) {
  std::string text(path);
  if (const std::size_t at = text.find("{id}"); at != std::string::npos)
    text.replace(at, 4, std::to_string(job));
  if (const std::size_t at = text.find("{name}"); at != std::string::npos)
    text.replace(at, 6, "nobody");
  return text;
}

// What the table promises, written down a second time: may this caller pass the door of this route?
bool may_pass(Access access, bool known, bool owner, bool is_operator) {
  switch (access) {
    case Access::Anyone:
    case Access::Scraper: return true;
    case Access::User: return known;
    case Access::JobOwner:
    case Access::WorkflowOwner: return known && (owner || is_operator);
    case Access::WorkflowAuthor: return known && owner;
    case Access::Operator: return known && is_operator;
  }
  return false;
}

TEST(Access, every_route_with_every_caller) {
  Harness server;
  const std::uint64_t job = server.submit(kAnn);
  const std::uint64_t workflow = server.submit_workflow(kAnn);
  struct Row {
    const char* name;
    Asker who;
    bool known, owner, is_operator;
  };
  const Row callers[] = {
      {"anonymous", {std::nullopt, "", ""}, false, false, false},
      {"wrong token", {std::nullopt, std::string(64, 'x'), ""}, false, false, false},
      {"owner", {kAnn, "", ""}, true, true, false},
      {"other user", {kBob, "", ""}, true, false, false},
      {"operator by token", {std::nullopt, kToken, ""}, true, false, true},
      {"the daemon's user", {kDaemon, "", ""}, true, false, true},
      {"root", {0, "", ""}, true, false, true},
  };
  for (const Route& route : routes()) {
    if (route.handler == nullptr)
      continue;  // streamed bodies pass the same door; see the bulk test
    for (const Row& row : callers) {
      const std::string path =
          fill(route.path, route.path.starts_with("/api/v1/workflows") ? workflow : job) +
          (route.path.ends_with("/wait") ? "?timeout_s=0" : "");
      const Said said = server.ask(row.who, std::string(route.method), path);
      // Of what is somebody else's there is no word: it is answered as what is not there.
      const bool is_hidden =
          said.status == 404 && (said.body.find("you have no job ") != std::string::npos ||
                                 said.body.find("you have no workflow ") != std::string::npos);
      const bool passed = said.status != 401 && said.status != 403 && !is_hidden;
      EXPECT_EQ(passed, may_pass(route.rule.access, row.known, row.owner, row.is_operator))
          << row.name << " " << route.method << " " << path << " -> " << said.status << " "
          << said.body;
      if (!row.known && !passed) {
        EXPECT_EQ(said.status, 401);
      }
    }
  }
}

// Same words, same status: neither whether it is there nor what it is can be learned.
TEST(Access, what_is_somebody_elses_is_answered_as_what_is_not_there) {
  Harness server;
  const std::uint64_t job = server.submit(kAnn);
  const std::uint64_t workflow = server.submit_workflow(kAnn);
  constexpr std::uint64_t kNone = 987'654;
  const Asker bob{kBob, "", ""};
  std::size_t routes_seen = 0;
  const auto anonymous = [](std::string body, std::uint64_t id) {
    const std::string number = std::to_string(id);
    for (std::size_t at; (at = body.find(number)) != std::string::npos;)
      body.replace(at, number.size(), "N");
    if (const std::size_t at = body.find("request_id"); at != std::string::npos)
      body.replace(at, body.find(',', at) - at, "R");
    return body;
  };
  for (const Route& route : routes()) {
    if (route.handler == nullptr || route.path.find("{id}") == std::string_view::npos) continue;
    if (route.rule.access == Access::Operator) continue;
    ++routes_seen;
    const bool is_flow = route.path.starts_with("/api/v1/workflows");
    const std::uint64_t theirs = is_flow ? workflow : job;
    const std::string method(route.method);
    const Said foreign = server.ask(bob, method, fill(route.path, theirs));
    const Said none = server.ask(bob, method, fill(route.path, kNone));
    EXPECT_EQ(foreign.status, 404) << method << " " << route.path << foreign.body;
    EXPECT_EQ(anonymous(foreign.body, theirs), anonymous(none.body, kNone))
        << method << " " << route.path;
    if (route.path.find("/results/") == std::string_view::npos && !is_flow) {
      const Said of_both = server.ask(bob, method, fill(route.path, workflow));
      EXPECT_EQ(anonymous(of_both.body, workflow), anonymous(none.body, kNone)) << route.path;
    }
  }
  EXPECT_GE(routes_seen, 20u);
  // Many at once: one error each, and the same.
  for (const char* verb : {"cancel", "hold", "release", "requeue"}) {
    const Said many = server.ask(bob, "POST", std::string("/api/v1/jobs/") + verb,
                                 R"({"ids":")" + std::to_string(job) + R"(,987654"})");
    EXPECT_NE(many.body.find("you have no job " + std::to_string(job)), std::string::npos)
        << many.body;
    EXPECT_NE(many.body.find("you have no job 987654"), std::string::npos) << many.body;
    EXPECT_EQ(many.body.find("another user"), std::string::npos) << many.body;
  }
  for (const char* path : {"/api/v1/engines/engine-1", "/api/v1/engines/engine-2"})
    EXPECT_EQ(server.ask(bob, "GET", path).status, 404) << path;
}

TEST(Access, strange_spellings_of_a_path_are_no_path) {
  Harness server;
  const std::string job = std::to_string(server.submit(kAnn));
  const std::vector<std::string> paths = {"/api/v1/jobs/" + job + "/",
                                          "//api/v1/jobs",
                                          "/API/v1/jobs",
                                          "/api/v1/jobs/+" + job,
                                          "/api/v1/jobs/" + job + " ",
                                          "/api/v1/jobs/0x1",
                                          "/api/v1/jobs/0",
                                          "/api/v1/jobs/99999999999999999999999",
                                          "/",
                                          ""};
  for (const std::string& path : paths)
    EXPECT_EQ(server.ask({kAnn, {}, {}}, "GET", path).status, 404) << path;
  EXPECT_EQ(server.ask({kAnn, {}, {}}, "DELETE", "/api/v1/jobs/" + job).status, 405);
}

TEST(Access, a_method_that_a_path_does_not_take_is_told_those_it_takes) {
  Harness server;
  const auto allow = [&](const char* method, const char* path) {
    const Said said = server.ask({kAnn, {}, {}}, method, path);
    EXPECT_EQ(said.status, 405) << path;
    for (const auto& [name, value] : said.headers)
      if (name == "Allow") return value;
    return std::string();
  };
  EXPECT_EQ(allow("DELETE", "/api/v1/jobs"), "POST, GET, HEAD");
  EXPECT_EQ(allow("PUT", "/metrics"), "GET, HEAD");
  EXPECT_EQ(allow("HEAD", "/api/v1/jobs/cancel"), "POST");
}

TEST(Access, head_is_answered_where_get_is) {
  Harness server;
  const std::string job = std::to_string(server.submit(kAnn));
  EXPECT_EQ(server.ask({kAnn, {}, {}}, "HEAD", "/api/v1/jobs/" + job).status, 200);
  EXPECT_EQ(server.ask({kBob, {}, {}}, "HEAD", "/api/v1/jobs/" + job).status, 404);
  EXPECT_EQ(server.ask({}, "HEAD", "/api/v1/jobs").status, 401);
}

TEST(Access, a_misspelt_parameter_is_refused_with_the_nearest_one) {
  Harness server;
  struct Row {
    const char *path, *hint;
  };
  const Row rows[] = {
      {"/api/v1/jobs?stat=running", "did you mean state?"},
      {"/api/v1/jobs?limit=1&limit=2", "give it once"},
      {"/api/v1/jobs?pages=3", "this path takes: state user name label group ids limit cursor"},
      {"/api/v1/quotas?x=1", "this path takes no parameters"},
  };
  for (const Row& row : rows) {
    const Said said = server.ask({kAnn, {}, {}}, "GET", row.path);
    EXPECT_EQ(said.status, 400) << row.path;
    EXPECT_EQ(said.json()["error"]["hint"], row.hint) << row.path;
  }
  EXPECT_EQ(server.ask({kAnn, {}, {}}, "GET", "/api/v1/jobs?label=a=b&label=c=d").status, 200);
  const std::string job = std::to_string(server.submit(kAnn));
  EXPECT_EQ(server.ask({kAnn, {}, {}}, "GET", "/api/v1/jobs/" + job + "/log?follow=yes").status,
            400);
}

TEST(Access, failed_logins_get_slower_and_right_ones_do_not) {
  Harness server;
  const Asker wrong{std::nullopt, std::string(64, 'x'), "127.0.0.1:4711"};
  for (unsigned i = 0; i < FailedLogins::kFree; ++i)
    EXPECT_EQ(server.ask(wrong, "GET", "/api/v1/jobs").status, 401);
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(server.ask(wrong, "GET", "/api/v1/jobs").status, 401);
  EXPECT_GE(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(95));
  const Asker right{std::nullopt, kToken, "127.0.0.1:4711"};
  const auto asked = std::chrono::steady_clock::now();
  EXPECT_EQ(server.ask(right, "GET", "/api/v1/jobs").status, 200);
  EXPECT_LT(std::chrono::steady_clock::now() - asked, std::chrono::milliseconds(95));
}

TEST(FailedLogins, waits_grow_to_a_limit_and_are_forgotten) {
  FailedLogins failed;
  Time now{1};
  for (unsigned i = 0; i < FailedLogins::kFree; ++i)
    EXPECT_EQ(failed.delay_after_failure("10.0.0.1:1", now).us, 0);
  const std::int64_t waits_ms[] = {100, 200, 400, 800, 1600, 2000, 2000};
  for (const std::int64_t wait : waits_ms)  // the port is no way around it
    EXPECT_EQ(failed.delay_after_failure("10.0.0.1:" + std::to_string(wait), now), millis(wait));
  EXPECT_EQ(failed.delay_after_failure("10.0.0.2:1", now).us, 0);
  now = now + FailedLogins::kForgotten + seconds(1);
  EXPECT_EQ(failed.delay_after_failure("10.0.0.1:1", now).us, 0);
}

TEST(FailedLogins, the_table_is_bounded_and_keeps_who_failed_last) {
  FailedLogins failed;
  for (unsigned i = 0; i < 3 * FailedLogins::kAddresses; ++i) {
    failed.delay_after_failure("[fe80::" + std::to_string(i) + "]:9", Time{i});
    ASSERT_LE(failed.size(), FailedLogins::kAddresses);
    failed.delay_after_failure("10.0.0.1:1", Time{i});
  }
  EXPECT_GT(failed.delay_after_failure("10.0.0.1:1", Time{9000}).us, 0);
}

TEST(Access, every_refusal_of_an_unknown_caller_is_the_same) {
  Harness server;
  using Headers = std::vector<std::pair<std::string, std::string>>;
  const Headers cases[] = {
      {},
      {{"authorization", ""}},
      {{"authorization", "Basic " + kToken}},
      {{"authorization", "Bearer "}},
      {{"authorization", "Bearer " + kToken}, {"authorization", "Bearer " + kToken}},
      {{"authorization", "Bearer " + std::string(64 << 10, 't')}},
      {{"authorization", "Bearer " + kToken + "t"}},
      {{"x-user", "root"}, {"x-drover-uid", "0"}},
  };
  for (const Headers& headers : cases) {
    const Said said = server.ask({}, "GET", "/api/v1/jobs", {}, headers);
    EXPECT_EQ(said.status, 401);
    auto json = said.json();
    json["error"].erase("request_id");
    auto first = server.ask({}, "GET", "/api/v1/jobs").json();
    first["error"].erase("request_id");
    EXPECT_EQ(json, first);
  }
}

TEST(Access, browsers_are_kept_out) {
  Harness server;
  const Asker token{std::nullopt, kToken, {}};
  net::HttpRequest request;
  EXPECT_EQ(server
                .ask(token, "POST", "/api/v1/jobs/cancel", R"({"ids":"all"})",
                     {{"origin", "http://evil"}})
                .status,
            403);
  Users users;
  Auth auth(kToken, kDaemon, kDaemon, users);
  auth.configure(Config{});
  for (const char* host : {"evil.example", "127.0.0.1.evil", "", "localhost.", "[::2]:80"}) {
    net::HttpRequest asked;
    asked.method = "GET";
    asked.headers = {{"host", host}};
    EXPECT_FALSE(auth.check_source(asked)) << host;
  }
  for (const char* host : {"localhost", "localhost:4711", "127.0.0.1:1", "[::1]", "[::1]:80"}) {
    net::HttpRequest asked;
    asked.method = "GET";
    asked.headers = {{"host", host}};
    EXPECT_TRUE(auth.check_source(asked)) << host;
  }
}

TEST(Access, the_token_is_made_once_private_and_random) {
  char dir[] = "/tmp/drover-token-XXXXXX";
  ASSERT_NE(mkdtemp(dir), nullptr);
  const std::string path = std::string(dir) + "/token";
  const auto made = load_token(path);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->size(), 64u);
  struct stat info {};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0600u);
  EXPECT_EQ(load_token(path).value(), *made);
  ASSERT_EQ(chmod(path.c_str(), 0644), 0);
  ASSERT_FALSE(load_token(path));
  EXPECT_EQ(load_token(path).error().code, Errc::Denied);
  std::filesystem::remove_all(dir);
}

TEST(OpenApi, lists_exactly_the_routes_of_the_table) {
  const auto document = nlohmann::json::parse(openapi_json());
  EXPECT_EQ(document["openapi"], "3.1.0");
  static constexpr const char* kWords[] = {
      "anyone", "scraper", "user", "job_owner", "workflow_owner", "workflow_author", "operator"};
  std::set<std::string> described, offered;
  for (const auto& [path, methods] : document["paths"].items())
    for (const auto& [method, operation] : methods.items()) {
      std::string row = method + " " + path + " " + operation["x-access"].get<std::string>() + ":";
      if (operation.contains("parameters"))
        for (const auto& parameter : operation["parameters"])
          if (parameter.value("in", "") == "query")
            row += " " + parameter["name"].get<std::string>();
      described.insert(row);
    }
  for (const Route& route : routes()) {
    std::string method(route.method);
    for (char& c : method) c = char(std::tolower(c));
    offered.insert(method + " " + std::string(route.path) + " " +
                   kWords[std::size_t(route.rule.access)] + ":" + (route.query.empty() ? "" : " ") +
                   std::string(route.query));
  }
  EXPECT_EQ(described, offered);
}

}  // namespace
}  // namespace drover::server::testing
