// net/socket.hpp - opening, binding and naming sockets: the only place that knows address
// structures.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <utility>

#include "base/result.hpp"
#include "net/peer.hpp"

namespace drover::net {

// Owns a descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() { reset(); }
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  int raw() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  void reset();
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// All sockets are non-blocking and close-on-exec.

// Replaces a socket file that nobody answers on; Conflict when a live server does, or when the
// path is something else. The file never has a wider mode than `mode`, not even for a moment.
Result<Fd> listen_unix_socket(const std::string& path, std::uint32_t mode);
// Removes the socket file if it still is the one that `fd` was bound to.
void unlink_unix_socket(const std::string& path, std::uint64_t inode);
// The inode of a socket file, 0 when there is none.
std::uint64_t socket_inode(const std::string& path);

// `address` is numeric, v4 or v6. Port 0 = any free one.
Result<Fd> listen_tcp_socket(const std::string& address, std::uint16_t port);
Result<std::uint16_t> bound_port(int fd);

// A unix connect never waits: it answers at once. Unavailable when nobody listens.
Result<Fd> connect_unix_socket(const std::string& path);
// Started, maybe not finished: wait for writability, then ask finish_connect.
Result<Fd> start_tcp_connect(const std::string& host, std::uint16_t port);
Result<void> finish_connect(int fd, const std::string& target);

// Who is on the other side of an accepted or connected socket.
Peer peer_of(int fd);

// "what: reason of errno".
Error os_error(const std::string& what, int error);

}  // namespace drover::net
