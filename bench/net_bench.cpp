// bench/net_bench.cpp - frames and HTTP requests over a loopback socket, beside a bare echo on the
// same machine.
// SPDX-License-Identifier: Apache-2.0
// LINK: drover::net
#include <benchmark/benchmark.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "net/frame.hpp"
#include "net/http_client.hpp"
#include "net/http_server.hpp"
#include "net/socket.hpp"

namespace drover::net {
namespace {

std::string scratch_dir() {
  static const std::string dir = [] {
    char name[] = "/tmp/drover-bench-XXXXXX";
    return std::string(::mkdtemp(name) != nullptr ? name : "/tmp");
  }();
  return dir;
}

void send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
      continue;
    }
    pollfd ready{fd, POLLOUT, 0};
    ::poll(&ready, 1, 1000);
  }
}

// Reads until `count` times `mark` went by.
void read_marks(int fd, char mark, int count) {
  static char buffer[1 << 16];
  while (count > 0) {
    const ssize_t n = ::recv(fd, buffer, sizeof buffer, 0);
    if (n <= 0) {
      pollfd ready{fd, POLLIN, 0};
      ::poll(&ready, 1, 1000);
      continue;
    }
    for (ssize_t k = 0; k < n; ++k) count -= buffer[k] == mark;
  }
}

// The limit: one thread that returns what epoll says is there.
void BM_BareEcho(benchmark::State& state) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) return state.SkipWithError("socketpair");
  std::thread echo([fd = pair[1]] {
    const Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
    epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
    ::epoll_ctl(epoll.raw(), EPOLL_CTL_ADD, fd, &event);
    static char buffer[1 << 16];
    while (::epoll_wait(epoll.raw(), &event, 1, -1) == 1) {
      const ssize_t n = ::recv(fd, buffer, sizeof buffer, 0);
      if (n <= 0) return;
      send_all(fd, {buffer, static_cast<std::size_t>(n)});
    }
  });
  const int in_flight = static_cast<int>(state.range(0));
  const std::string batch(static_cast<std::size_t>(in_flight), '~');
  for (auto _ : state) {
    send_all(pair[0], batch);
    read_marks(pair[0], '~', in_flight);
  }
  state.SetItemsProcessed(state.iterations() * in_flight);
  ::close(pair[0]);
  echo.join();
  ::close(pair[1]);
}
BENCHMARK(BM_BareEcho)->Arg(1)->Arg(64)->UseRealTime();

struct Handler : HttpHandler {
  struct Sink : BodySink {
    std::size_t bytes = 0;
    Responder responder;
    explicit Sink(Responder r) : responder(std::move(r)) {}
    void on_data(std::string_view data) override { bytes += data.size(); }
    void on_end() override {
      responder.send({.content_type = "text/plain", .body = std::to_string(bytes)});
    }
    void on_abort() override {}
  };
  std::unique_ptr<BodySink> on_stream(const HttpRequest& r, const Responder& responder,
                                      const BodyFlow&) override {
    if (r.path != "/bulk") return nullptr;
    return std::make_unique<Sink>(responder);
  }
  void on_request(HttpRequest, Responder responder) override {
    responder.send({.body = "{\"v\":1,\"id\":12}~"});
  }
};

class Server {
 public:
  Server() {
    std::promise<void> ready;
    thread_ = std::thread([&] {
      Loop loop;
      Handler handler;
      HttpServer server(loop, handler, {});
      std::vector<std::unique_ptr<FrameConnection>> peers;
      const auto frames = FrameListener::listen(loop, frame_path(), 0600, [&](auto connection) {
        peers.push_back(std::move(connection));
        auto* peer = peers.back().get();
        peer->set_hooks({[peer](std::string_view frame) { peer->send(frame); }, {}});
      });
      if (!server.listen_unix(http_path(), 0600) || !frames) ::abort();
      loop_ = &loop;
      ready.set_value();
      loop.run();
    });
    ready.get_future().wait();
  }
  ~Server() {
    loop_->stop();
    thread_.join();
  }
  static std::string http_path() { return scratch_dir() + "/http"; }
  static std::string frame_path() { return scratch_dir() + "/frames"; }

 private:
  std::thread thread_;
  Loop* loop_ = nullptr;
};

void BM_Frames(benchmark::State& state) {
  const Server server;
  const auto fd = connect_unix_socket(Server::frame_path());
  const int in_flight = static_cast<int>(state.range(0));
  std::string batch;
  for (int k = 0; k < in_flight; ++k) append_frame(batch, std::string(199, 'x') + "~");
  for (auto _ : state) {
    send_all(fd->raw(), batch);
    read_marks(fd->raw(), '~', in_flight);
  }
  state.SetItemsProcessed(state.iterations() * in_flight);
}
BENCHMARK(BM_Frames)->Arg(1)->Arg(64)->UseRealTime();

void BM_HttpRequests(benchmark::State& state) {
  const Server server;
  const auto fd = connect_unix_socket(Server::http_path());
  const int in_flight = static_cast<int>(state.range(0));
  const std::string body(300, 'j');
  std::string batch;
  for (int k = 0; k < in_flight; ++k) {
    batch +=
        "POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        "Content-Length: 300\r\n\r\n" +
        body;
  }
  for (auto _ : state) {
    send_all(fd->raw(), batch);
    read_marks(fd->raw(), '~', in_flight);
  }
  state.SetItemsProcessed(state.iterations() * in_flight);
}
BENCHMARK(BM_HttpRequests)->Arg(1)->Arg(64)->UseRealTime();

void BM_HttpStreamedBody(benchmark::State& state) {
  const Server server;
  HttpClient client({.unix_path = Server::http_path()});
  const std::string piece(64 << 10, 'b');
  constexpr int kPieces = 512;
  for (auto _ : state) {
    int left = kPieces;
    const auto answer = client.call({.method = "POST", .target = "/bulk", .body_source = [&] {
                                       return left-- > 0 ? piece : std::string();
                                     }});
    if (!answer || answer->body != std::to_string(piece.size() * kPieces)) {
      return state.SkipWithError("the body did not arrive whole");
    }
  }
  state.SetBytesProcessed(state.iterations() * kPieces * static_cast<std::int64_t>(piece.size()));
}
BENCHMARK(BM_HttpStreamedBody)->UseRealTime();

}  // namespace
}  // namespace drover::net
