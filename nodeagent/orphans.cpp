// nodeagent/orphans.cpp - reads /proc for processes without a cgroup of ours.
// SPDX-License-Identifier: Apache-2.0
#include "nodeagent/orphans.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

namespace drover::nodeagent {
namespace {

std::string read_proc(const char* path) {
  std::string text;
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return text;
  char block[16384];
  ssize_t got = 0;
  while ((got = ::read(fd, block, sizeof(block))) > 0 && text.size() < (4 << 20))
    text.append(block, std::size_t(got));
  ::close(fd);
  return text;
}

std::string read_of(pid_t pid, const char* file) {
  char path[48];
  std::snprintf(path, sizeof(path), "/proc/%d/%s", int(pid), file);
  return read_proc(path);
}

template <class Number>
Number number_after(std::string_view text, std::string_view key) {
  const std::size_t at = text.find(key);
  Number value = 0;
  if (at != std::string_view::npos)
    std::from_chars(text.data() + at + key.size(), text.data() + text.size(), value);
  return value;
}

std::uint64_t epoch_of(pid_t pid) {
  // A leading NUL makes the first entry look like the others.
  const std::string env = std::string(1, '\0') + read_of(pid, "environ");
  using namespace std::string_view_literals;
  return number_after<std::uint64_t>(env, "\0DROVER_EPOCH="sv);
}

// Fields of /proc/PID/stat after the command's closing bracket: state, parent, group, session.
bool read_stat(pid_t pid, char& state, pid_t& session) {
  const std::string stat = read_of(pid, "stat");
  const std::size_t at = stat.rfind(')');
  if (at == std::string::npos) return false;
  int parent = 0, group = 0, sid = 0;
  if (std::sscanf(stat.c_str() + at + 1, " %c %d %d %d", &state, &parent, &group, &sid) != 4)
    return false;
  session = sid;
  return true;
}

bool inspect(pid_t pid, Orphan& orphan) {
  char state = 0;
  orphan.pid = pid;
  if (!read_stat(pid, state, orphan.session) || state == 'Z') return false;
  orphan.uid = number_after<std::uint32_t>(read_of(pid, "status"), "\nUid:\t");
  orphan.epoch = epoch_of(pid);
  return true;
}

}  // namespace

std::vector<Orphan> find_orphans(const std::vector<pid_t>& known) {
  std::vector<Orphan> orphans;
  const pid_t self = ::getpid();
  char path[64];
  std::snprintf(path, sizeof(path), "/proc/self/task/%d/children", int(self));
  const std::string children = read_proc(path);
  const char* at = children.data();
  const char* const end = at + children.size();
  while (at != end) {
    pid_t pid = 0;
    const auto [next, error] = std::from_chars(at, end, pid);
    if (error != std::errc{}) break;
    at = next == end ? end : next + 1;
    Orphan orphan;
    if (!std::binary_search(known.begin(), known.end(), pid) && inspect(pid, orphan))
      orphans.push_back(orphan);
  }
  return orphans;
}

std::vector<Orphan> find_by_mark(pid_t session, std::uint64_t epoch) {
  std::vector<Orphan> found;
  DIR* const dir = ::opendir("/proc");
  if (dir == nullptr) return found;
  const pid_t self = ::getpid();
  while (const dirent* const entry = ::readdir(dir)) {
    const std::string_view name = entry->d_name;
    pid_t pid = 0;
    const auto [next, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error != std::errc{} || *next != '\0' || pid == self) continue;
    Orphan orphan;
    if (inspect(pid, orphan) &&
        ((session > 1 && orphan.session == session) || (epoch != 0 && orphan.epoch == epoch)))
      found.push_back(orphan);
  }
  ::closedir(dir);
  return found;
}

}  // namespace drover::nodeagent
