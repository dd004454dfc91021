// tests/unit/server/api_test.cpp - what the routes answer, against a real store and controller.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "harness.hpp"
#include "server/api.hpp"
#include "server/openapi.hpp"

namespace drover::server::testing {
namespace {

const std::string kHeldJob =
    R"({"argv":["true"],"cwd":"/tmp","hold":true,"name":"j","labels":{"p":"q"}})";
const Asker kAnnAsks{kAnn, {}, {}};
const Asker kOperator{kDaemon, {}, {}};

// Every required field of the schema is in the answer, at every level that the schema describes.
void expect_shape(const nlohmann::json& schemas, const nlohmann::json& schema,
                  const nlohmann::json& value, const std::string& where) {
  if (schema.contains("$ref")) {
    const std::string name = schema["$ref"].get<std::string>().substr(21);
    return expect_shape(schemas, schemas.at(name), value, where + ":" + name);
  }
  if (schema.contains("allOf"))
    for (const auto& part : schema["allOf"]) expect_shape(schemas, part, value, where);
  if (schema.contains("oneOf") && schema["oneOf"][0].contains("$ref") && !value.is_null())
    return expect_shape(schemas, schema["oneOf"][0], value, where);
  if (schema.contains("required"))
    for (const auto& name : schema["required"]) {
      ASSERT_TRUE(value.contains(name.get<std::string>()))
          << where << " lacks " << name << ": " << value.dump();
      expect_shape(schemas, schema["properties"][name.get<std::string>()],
                   value[name.get<std::string>()], where + "." + name.get<std::string>());
    }
  if (schema.contains("items") && value.is_array())
    for (const auto& item : value) expect_shape(schemas, schema["items"], item, where + "[]");
}

TEST(Api, answers_have_every_field_that_openapi_requires) {
  Harness server;
  const std::string job = std::to_string(server.submit(kAnn, kHeldJob));
  const std::string workflow = std::to_string(server.submit_workflow(kAnn));
  const auto document = nlohmann::json::parse(openapi_json());
  int checked = 0;
  for (const auto& [path, methods] : document["paths"].items()) {
    if (!methods.contains("get")) continue;
    const auto& content = methods["get"]["responses"]["200"]["content"];
    if (!content.contains("application/json") || path == "/openapi.json") continue;
    std::string target = path;
    if (const auto at = target.find("{id}"); at != std::string::npos)
      target.replace(at, 4, path.starts_with("/api/v1/workflows") ? workflow : job);
    if (target.find("{name}") != std::string::npos) continue;
    if (target.ends_with("/wait")) target += "?timeout_s=0";
    const Said said = server.ask(kOperator, "GET", target);
    ASSERT_EQ(said.status, 200) << target << said.body;
    expect_shape(document["components"]["schemas"], content["application/json"]["schema"],
                 said.json(), target);
    ++checked;
  }
  EXPECT_GE(checked, 12);
}

TEST(Api, a_submitted_job_is_there_at_once) {
  Harness server;
  const std::uint64_t id = server.submit(kAnn, kHeldJob);
  const auto job = server.ask(kAnnAsks, "GET", "/api/v1/jobs/" + std::to_string(id)).json()["job"];
  EXPECT_EQ(job["id"], id);
  EXPECT_EQ(job["state"], "held");
  EXPECT_EQ(job["uid"], kAnn);
  EXPECT_EQ(job["labels"]["p"], "q");
  EXPECT_EQ(job["tasks"]["total"], 1);
}

TEST(Api, why_of_an_ended_job_says_how_it_ended) {
  Harness server;
  const std::string job = "/api/v1/jobs/" + std::to_string(server.submit(kAnn, kHeldJob));
  EXPECT_EQ(server.ask(kAnnAsks, "POST", job + "/cancel", "{}").status, 200);
  const auto why = server.ask(kAnnAsks, "GET", job + "/why").json();
  EXPECT_EQ(why["state"], "cancelled");
  EXPECT_EQ(why["text"], "the job was cancelled: cancelled_by_user") << why;
}

TEST(Api, lists_say_what_shares_of_gpus_are_asked_for) {
  Harness server;
  server.submit(kAnn, R"({"argv":["x"],"cwd":"/tmp","hold":true,"gpu_share":250,"exclusive":false})");
  const auto row = server.ask(kAnnAsks, "GET", "/api/v1/jobs").json()["jobs"][0];
  EXPECT_EQ(row["gpus"], 0);
  EXPECT_EQ(row["gpu_share"], 250);
  EXPECT_FALSE(row.contains("exclusive")) << row;
}

TEST(Api, a_key_makes_retries_one_job) {
  Harness server;
  const auto post = [&](const std::string& body, const std::string& key) {
    return server.ask(kAnnAsks, "POST", "/api/v1/jobs", body, {{"idempotency-key", key}});
  };
  const Said first = post(kHeldJob, "k1"), again = post(kHeldJob, "k1");
  EXPECT_EQ(first.status, 201);
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(first.json()["id"], again.json()["id"]);
  EXPECT_EQ(post(R"({"argv":["false"],"cwd":"/tmp"})", "k1").status, 409);
  EXPECT_EQ(
      server.ask({kBob, {}, {}}, "POST", "/api/v1/jobs", kHeldJob, {{"idempotency-key", "k1"}})
          .status,
      201);
  EXPECT_EQ(post(kHeldJob, std::string(201, 'k')).status, 400);
}

TEST(Api, two_equal_keys_at_once_are_one_job) {
  Harness server;
  std::vector<std::uint64_t> ids;
  std::promise<void> both;
  server.on_loop([&] {
    for (int i = 0; i < 2; ++i) {
      std::optional<store::Snapshot> snapshot;
      sched::JobSpec spec = JobReader().read(kHeldJob, Time{1}).value();
      server.services().admission.submit(std::move(spec), {kAnn, kAnn, "ann", false}, "same",
                                         kHeldJob, snapshot, [&](const Result<Admitted>& result) {
                                           ids.push_back(result ? raw(result->job) : 0);
                                           if (ids.size() == 2) both.set_value();
                                         });
    }
  });
  both.get_future().wait();
  EXPECT_EQ(ids[0], ids[1]);
  EXPECT_NE(ids[0], 0u);
}

TEST(Api, test_only_weighs_what_the_job_depends_on) {
  Harness server;
  const std::string waits = std::to_string(server.submit(kAnn, kHeldJob));
  const std::string ended = std::to_string(server.submit(kAnn, kHeldJob));
  server.ask(kAnnAsks, "POST", "/api/v1/jobs/" + ended + "/cancel");
  const auto ask = [&](const std::string& job) {
    return server.ask(
        kAnnAsks, "POST", "/api/v1/jobs?test_only=1",
        R"({"argv":["true"],"cwd":"/tmp","dependencies":[{"kind":"afterok","job":)" + job + "}]}");
  };
  const auto later = ask(waits).json();
  EXPECT_EQ(later["would_run"], true);
  EXPECT_NE(later["text"].get<std::string>().find("waits for the success of job " + waits),
            std::string::npos);
  EXPECT_EQ(later["reason"], "dependency");
  EXPECT_TRUE(later["expected_start"].is_null());
  EXPECT_EQ(ask(ended).json()["would_run"], false);
  EXPECT_EQ(ask("999").status, 404);
  EXPECT_EQ(server.ask(kAnnAsks, "POST", "/api/v1/jobs?test_only=yes", kHeldJob).status, 400);
  EXPECT_EQ(server.ask(kAnnAsks, "GET", "/api/v1/jobs").json()["jobs"].size(), 2u);
}

TEST(Api, commands_say_how_many_they_touched) {
  Harness server;
  const std::string id = std::to_string(server.submit(kAnn, kHeldJob));
  const Said cancelled = server.ask(kAnnAsks, "POST", "/api/v1/jobs/" + id + "/cancel");
  EXPECT_EQ(cancelled.status, 200) << cancelled.body;
  EXPECT_EQ(cancelled.json()["touched"], 1);
  EXPECT_EQ(server.ask(kAnnAsks, "GET", "/api/v1/jobs/" + id).json()["job"]["state"], "cancelled");
  EXPECT_EQ(server.ask(kAnnAsks, "POST", "/api/v1/jobs/" + id + "/cancel").json()["touched"], 0);
  EXPECT_EQ(server.ask(kAnnAsks, "POST", "/api/v1/jobs/" + id + "/hold").status, 409);
  EXPECT_EQ(
      server.ask(kAnnAsks, "POST", "/api/v1/jobs/" + id + "/cancel", R"({"sginal":9})").status,
      400);
}

TEST(Api, many_jobs_in_one_command_and_only_ones_own) {
  Harness server;
  std::vector<std::uint64_t> mine;
  mine.reserve(5);
  for (int i = 0; i < 5; ++i) mine.push_back(server.submit(kAnn, kHeldJob));
  const std::uint64_t other = server.submit(kBob, kHeldJob);
  const std::string ids = std::to_string(mine[0]) + "," + std::to_string(other) + ",9999";
  const auto some =
      server.ask(kAnnAsks, "POST", "/api/v1/jobs/cancel", R"({"ids":")" + ids + "\"}").json();
  EXPECT_EQ(some["jobs"], 1);
  EXPECT_EQ(some["errors"].size(), 2u);
  const auto all = server.ask(kAnnAsks, "POST", "/api/v1/jobs/cancel", R"({"ids":"all"})").json();
  EXPECT_EQ(all["jobs"], 4);
  EXPECT_EQ(all["errors"].size(), 0u);
  EXPECT_EQ(server.ask({kBob, {}, {}}, "GET", "/api/v1/jobs/" + std::to_string(other))
                .json()["job"]["state"],
            "held");
  EXPECT_EQ(server.ask(kAnnAsks, "POST", "/api/v1/jobs/cancel", "{}").status, 400);
}

TEST(Api, lists_page_newest_first_and_show_ones_own) {
  Harness server;
  for (int i = 0; i < 25; ++i) server.submit(kAnn, kHeldJob);
  server.submit(kBob, kHeldJob);
  std::vector<std::uint64_t> seen;
  std::string cursor;
  for (int pages = 0; pages < 10; ++pages) {
    const auto page = server.ask(kAnnAsks, "GET", "/api/v1/jobs?limit=10" + cursor).json();
    for (const auto& job : page["jobs"]) seen.push_back(job["id"]);
    if (page["next"].is_null()) break;
    cursor = "&cursor=" + page["next"].get<std::string>();
  }
  ASSERT_EQ(seen.size(), 25u);
  EXPECT_TRUE(std::is_sorted(seen.rbegin(), seen.rend()));
  EXPECT_EQ(server.ask(kOperator, "GET", "/api/v1/jobs").json()["jobs"].size(), 26u);
  EXPECT_EQ(server.ask(kAnnAsks, "GET", "/api/v1/jobs?user=bob").status, 403);
  EXPECT_EQ(server.ask(kAnnAsks, "GET", "/api/v1/jobs?state=runing").status, 400);
  EXPECT_EQ(server.ask(kAnnAsks, "GET", "/api/v1/jobs?state=running").json()["jobs"].size(), 0u);
  EXPECT_EQ(server.ask(kAnnAsks, "GET", "/api/v1/jobs?label=p=q&ids=2-4").json()["jobs"].size(),
            3u);
  EXPECT_EQ(server.ask(kAnnAsks, "GET", "/api/v1/jobs?limit=1001").status, 400);
}

TEST(Api, events_of_others_are_not_shown) {
  Harness server;
  server.submit(kAnn, kHeldJob);
  server.submit(kBob, kHeldJob);
  const auto mine = server.ask(kAnnAsks, "GET", "/api/v1/events").json();
  ASSERT_GE(mine["events"].size(), 1u);
  for (const auto& event : mine["events"]) EXPECT_EQ(event["job"], 1);
  EXPECT_GE(server.ask(kOperator, "GET", "/api/v1/events").json()["events"].size(), 2u);
}

TEST(Api, a_follower_gets_the_past_and_the_present) {
  Harness server;
  server.submit(kAnn, kHeldJob);
  std::thread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    server.submit(kAnn, kHeldJob);
  });
  const Said stream = server.ask(kAnnAsks, "GET", "/api/v1/events?since=0", {},
                                 {{"accept", "text/event-stream"}}, "\"job\":2");
  later.join();
  EXPECT_EQ(stream.content_type, "text/event-stream");
  EXPECT_NE(stream.body.find("event: job_submitted\ndata: {"), std::string::npos) << stream.body;
  EXPECT_NE(stream.body.find("id: 1\n"), std::string::npos);
}

TEST(Api, wait_ends_with_the_job) {
  Harness server;
  const std::string id = std::to_string(server.submit(kAnn, kHeldJob));
  std::thread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    server.ask(kAnnAsks, "POST", "/api/v1/jobs/" + id + "/cancel");
  });
  const Said said = server.ask(kAnnAsks, "GET", "/api/v1/jobs/" + id + "/wait?timeout_s=8");
  later.join();
  EXPECT_EQ(said.json()["job"]["state"], "cancelled");
}

TEST(Api, an_array_of_a_million_is_one_submission) {
  Harness server;
  const std::uint64_t id =
      server.submit(kAnn, R"({"argv":["true"],"cwd":"/tmp","hold":true,"array":"0-999999%5"})");
  const auto job = server.ask(kAnnAsks, "GET", "/api/v1/jobs/" + std::to_string(id)).json()["job"];
  EXPECT_EQ(job["tasks"]["total"], 1'000'000);
  EXPECT_EQ(job["array"], "0-999999%5");
  EXPECT_EQ(server.ask(kAnnAsks, "GET", "/api/v1/jobs/" + std::to_string(id) + "/log").status, 400);
}

TEST(Api, test_only_stores_nothing) {
  Harness server;
  const Said said = server.ask(kAnnAsks, "POST", "/api/v1/jobs?test_only=1", kHeldJob);
  EXPECT_EQ(said.json()["would_run"], true) << said.body;
  EXPECT_EQ(server.ask(kAnnAsks, "GET", "/api/v1/jobs").json()["jobs"].size(), 0u);
}

TEST(Api, bulk_answers_line_by_line) {
  Harness server;
  auto recorder = std::make_shared<Recorder>();
  auto said = recorder->done.get_future();
  std::unique_ptr<net::BodySink> sink;
  server.on_loop([&] {
    auto exchange = std::make_shared<Exchange>();
    exchange->caller = {kAnn, kAnn, "ann", false};
    exchange->answer = recorder;
    exchange->request.headers.emplace_back("idempotency-key", "b");
    sink = api::submit_bulk(server.services(), exchange, {[] {}, [] {}});
    const std::string body = kHeldJob + "\n{\"nonsense\":1}\n\n" + kHeldJob + "\n" + kHeldJob;
    sink->on_data(body.substr(0, 30));
    sink->on_data(body.substr(30));
    sink->on_end();
  });
  const std::string text = said.get().body;
  EXPECT_NE(text.find("{\"done\":true,\"accepted\":3,\"refused\":1}"), std::string::npos) << text;
  EXPECT_NE(text.find("{\"line\":2,\"error\":"), std::string::npos) << text;
  server.on_loop([&] { sink.reset(); });
}

TEST(Api, metrics_are_served_with_the_jobs_in_them) {
  Harness server;
  server.submit(kAnn, kHeldJob);
  const Said said = server.ask(kOperator, "GET", "/metrics");
  EXPECT_NE(said.body.find("drover_jobs{state=\"held\"} 1\n"), std::string::npos) << said.body;
  EXPECT_NE(said.body.find("drover_jobs_submitted_total 1\n"), std::string::npos);
}

TEST(Api, the_invariants_hold) {
  Harness server;
  for (int i = 0; i < 20; ++i) server.submit(kAnn, R"({"argv":["true"],"cwd":"/tmp"})");
  EXPECT_EQ(server.ask(kOperator, "POST", "/api/v1/admin/check").json()["problems"].size(), 0u);
}

}  // namespace
}  // namespace drover::server::testing
