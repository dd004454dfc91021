// tests/unit/server/access_test.cpp - every route with every kind of caller.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <set>

#include "harness.hpp"
#include "server/auth.hpp"
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
    case Access::JobOwner: return known && (owner || is_operator);
    case Access::Operator: return known && is_operator;
  }
  return false;
}

TEST(Access, every_route_with_every_caller) {
  Harness server;
  const std::uint64_t job = server.submit(kAnn);
  struct Row {
    const char* name;
    Asker who;
    bool known, owner, is_operator;
  };
  const Row callers[] = {
      {"anonymous", {std::nullopt, ""}, false, false, false},
      {"wrong token", {std::nullopt, std::string(64, 'x')}, false, false, false},
      {"owner", {kAnn, ""}, true, true, false},
      {"other user", {kBob, ""}, true, false, false},
      {"operator by token", {std::nullopt, kToken}, true, false, true},
      {"the daemon's user", {kDaemon, ""}, true, false, true},
      {"root", {0, ""}, true, false, true},
  };
  for (const Route& route : routes()) {
    if (route.handler == nullptr)
      continue;  // streamed bodies pass the same door; see the bulk test
    for (const Row& row : callers) {
      const std::string path =
          fill(route.path, job) + (route.path.ends_with("/wait") ? "?timeout_s=0" : "");
      const Said said = server.ask(row.who, std::string(route.method), path);
      const bool passed = said.status != 401 && said.status != 403;
      EXPECT_EQ(passed, may_pass(route.rule.access, row.known, row.owner, row.is_operator))
          << row.name << " " << route.method << " " << path << " -> " << said.status << " "
          << said.body;
      if (!row.known && !passed) {
        EXPECT_EQ(said.status, 401);
      }
    }
  }
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
    EXPECT_EQ(server.ask({kAnn, {}}, "GET", path).status, 404) << path;
  EXPECT_EQ(server.ask({kAnn, {}}, "DELETE", "/api/v1/jobs/" + job).status, 405);
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
  const Asker token{std::nullopt, kToken};
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
  static constexpr const char* kWords[] = {"anyone", "scraper", "user", "job_owner", "operator"};
  std::set<std::string> described, offered;
  for (const auto& [path, methods] : document["paths"].items())
    for (const auto& [method, operation] : methods.items())
      described.insert(method + " " + path + " " + operation["x-access"].get<std::string>());
  for (const Route& route : routes()) {
    std::string method(route.method);
    for (char& c : method) c = char(std::tolower(c));
    offered.insert(method + " " + std::string(route.path) + " " +
                   kWords[std::size_t(route.rule.access)]);
  }
  EXPECT_EQ(described, offered);
}

}  // namespace
}  // namespace drover::server::testing
