// server/line_marks.hpp - where lines of a long text begin in its file, as its readers found out.
//
// Few places are kept, spread over the text, so that two readers at different places do not take
// each other's away, and whoever asks for any page reads a small part of what is before it.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <map>
#include <optional>

namespace drover::server {

struct LineMark {
  std::int64_t line = 0, offset = 0;
  friend bool operator==(const LineMark&, const LineMark&) = default;
};

class LineMarks {
 public:
  static constexpr std::size_t kMost = 32;

  // The last known place at or before `line`.
  std::optional<LineMark> before(std::int64_t line) const;
  void set(LineMark mark);
  std::size_t size() const { return places_.size(); }

 private:
  std::map<std::int64_t, std::int64_t> places_;
};

}  // namespace drover::server
