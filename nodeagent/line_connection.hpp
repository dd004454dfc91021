// nodeagent/line_connection.hpp - an engine's socket, line by line.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "base/result.hpp"
#include "net/loop.hpp"
#include "net/peer.hpp"
#include "net/socket.hpp"

namespace drover::nodeagent {

// Callbacks run on the loop thread; after on_close nothing more comes. Whoever is called may drop
// the connection.
class LineConnection {
 public:
  struct Hooks {
    std::function<void(std::string_view)> on_line;
    std::function<void(const Error&)> on_close;
  };
  static std::unique_ptr<LineConnection> open(net::Loop& loop, net::Fd fd);
  ~LineConnection();            // closes
  void set_hooks(Hooks hooks);  // reading starts here
  // Queued and written. False when closed, or when so much waits that the engine does not read.
  bool send(std::string_view lines);
  void close();  // on_close is not called
  const net::Peer& peer() const;
  std::int64_t heard_us() const;  // when it said something last, monotonic

  struct State;
  explicit LineConnection(std::shared_ptr<State> state) : state_(std::move(state)) {}

 private:
  std::shared_ptr<State> state_;
};

}  // namespace drover::nodeagent
