// net/http_server.hpp - HTTP/1.1 connections, limits and streaming. Routing and meaning are
// server/'s business.
//
// Limits (all configurable, all enforced before allocation): request line 8 KiB, header block 32
// KiB or 100 lines, body 4 MiB unless the route streams it, header within 10 s, idle 60 s,
// connections in total and per TCP address. Violations are answered 400/408/413/414/431/503 with an
// RFC 9457 body and the connection closes.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "net/loop.hpp"
#include "net/peer.hpp"

namespace drover::net {

struct HttpLimits {
  std::size_t request_line = 8 << 10, header_bytes = 32 << 10, header_lines = 100, body = 4 << 20;
  std::size_t connections = 4096, connections_per_address = 512;
  std::uint64_t bodies_total = 256 << 20;  // buffered bodies of all connections; beyond it 503
  std::size_t pipeline = 16;               // requests of one connection that may wait for answers
  std::size_t output_buffer = 4 << 20;     // per connection; a slower reader of a stream is dropped
  Duration header_timeout = seconds(10), idle_timeout = seconds(60);
};

struct HttpRequest {
  std::string method;  // "GET"
  std::string path;    // decoded once; a second encoding layer ("%25") is refused with 400
  std::vector<std::pair<std::string, std::string>> query;    // decoded, in order
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;  // empty when the route streams the body
  Peer peer;
  std::string_view header(std::string_view lower_case_name) const;  // "" when absent
  std::string_view query_value(std::string_view name) const;        // "" when absent
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body{};
  std::vector<std::pair<std::string, std::string>> headers{};
};

// Answers one request, once, now or later, on the loop thread. Copies share the answer. Safe after
// the peer has gone. A request whose last Responder goes without an answer is answered 500.
class Responder {
 public:
  void send(HttpResponse response) const;
  // Chunked answer: begin once, then write until end. write() answers false when the peer is gone
  // or too slow.
  void begin_stream(int status, std::string content_type,
                    std::vector<std::pair<std::string, std::string>> headers = {}) const;
  bool write(std::string_view data) const;
  void end() const;
  std::size_t buffered()
      const;  // bytes not yet taken by the kernel: slow down above a few hundred KiB
  bool is_gone() const;
  // Peer closed before the answer was complete. Runs from the loop, never inside another call;
  // dropped, with what it captured, when the answer is complete.
  void on_gone(std::function<void()> hook) const;

  struct State;
  explicit Responder(std::shared_ptr<State> state) : state_(std::move(state)) {}

 private:
  std::shared_ptr<State> state_;
};

// Receives a streamed body. It lives until its answer is complete or the peer is gone, and hears
// nothing more once the answer is complete: an answer before the end of the body closes the
// connection. pause()/resume() of BodyFlow give back-pressure.
struct BodySink {
  virtual ~BodySink() = default;
  virtual void on_data(std::string_view data) = 0;
  virtual void on_end() = 0;    // whole body received
  virtual void on_abort() = 0;  // peer went away; nothing more comes
};
struct BodyFlow {  // given to the sink's maker
  std::function<void()> pause, resume;
};

struct HttpHandler {
  virtual ~HttpHandler() = default;
  // Called when the header is complete. Non-null = stream the body into it; `responder` answers.
  // Null = buffer it and call on_request.
  virtual std::unique_ptr<BodySink> on_stream(const HttpRequest& request,
                                              const Responder& responder, const BodyFlow& flow) = 0;
  virtual void on_request(HttpRequest request, Responder responder) = 0;
};

struct HttpCounters {
  std::uint64_t connections_open = 0, connections_total = 0, refused = 0, bad_requests = 0;
};

class HttpServer {
 public:
  HttpServer(Loop& loop, HttpHandler& handler, HttpLimits limits);
  ~HttpServer();
  // Replaces a stale socket file; mode of the socket as given. Conflict when a live server answers
  // there.
  Result<void> listen_unix(const std::string& path, std::uint32_t mode);
  Result<std::uint16_t> listen_tcp(const std::string& address,
                                   std::uint16_t port);  // port 0 = any; answers the port
  // Stops accepting; `drained` runs when every connection has finished or `grace` is over.
  void shutdown(Duration grace, std::function<void()> drained);
  HttpCounters counters() const;
  struct State;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace drover::net
