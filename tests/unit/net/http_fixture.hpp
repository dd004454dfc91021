// tests/unit/net/http_fixture.hpp - a server on its own loop thread, and a raw client that can
// misbehave.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "net/http_server.hpp"
#include "net/socket.hpp"
#include "temp_dir.hpp"

namespace drover::net {

struct TestHandler : HttpHandler {
  std::function<void(HttpRequest, Responder)> request = [](HttpRequest r, Responder responder) {
    responder.send(
        {.status = 200, .content_type = "text/plain", .body = r.path + r.body, .headers = {}});
  };
  std::function<std::unique_ptr<BodySink>(const HttpRequest&, const Responder&, const BodyFlow&)>
      stream = [](const auto&, const auto&, const auto&) { return nullptr; };

  std::unique_ptr<BodySink> on_stream(const HttpRequest& r, const Responder& responder,
                                      const BodyFlow& flow) override {
    return stream(r, responder, flow);
  }
  void on_request(HttpRequest r, Responder responder) override {
    request(std::move(r), std::move(responder));
  }
};

// Start it when the handler is set up; run() does things on the loop thread and waits for them.
class TestServer {
 public:
  explicit TestServer(HttpLimits limits = {}) {
    std::promise<void> made;
    thread_ = std::thread([this, limits, &made] {
      Loop loop;
      HttpServer server(loop, handler, limits);
      loop_ = &loop;
      server_ = &server;
      const auto unix_ok = server.listen_unix(path(), 0600);
      EXPECT_TRUE(unix_ok);
      const auto port = server.listen_tcp("127.0.0.1", 0);
      EXPECT_TRUE(port);
      port_ = port.value_or(0);
      made.set_value();
      loop.run();
    });
    made.get_future().wait();
  }
  ~TestServer() {
    loop_->stop();
    thread_.join();
  }
  void run(const std::function<void()>& work) {
    std::promise<void> done;
    loop_->post([&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }
  HttpCounters counters() {
    HttpCounters out;
    run([&] { out = server_->counters(); });
    return out;
  }
  HttpServer& server() { return *server_; }
  Loop& loop() { return *loop_; }
  std::string path() const { return dir_.file("http.sock"); }
  std::uint16_t port() const { return port_; }

  TestHandler handler;

 private:
  TempDir dir_;
  std::thread thread_;
  Loop* loop_ = nullptr;
  HttpServer* server_ = nullptr;
  std::uint16_t port_ = 0;
};

class RawClient {
 public:
  explicit RawClient(const TestServer& server, bool tcp = false)
      : fd_(tcp ? *start_tcp_connect("127.0.0.1", server.port())
                : *connect_unix_socket(server.path())) {
    pollfd ready{fd_.raw(), POLLOUT, 0};
    ::poll(&ready, 1, kPatienceMs);
  }
  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_.raw(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n > 0) {
        bytes.remove_prefix(static_cast<std::size_t>(n));
      } else if (errno == EAGAIN) {
        pollfd ready{fd_.raw(), POLLOUT, 0};
        if (::poll(&ready, 1, kPatienceMs) <= 0) return;
      } else {
        return;
      }
    }
  }
  void end_input() { ::shutdown(fd_.raw(), SHUT_WR); }
  void close() { fd_.reset(); }
  // Reads until `mark` has come `times` times, or the end.
  std::string read_until(const std::string& mark, int times = 1) {
    for (;;) {
      std::size_t at = 0;
      int found = 0;
      while (found < times && (at = seen_.find(mark, at)) != std::string::npos) {
        at += mark.size();
        ++found;
      }
      if (found == times) {
        std::string out = seen_.substr(0, at);
        seen_.erase(0, at);
        return out;
      }
      if (!read_some()) return std::exchange(seen_, {});
    }
  }
  // Everything up to the server's close; fails the test when it does not close.
  std::string read_all() {
    while (read_some()) {
    }
    EXPECT_TRUE(ended_) << "the server keeps the connection open after: " << seen_;
    return std::exchange(seen_, {});
  }
  std::string ask(std::string_view bytes) {  // one exchange that ends the connection
    send(bytes);
    return read_all();
  }

 private:
  static constexpr int kPatienceMs = 10'000;
  bool read_some() {
    pollfd ready{fd_.raw(), POLLIN, 0};
    if (::poll(&ready, 1, kPatienceMs) <= 0) return false;
    char buffer[1 << 16];
    const ssize_t n = ::recv(fd_.raw(), buffer, sizeof buffer, 0);
    if (n <= 0) {
      ended_ = true;
      return false;
    }
    seen_.append(buffer, static_cast<std::size_t>(n));
    return true;
  }

  Fd fd_;
  std::string seen_;
  bool ended_ = false;
};

inline int status_of(const std::string& answer) {
  return answer.size() > 12 && answer.starts_with("HTTP/1.1 ") ? std::stoi(answer.substr(9, 3)) : 0;
}

}  // namespace drover::net
