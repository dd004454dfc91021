// net/peer.hpp - who is at the other end, as far as the kernel vouches for it.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <optional>
#include <string>

namespace drover::net {

struct Credentials {  // SO_PEERCRED at connect time
  std::uint32_t uid = 0, gid = 0;
  std::int32_t pid = 0;
};
struct Peer {
  std::optional<Credentials> credentials;  // unix sockets only
  std::string address;                     // "unix" or "127.0.0.1:4711", for logs
};

}  // namespace drover::net
