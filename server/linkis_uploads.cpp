// server/linkis_uploads.cpp - a short list of texts.
// SPDX-License-Identifier: Apache-2.0
#include "server/linkis_uploads.hpp"

#include <algorithm>
#include <charconv>

namespace drover::server {

void LinkisUploads::drop_old(Now now) {
  while (!uploads_.empty() && uploads_.front().until <= now.mono) {
    bytes_ -= uploads_.front().content.size();
    uploads_.pop_front();
  }
}

Result<std::string> LinkisUploads::put(std::uint32_t uid, std::string_view content, Now now) {
  if (content.size() > kOneMax)
    return fail(Errc::Limit, "the file has more than 4 MiB", "send less", "file");
  drop_old(now);
  std::size_t count = 0, his_bytes = content.size();
  for (const Upload& one : uploads_) {
    if (one.uid != uid) continue;
    ++count;
    his_bytes += one.content.size();
  }
  for (; count >= kOfUserMax || his_bytes > kOfUserBytes; --count) {
    const auto oldest = std::ranges::find(uploads_, uid, &Upload::uid);
    his_bytes -= oldest->content.size();
    bytes_ -= oldest->content.size();
    uploads_.erase(oldest);
  }
  if (bytes_ + content.size() > kAllMax)
    return fail(Errc::Unavailable, "too many uploads wait for their jobs", "try again in a moment");
  last_ = std::max(last_ + 1, now.wall.us);  // never an id of before a restart
  char text[24];
  const auto end = std::to_chars(text, text + sizeof text, last_, 16);
  uploads_.push_back({std::string(text, end.ptr), uid, now.mono + kKept, std::string(content)});
  bytes_ += content.size();
  return uploads_.back().id;
}

Result<std::string> LinkisUploads::find(std::uint32_t uid, std::string_view id, Now now) {
  drop_old(now);
  for (const Upload& one : uploads_)
    if (one.id == id && one.uid == uid) return one.content;
  return fail(Errc::NotFound, "there is no upload " + std::string(id.substr(0, 40)),
              "uploads are kept for ten minutes, and not over a restart: send it again",
              "onceExecutorContent");
}

}  // namespace drover::server
