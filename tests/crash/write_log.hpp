// tests/crash/write_log.hpp - the switches of write_log.c, and its log as values.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" {
void write_log_begin(const char* log_path, const char* watched_suffix);
void write_log_end(void);
void write_log_mark(std::uint64_t mark);
void write_log_fail_after(long count, int error);
long write_log_calls(void);
}

namespace drover::store {

struct LoggedCall {
  char kind = 0;  // as in write_log.c
  std::uint64_t a = 0;
  std::string data;
};

inline std::vector<LoggedCall> read_write_log(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  std::vector<LoggedCall> calls;
  for (std::size_t at = 0; at + 17 <= bytes.size();) {
    LoggedCall call;
    std::uint64_t size = 0;
    call.kind = bytes[at];
    std::memcpy(&call.a, bytes.data() + at + 1, 8);
    std::memcpy(&size, bytes.data() + at + 9, 8);
    at += 17;
    call.data = bytes.substr(at, size);
    at += size;
    calls.push_back(std::move(call));
  }
  return calls;
}

}  // namespace drover::store
