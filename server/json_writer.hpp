// server/json_writer.hpp - appends JSON to a string; nothing is allocated on the way.
//
// Why not a document library here: an answer of 1,000 jobs or 50,000 bulk lines a second is written
// once, in order.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace drover::server {

class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_array() { open('['); }
  void end_array() { close(']'); }
  void key(std::string_view name);       // one of our own names: not escaped
  void text_key(std::string_view name);  // anybody's name
  // The text so far, after the comma that the next value needs: for a value written by somebody
  // else.
  std::string& raw();

  void value(std::string_view text);  // invalid UTF-8 becomes U+FFFD
  void value(const char* text) { value(std::string_view(text)); }
  void value(const std::string& text) { value(std::string_view(text)); }
  void value(bool truth);
  void value(double number);  // not a number or infinite: null
  template <std::integral Number>
  requires(!std::same_as<Number, bool>) void value(Number number) {
    raw() += std::to_string(number);
  }
  void null();

  template <class Value>
  void field(std::string_view name, const Value& what) {
    key(name);
    value(what);
  }
  void null_field(std::string_view name) {
    key(name);
    null();
  }

 private:
  void open(char bracket);
  void close(char bracket);

  std::string& out_;
  bool comma_ = false;  // the next value or key needs one before it
};

}  // namespace drover::server
