// server/json_writer.cpp - escapes and numbers of outgoing JSON.
// SPDX-License-Identifier: Apache-2.0
#include "server/json_writer.hpp"

#include <simdjson.h>

#include <cmath>
#include <cstdio>

namespace drover::server {
namespace {

// Length of the valid UTF-8 sequence at `at`, 0 when there is none.
std::size_t sequence_at(std::string_view text, std::size_t at) {
  for (std::size_t length = 1; length <= 4 && at + length <= text.size(); ++length)
    if (simdjson::validate_utf8(text.data() + at, length)) return length;
  return 0;
}

void append_escaped(std::string& out, std::string_view text) {
  for (char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
          char code[8];
          std::snprintf(code, sizeof code, "\\u%04x", static_cast<unsigned>(c));
          out += code;
        } else {
          out += c;
        }
    }
  }
}

}  // namespace

std::string& JsonWriter::raw() {
  if (comma_) out_ += ',';
  comma_ = true;
  return out_;
}

void JsonWriter::open(char bracket) {
  raw() += bracket;
  comma_ = false;
}

void JsonWriter::close(char bracket) {
  out_ += bracket;
  comma_ = true;
}

void JsonWriter::key(std::string_view name) {
  raw() += '"';
  out_.append(name).append("\":");
  comma_ = false;
}

void JsonWriter::text_key(std::string_view name) {
  value(name);
  out_ += ':';
  comma_ = false;
}

void JsonWriter::value(std::string_view text) {
  raw() += '"';
  if (simdjson::validate_utf8(text.data(), text.size())) {
    append_escaped(out_, text);
  } else {
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t length = sequence_at(text, at);
      if (length == 0) out_ += "\xef\xbf\xbd";
      append_escaped(out_, text.substr(at, length));
      at += length == 0 ? 1 : length;
    }
  }
  out_ += '"';
}

void JsonWriter::value(bool truth) { raw() += truth ? "true" : "false"; }

void JsonWriter::value(double number) {
  if (!std::isfinite(number)) return null();
  char text[40];
  const int length = std::snprintf(text, sizeof text, "%.6f", number);
  std::string_view digits(text, std::size_t(length));
  while (digits.back() == '0') digits.remove_suffix(1);
  if (digits.back() == '.') digits.remove_suffix(1);
  raw() += digits;
}

void JsonWriter::null() { raw() += "null"; }

}  // namespace drover::server
