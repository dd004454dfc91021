// net/frame.hpp - length-prefixed messages over unix sockets: 4 bytes little-endian length, then
// the message.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "net/loop.hpp"
#include "net/peer.hpp"

namespace drover::net {

inline constexpr std::size_t kFrameMax = 64 << 20;  // checked before anything is allocated

// Sans-IO: feed bytes, take frames. The fuzz target feeds it directly.
class FrameDecoder {
 public:
  explicit FrameDecoder(std::size_t frame_max = kFrameMax) : frame_max_(frame_max) {}
  // Calls on_frame for each complete frame; BadInput when a length exceeds the maximum (close the
  // connection).
  Result<void> feed(std::string_view bytes, const std::function<void(std::string_view)>& on_frame);

 private:
  std::size_t frame_max_;
  std::string buffer_;   // the head of an incomplete frame
  bool broken_ = false;  // after a bad length nothing can be found in the stream any more
};
void append_frame(std::string& out, std::string_view message);

// One connection. Callbacks run on the loop thread; after on_close nothing more comes.
class FrameConnection {
 public:
  struct Hooks {
    std::function<void(std::string_view)> on_frame;
    std::function<void(const Error&)> on_close;
  };
  ~FrameConnection();           // closes
  void set_hooks(Hooks hooks);  // reading starts here
  bool send(
      std::string_view message);  // queued and written; false when closed or more than 256 MiB wait
  std::size_t buffered() const;
  void close();  // sends what the kernel takes at once; on_close is not called
  const Peer& peer() const;

  struct State;
  explicit FrameConnection(std::shared_ptr<State> state) : state_(std::move(state)) {}

 private:
  std::shared_ptr<State> state_;
};

class FrameListener {
 public:
  using OnConnection = std::function<void(std::unique_ptr<FrameConnection>)>;
  static Result<std::unique_ptr<FrameListener>> listen(Loop& loop, const std::string& path,
                                                       std::uint32_t mode,
                                                       OnConnection on_connection);
  ~FrameListener();
  struct State;
  explicit FrameListener(std::shared_ptr<State> state) : state_(std::move(state)) {}

 private:
  std::shared_ptr<State> state_;
};

// Connects to a unix socket; the callback gets the connection or the error.
void frame_connect(Loop& loop, const std::string& path,
                   std::function<void(Result<std::unique_ptr<FrameConnection>>)> done);

}  // namespace drover::net
