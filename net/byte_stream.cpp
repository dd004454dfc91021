// net/byte_stream.cpp - reads as data comes, writes once per loop round, waits only when the kernel
// is full.
// SPDX-License-Identifier: Apache-2.0
#include "net/byte_stream.hpp"

#include <sys/socket.h>
#include <uv.h>

#include <cerrno>
#include <utility>

#include "base/check.hpp"

namespace drover::net {

namespace {

constexpr std::size_t kReadSize = 128 << 10;
constexpr int kReadsPerRound = 8;               // a fast sender must not starve the others
constexpr std::size_t kFlushAt = 256 << 10;     // more than that does not wait for the round's end
constexpr std::size_t kKeepCapacity = 1 << 20;  // memory an idle connection may hold

// One buffer per thread: the data is consumed before the next read.
char* read_buffer() {
  thread_local const std::unique_ptr<char[]> buffer(new char[kReadSize]);
  return buffer.get();
}

}  // namespace

struct ByteStream::Poll {
  uv_poll_t handle{};
  ByteStream* stream = nullptr;  // null once closed
};

std::shared_ptr<ByteStream> ByteStream::make(Loop& loop, Fd fd, std::weak_ptr<StreamUser> user) {
  return std::make_shared<ByteStream>(loop, std::move(fd), std::move(user));
}

ByteStream::ByteStream(Loop& loop, Fd fd, std::weak_ptr<StreamUser> user)
    : loop_(loop), fd_(std::move(fd)), user_(std::move(user)), poll_(new Poll) {
  poll_->stream = this;
  const int rc = uv_poll_init(loop.raw(), &poll_->handle, fd_.raw());
  DROVER_CHECK(rc == 0, "a socket cannot be watched");
  poll_->handle.data = poll_;
  progress_ms_ = static_cast<std::int64_t>(uv_now(loop.raw()));
}

ByteStream::~ByteStream() { close(); }

void ByteStream::read_on() {
  reading_ = true;
  watch();
}

void ByteStream::read_off() {
  reading_ = false;
  watch();
}

void ByteStream::watch() {
  if (poll_ == nullptr) return;
  const int events = (reading_ ? UV_READABLE : 0) | (want_write_ ? UV_WRITABLE : 0);
  if (events == watched_) return;
  watched_ = events;
  if (events == 0) {
    uv_poll_stop(&poll_->handle);
    return;
  }
  uv_poll_start(&poll_->handle, events, [](uv_poll_t* handle, int status, int ready) {
    ByteStream* stream = static_cast<Poll*>(handle->data)->stream;
    if (stream != nullptr) stream->on_ready(status, ready);
  });
}

void ByteStream::on_ready(int status, int events) {
  const auto self = shared_from_this();
  if (status < 0) events = UV_READABLE | UV_WRITABLE;  // the next call on the socket says why
  if ((events & UV_WRITABLE) != 0 && want_write_) flush();
  if ((events & UV_READABLE) != 0 && reading_ && !is_closed()) read_some();
}

void ByteStream::read_some() {
  for (int k = 0; k < kReadsPerRound && reading_ && !is_closed(); ++k) {
    const ssize_t n = ::recv(fd_.raw(), read_buffer(), kReadSize, 0);
    const auto user = user_.lock();
    if (!user) return;
    if (n > 0) {
      user->on_data({read_buffer(), static_cast<std::size_t>(n)});
      if (static_cast<std::size_t>(n) < kReadSize) return;  // likely empty now; epoll will tell
      continue;
    }
    if (n == 0) {
      read_off();
      user->on_end();
      return;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return;
    const Error error = os_error("read from the peer", errno);
    close();
    user->on_broken(error);
    return;
  }
}

void ByteStream::write(std::string_view data) {
  if (is_closed() || breaking_ || data.empty()) return;
  if (buffered() == 0) progress_ms_ = static_cast<std::int64_t>(uv_now(loop_.raw()));
  if (sent_ > kKeepCapacity && sent_ > out_.size() / 2) {
    out_.erase(0, sent_);
    sent_ = 0;
  }
  out_.append(data);
  if (want_write_) return;
  if (buffered() > kFlushAt) return flush();
  flush_later();
}

void ByteStream::flush_later() {
  if (std::exchange(flush_queued_, true)) return;
  loop_.before_wait([self = shared_from_this()] {
    self->flush_queued_ = false;
    self->flush();
  });
}

void ByteStream::flush() {
  if (is_closed() || breaking_) return;
  while (sent_ < out_.size()) {
    const ssize_t n = ::send(fd_.raw(), out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
    if (n >= 0) {
      sent_ += static_cast<std::size_t>(n);
      progress_ms_ = static_cast<std::int64_t>(uv_now(loop_.raw()));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      want_write_ = true;
      watch();
      return;
    }
    break_later(os_error("write to the peer", errno));
    return;
  }
  sent_ = 0;
  if (out_.capacity() > kKeepCapacity) {
    out_ = {};
  } else {
    out_.clear();
  }
  want_write_ = false;
  watch();
  if (tell_drained_) tell_when_drained();
}

void ByteStream::tell_when_drained() {
  tell_drained_ = true;
  if (buffered() != 0 || is_closed()) return;
  tell_drained_ = false;
  // Posted, because the user may answer with work for a turn, and this may be past the turn.
  loop_.post([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self || self->is_closed()) return;
    if (self->buffered() != 0) return self->tell_when_drained();
    if (const auto user = self->user_.lock()) user->on_drained();
  });
}

void ByteStream::break_later(Error error) {
  breaking_ = true;
  out_ = {};
  sent_ = 0;
  want_write_ = false;
  read_off();
  loop_.post([weak = weak_from_this(), error = std::move(error)] {
    const auto self = weak.lock();
    if (!self || self->is_closed()) return;
    self->close();
    if (const auto user = self->user_.lock()) user->on_broken(error);
  });
}

void ByteStream::shut_down_output() {
  if (!is_closed()) ::shutdown(fd_.raw(), SHUT_WR);
}

void ByteStream::close() {
  if (poll_ == nullptr) return;
  if (buffered() > 0 && !breaking_) {
    static_cast<void>(
        ::send(fd_.raw(), out_.data() + sent_, buffered(), MSG_NOSIGNAL | MSG_DONTWAIT));
  }
  Poll* poll = std::exchange(poll_, nullptr);
  poll->stream = nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(&poll->handle),
           [](uv_handle_t* handle) { delete static_cast<Poll*>(handle->data); });
  fd_.reset();  // allowed at once: uv_close has stopped the polling
  reading_ = want_write_ = false;
  out_ = {};
  sent_ = 0;
}

}  // namespace drover::net
