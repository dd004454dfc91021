// store/room.cpp - reserving blocks behind the data file.
// SPDX-License-Identifier: Apache-2.0
#include "store/room.hpp"

#include <fcntl.h>
#include <sys/statvfs.h>

#include <cerrno>

#include "store/lmdb_error.hpp"

namespace drover::store {

Result<std::unique_ptr<Room>> Room::open(const std::string& data_file,
                                         std::uint64_t reserve_bytes) {
  FileHandle file(::open(data_file.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.is_open()) return fail(system_error(errno, "open " + data_file));
  return std::unique_ptr<Room>(new Room(std::move(file), reserve_bytes));
}

void Room::keep_ahead_of(std::uint64_t file_bytes) {
  const std::scoped_lock lock(mutex_);
  bool reserved = true;
  if (reserve_bytes_ > 0 && file_bytes + reserve_bytes_ / 2 > reserved_until_) {
    // From the file's end: the blocks in between are ours already, and asking again is free.
    const int rc =
        ::fallocate(file_.fd(), FALLOC_FL_KEEP_SIZE, ::off_t(file_bytes), ::off_t(reserve_bytes_));
    // A file system without reservation leaves us with the look at the free space below.
    reserved = rc == 0 || errno == EOPNOTSUPP;
    if (reserved) reserved_until_ = file_bytes + reserve_bytes_;
  }
  struct statvfs info {};
  if (::fstatvfs(file_.fd(), &info) == 0)
    disk_free_ = std::uint64_t(info.f_bavail) * std::uint64_t(info.f_frsize);
  enough_ = reserved && disk_free_ >= reserve_bytes_;
}

}  // namespace drover::store
