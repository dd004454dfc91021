// net/byte_stream.hpp - one non-blocking socket on the loop, with buffered and batched output.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "net/loop.hpp"
#include "net/socket.hpp"

namespace drover::net {

// What a connection hears from its socket. Any call may close or drop the stream.
struct StreamUser {
  virtual ~StreamUser() = default;
  virtual void on_data(std::string_view data) = 0;
  virtual void on_end() = 0;                       // the peer sends nothing more
  virtual void on_broken(const Error& error) = 0;  // the socket is closed already
  virtual void on_drained() = 0;                   // see tell_when_drained
};

// Writes of one loop round leave together, before the loop waits. Loop thread only.
class ByteStream : public std::enable_shared_from_this<ByteStream> {
 public:
  // `user` is told nothing before read_on(), and nothing after close().
  static std::shared_ptr<ByteStream> make(Loop& loop, Fd fd, std::weak_ptr<StreamUser> user);
  ByteStream(Loop& loop, Fd fd, std::weak_ptr<StreamUser> user);
  ~ByteStream();

  void read_on();
  void read_off();
  bool is_reading() const { return reading_; }
  void write(std::string_view data);
  std::size_t buffered() const { return out_.size() - sent_; }
  std::int64_t last_progress_ms() const { return progress_ms_; }  // of the output, loop time
  void tell_when_drained();  // on_drained once, when all output is with the kernel
  void shut_down_output();   // the peer reads an end; call when buffered() is 0
  void close();              // tries once to hand over what is buffered
  bool is_closed() const { return poll_ == nullptr; }

 private:
  struct Poll;
  void on_ready(int status, int events);
  void read_some();
  void flush();
  void flush_later();
  void break_later(Error error);
  void watch();

  Loop& loop_;
  Fd fd_;
  std::weak_ptr<StreamUser> user_;
  Poll* poll_ = nullptr;  // owned by the loop until it lets go
  std::string out_;
  std::size_t sent_ = 0;
  std::int64_t progress_ms_ = 0;
  int watched_ = 0;
  bool reading_ = false, flush_queued_ = false, want_write_ = false, breaking_ = false,
       tell_drained_ = false;
};

}  // namespace drover::net
