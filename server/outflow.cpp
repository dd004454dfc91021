// server/outflow.cpp - waits while the connection has enough to do.
// SPDX-License-Identifier: Apache-2.0
#include "server/outflow.hpp"

#include <algorithm>

namespace drover::server {
namespace {

constexpr std::size_t kBacklog = 512 << 10, kWrite = 256 << 10;

}  // namespace

Outflow::Outflow(Services& services, ExchangePtr exchange, std::string content_type,
                 OnError on_error)
    : headers{{"X-Content-Type-Options", "nosniff"}},
      services_(services),
      exchange_(std::move(exchange)),
      content_type_(std::move(content_type)),
      on_error_(on_error),
      timer_(services.loop, [this] { flush(); }) {}

void Outflow::begin(Next next) {
  self_ = shared_from_this();  // until close()
  next_ = std::move(next);
  exchange_->answer->on_gone([weak = weak_from_this()] {
    if (const auto flow = weak.lock()) flow->close();
  });
  next_(shared_from_this());  // not self_, which may go meanwhile
}

void Outflow::put(std::string piece) {
  if (is_over_) return;
  piece_ = head.empty() ? std::move(piece) : std::exchange(head, {}) + piece;
  written_ = 0;
  flush();
}

void Outflow::finish() {
  if (is_over_) return;
  is_last_ = true;
  put({});
}

void Outflow::fail(const Error& error) {
  if (is_over_) return;
  if (!is_open_) on_error_(*exchange_, error);
  close();
}

void Outflow::flush() {
  const auto alive = shared_from_this();
  if (is_over_) return;
  if (!is_open_ && (is_last_ || !piece_.empty())) {
    is_open_ = true;
    exchange_->answer->begin_stream(200, content_type_, headers);
  }
  while (written_ < piece_.size()) {
    if (exchange_->answer->buffered() > kBacklog) return timer_.start(millis(5));
    const std::size_t size = std::min(piece_.size() - written_, kWrite);
    if (!exchange_->answer->write(std::string_view(piece_).substr(written_, size))) return close();
    written_ += size;
  }
  piece_.clear();
  if (is_last_) {
    exchange_->answer->end();
    return close();
  }
  services_.loop.post([flow = alive] {
    if (!flow->is_over_) flow->next_(flow);
  });
}

void Outflow::close() {
  timer_.stop();
  is_over_ = true;
  // We may be in our timer's callback, or in that of next_: the last owner goes after it.
  if (self_)
    services_.loop.post([last = std::exchange(self_, nullptr), next = std::move(next_)]() mutable {
      next = nullptr;
    });
}

}  // namespace drover::server
