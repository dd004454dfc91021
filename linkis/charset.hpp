// linkis/charset.hpp - texts in UTF-8 become those of another charset, piece by piece.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace drover::linkis {

// For one thread at a time.
class Encoder {
 public:
  // By name, in any case: utf-8 (also utf8, and none), gbk, gb18030. Unsupported: any other, and
  // one that the system's iconv does not know.
  static Result<Encoder> open(std::string_view charset);

  const std::string& name() const { return name_; }  // "GBK", as headers have it
  bool is_utf8() const { return to_ == nullptr; }
  // What the charset has no character for becomes '?', as does what is no UTF-8.
  void encode(std::string& text) const;

 private:
  struct Close {
    void operator()(void* handle) const;
  };
  explicit Encoder(std::string name) : name_(std::move(name)) {}
  std::string name_;
  std::unique_ptr<void, Close> to_;  // null: texts stay as they are
};

}  // namespace drover::linkis
