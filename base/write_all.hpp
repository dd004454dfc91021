// base/write_all.hpp - a whole text to a file descriptor, whatever the system takes at once.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <string_view>

namespace drover {

// How many bytes went out; where those are fewer than there are, errno says why.
inline std::size_t write_most(int fd, std::string_view bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t wrote = ::write(fd, bytes.data() + done, bytes.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) break;
    done += std::size_t(wrote);
  }
  return done;
}

inline bool write_all(int fd, std::string_view bytes) {
  return write_most(fd, bytes) == bytes.size();
}

}  // namespace drover
