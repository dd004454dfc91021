// linkis/export_name.cpp - what may stand in a header, and in a tab of a spreadsheet.
// SPDX-License-Identifier: Apache-2.0
#include "linkis/export_name.hpp"

namespace drover::linkis {
namespace {

constexpr std::size_t kNameMax = 200, kSheetMax = 31;

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }
bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

}  // namespace

std::string attachment(std::string_view wished, std::string_view extension) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string plain, encoded;
  bool is_plain = true;
  for (const char c : wished.substr(0, kNameMax)) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                         (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.';
    const bool is_bad = is_control(c) || c == '/' || c == '\\' || c == '"';
    plain += is_word || (c == ' ' && !is_bad) ? c : '_';
    if (byte >= 0x80) is_plain = false;
    if (is_word) {
      encoded += c;
    } else if (is_bad) {
      encoded += '_';
    } else {
      encoded += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  while (plain.starts_with('.')) plain.erase(0, 1);
  while (encoded.starts_with('.')) encoded.erase(0, 1);
  if (plain.empty()) plain = encoded = "result";
  std::string text = "attachment; filename=\"" + plain + "." + std::string(extension) + "\"";
  if (!is_plain) text += "; filename*=UTF-8''" + encoded + "." + std::string(extension);
  return text;
}

std::string sheet_name(std::string_view wished, std::string_view fallback) {
  std::string name;
  std::size_t characters = 0;
  for (const char c : wished) {
    if (!is_continuation(c) && ++characters > kSheetMax) break;
    const bool is_bad =
        is_control(c) || std::string_view("[]:*?/\\").find(c) != std::string_view::npos;
    name += is_bad ? '_' : c;
  }
  // An apostrophe at either end would end a formula's quotation of the name.
  if (name.starts_with('\'')) name.front() = '_';
  if (name.ends_with('\'')) name.back() = '_';
  return name.empty() ? std::string(fallback) : name;
}

}  // namespace drover::linkis
