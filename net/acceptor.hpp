// net/acceptor.hpp - accepts connections and survives a lack of descriptors.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "net/loop.hpp"
#include "net/socket.hpp"

namespace drover::net {

// Accepts on a listening socket. When descriptors run out it spends a reserved one to take and
// close the waiting connection (the peer sees a close instead of a hang), and when even that fails
// it rests for a moment, so that a full table never turns into a busy loop.
class Acceptor {
 public:
  // `unix_path` is removed when the acceptor goes, if the file is still ours.
  Acceptor(Loop& loop, Fd listener, std::string unix_path, std::function<void(Fd)> on_accept);
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

 private:
  struct State;
  State* state_;
};

}  // namespace drover::net
