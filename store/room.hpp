// store/room.hpp - disk space kept so that running jobs can be recorded on a full disk.
// SPDX-License-Identifier: Apache-2.0
//
// Blocks are reserved behind the end of the data file (fallocate, size unchanged): nobody else can
// take them between a look at the free space and our write, as they could with a mere threshold.
// When the reservation cannot be kept ahead of the file, new submissions are refused while the rest
// of it serves what already runs.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "base/result.hpp"
#include "store/file_handle.hpp"

namespace drover::store {

class Room {
 public:
  static Result<std::unique_ptr<Room>> open(const std::string& data_file,
                                            std::uint64_t reserve_bytes);

  // Any thread. `file_bytes`: what of the data file is in use.
  void keep_ahead_of(std::uint64_t file_bytes);
  bool enough() const { return enough_.load(std::memory_order_relaxed); }
  std::uint64_t disk_free() const { return disk_free_.load(std::memory_order_relaxed); }

 private:
  Room(FileHandle file, std::uint64_t reserve_bytes)
      : file_(std::move(file)), reserve_bytes_(reserve_bytes) {}
  FileHandle file_;
  std::uint64_t reserve_bytes_;
  std::mutex mutex_;
  std::uint64_t reserved_until_ = 0;
  std::atomic<bool> enough_{true};
  std::atomic<std::uint64_t> disk_free_{0};
};

}  // namespace drover::store
