// net/http_answers.cpp - the output side of a connection, and the Responder that programs hold.
// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "net/http_connection.hpp"
#include "net/http_wire.hpp"

namespace drover::net {

void HttpConnection::put(Exchange& exchange, std::string_view bytes) {
  if (!exchanges_.empty() && exchanges_.front().get() == &exchange) {
    stream_->write(bytes);
    return;
  }
  exchange.out.append(bytes);
  queued_bytes_ += bytes.size();
}

void HttpConnection::respond(Exchange& exchange, const HttpResponse& response) {
  if (server_ == nullptr || exchange.begun || exchange.complete) return;
  // An answer before the end of the body leaves bytes that nobody will read as a request.
  if (!exchange.body_done) exchange.keep_alive = false;
  if (server_->draining && exchanges_.back().get() == &exchange) exchange.keep_alive = false;
  exchange.begun = true;
  HeadShape shape{response.status, response.content_type, response.body.size(),
                  false,           exchange.keep_alive,   exchange.http11};
  std::string head;
  const bool with_body = !exchange.head_only && may_have_body(response.status);
  append_head(head, shape, response.headers);
  put(exchange, head);
  if (with_body) put(exchange, response.body);
  finish(exchange);
}

void HttpConnection::begin_stream(Exchange& exchange, int status, std::string_view content_type,
                                  const std::vector<std::pair<std::string, std::string>>& headers) {
  if (server_ == nullptr || exchange.begun || exchange.complete) return;
  if (peer_ended_) return close();  // the reader of a stream stays to read it
  const bool has_body = may_have_body(status) && !exchange.head_only;
  exchange.chunked = has_body && exchange.http11;
  if (has_body && !exchange.http11) exchange.keep_alive = false;  // its end is the connection's
  if (!has_body && !exchange.body_done) exchange.keep_alive = false;
  exchange.begun = true;
  std::string head;
  append_head(head,
              {status, content_type, std::nullopt, may_have_body(status) && exchange.http11,
               exchange.keep_alive, exchange.http11},
              headers);
  put(exchange, head);
  if (!has_body) finish(exchange);
}

bool HttpConnection::write(Exchange& exchange, std::string_view data) {
  if (server_ == nullptr || exchange.complete || !exchange.begun) return false;
  if (data.empty()) return true;
  if (buffered(exchange) > server_->limits.output_buffer) {
    close();
    return false;
  }
  if (!exchange.chunked) {
    put(exchange, data);
    return true;
  }
  put(exchange, chunk_prefix(data.size()));
  put(exchange, data);
  put(exchange, kChunkSuffix);
  return true;
}

void HttpConnection::end(Exchange& exchange) {
  if (server_ == nullptr || exchange.complete || !exchange.begun) return;
  if (exchange.chunked) put(exchange, kLastChunk);
  if (!exchange.body_done) exchange.keep_alive = false;
  if (server_->draining && exchanges_.back().get() == &exchange) exchange.keep_alive = false;
  finish(exchange);
}

std::size_t HttpConnection::buffered(const Exchange& exchange) const {
  if (server_ == nullptr || exchange.complete) return 0;
  const bool first = !exchanges_.empty() && exchanges_.front().get() == &exchange;
  return first ? stream_->buffered() : exchange.out.size();
}

void HttpConnection::finish(Exchange& exchange) {
  exchange.complete = true;
  drop_exchange(exchange);
  if (!exchanges_.empty() && exchanges_.front().get() == &exchange) advance();
}

// Lets go of what the program gave us, outside of its own call.
void HttpConnection::drop_exchange(Exchange& exchange) {
  std::shared_ptr<BodySink> sink = std::move(exchange.sink);
  auto hook = std::exchange(exchange.on_gone, {});
  if (sink || hook) server_->loop.post([sink = std::move(sink), hook = std::move(hook)] {});
}

// The first answer is complete: the next one may go out.
void HttpConnection::advance() {
  const bool was_full = exchanges_.size() >= server_->limits.pipeline || !stream_->is_reading();
  while (!exchanges_.empty() && exchanges_.front()->complete) {
    const auto done = exchanges_.front();
    exchanges_.pop_front();
    if (!done->keep_alive) return finish_connection();
    if (exchanges_.empty()) break;
    Exchange& next = *exchanges_.front();
    stream_->write(next.out);
    queued_bytes_ -= next.out.size();
    next.out = {};
  }
  active_ms_ = server_->now_ms();
  if (exchanges_.empty() && (peer_ended_ || input_closed_) && pending_.empty()) {
    return finish_connection();
  }
  if (was_full && !pumping_) pump_later();
}

// No further answer will be sent; the connection ends when the peer has what was written.
void HttpConnection::finish_connection() {
  if (server_ == nullptr || std::exchange(finishing_, true)) return;
  input_closed_ = true;
  pending_ = {};
  for (const auto& exchange : exchanges_) {
    exchange->complete = true;
    if (exchange->on_gone) server_->call_later(std::exchange(exchange->on_gone, {}));
    drop_exchange(*exchange);
  }
  exchanges_.clear();
  drop_body();
  stream_->tell_when_drained();
}

Responder::State::~State() {
  const auto link = connection.lock();
  if (!link || exchange->complete) return;
  if (exchange->begun) {
    link->close();  // a stream without an end must not look complete
  } else {
    link->respond(*exchange, fault_response({500, "the server gave no answer to this request",
                                             "see the daemon's log"}));
  }
}

void Responder::send(HttpResponse response) const {
  if (const auto link = state_->connection.lock()) link->respond(*state_->exchange, response);
}

void Responder::begin_stream(int status, std::string content_type,
                             std::vector<std::pair<std::string, std::string>> headers) const {
  if (const auto link = state_->connection.lock()) {
    link->begin_stream(*state_->exchange, status, content_type, headers);
  }
}

bool Responder::write(std::string_view data) const {
  const auto link = state_->connection.lock();
  return link && link->write(*state_->exchange, data);
}

void Responder::end() const {
  if (const auto link = state_->connection.lock()) link->end(*state_->exchange);
}

std::size_t Responder::buffered() const {
  const auto link = state_->connection.lock();
  return link ? link->buffered(*state_->exchange) : 0;
}

bool Responder::is_gone() const {
  const auto link = state_->connection.lock();
  return !link || link->is_gone() || state_->exchange->complete;
}

void Responder::on_gone(std::function<void()> hook) const {
  const auto link = state_->connection.lock();
  if (link && !state_->exchange->complete) state_->exchange->on_gone = std::move(hook);
}

}  // namespace drover::net
