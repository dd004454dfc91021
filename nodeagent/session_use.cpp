// nodeagent/session_use.cpp - sums /proc/PID/stat by session.
// SPDX-License-Identifier: Apache-2.0
#include "nodeagent/session_use.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>

namespace drover::nodeagent {
namespace {

// proc(5), counted from the state behind the command's closing bracket.
constexpr int kSession = 3, kUserTicks = 11, kChildrensSystemTicks = 14, kRssPages = 21;

bool is_number(const char* name) {
  return *name != '\0' && std::all_of(std::string_view(name).begin(), std::string_view(name).end(),
                                      [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

std::optional<ProcessUse> parse_stat(std::string_view text) {
  const std::size_t bracket = text.rfind(')');
  if (bracket == std::string_view::npos) return std::nullopt;
  text.remove_prefix(bracket + 1);
  ProcessUse use;
  for (int field = 0; field <= kRssPages; ++field) {
    const std::size_t begin = text.find_first_not_of(' ');
    if (begin == std::string_view::npos) return std::nullopt;
    text.remove_prefix(begin);
    const std::size_t size = std::min(text.find(' '), text.size());
    std::int64_t value = 0;
    if (field > 0 && std::from_chars(text.data(), text.data() + size, value).ptr == text.data())
      return std::nullopt;
    text.remove_prefix(size);
    if (field == kSession) use.session = static_cast<pid_t>(value);
    if (field >= kUserTicks && field <= kChildrensSystemTicks) use.cpu_ticks += value;
    if (field == kRssPages) use.rss_pages = value;
  }
  return use;
}

SessionUses use_of_sessions() {
  SessionUses uses;
  DIR* const dir = ::opendir("/proc");
  if (dir == nullptr) return uses;
  char path[64], text[1024];
  while (const dirent* const entry = ::readdir(dir)) {
    if (!is_number(entry->d_name)) continue;
    std::snprintf(path, sizeof(path), "/proc/%.20s/stat", entry->d_name);
    const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) continue;  // it has ended
    const ssize_t got = ::read(fd, text, sizeof(text));
    ::close(fd);
    const auto use = parse_stat({text, got > 0 ? std::size_t(got) : 0});
    if (!use) continue;
    SessionUse& sum = uses[use->session];
    sum.cpu_ticks += use->cpu_ticks;
    sum.rss_pages += use->rss_pages;
    ++sum.processes;
  }
  ::closedir(dir);
  return uses;
}

}  // namespace drover::nodeagent
