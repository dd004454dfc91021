// tests/unit/net/http_client_test.cpp - the client against our server and against servers that
// misbehave.
// SPDX-License-Identifier: Apache-2.0
#include "net/http_client.hpp"

#include <vector>

#include "http_fixture.hpp"

namespace drover::net {
namespace {

ClientTarget unix_target(const TestServer& server) { return {.unix_path = server.path()}; }

std::string header_of(const ClientResponse& response, std::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return value;
  }
  return "";
}

TEST(HttpClient, CallsOverUnixAndTcpAndKeepsTheConnection) {
  TestServer server;
  server.handler.request = [](HttpRequest r, Responder responder) {
    responder.send({201,
                    "text/plain",
                    r.method + r.path + r.body + std::string(r.header("authorization")),
                    {{"X-Extra", "1"}}});
  };
  HttpClient client(unix_target(server));
  for (int k = 0; k < 3; ++k) {
    const auto answer = client.call({.method = "POST", .target = "/a", .body = "b"});
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->status, 201);
    EXPECT_EQ(answer->body, "POST/ab");
    EXPECT_EQ(header_of(*answer, "x-extra"), "1");
  }
  EXPECT_EQ(server.counters().connections_total, 1u);
  HttpClient tcp({.unix_path = "", .host = "127.0.0.1", .port = server.port(), .token = "t"});
  EXPECT_EQ(tcp.call({.target = "/a"})->body, "GET/aBearer t");
  const auto head = tcp.call({.method = "HEAD", .target = "/a"});
  EXPECT_EQ(head->body, "");
  EXPECT_EQ(tcp.call({.target = "/b"})->body, "GET/bBearer t");
}

TEST(HttpClient, StreamsBothWaysAtOnceWithoutBlocking) {
  struct EchoSink : BodySink {
    Responder responder;
    explicit EchoSink(Responder r) : responder(std::move(r)) {
      responder.begin_stream(200, "text/plain");
    }
    void on_data(std::string_view data) override { responder.write(data); }
    void on_end() override { responder.end(); }
    void on_abort() override {}
  };
  TestServer server;
  server.handler.stream = [](const HttpRequest& r, const Responder& responder,
                             const BodyFlow&) -> std::unique_ptr<BodySink> {
    if (r.path != "/echo") return nullptr;
    return std::make_unique<EchoSink>(responder);
  };
  HttpClient client(unix_target(server));
  for (int round = 0; round < 2; ++round) {
    int pieces = 200;
    std::size_t got = 0;
    const auto answer = client.call(
        {.method = "POST",
         .target = "/echo",
         .on_data =
             [&](std::string_view data) {
               got += data.size();
               return true;
             },
         .body_source = [&] { return pieces-- > 0 ? std::string(60'000, 'e') : std::string(); }});
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(got, 200u * 60'000u);
  }
  EXPECT_EQ(server.counters().connections_total, 1u);
}

TEST(HttpClient, AFollowedStreamEndsWhenTheCallerSaysSo) {
  TestServer server;
  std::promise<void> left;
  server.handler.request = [&](HttpRequest r, Responder responder) {
    if (r.path == "/other") return responder.send({200, "text/plain", "fresh", {}});
    responder.begin_stream(200, "text/plain");
    responder.on_gone([&left, responder] { left.set_value(); });
    responder.write("line\n");
  };
  HttpClient client(unix_target(server));
  const auto answer =
      client.call({.target = "/follow", .on_data = [](std::string_view) { return false; }});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  left.get_future().wait();
  EXPECT_EQ(client.call({.target = "/other"})->body, "fresh");
}

TEST(HttpClient, AnErrorAnswerIsNotGivenToTheStream) {
  TestServer server;
  server.handler.request = [](HttpRequest, Responder responder) {
    responder.send({404, "application/problem+json", "{}", {}});
  };
  HttpClient client(unix_target(server));
  const auto answer = client.call({.target = "/x", .on_data = [](std::string_view) {
                                     ADD_FAILURE();
                                     return true;
                                   }});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "{}");
}

TEST(HttpClient, AnEarlyRefusalOfALargeUploadIsRead) {
  TestServer server({.body = 1000});
  for (const bool tcp : {false, true}) {
    HttpClient client(tcp ? ClientTarget{.host = "127.0.0.1", .port = server.port()}
                          : unix_target(server));
    const auto answer =
        client.call({.method = "POST", .target = "/x", .body = std::string(3'000'000, 'b')});
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->status, 413);
    EXPECT_EQ(client.call({.target = "/x"})->status, 200);
  }
}

TEST(HttpClient, ADeadServerIsUnavailableAndSaysHowToStartIt) {
  const TempDir dir;
  HttpClient none({.unix_path = dir.file("none")});
  const auto answer = none.call({.target = "/"});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::Unavailable);
  EXPECT_NE(answer.error().hint.find("drover up"), std::string::npos);
  std::uint16_t port = 0;
  {
    const auto listener = listen_tcp_socket("127.0.0.1", 0);
    port = *bound_port(listener->raw());
  }
  HttpClient tcp({.host = "127.0.0.1", .port = port});
  EXPECT_EQ(tcp.call({.target = "/"}).error().code, Errc::Unavailable);
}

TEST(HttpClient, NoPartOfACallCanAddALine) {
  TestServer server;
  HttpClient client(unix_target(server));
  EXPECT_EQ(client.call({.target = "/a b"}).error().code, Errc::BadInput);
  EXPECT_EQ(client.call({.target = "/", .headers = {{"A", "b\r\nC: d"}}}).error().code,
            Errc::BadInput);
}

// A server of one scripted answer per connection.
class Script {
 public:
  explicit Script(std::vector<std::vector<std::string>> connections) {
    listener_ = std::move(*listen_unix_socket(path(), 0600));
    thread_ = std::thread([this, connections = std::move(connections)] {
      for (const auto& answers : connections) {
        pollfd ready{listener_.raw(), POLLIN, 0};
        if (::poll(&ready, 1, 10'000) <= 0) return;
        const Fd fd(::accept(listener_.raw(), nullptr, nullptr));
        for (const auto& answer : answers) {
          char request[4096];
          if (::recv(fd.raw(), request, sizeof request, 0) <= 0) return;
          ++requests;
          if (::send(fd.raw(), answer.data(), answer.size(), MSG_NOSIGNAL) < 0) return;
        }
      }
    });
  }
  ~Script() { join(); }
  void join() {
    if (thread_.joinable()) thread_.join();
  }
  std::string path() const { return dir_.file("s"); }
  int requests = 0;

 private:
  TempDir dir_;
  Fd listener_;
  std::thread thread_;
};

const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

TEST(HttpClient, AConnectionClosedWhileIdleIsReplacedForAnyMethod) {
  Script server({{kOk}, {kOk}});
  HttpClient client({.unix_path = server.path()});
  EXPECT_EQ(client.call({.target = "/"})->body, "ok");
  // The close may or may not have arrived; a GET is safe in both cases.
  EXPECT_EQ(client.call({.target = "/"})->body, "ok");
}

TEST(HttpClient, ALostAnswerIsAskedForAgainOnlyWhenThatIsSafe) {
  {
    Script server({{kOk, ""}, {kOk}});  // the second request is read and never answered
    HttpClient client({.unix_path = server.path()});
    EXPECT_TRUE(client.call({.target = "/"}));
    EXPECT_EQ(client.call({.target = "/"})->body, "ok");
    server.join();
    EXPECT_EQ(server.requests, 3);
  }
  Script server({{kOk, ""}});
  HttpClient client({.unix_path = server.path()});
  EXPECT_TRUE(client.call({.target = "/"}));
  const auto lost = client.call({.method = "POST", .target = "/", .body = "x"});
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, Errc::Io);
  server.join();
  EXPECT_EQ(server.requests, 2);
}

TEST(HttpClient, HostileAnswersAreErrors) {
  for (const std::string answer :
       {"hello\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "\x15\x03"}) {
    Script server({{answer}});
    HttpClient client({.unix_path = server.path()});
    const auto got = client.call({.target = "/"});
    ASSERT_FALSE(got) << answer;
    EXPECT_EQ(got.error().code, Errc::Io);
  }
}

TEST(HttpClient, ASilentServerIsATimeout) {
  const TempDir dir;
  const auto listener = listen_unix_socket(dir.file("s"), 0600);
  HttpClient client({.unix_path = dir.file("s"), .timeout = millis(20)});
  EXPECT_EQ(client.call({.target = "/"}).error().code, Errc::Unavailable);
}

}  // namespace
}  // namespace drover::net
