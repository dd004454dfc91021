// net/http_connection.cpp - the input side of a connection: pipelining, bodies, back-pressure,
// deadlines.
// SPDX-License-Identifier: Apache-2.0
#include "net/http_connection.hpp"

#include <algorithm>
#include <utility>

#include "net/http_wire.hpp"

namespace drover::net {

namespace {

constexpr std::int64_t kLingerMs = 2'000;       // for the peer to read the last answer
constexpr std::int64_t kOrphanMs = 10'000;      // for answers to a peer that sends nothing more
constexpr std::int64_t kSlowestBody = 1'024;    // bytes per second
constexpr std::size_t kBodyReserve = 64 << 10;  // before any of it has come

std::int64_t ms(Duration d) { return d.us / 1'000; }

}  // namespace

HttpConnection::HttpConnection(HttpServer::State& server, Peer peer)
    : server_(&server), peer_(std::move(peer)), reader_(server.limits) {
  active_ms_ = head_ms_ = server.now_ms();
}

void HttpConnection::start(Fd fd) {
  stream_ = ByteStream::make(server_->loop, std::move(fd), weak_from_this());
  stream_->read_on();
}

void HttpConnection::on_data(std::string_view data) {
  if (server_ == nullptr || lingering_ || input_closed_) return;  // read and thrown away
  const auto self = shared_from_this();
  active_ms_ = server_->now_ms();
  if (!pending_.empty() || pumping_) {
    pending_.append(data);
    return;
  }
  pump(data);
  settle_input(data);
}

void HttpConnection::on_end() {
  if (server_ == nullptr) return;
  const auto self = shared_from_this();
  peer_ended_ = true;
  if (lingering_) return close();
  if (pending_.empty()) input_over();
}

void HttpConnection::on_broken(const Error&) { close(); }

void HttpConnection::on_drained() {
  if (server_ == nullptr) return;
  if (!finishing_) return pump_later();  // input waited for the output to shrink
  if (peer_ended_) return close();
  // An immediate close with unread input would reset the connection and destroy the answer.
  stream_->shut_down_output();
  lingering_ = true;
  close_at_ms_ = server_->now_ms() + kLingerMs;
  stream_->read_on();
}

bool HttpConnection::wants_input() const {
  if (server_ == nullptr || input_closed_ || finishing_ || paused_) return false;
  if (stream_->buffered() + queued_bytes_ >= server_->limits.output_buffer) return false;
  return reader_.in_body() || exchanges_.size() < server_->limits.pipeline;
}

void HttpConnection::pump(std::string_view& input) {
  if (std::exchange(pumping_, true)) return;
  bool starved = false;
  while (!starved && wants_input()) {
    const bool new_head = !reader_.in_head() && !reader_.in_body();
    switch (reader_.next(input)) {
      case ReadStep::NeedMore:
        if (new_head && reader_.in_head()) head_ms_ = server_->now_ms();
        starved = true;
        break;
      case ReadStep::Head: begin_request(); break;
      case ReadStep::Body: take_body(reader_.body()); break;
      case ReadStep::End: end_request(); break;
      case ReadStep::Fault: refuse(reader_.fault()); break;
    }
  }
  pumping_ = false;
}

// Keeps what was not consumed, and reads on only when there is room for it.
void HttpConnection::settle_input(std::string_view rest) {
  if (server_ == nullptr) return;
  if (input_closed_) rest = {};
  pending_.assign(rest);
  if (pending_.empty()) pending_.shrink_to_fit();
  if (input_closed_ || wants_input()) {
    if (!peer_ended_) stream_->read_on();
    if (!pending_.empty()) pump_later();
  } else if (!lingering_) {
    stream_->read_off();
    if (stream_->buffered() > 0) stream_->tell_when_drained();
  }
  if (peer_ended_ && pending_.empty()) input_over();
}

void HttpConnection::pump_later() {
  if (server_ == nullptr || std::exchange(pump_posted_, true)) return;
  server_->loop.post([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->pump_posted_ = false;
    if (self->server_ == nullptr || self->pumping_) return;
    const std::string input = std::exchange(self->pending_, {});
    std::string_view rest = input;
    self->pump(rest);
    self->settle_input(rest);
  });
}

void HttpConnection::begin_request() {
  auto exchange = std::make_shared<Exchange>();
  exchange->http11 = reader_.is_http11();
  exchange->keep_alive = reader_.keep_alive();
  HttpRequest request = std::move(reader_.request());
  request.peer = peer_;
  exchange->head_only = request.method == "HEAD";
  exchange->body_done = !reader_.has_body();
  exchanges_.push_back(exchange);
  reading_ = exchange;
  first_request_ = false;
  body_bytes_ = 0;
  body_ms_ = server_->now_ms();
  // Ours alone until the handler returns: an answer inside of it may end this connection.
  std::optional<Responder> responder(
      std::make_shared<Responder::State>(weak_from_this(), exchange));
  const BodyFlow flow = flow_of(exchange);
  auto sink = server_->handler.on_stream(request, *responder, flow);
  if (sink) {
    if (!exchange->complete) exchange->sink = std::move(sink);
    responder.reset();  // the sink has its own, or nobody answers
  }
  if (server_ == nullptr || finishing_ || exchange->complete) return;
  if (!exchange->sink) {
    request_ = std::move(request);
    responder_ = std::move(responder);
    reader_.limit_body(server_->limits.body);
    if (reader_.has_fault()) return;  // the next step reports it
    request_.body.reserve(static_cast<std::size_t>(
        std::min<std::uint64_t>(reader_.announced_length(), kBodyReserve)));
  }
  if (reader_.has_body() && reader_.expects_continue() && !exchange->begun) {
    put(*exchange, "HTTP/1.1 100 Continue\r\n\r\n");
  }
}

void HttpConnection::take_body(std::string_view piece) {
  body_bytes_ += piece.size();
  const auto exchange = reading_;
  if (exchange->sink) return exchange->sink->on_data(piece);
  if (!responder_) return;  // answered already
  if (server_->body_bytes + piece.size() > server_->limits.bodies_total) {
    refuse({503, "the server is holding too many request bodies", "try again in a moment"});
    return;
  }
  server_->body_bytes += piece.size();
  request_.body.append(piece);
}

void HttpConnection::end_request() {
  const auto exchange = std::exchange(reading_, nullptr);
  exchange->body_done = true;
  head_ms_ = server_->now_ms();
  if (!exchange->keep_alive) input_closed_ = true;
  if (exchange->sink) {
    set_paused(false);
    exchange->sink->on_end();
  } else if (responder_) {
    server_->body_bytes -= request_.body.size();
    Responder responder = *std::exchange(responder_, std::nullopt);
    HttpRequest request = std::exchange(request_, {});
    if (!exchange->complete) {
      server_->handler.on_request(std::move(request), std::move(responder));
    }
  }
}

// The bytes are no request, or too much of one: answer, then end the connection.
void HttpConnection::refuse(const HttpFault& fault) {
  ++server_->counters.bad_requests;
  if (!reading_) exchanges_.push_back(std::make_shared<Exchange>());
  const auto exchange = reading_ ? std::exchange(reading_, nullptr) : exchanges_.back();
  input_closed_ = true;
  exchange->keep_alive = false;
  if (!exchange->begun) {
    respond(*exchange, fault_response(fault));
    return drop_body();
  }
  // A stream that already says 200 can only be cut off, so that nobody takes it for complete.
  close();
}

// The peer sends nothing more. Answers on their way may still be read by it; streams may not.
void HttpConnection::input_over() {
  if (server_ == nullptr || finishing_) return;
  if (!input_closed_ && (reader_.in_body() || reader_.in_head())) return close();
  input_closed_ = true;
  for (const auto& exchange : exchanges_) {
    if (exchange->begun && !exchange->complete) return close();
  }
  if (exchanges_.empty()) return finish_connection();
  close_at_ms_ = server_->now_ms() + kOrphanMs;
  for (const auto& exchange : exchanges_) {
    if (exchange->on_gone) server_->call_later(std::exchange(exchange->on_gone, {}));
  }
}

BodyFlow HttpConnection::flow_of(const std::shared_ptr<Exchange>& exchange) {
  if (!reader_.has_body()) return {[] {}, [] {}};
  const auto set = [connection = weak_from_this(),
                    of = std::weak_ptr<Exchange>(exchange)](bool on) {
    const auto self = connection.lock();
    const auto current = of.lock();
    if (self && current && !current->body_done) self->set_paused(on);
  };
  return {[set] { set(true); }, [set] { set(false); }};
}

void HttpConnection::set_paused(bool paused) {
  if (server_ == nullptr || paused_ == paused) return;
  paused_ = paused;
  const std::int64_t now = server_->now_ms();
  if (paused) {
    paused_ms_ = now;
    if (!pumping_ && !lingering_) stream_->read_off();
  } else {
    body_ms_ += now - paused_ms_;  // the time we made the peer wait is not its slowness
    if (!pumping_) pump_later();
  }
}

// Only after the answer is complete: a Responder that goes without one answers 500.
void HttpConnection::drop_body() {
  if (responder_ && server_ != nullptr) server_->body_bytes -= request_.body.size();
  request_ = {};
  responder_.reset();
}

bool HttpConnection::body_is_slow(std::int64_t now_ms) const {
  const std::int64_t late = now_ms - body_ms_ - ms(server_->limits.header_timeout);
  return late > 0 && static_cast<std::int64_t>(body_bytes_) < late * kSlowestBody / 1'000;
}

void HttpConnection::tick(std::int64_t now) {
  if (server_ == nullptr) return;
  const auto self = shared_from_this();
  const HttpLimits& limits = server_->limits;
  if (close_at_ms_ != 0 && now >= close_at_ms_) return close();
  if (stream_->buffered() > 0 && now - stream_->last_progress_ms() > ms(limits.idle_timeout)) {
    return close();  // the peer does not read
  }
  if (finishing_ || input_closed_ || peer_ended_) return;
  if (reader_.in_body()) {
    if (!paused_ && wants_input() && body_is_slow(now)) {
      refuse({408, "the request body came too slowly", "send at least 1 KiB per second"});
    }
  } else if (reader_.in_head() && now - head_ms_ > ms(limits.header_timeout)) {
    refuse({408, "the request head took too long", ""});
  } else if (exchanges_.empty() && stream_->buffered() == 0 && pending_.empty()) {
    const Duration wait = first_request_ ? limits.header_timeout : limits.idle_timeout;
    if (now - active_ms_ > ms(wait)) close();
  }
}

void HttpConnection::drain() {
  if (server_ == nullptr) return;
  const auto self = shared_from_this();
  if (exchanges_.empty() && !reader_.in_head()) {
    return stream_->buffered() == 0 ? close() : finish_connection();
  }
  if (!reader_.in_body() && !reader_.in_head()) {
    input_closed_ = true;
    pending_ = {};
  }
}

void HttpConnection::close() {
  if (server_ == nullptr) return;
  const auto self = shared_from_this();
  HttpServer::State* const server = server_;
  if (responder_) server->body_bytes -= request_.body.size();
  server_ = nullptr;  // from here on no Responder can write
  request_ = {};
  responder_.reset();
  reading_.reset();
  stream_->close();
  pending_ = {};
  auto gone = std::exchange(exchanges_, {});
  for (const auto& exchange : gone) {
    if (exchange->complete) continue;
    exchange->complete = true;
    // Posted, so that no hook runs inside the call of the program that found the peer gone.
    std::shared_ptr<BodySink> sink = std::move(exchange->sink);
    auto hook = std::exchange(exchange->on_gone, {});
    if (!sink && !hook) continue;
    server->call_later([sink, hook = std::move(hook), cut = !exchange->body_done] {
      if (sink && cut) sink->on_abort();
      if (hook) hook();
    });
  }
  server->forget(*this);
}

void HttpConnection::abandon() {
  server_ = nullptr;
  stream_->close();
  for (const auto& exchange : exchanges_) {
    exchange->complete = true;
    exchange->on_gone = {};
    exchange->sink.reset();  // it may hold a Responder, and with it this very exchange
  }
}

}  // namespace drover::net
