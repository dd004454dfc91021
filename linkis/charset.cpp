// linkis/charset.cpp - iconv, which stops at what it cannot write.
// SPDX-License-Identifier: Apache-2.0
#include "linkis/charset.hpp"

#include <iconv.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <utility>

namespace drover::linkis {
namespace {

constexpr std::size_t kRoom = 16 << 10;

}  // namespace

void Encoder::Close::operator()(void* handle) const { iconv_close(handle); }

Result<Encoder> Encoder::open(std::string_view charset) {
  std::string name(charset.substr(0, 40));
  for (char& c : name)
    if (c >= 'a' && c <= 'z') c -= 'a' - 'A';
  if (name.empty() || name == "UTF-8" || name == "UTF8") return Encoder("utf-8");
  if (name != "GBK" && name != "GB18030")
    return fail(Errc::Unsupported, "the charset " + name + " is not offered",
                "charset=utf-8, gbk or gb18030", "charset");
  const iconv_t handle = iconv_open(name.c_str(), "UTF-8");
  if (reinterpret_cast<std::intptr_t>(handle) == -1)
    return fail(Errc::Unsupported, "this system cannot write the charset " + name,
                "install its iconv modules, or charset=utf-8", "charset");
  Encoder encoder(std::move(name));
  encoder.to_.reset(handle);
  return encoder;
}

void Encoder::encode(std::string& text) const {
  if (is_utf8()) return;
  std::string out;
  out.reserve(text.size());
  std::array<char, kRoom> room{};
  char* from = text.data();
  std::size_t left = text.size();
  while (left > 0) {
    char* to = room.data();
    std::size_t free = room.size();
    const bool done = iconv(to_.get(), &from, &left, &to, &free) != std::size_t(-1);
    const bool is_full = !done && errno == E2BIG;
    out.append(room.data(), room.size() - free);
    if (done || is_full) continue;
    // The rest of the character that it is.
    out += '?';
    do {
      ++from, --left;
    } while (left > 0 && (static_cast<unsigned char>(*from) & 0xC0) == 0x80);
  }
  text = std::move(out);
}

}  // namespace drover::linkis
