// net/frame_connection.cpp - frames over unix sockets: one connection, the listener, and the
// dialler.
// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "net/acceptor.hpp"
#include "net/byte_stream.hpp"
#include "net/frame.hpp"

namespace drover::net {

namespace {

constexpr std::size_t kOutputMax = 256 << 20;

}  // namespace

struct FrameConnection::State : StreamUser, std::enable_shared_from_this<State> {
  std::shared_ptr<ByteStream> stream;
  FrameDecoder decoder;
  Hooks hooks;
  Peer peer;
  bool closed = false;

  static std::unique_ptr<FrameConnection> open(Loop& loop, Fd fd) {
    auto state = std::make_shared<State>();
    state->peer = peer_of(fd.raw());
    state->stream = ByteStream::make(loop, std::move(fd), state);
    return std::make_unique<FrameConnection>(std::move(state));
  }

  void on_data(std::string_view data) override {
    const auto self = shared_from_this();
    const auto fed = decoder.feed(data, [this](std::string_view frame) {
      if (!closed && hooks.on_frame) hooks.on_frame(frame);
    });
    if (!fed) lose(fed.error());
  }
  void on_end() override { lose({Errc::Unavailable, "the peer closed the connection", "", ""}); }
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

FrameConnection::~FrameConnection() { close(); }

void FrameConnection::set_hooks(Hooks hooks) {
  state_->hooks = std::move(hooks);
  if (!state_->closed) state_->stream->read_on();
}

bool FrameConnection::send(std::string_view message) {
  if (state_->closed || message.size() > kFrameMax) return false;
  if (state_->stream->buffered() + message.size() > kOutputMax) return false;
  char head[4];
  for (std::size_t k = 0; k < sizeof head; ++k) {
    head[k] = static_cast<char>(message.size() >> (8 * k) & 0xff);
  }
  state_->stream->write({head, sizeof head});
  state_->stream->write(message);
  return true;
}

std::size_t FrameConnection::buffered() const { return state_->stream->buffered(); }

void FrameConnection::close() {
  if (std::exchange(state_->closed, true)) return;
  state_->stream->close();
}

const Peer& FrameConnection::peer() const { return state_->peer; }

struct FrameListener::State {
  OnConnection on_connection;
  std::unique_ptr<Acceptor> acceptor;
};

Result<std::unique_ptr<FrameListener>> FrameListener::listen(Loop& loop, const std::string& path,
                                                             std::uint32_t mode,
                                                             OnConnection on_connection) {
  auto fd = listen_unix_socket(path, mode);
  if (!fd) return fail(fd.error(), "listen for frames");
  auto state = std::make_shared<State>();
  state->on_connection = std::move(on_connection);
  state->acceptor = std::make_unique<Acceptor>(
      loop, std::move(*fd), path, [&loop, weak = std::weak_ptr<State>(state)](Fd accepted) {
        const auto self = weak.lock();
        if (self) self->on_connection(FrameConnection::State::open(loop, std::move(accepted)));
      });
  return std::make_unique<FrameListener>(std::move(state));
}

FrameListener::~FrameListener() = default;

void frame_connect(Loop& loop, const std::string& path,
                   std::function<void(Result<std::unique_ptr<FrameConnection>>)> done) {
  auto fd = connect_unix_socket(path);
  if (!fd) {
    loop.post([done = std::move(done), error = fd.error()] { done(fail(error)); });
    return;
  }
  // A std::function must be copyable, so the connection travels in a shared box.
  auto box = std::make_shared<std::unique_ptr<FrameConnection>>(
      FrameConnection::State::open(loop, std::move(*fd)));
  loop.post([done = std::move(done), box] { done(std::move(*box)); });
}

}  // namespace drover::net
