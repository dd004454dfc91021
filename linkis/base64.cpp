// linkis/base64.cpp - three bytes become four letters.
// SPDX-License-Identifier: Apache-2.0
#include "linkis/base64.hpp"

#include <cstdint>

namespace drover::linkis {

std::string base64(std::string_view bytes) {
  static constexpr char kLetters[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::size_t have = bytes.size() - at < 3 ? bytes.size() - at : 3;
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i)
      bits = bits << 8 | (i < have ? static_cast<unsigned char>(bytes[at + i]) : 0U);
    for (std::size_t i = 0; i < 4; ++i)
      text += i <= have ? kLetters[bits >> (18 - 6 * i) & 63] : '=';
  }
  return text;
}

std::string picture_element(std::string_view mime, std::string_view bytes) {
  constexpr std::string_view kImage = "image/",
                             kLetters = "abcdefghijklmnopqrstuvwxyz0123456789.+-";
  if (bytes.empty()) return {};  // it was too long to be kept
  const bool good = mime.starts_with(kImage) && mime.size() > kImage.size() && mime.size() < 64 &&
                    mime.find_first_not_of(kLetters, kImage.size()) == mime.npos;
  return "<img src=\"data:" + std::string(good ? mime : "image/png") + ";base64," + base64(bytes) +
         "\">";
}

}  // namespace drover::linkis
