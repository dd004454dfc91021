// linkis/xml_text.cpp - UTF-8, character by character.
// SPDX-License-Identifier: Apache-2.0
#include "linkis/xml_text.hpp"

#include <cstdint>

namespace drover::linkis {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

bool is_xml(std::uint32_t code) {
  if (code < 0x20) return code == '\t' || code == '\n' || code == '\r';
  return code < 0xd800 || (code >= 0xe000 && code <= 0x10ffff && code != 0xfffe && code != 0xffff);
}

// Bytes of the character that `text` begins with; 0 = it is none.
std::size_t character_size(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  if (lead < 0x80) return is_xml(lead) ? 1 : 0;
  const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return 0;
  std::uint32_t code = lead & (0x7fu >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if (!is_continuation(text[i])) return 0;
    code = code << 6 | (static_cast<unsigned char>(text[i]) & 0x3f);
  }
  const std::uint32_t least = size == 4 ? 0x10000 : size == 3 ? 0x800 : 0x80;
  return code >= least && is_xml(code) ? size : 0;
}

}  // namespace

void xml_text(std::string_view text, std::string& into) {
  into.clear();
  while (!text.empty()) {
    std::size_t size = character_size(text);
    if (size > 0) {
      into += text.substr(0, size);
    } else {
      into += kReplacement;
      do ++size;
      while (size < text.size() && is_continuation(text[size]));
    }
    text.remove_prefix(size);
  }
}

}  // namespace drover::linkis
