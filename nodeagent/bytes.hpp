// nodeagent/bytes.hpp - bounds-checked little-endian numbers for supd's frames and journal.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/ids.hpp"

namespace drover::nodeagent {

static_assert(std::endian::native == std::endian::little, "frames are memory images of numbers");

template <class Number>
void put(std::string& out, Number value) {
  static_assert(std::is_arithmetic_v<Number>);
  char bytes[sizeof(Number)];
  std::memcpy(bytes, &value, sizeof(Number));
  out.append(bytes, sizeof(Number));
}

inline void put_id(std::string& out, const AttemptId& id) {
  put(out, raw(id.task.job));
  put(out, raw(id.epoch));
  put(out, raw(id.task.index));
  put(out, raw(id.number));
}

// Reads from the front. After the first miss everything reads as zero and ok() stays false, so a
// decoder checks once at its end.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  template <class Number>
  Number number() {
    static_assert(std::is_arithmetic_v<Number>);
    Number value{};
    if (rest_.size() < sizeof(Number)) {
      fail();
      return value;
    }
    std::memcpy(&value, rest_.data(), sizeof(Number));
    rest_.remove_prefix(sizeof(Number));
    return value;
  }
  AttemptId id() {
    AttemptId id;
    id.task.job = JobId{number<std::uint64_t>()};
    id.epoch = Epoch{number<std::uint64_t>()};
    id.task.index = TaskIndex{number<std::uint32_t>()};
    id.number = AttemptNo{number<std::uint32_t>()};
    return id;
  }
  std::string_view bytes(std::size_t count) {
    if (rest_.size() < count) {
      fail();
      return {};
    }
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }
  // A NUL-terminated string inside the bytes; the pointer is good for C calls.
  const char* c_string() {
    const std::size_t end = rest_.find('\0');
    if (end == std::string_view::npos) {
      fail();
      return "";
    }
    const char* text = rest_.data();
    rest_.remove_prefix(end + 1);
    return text;
  }
  bool ok() const { return ok_; }
  bool finished() const { return ok_ && rest_.empty(); }
  std::size_t left() const { return rest_.size(); }
  void fail() {
    ok_ = false;
    rest_ = {};
  }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace drover::nodeagent
