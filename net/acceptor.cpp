// net/acceptor.cpp - the accept loop, with a reserved descriptor for the day that none is left.
// SPDX-License-Identifier: Apache-2.0
#include "net/acceptor.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <uv.h>

#include <cerrno>
#include <optional>

#include "base/check.hpp"

namespace drover::net {

namespace {

constexpr int kAcceptsPerRound = 64;  // other connections get their turn
constexpr Duration kRest = millis(100);

Fd open_reserve() { return Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

}  // namespace

struct Acceptor::State {
  State(Loop& loop, Fd socket, std::string path, std::function<void(Fd)> hook)
      : listener(std::move(socket)),
        reserve(open_reserve()),
        unix_path(std::move(path)),
        inode(unix_path.empty() ? 0 : socket_inode(unix_path)),
        on_accept(std::move(hook)),
        rest(std::in_place, loop, [this] { watch(); }) {}

  uv_poll_t poll{};
  Fd listener, reserve;
  std::string unix_path;
  std::uint64_t inode = 0;
  std::function<void(Fd)> on_accept;
  std::optional<Timer> rest;
  bool closed = false;

  void watch() {
    if (closed) return;
    uv_poll_start(&poll, UV_READABLE, [](uv_poll_t* handle, int, int) {
      static_cast<State*>(handle->data)->accept_some();
    });
  }

  void accept_some() {
    for (int k = 0; k < kAcceptsPerRound && !closed; ++k) {
      Fd fd(::accept4(listener.raw(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (fd) {
        const int on = 1;  // fails on unix sockets, which need it not
        ::setsockopt(fd.raw(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        on_accept(std::move(fd));
        continue;
      }
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) take_rest();
      return;
    }
  }

  void take_rest() {
    reserve.reset();
    for (int k = 0; k < kAcceptsPerRound; ++k) {
      const Fd refused(::accept4(listener.raw(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!refused) break;
    }
    reserve = open_reserve();
    if (closed) return;
    uv_poll_stop(&poll);
    rest->start(kRest);
  }
};

Acceptor::Acceptor(Loop& loop, Fd listener, std::string unix_path,
                   std::function<void(Fd)> on_accept)
    : state_(new State(loop, std::move(listener), std::move(unix_path), std::move(on_accept))) {
  const int rc = uv_poll_init(loop.raw(), &state_->poll, state_->listener.raw());
  DROVER_CHECK(rc == 0, "a listening socket cannot be watched");
  state_->poll.data = state_;
  state_->watch();
}

Acceptor::~Acceptor() {
  state_->closed = true;
  state_->rest.reset();
  uv_close(reinterpret_cast<uv_handle_t*>(&state_->poll),
           [](uv_handle_t* handle) { delete static_cast<State*>(handle->data); });
  unlink_unix_socket(state_->unix_path, state_->inode);
  state_->listener.reset();
  // A running on_accept may be what destroys us; it is kept until the loop lets go of the handle.
}

}  // namespace drover::net
