// net/http_connection.hpp - one HTTP connection: requests in, answers out in the order of the
// requests.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "net/acceptor.hpp"
#include "net/byte_stream.hpp"
#include "net/http_reader.hpp"
#include "net/http_server.hpp"

namespace drover::net {

class HttpConnection;

// One request and its answer. Answers to pipelined requests wait in `out` for their turn.
struct Exchange {
  bool http11 = true, head_only = false;
  bool keep_alive = true;  // may the connection go on after this answer
  bool body_done = false;  // the request is complete
  bool begun = false;      // the answer's head is written
  bool chunked = false;
  bool complete = false;  // the answer is complete, or nobody wants it any more
  std::string out;
  std::unique_ptr<BodySink> sink;
  std::function<void()> on_gone;
};

struct Responder::State {
  State(std::weak_ptr<HttpConnection> c, std::shared_ptr<Exchange> e)
      : connection(std::move(c)), exchange(std::move(e)) {}
  ~State();  // a request that nobody will answer is answered 500
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  std::weak_ptr<HttpConnection> connection;
  std::shared_ptr<Exchange> exchange;
};

// What all connections of a server share.
struct HttpServer::State : std::enable_shared_from_this<HttpServer::State> {
  State(Loop& l, HttpHandler& h, HttpLimits m);
  void admit(Fd fd);
  void forget(HttpConnection& connection);
  void tick();
  std::int64_t now_ms() const;
  void check_drained();
  void call_later(std::function<void()> hook);  // unless the server is gone by then

  Loop& loop;
  HttpHandler& handler;
  HttpLimits limits;
  HttpCounters counters;
  std::vector<std::unique_ptr<Acceptor>> acceptors;
  std::unordered_map<HttpConnection*, std::shared_ptr<HttpConnection>> connections;
  std::unordered_map<std::string, std::size_t> per_address;
  std::uint64_t body_bytes = 0;  // buffered request bodies of all connections
  Timer timer;
  bool ticking = false, draining = false;
  std::optional<Timer> grace;
  std::function<void()> drained;
};

class HttpConnection final : public StreamUser,
                             public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(HttpServer::State& server, Peer peer);
  void start(Fd fd);
  const Peer& peer() const { return peer_; }

  void on_data(std::string_view data) override;
  void on_end() override;
  void on_broken(const Error& error) override;
  void on_drained() override;

  void tick(std::int64_t now_ms);
  void drain();    // finish what is asked, take nothing new
  void close();    // at once; waiting answers hear that the peer is gone
  void abandon();  // like close(), but tells nobody: the server itself goes

  // Answers (http_answers.cpp).
  void respond(Exchange& exchange, const HttpResponse& response);
  void begin_stream(Exchange& exchange, int status, std::string_view content_type,
                    const std::vector<std::pair<std::string, std::string>>& headers);
  bool write(Exchange& exchange, std::string_view data);
  void end(Exchange& exchange);
  std::size_t buffered(const Exchange& exchange) const;
  bool is_gone() const { return server_ == nullptr || peer_ended_; }

 private:
  // Input (http_connection.cpp).
  void pump(std::string_view& input);
  bool wants_input() const;
  void settle_input(std::string_view rest);
  void pump_later();
  void begin_request();
  void take_body(std::string_view piece);
  void end_request();
  void refuse(const HttpFault& fault);
  void input_over();
  BodyFlow flow_of(const std::shared_ptr<Exchange>& exchange);
  void set_paused(bool paused);
  void drop_body();
  bool body_is_slow(std::int64_t now_ms) const;

  // Answers.
  void put(Exchange& exchange, std::string_view bytes);
  void finish(Exchange& exchange);
  void advance();
  void finish_connection();
  void drop_exchange(Exchange& exchange);

  HttpServer::State* server_;  // null once closed
  Peer peer_;
  std::shared_ptr<ByteStream> stream_;
  RequestReader reader_;
  std::string pending_;  // input that waits for room
  std::deque<std::shared_ptr<Exchange>> exchanges_;
  std::shared_ptr<Exchange> reading_;  // whose request is being read
  HttpRequest request_;                // being read
  std::optional<Responder> responder_;
  std::size_t queued_bytes_ = 0;  // in `out` of waiting exchanges
  std::uint64_t body_bytes_ = 0;
  std::int64_t active_ms_ = 0, head_ms_ = 0, body_ms_ = 0, paused_ms_ = 0, close_at_ms_ = 0;
  bool pumping_ = false, pump_posted_ = false, paused_ = false, input_closed_ = false;
  bool finishing_ = false, lingering_ = false, peer_ended_ = false, first_request_ = true;
};

}  // namespace drover::net
