// tests/unit/cli/api_client_test.cpp - answers of the server as results, with canned answers below.
// SPDX-License-Identifier: Apache-2.0
#include "cli/api_client.hpp"

#include <gtest/gtest.h>

#include <deque>

#include "cli/waiting.hpp"

namespace drover::cli {
namespace {

using Answer = Result<net::ClientResponse>;

struct Script {  // answers to give, and what was asked
  std::deque<Answer> answers;
  std::vector<net::HttpClient::Call> calls;
};

class FakeTransport : public Transport {
 public:
  explicit FakeTransport(Script& script) : script_(script) {}
  Answer call(const net::HttpClient::Call& call) override {
    script_.calls.push_back(call);
    if (script_.answers.empty()) return fail(Errc::Unavailable, "nobody listens");
    Answer answer = script_.answers.front();
    script_.answers.pop_front();
    return answer;
  }

 private:
  Script& script_;
};

Answer answer(int status, std::string body) {
  net::ClientResponse response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

TEST(ApiClient, ReadsProblems) {
  Script script;
  script.answers.push_back(answer(
      422,
      R"({"type":"urn:drover:error:limit","status":422,"error":{"code":"limit","message":"full",)"
      R"("hint":"wait","field":"gpus","request_id":"r7","retryable":true}})"));
  script.answers.push_back(answer(404, "not json"));
  ApiClient api(std::make_unique<FakeTransport>(script), "test", false);
  const auto refused = api.read("/api/v1/jobs/1");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::Limit);
  EXPECT_EQ(refused.error().hint, "wait");
  EXPECT_EQ(api.last_details().request_id, "r7");
  EXPECT_TRUE(api.last_details().retryable);
  const auto missing = api.read("/api/v1/jobs/2");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::NotFound);
}

TEST(ApiClient, NoCallWaitsPastTheDeadline) {
  Script script;
  script.answers.push_back(answer(200, "{}"));
  ApiClient api(std::make_unique<FakeTransport>(script), "test", false);
  api.set_deadline(monotonic_us() + seconds(5).us);
  EXPECT_TRUE(api.read("/api/v1/jobs"));
  ASSERT_EQ(script.calls.size(), 1u);
  EXPECT_GT(script.calls[0].timeout.us, 0);
  EXPECT_LE(script.calls[0].timeout, seconds(5));
  api.set_deadline(monotonic_us() - 1);
  EXPECT_FALSE(api.read("/api/v1/jobs"));
  EXPECT_EQ(script.calls.size(), 1u) << "a call was made after the deadline";
}

TEST(ApiClient, PollingALostServerEndsWithTheDeadline) {
  Script script;  // nobody listens, ever
  ApiClient api(std::make_unique<FakeTransport>(script), "test", false);
  const std::int64_t begun = monotonic_us();
  EXPECT_FALSE(poll_job(api, 1, 20, begun + 100'000));
  EXPECT_LT(monotonic_us() - begun, seconds(5).us);
}

TEST(ApiClient, SaysHowToStartTheDaemon) {
  Script script;
  ApiClient api(std::make_unique<FakeTransport>(script), "/run/x.sock", false);
  const auto lost = api.read("/api/v1/jobs");
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, Errc::Unavailable);
  EXPECT_NE(lost.error().message.find("/run/x.sock"), std::string::npos);
  EXPECT_NE(lost.error().hint.find("drover up"), std::string::npos);
}

TEST(ApiClient, RepeatsABrokenSubmissionUnderTheSameKey) {
  Script script;
  script.answers.push_back(fail(Errc::Io, "connection reset"));
  script.answers.push_back(answer(200, R"({"v":1,"id":5})"));
  ApiClient api(std::make_unique<FakeTransport>(script), "test", false);
  const auto id = api.submit("/api/v1/jobs", Json{{"argv", {"true"}}});
  ASSERT_TRUE(id);
  EXPECT_EQ(number_of(*id, "id"), 5);
  ASSERT_EQ(script.calls.size(), 2u);
  ASSERT_EQ(script.calls[0].headers.size(), 1u);
  EXPECT_EQ(script.calls[0].headers[0].first, "Idempotency-Key");
  EXPECT_EQ(script.calls[0].headers[0].second.size(), 32u);
  EXPECT_EQ(script.calls[0].headers, script.calls[1].headers);
}

TEST(ApiClient, DoesNotRepeatARefusalOrAnAbsentDaemon) {
  Script script;
  script.answers.push_back(answer(400, R"({"error":{"code":"bad_input","message":"x"}})"));
  ApiClient api(std::make_unique<FakeTransport>(script), "test", false);
  EXPECT_FALSE(api.submit("/api/v1/jobs", Json::object()));
  EXPECT_EQ(script.calls.size(), 1u);
  EXPECT_FALSE(api.submit("/api/v1/jobs", Json::object()));
  EXPECT_EQ(script.calls.size(), 2u);
}

TEST(ApiClient, KeysDiffer) { EXPECT_NE(random_key(), random_key()); }

TEST(Queries, AreEncoded) {
  EXPECT_EQ(with_query("/a", {{"x", "1 2&3"}, {"y", ""}, {"z", "k=v"}}), "/a?x=1%202%263&z=k%3Dv");
  EXPECT_EQ(with_query("/a?b=1", {{"x", "1,3-5"}}), "/a?b=1&x=1,3-5");
}

}  // namespace
}  // namespace drover::cli
