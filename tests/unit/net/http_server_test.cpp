// tests/unit/net/http_server_test.cpp - order, streaming, limits, deadlines and endings of real
// connections.
// SPDX-License-Identifier: Apache-2.0
#include "net/http_server.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <vector>

#include "http_fixture.hpp"

namespace drover::net {
namespace {

const std::string kGet = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";
const std::string kLast = "GET /z HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

TEST(HttpServer, AnswersOverUnixAndTcpAndKnowsWhoAsks) {
  TestServer server;
  server.handler.request = [](HttpRequest r, Responder responder) {
    const std::string who =
        r.peer.credentials ? std::to_string(r.peer.credentials->uid) : r.peer.address;
    responder.send({200, "text/plain", who, {}});
  };
  EXPECT_TRUE(RawClient(server).ask(kLast).ends_with("\r\n\r\n" + std::to_string(::getuid())));
  EXPECT_NE(RawClient(server, true).ask(kLast).find("\r\n\r\n127.0.0.1:"), std::string::npos);
}

TEST(HttpServer, AnswersPipelinedRequestsInOrderWhateverTheOrderOfTheirAnswers) {
  TestServer server({.pipeline = 64});
  std::vector<std::pair<std::string, Responder>> waiting;
  server.handler.request = [&](HttpRequest r, Responder responder) {
    waiting.emplace_back(r.path, std::move(responder));
    if (waiting.size() < 64) return;
    std::reverse(waiting.begin(), waiting.end());
    for (auto& [path, answer] : waiting) answer.send({200, "text/plain", path + ";", {}});
    waiting.clear();
  };
  RawClient client(server);
  std::string all;
  for (int k = 0; k < 64; ++k) {
    all += "POST /" + std::to_string(k) + " HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi";
  }
  client.send(all);
  const std::string answers = client.read_until(";", 64);
  std::size_t at = 0;
  for (int k = 0; k < 64; ++k) {
    at = answers.find("\r\n\r\n/" + std::to_string(k) + ";", at);
    ASSERT_NE(at, std::string::npos) << k;
  }
}

TEST(HttpServer, ManyMoreRequestsThanThePipelineHoldsAreAllAnswered) {
  TestServer server;
  RawClient client(server);
  std::string all;
  for (int k = 0; k < 1000; ++k) all += kGet;
  client.send(all + kLast);
  const std::string answers = client.read_all();
  std::size_t count = 0;
  for (std::size_t at = 0; (at = answers.find("HTTP/1.1 200", at)) != std::string::npos; ++at)
    ++count;
  EXPECT_EQ(count, 1001u);
}

TEST(HttpServer, HeadHasALengthAndNoBody) {
  TestServer server;
  RawClient client(server);
  client.send("HEAD /abc HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string head = client.read_until("\r\n\r\n");
  EXPECT_NE(head.find("Content-Length: 4\r\n"), std::string::npos) << head;
  EXPECT_TRUE(client.ask(kLast).starts_with("HTTP/1.1 200")) << "the next answer follows at once";
}

TEST(HttpServer, A100ContinueComesBeforeTheBodyIsSent) {
  TestServer server;
  RawClient client(server);
  client.send("POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("abc");
  EXPECT_TRUE(client.read_until("/pabc").ends_with("\r\n\r\n/pabc"));
  const std::string refused = RawClient(server).ask(
      "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(status_of(refused), 413) << "no body is invited that would be refused";
}

TEST(HttpServer, Http10GetsAnAnswerWithoutChunksAndAClose) {
  TestServer server;
  server.handler.request = [](HttpRequest, Responder responder) {
    responder.begin_stream(200, "text/plain");
    responder.write("one ");
    responder.write("two");
    responder.end();
  };
  const std::string old = RawClient(server).ask("GET / HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(old.ends_with("\r\n\r\none two")) << old;
  const std::string now = RawClient(server).ask(kLast);
  EXPECT_TRUE(now.ends_with("\r\n\r\n4\r\none \r\n3\r\ntwo\r\n0\r\n\r\n")) << now;
}

TEST(HttpServer, ARequestNobodyAnswersIsA500) {
  TestServer server;
  server.handler.request = [](HttpRequest, Responder) {};
  const std::string answer = RawClient(server).ask(kLast);
  EXPECT_EQ(status_of(answer), 500);
  EXPECT_NE(answer.find("application/problem+json"), std::string::npos);
}

TEST(HttpServer, NoHeaderValueCanAddALine) {
  TestServer server;
  server.handler.request = [](HttpRequest, Responder responder) {
    responder.send({200, "text/plain", "", {{"X-Name", "a\r\nSet-Cookie: b"}}});
  };
  const std::string answer = RawClient(server).ask(kLast);
  EXPECT_NE(answer.find("X-Name: a  Set-Cookie: b\r\n"), std::string::npos) << answer;
}

struct Collect : BodySink {
  std::string* into;
  Responder responder;
  std::function<void()> aborted;
  Collect(std::string* i, Responder r, std::function<void()> a)
      : into(i), responder(std::move(r)), aborted(std::move(a)) {}
  void on_data(std::string_view data) override { into->append(data); }
  void on_end() override { responder.send({200, "text/plain", std::to_string(into->size()), {}}); }
  void on_abort() override { aborted(); }
};

TEST(HttpServer, AStreamedBodyIsNotHeldBackNorLimited) {
  TestServer server({.body = 10});
  std::string got;
  server.handler.stream = [&](const HttpRequest&, const Responder& responder, const BodyFlow&) {
    return std::make_unique<Collect>(&got, responder, [] {});
  };
  RawClient client(server);
  const std::string piece(100'000, 'x');
  client.send("POST /bulk HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int k = 0; k < 50; ++k) client.send("186a0\r\n" + piece + "\r\n");
  client.send("0\r\n\r\n" + kLast);
  EXPECT_TRUE(client.read_all().find("\r\n\r\n5000000HTTP/1.1 ") != std::string::npos);
}

TEST(HttpServer, AnAbortedBodyIsReportedToItsSink) {
  TestServer server;
  std::string got;
  std::promise<void> aborted;
  server.handler.stream = [&](const HttpRequest&, const Responder& responder, const BodyFlow&) {
    return std::make_unique<Collect>(&got, responder, [&] { aborted.set_value(); });
  };
  RawClient client(server);
  client.send("POST /bulk HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc");
  client.close();
  aborted.get_future().wait();
  server.run([&] { EXPECT_EQ(got, "abc"); });
}

TEST(HttpServer, APausedSinkStopsThePeerAndResumeLosesNothing) {
  struct Slow : BodySink {
    BodyFlow flow;
    Responder responder;
    Loop& loop;
    std::size_t* bytes;
    std::atomic<int>* pauses;
    Slow(BodyFlow f, Responder r, Loop& l, std::size_t* b, std::atomic<int>* p)
        : flow(std::move(f)), responder(std::move(r)), loop(l), bytes(b), pauses(p) {}
    void on_data(std::string_view data) override {
      *bytes += data.size();
      if (++*pauses > 20) return;
      flow.pause();
      loop.post([resume = flow.resume] { resume(); });
    }
    void on_end() override { responder.send({200, "text/plain", "all", {}}); }
    void on_abort() override {}
  };
  TestServer server;
  std::size_t bytes = 0;
  std::atomic<int> pauses = 0;
  server.handler.stream = [&](const HttpRequest&, const Responder& responder,
                              const BodyFlow& flow) {
    return std::make_unique<Slow>(flow, responder, server.loop(), &bytes, &pauses);
  };
  RawClient client(server);
  client.send(
      "POST /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5000000\r\n\r\n" +
      std::string(5'000'000, 'y'));
  EXPECT_TRUE(client.read_all().ends_with("all"));
  server.run([&] { EXPECT_EQ(bytes, 5'000'000u); });
  EXPECT_GT(pauses, 5);
}

TEST(HttpServer, AnAnswerBeforeTheEndOfTheBodyArrivesAndEndsTheConnection) {
  TestServer server;
  std::string got;
  server.handler.stream = [&](const HttpRequest&, const Responder& responder, const BodyFlow&) {
    responder.send({401, "text/plain", "who are you", {}});
    return std::make_unique<Collect>(&got, responder, [] {});
  };
  RawClient client(server, true);
  client.send("POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n" +
              std::string(3'000'000, 'y'));
  client.end_input();
  const std::string answer = client.read_all();
  EXPECT_EQ(status_of(answer), 401);
  EXPECT_NE(answer.find("Connection: close"), std::string::npos);
}

TEST(HttpServer, AFollowerThatLeavesIsNoticedAndASlowOneIsDropped) {
  TestServer server({.output_buffer = 1 << 20});
  std::promise<void> left;
  std::promise<bool> dropped;
  server.handler.request = [&](HttpRequest r, Responder responder) {
    responder.begin_stream(200, "text/plain");
    if (r.path == "/slow") {
      const std::string piece(100'000, 'z');
      bool taken = true;
      for (int k = 0; k < 1000 && taken; ++k) taken = responder.write(piece);
      dropped.set_value(!taken && responder.is_gone());
      return;
    }
    responder.on_gone([&left, responder] { left.set_value(); });
    responder.write("hello");
  };
  RawClient follower(server, true);
  follower.send(kGet);
  follower.read_until("hello");
  follower.close();
  left.get_future().wait();
  RawClient slow(server);
  slow.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(dropped.get_future().get());
}

TEST(HttpServer, AReaderThatTakesNothingIsLeftAfterTheIdleTime) {
  TestServer server({.idle_timeout = millis(40)});
  std::promise<void> left;
  server.handler.request = [&](HttpRequest, Responder responder) {
    responder.begin_stream(200, "text/plain");
    responder.on_gone([&left, responder] { left.set_value(); });
    ASSERT_TRUE(responder.write(std::string(3 << 20, 'z')));  // more than the kernel takes
  };
  RawClient reader(server);
  reader.send(kGet);
  left.get_future().wait();  // while the client is there, and could read on
}

TEST(HttpServer, AnAbandonedStreamIsCutOffNotCompleted) {
  TestServer server;
  server.handler.request = [](HttpRequest, Responder responder) {
    responder.begin_stream(200, "text/plain");
    responder.write("half");
  };
  const std::string answer = RawClient(server).ask(kGet);
  EXPECT_EQ(answer.find("0\r\n\r\n"), std::string::npos) << answer;
}

TEST(HttpServer, DeadlinesEndSlowAndIdleConnections) {
  TestServer server({.header_timeout = millis(40), .idle_timeout = millis(40)});
  EXPECT_EQ(status_of(RawClient(server).ask("GET / HTTP/1.1\r\nHo")), 408) << "slow head";
  EXPECT_EQ(status_of(RawClient(server).ask("POST / HTTP/1.1\r\nHost: x\r\n"
                                            "Content-Length: 9\r\n\r\nabc")),
            408)
      << "slow body";
  EXPECT_EQ(RawClient(server).read_all(), "") << "silent";
  RawClient idle(server);
  idle.send(kGet);
  idle.read_until("/a");
  EXPECT_EQ(idle.read_all(), "") << "idle after an answer";
}

TEST(HttpServer, ConnectionsOverTheCapAreTurnedAwayAndRoomComesBack) {
  TestServer server({.connections = 3, .connections_per_address = 2});
  RawClient a(server, true), b(server, true);
  a.send(kGet);
  a.read_until("/a");
  b.send(kGet);
  b.read_until("/a");
  EXPECT_EQ(status_of(RawClient(server, true).ask("")), 503) << "per address";
  RawClient unix_one(server);
  unix_one.send(kGet);
  unix_one.read_until("/a");
  EXPECT_EQ(status_of(RawClient(server).ask("")), 503) << "in total";
  EXPECT_EQ(server.counters().refused, 2u);
  EXPECT_TRUE(a.ask(kLast).starts_with("HTTP/1.1 200"));
  a.close();
  while (server.counters().connections_open > 2) {
  }
  EXPECT_EQ(status_of(RawClient(server, true).ask(kLast)), 200);
}

TEST(HttpServer, AFullDescriptorTableRefusesAndRecovers) {
  TestServer server;
  rlimit old{}, low{};
  ::getrlimit(RLIMIT_NOFILE, &old);
  RawClient early(server);
  early.send(kGet);
  early.read_until("/a");
  const Fd probe(::dup(0));
  low = old;
  low.rlim_cur = static_cast<rlim_t>(probe.raw()) + 2;
  Fd late = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  std::vector<Fd> fillers;
  for (Fd fd(::dup(0)); fd; fd = Fd(::dup(0))) fillers.push_back(std::move(fd));
  late.reset();
  const auto connected = connect_unix_socket(server.path());  // takes the last descriptor
  ASSERT_TRUE(connected);
  char byte = 0;
  EXPECT_EQ(::poll(std::vector<pollfd>{{connected->raw(), POLLIN, 0}}.data(), 1, 10'000), 1);
  EXPECT_EQ(::recv(connected->raw(), &byte, 1, 0), 0) << "closed rather than left hanging";
  early.send(kGet);
  EXPECT_EQ(status_of(early.read_until("/a")), 200) << "others are served meanwhile";
  fillers.clear();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &old), 0);
  EXPECT_EQ(status_of(RawClient(server).ask(kLast)), 200);
}

TEST(HttpServer, ShutdownFinishesWhatWasAskedAndCutsStreamsAfterTheGrace) {
  TestServer server;
  std::vector<Responder> waiting;
  server.handler.request = [&](HttpRequest r, Responder responder) {
    if (r.path == "/wait") {
      waiting.push_back(responder);
      return;
    }
    responder.begin_stream(200, "text/plain");
    responder.write("streaming");
    waiting.push_back(responder);
  };
  RawClient asked(server), stream(server), idle(server);
  asked.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
  stream.send("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
  stream.read_until("streaming");
  for (std::size_t n = 0; n < 2;) server.run([&] { n = waiting.size(); });
  std::promise<void> drained;
  server.run([&] { server.server().shutdown(millis(200), [&] { drained.set_value(); }); });
  EXPECT_EQ(idle.read_all(), "");
  server.run([&] {
    for (auto& responder : waiting) responder.send({200, "text/plain", "done", {}});
  });
  const std::string answer = asked.read_all();
  EXPECT_TRUE(answer.ends_with("done")) << answer;
  EXPECT_NE(answer.find("Connection: close"), std::string::npos);
  drained.get_future().wait();
  stream.read_all();
  EXPECT_FALSE(connect_unix_socket(server.path()));
  server.run([&] { waiting.clear(); });
}

TEST(HttpServer, ALiveSocketIsNotTakenOver) {
  TestServer server;
  server.run([&] {
    TestHandler handler;
    HttpServer second(server.loop(), handler, {});
    const auto taken = second.listen_unix(server.path(), 0600);
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().code, Errc::Conflict);
    EXPECT_FALSE(second.listen_tcp("127.0.0.1", server.port()));
    EXPECT_FALSE(second.listen_tcp("not an address", 0));
  });
}

}  // namespace
}  // namespace drover::net
