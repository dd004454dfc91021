// nodeagent/line_connection.cpp - a byte stream cut into lines.
// SPDX-License-Identifier: Apache-2.0
#include "nodeagent/line_connection.hpp"

#include <string>
#include <utility>

#include "net/byte_stream.hpp"
#include "nodeagent/engine_lines.hpp"

namespace drover::nodeagent {
namespace {

constexpr std::size_t kOutputMax = 64 << 20;

}  // namespace

struct LineConnection::State : net::StreamUser, std::enable_shared_from_this<State> {
  std::shared_ptr<net::ByteStream> stream;
  LineSplitter splitter;
  Hooks hooks;
  net::Peer peer;
  std::int64_t heard_us = 0;
  bool closed = false;

  void on_data(std::string_view data) override {
    const auto self = shared_from_this();
    heard_us = net::Loop::now().mono.us;
    const auto fed = splitter.feed(data, [this](std::string_view line) {
      const auto on_line = hooks.on_line;  // which may set other hooks
      if (!closed && on_line) on_line(line);
    });
    if (!fed) lose(fed.error());
  }
  void on_end() override { lose({Errc::Unavailable, "the engine closed the connection", "", ""}); }
  void on_broken(const Error& error) override { lose(error); }
  void on_drained() override {}

  void lose(const Error& error) {
    if (std::exchange(closed, true)) return;
    const auto self = shared_from_this();
    stream->close();
    const auto on_close = hooks.on_close;  // the hook may drop the connection and itself with it
    if (on_close) on_close(error);
  }
};

std::unique_ptr<LineConnection> LineConnection::open(net::Loop& loop, net::Fd fd) {
  auto state = std::make_shared<State>();
  state->peer = net::peer_of(fd.raw());
  state->heard_us = net::Loop::now().mono.us;
  state->stream = net::ByteStream::make(loop, std::move(fd), state);
  return std::make_unique<LineConnection>(std::move(state));
}

LineConnection::~LineConnection() { close(); }

void LineConnection::set_hooks(Hooks hooks) {
  state_->hooks = std::move(hooks);
  if (!state_->closed) state_->stream->read_on();
}

bool LineConnection::send(std::string_view lines) {
  if (state_->closed || state_->stream->buffered() + lines.size() > kOutputMax) return false;
  state_->stream->write(lines);
  return true;
}

void LineConnection::close() {
  if (std::exchange(state_->closed, true)) return;
  state_->stream->close();
}

const net::Peer& LineConnection::peer() const { return state_->peer; }
std::int64_t LineConnection::heard_us() const { return state_->heard_us; }

}  // namespace drover::nodeagent
