// sim/file_bytes.hpp - a whole file in memory, unpacked when it is gzip.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace drover::sim {

// The text is followed by a zero byte that is not part of it, so scanners need no bounds check.
class FileBytes {
 public:
  FileBytes(std::unique_ptr<char[]> data, std::size_t size) : data_(std::move(data)), size_(size) {}
  std::string_view text() const { return {data_.get(), size_}; }

 private:
  std::unique_ptr<char[]> data_;
  std::size_t size_ = 0;
};

// At most 4 GiB unpacked. "-" is the standard input.
Result<FileBytes> read_file(const std::string& path);

// On the standard output. A closed pipe is no error: who reads has seen enough.
Result<void> print(std::string_view text);

// All of them or, at an error, none: what was there before stays. Devices and pipes are written as
// they are.
struct NewFile {
  std::string path;
  std::string_view text;
};
Result<void> write_files(const std::vector<NewFile>& files);
Result<void> write_file(const std::string& path, std::string_view text);  // "-" = standard output

}  // namespace drover::sim
