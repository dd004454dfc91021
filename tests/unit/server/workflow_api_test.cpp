// tests/unit/server/workflow_api_test.cpp - workflows over HTTP.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <chrono>

#include "tests/unit/server/harness.hpp"

namespace drover::server::testing {
namespace {

using Json = nlohmann::json;

const Asker kAnnAsks{kAnn, {}, {}};

std::string body_of(const std::string& document) {
  return Json{{"document", document}, {"origin", "w.toml"}, {"defaults", {{"cwd", "/tmp"}}}}.dump();
}

TEST(WorkflowApi, ShowsWhatWasSubmitted) {
  Harness server;
  const std::uint64_t id = server.submit_workflow(kAnn, R"(
name = "pair"
[[step]]
name = "a"
command = ["true"]
job = {hold = true}
[[step]]
name = "b"
needs = ["a"]
command = ["true"]
)");
  const std::string path = "/api/v1/workflows/" + std::to_string(id);
  const Json shown = server.ask(kAnnAsks, "GET", path).json();
  EXPECT_EQ(shown["workflow"]["name"], "pair");
  EXPECT_EQ(shown["workflow"]["state"], "running");
  EXPECT_EQ(shown["workflow"]["steps"]["total"], 2);
  ASSERT_EQ(shown["steps"].size(), 2u);
  EXPECT_EQ(shown["steps"][0]["state"], "queued");
  EXPECT_EQ(shown["steps"][1]["state"], "waiting");
  EXPECT_EQ(shown["steps"][1]["needs"], Json::array({"a"}));
  const Json facts = server.ask(kAnnAsks, "GET", path + "/facts").json()["facts"];
  ASSERT_EQ(facts.size(), 1u);
  EXPECT_EQ(facts[0]["kind"], "started");
  EXPECT_EQ(facts[0]["part"], "a");
  const Json list = server.ask(kAnnAsks, "GET", "/api/v1/workflows?state=open").json();
  ASSERT_EQ(list["workflows"].size(), 1u);
  EXPECT_EQ(list["workflows"][0]["id"], id);
  EXPECT_TRUE(server.ask({kBob, {}, {}}, "GET", "/api/v1/workflows").json()["workflows"].empty());
  EXPECT_NE(server.ask(kAnnAsks, "GET", path + "/plan?format=dot").body.find("digraph"),
            std::string::npos);
  EXPECT_NE(server.ask(kAnnAsks, "GET", path + "/document").body.find("[[step]]"),
            std::string::npos);
}

TEST(WorkflowApi, RefusesBeforeAnythingRuns) {
  Harness server;
  const struct {
    const char* document;
    const char* says;
  } rows[] = {
      {"name = \"w\"\n[[step]]\nname = \"a\"\nneeds = [\"b\"]\ncommand = [\"x\"]\n", "w.toml:4"},
      {"name = \"w\"\n[[step]]\nname = \"a\"\ncommand = [\"x\"]\njob = {cpus_per_taks = 2}\n",
       "cpus_per_task"},
      {"name = \"w\"\n[[step]]\nname = \"a\"\ncommand = [\"x\"]\njob = {time = \"soon\"}\n",
       "w.toml:2: step a"},
      {"not a document", "w.toml:1"},
      {"name = \"w\"\n[[step]]\nname = \"a\"\ncommand = [\"x\"]\njob = {env = \"A=b\"}\n", "env"},
      {"name = \"w\"\n[defaults]\nenv = 5\n[[step]]\nname = \"a\"\ncommand = [\"x\"]\n", "env"},
  };
  for (const auto& row : rows) {
    const Said said = server.ask(kAnnAsks, "POST", "/api/v1/workflows", body_of(row.document));
    EXPECT_GE(said.status, 400) << row.document;
    EXPECT_LT(said.status, 500) << said.body;
    EXPECT_NE(said.body.find(row.says), std::string::npos) << said.body;
  }
  EXPECT_TRUE(server.ask(kAnnAsks, "GET", "/api/v1/jobs").json()["jobs"].empty());
  const std::string plain = R"("document":"name='w'\n[[step]]\nname='a'\ncommand=['x']\n")";
  for (const std::string& defaults :
       {std::string(R"({"env":5})"), std::string(R"({"script":5})"),
        R"({"x":)" + std::string(200'000, '[') + std::string(200'000, ']') + "}"}) {
    const Said said = server.ask(kAnnAsks, "POST", "/api/v1/workflows",
                                 "{" + plain + R"(,"defaults":)" + defaults + "}");
    EXPECT_GE(said.status, 400) << defaults.substr(0, 60);
    EXPECT_LT(said.status, 500) << defaults.substr(0, 60);
  }
  EXPECT_EQ(server.ask(kAnnAsks, "POST", "/api/v1/workflows", "{}").status, 400);
  EXPECT_EQ(server.ask(kAnnAsks, "POST", "/api/v1/workflows", R"({"documnet":"x"})").status, 400);
}

TEST(WorkflowApi, ARepeatedKeyIsOneWorkflow) {
  Harness server;
  const std::string body = body_of("name=\"w\"\n[[step]]\nname=\"a\"\ncommand=[\"true\"]\n");
  const std::vector<std::pair<std::string, std::string>> key{{"idempotency-key", "k1"}};
  const Said first = server.ask(kAnnAsks, "POST", "/api/v1/workflows", body, key);
  const Said second = server.ask(kAnnAsks, "POST", "/api/v1/workflows", body, key);
  EXPECT_EQ(first.status, 201);
  EXPECT_EQ(second.status, 200) << second.body;
  EXPECT_EQ(first.json()["id"], second.json()["id"]);
}

TEST(WorkflowApi, AKeyIsLookedUpBeforeTheDocument) {
  Harness server;
  const std::string body = body_of("name=\"w\"\n[[step]]\nname=\"a\"\ncommand=[\"true\"]\n");
  const std::vector<std::pair<std::string, std::string>> key{{"idempotency-key", "k1"}};
  EXPECT_EQ(server.ask(kAnnAsks, "POST", "/api/v1/workflows", body, key).status, 201);
  const Said other = server.ask(kAnnAsks, "POST", "/api/v1/workflows", body_of("nonsense"), key);
  EXPECT_EQ(other.status, 409) << "the key says that it was another document: " << other.body;
  EXPECT_EQ(server.ask(kAnnAsks, "POST", "/api/v1/workflows?test_only=1", body_of("nonsense"), key)
                .status,
            400)
      << "who only asks has no key";
}

TEST(WorkflowApi, AReplayIsOfOnesOwnAndOfWhatHasEnded) {
  Harness server;
  const std::string id = std::to_string(server.submit_workflow(kAnn));
  const auto replay = [&](std::uint32_t uid, const std::string& workflow, const std::string& step) {
    return server.ask(
        {uid, {}, {}}, "POST", "/api/v1/workflows",
        body_of("name=\"r\"\n[[step]]\nname=\"x\"\nstrategy=\"replay\"\nreplay={workflow=" +
                workflow + ",step=\"" + step + "\"}\n"));
  };
  const Said open = replay(kAnn, id, "a");
  EXPECT_EQ(open.status, 409) << open.body;
  EXPECT_NE(open.body.find("w.toml:2: step x: step 'a' of workflow " + id + " has not ended"),
            std::string::npos)
      << open.body;
  EXPECT_EQ(replay(kAnn, id, "b").status, 404);
  const Said foreign = replay(kBob, id, "a");
  EXPECT_EQ(foreign.status, 404) << "what somebody else runs is nobody's business";
  EXPECT_NE(foreign.body.find("there is no workflow " + id + " of yours"), std::string::npos);
}

TEST(WorkflowApi, ManyStepsAreWeighedInSlices) {
  Harness server;
  std::string document = "name = \"wide\"\n";
  for (int i = 0; i < 300; ++i)
    document += "[[step]]\nname = \"s" + std::to_string(i) + "\"\ncommand = [\"x\", \"" +
                std::to_string(i) + "\"]\njob = {hold = true}\n";
  const std::string id = std::to_string(server.submit_workflow(kAnn, document));
  Json shown;
  for (int look = 0; look < 1000; ++look) {
    shown = server.ask(kAnnAsks, "GET", "/api/v1/workflows/" + id).json()["workflow"]["steps"];
    if (shown["running"] == 300) break;
  }
  EXPECT_EQ(shown["running"], 300) << shown;
  document += "[[step]]\nname = \"last\"\ncommand = [\"x\"]\njob = {time = \"soon\"}\n";
  const Said refused = server.ask(kAnnAsks, "POST", "/api/v1/workflows", body_of(document));
  EXPECT_GE(refused.status, 400);
  EXPECT_NE(refused.body.find("step last"), std::string::npos) << refused.body;
}

TEST(WorkflowApi, IsPausedFedAndCancelled) {
  Harness server;
  const std::uint64_t id = server.submit_workflow(kAnn, R"(
name = "w"
[[step]]
name = "a"
command = ["true"]
job = {hold = true}
)");
  const std::string path = "/api/v1/workflows/" + std::to_string(id);
  const auto post = [&](const std::string& verb, const std::string& body) {
    return server.ask(kAnnAsks, "POST", path + "/" + verb, body).status;
  };
  EXPECT_EQ(post("pause", ""), 200);
  EXPECT_EQ(server.ask(kAnnAsks, "GET", path).json()["workflow"]["state"], "paused");
  EXPECT_EQ(post("resume", ""), 200);
  EXPECT_EQ(post("values", R"({"step":"a","values":{"n":"3"}})"), 200);
  EXPECT_EQ(post("values", R"({"step":"nobody","values":{"n":"3"}})"), 404);
  EXPECT_EQ(post("values", R"({"step":"a","values":{"n m":"3"}})"), 400);
  EXPECT_EQ(server.ask(kAnnAsks, "GET", path).json()["steps"][0]["values"]["n"], "3");
  EXPECT_EQ(
      post("steps", R"({"document":"[[step]]\nname=\"b\"\nneeds=[\"a\"]\ncommand=[\"true\"]\n"})"),
      200);
  EXPECT_EQ(
      post("steps", R"({"document":"[[step]]\nname=\"c\"\nneeds=[\"x\"]\ncommand=[\"true\"]\n"})"),
      400);
  EXPECT_EQ(post("cancel", R"({"step":"nobody"})"), 404);
  EXPECT_EQ(post("cancel", ""), 200);
  const auto asked = std::chrono::steady_clock::now();
  const Said ended = server.ask(kAnnAsks, "GET", path + "/wait?timeout_s=60");
  EXPECT_LT(std::chrono::steady_clock::now() - asked, std::chrono::seconds(30)) << "nobody woke it";
  EXPECT_EQ(ended.json()["workflow"]["state"], "cancelled") << ended.body;
  EXPECT_EQ(post("cancel", ""), 404) << "it has ended";
  EXPECT_EQ(post("retry", ""), 200);
  EXPECT_EQ(server.ask(kAnnAsks, "GET", path).json()["workflow"]["state"], "running");
}

}  // namespace
}  // namespace drover::server::testing
