// tests/fuzz/frame_fuzz.cpp - any bytes, cut anywhere, give the same frames, none longer than
// allowed.
// SPDX-License-Identifier: Apache-2.0
// LINK: drover::net
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.hpp"
#include "net/frame.hpp"

namespace {

constexpr std::size_t kMax = 1000;

std::string decode(std::string_view bytes, std::size_t piece) {
  drover::net::FrameDecoder decoder(kMax);
  std::string again;
  bool broken = false;
  for (std::size_t at = 0; at < bytes.size() && !broken; at += piece) {
    broken = !decoder.feed(bytes.substr(at, piece), [&](std::string_view frame) {
      DROVER_CHECK(frame.size() <= kMax, "the limit holds");
      drover::net::append_frame(again, frame);
    });
  }
  DROVER_CHECK(again.size() <= bytes.size(), "frames come from the stream");
  DROVER_CHECK(bytes.substr(0, again.size()) == again, "frames are the stream, cut in order");
  return again + (broken ? "!" : ".");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string whole = decode(bytes, size);
  DROVER_CHECK(decode(bytes, 1) == whole, "cuts change nothing");
  DROVER_CHECK(decode(bytes, 1 + data[0] % 13u) == whole, "cuts change nothing");
  return 0;
}
