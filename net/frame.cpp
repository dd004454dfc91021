// net/frame.cpp - cuts a byte stream into frames without ever holding more than one incomplete
// frame.
// SPDX-License-Identifier: Apache-2.0
#include "net/frame.hpp"

#include <algorithm>

namespace drover::net {

namespace {

constexpr std::size_t kHead = 4;
constexpr std::size_t kKeepCapacity = 1 << 20;

std::size_t length_of(std::string_view head) {
  std::size_t length = 0;
  for (std::size_t k = kHead; k-- > 0;) length = length << 8 | static_cast<unsigned char>(head[k]);
  return length;
}

}  // namespace

Result<void> FrameDecoder::feed(std::string_view bytes,
                                const std::function<void(std::string_view)>& on_frame) {
  while (!broken_ && !bytes.empty()) {
    if (buffer_.size() < kHead && buffer_.size() + bytes.size() < kHead) {
      buffer_.append(bytes);
      return {};
    }
    // The four bytes of the length may lie across two reads.
    char head[kHead];
    const std::size_t held = std::min(buffer_.size(), kHead);
    buffer_.copy(head, held);
    bytes.copy(head + held, kHead - held);
    const std::size_t length = length_of({head, kHead});
    if (length > frame_max_) {
      broken_ = true;
      buffer_ = {};
      break;
    }
    const std::size_t whole = kHead + length;
    if (buffer_.size() + bytes.size() < whole) {
      buffer_.append(bytes);  // grows with what came, not with what the length promises
      return {};
    }
    if (buffer_.empty()) {
      on_frame(bytes.substr(kHead, length));
      bytes.remove_prefix(whole);
      continue;
    }
    const std::size_t missing = whole - buffer_.size();
    buffer_.append(bytes.substr(0, missing));
    bytes.remove_prefix(missing);
    on_frame(std::string_view(buffer_).substr(kHead));
    if (buffer_.capacity() > kKeepCapacity) {
      buffer_ = {};
    } else {
      buffer_.clear();
    }
  }
  if (!broken_) return {};
  return fail(Errc::BadInput, "a frame is longer than the " + std::to_string(frame_max_) +
                                  " bytes allowed, or the stream is not framed");
}

void append_frame(std::string& out, std::string_view message) {
  for (std::size_t k = 0; k < kHead; ++k) {
    out.push_back(static_cast<char>(message.size() >> (8 * k) & 0xff));
  }
  out.append(message);
}

}  // namespace drover::net
