// nodeagent/cgroups.cpp - the file operations on both cgroup versions.
// SPDX-License-Identifier: Apache-2.0
#include "nodeagent/cgroups.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace drover::nodeagent {
namespace {

std::string read_small(int dir, const char* path) {
  std::string text;
  const int fd = ::openat(dir, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return text;
  char block[4096];
  ssize_t got = 0;
  while ((got = ::read(fd, block, sizeof(block))) > 0) text.append(block, std::size_t(got));
  ::close(fd);
  return text;
}

int write_small(int dir, const char* path, std::string_view text) {
  const int fd = ::openat(dir, path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  const ssize_t wrote = ::write(fd, text.data(), text.size());
  const int error = wrote < 0 ? errno : 0;
  ::close(fd);
  return error;
}

struct FilePath {  // "<name>/<file>" without allocation; also used between fork and exec
  char text[128];
  FilePath(const CgroupName& name, const char* file) {
    std::snprintf(text, sizeof(text), "%s/%s", name.text, file);
  }
};

std::int64_t value_after(std::string_view text, std::string_view key) {
  const std::size_t at = text.find(key);
  if (at == std::string_view::npos) return 0;
  std::int64_t value = 0;
  std::from_chars(text.data() + at + key.size(), text.data() + text.size(), value);
  return value;
}

std::string_view next_field(std::string_view& line) {
  const std::size_t end = line.find(' ');
  const std::string_view field = line.substr(0, end);
  line.remove_prefix(end == std::string_view::npos ? line.size() : end + 1);
  return field;
}

bool has_word(std::string_view list, std::string_view word) {
  for (std::size_t from = 0; from <= list.size();) {
    const std::size_t end = std::min(list.find(',', from), list.size());
    if (list.substr(from, end - from) == word) return true;
    from = end + 1;
  }
  return false;
}

template <class OnLine>
void each_line(std::string_view text, const OnLine& on_line) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    on_line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

// Own path in the hierarchy whose controller list has `controller`; "" selects v2 ("0::/path").
std::string own_path(std::string_view own_cgroups, std::string_view controller) {
  std::string found = "/";
  each_line(own_cgroups, [&](std::string_view line) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) return;
    const std::string_view list = line.substr(first + 1, second - first - 1);
    if (controller.empty() ? list.empty() : has_word(list, controller))
      found = line.substr(second + 1);
  });
  return found;
}

// Directory of our own cgroup below a mount. A container shows only a part of the tree: `root` is
// the mount's root within the hierarchy and is cut off the front.
std::string own_directory(std::string_view mount, std::string_view root, std::string path) {
  if (root != "/" && path.compare(0, root.size(), root) == 0) path.erase(0, root.size());
  if (path.find("..") != std::string::npos) path = "/";
  std::string full(mount);
  if (path != "/" && !path.empty()) full += path;
  return full;
}

int make_base(const std::string& parent, std::string_view instance, std::string& base) {
  base = parent + "/drover-" + std::string(instance);
  if (::mkdir(base.c_str(), 0755) != 0 && errno != EEXIST) return -1;
  if (::access(base.c_str(), W_OK) != 0) return -1;
  return ::open(base.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

}  // namespace

CgroupName::CgroupName(const AttemptId& id) {
  char* at = text;
  char* const end = text + sizeof(text) - 1;
  at = std::to_chars(at, end, raw(id.task.job)).ptr;
  *at++ = '.';
  at = std::to_chars(at, end, raw(id.task.index)).ptr;
  *at++ = '.';
  at = std::to_chars(at, end, raw(id.number)).ptr;
  *at++ = '.';
  at = std::to_chars(at, end, raw(id.epoch)).ptr;
  *at = '\0';
}

CgroupName::CgroupName(std::uint32_t pool_number) {
  std::snprintf(text, sizeof(text), "pool.%u", unsigned(pool_number));
}

bool is_cgroup_name(std::string_view name) {
  int numbers = 4;
  if (name.substr(0, 5) == "pool.") {
    name.remove_prefix(5);
    numbers = 1;
  }
  const char* at = name.data();
  const char* const end = name.data() + name.size();
  for (int i = 0; i < numbers; ++i) {
    if (i > 0 && (at == end || *at++ != '.')) return false;
    std::uint64_t number = 0;
    const auto [next, error] = std::from_chars(at, end, number);
    if (error != std::errc{}) return false;
    at = next;
  }
  return at == end;
}

CgroupMounts parse_cgroup_mounts(std::string_view mountinfo, std::string_view own_cgroups) {
  CgroupMounts mounts;
  int best = 0;  // of the v1 trees: freezer over pids over the named one
  each_line(mountinfo, [&](std::string_view line) {
    for (int skip = 0; skip < 3; ++skip) next_field(line);  // ids, device
    const std::string_view root = next_field(line);
    const std::string_view mount = next_field(line);
    const std::size_t dash = line.find(" - ");
    if (dash == std::string_view::npos) return;
    line.remove_prefix(dash + 3);
    const std::string_view type = next_field(line);
    next_field(line);  // source
    if (type == "cgroup2" && mounts.v2.empty())
      mounts.v2 = own_directory(mount, root, own_path(own_cgroups, ""));
    if (type != "cgroup") return;
    if (has_word(line, "memory") && mounts.v1_memory.empty())
      mounts.v1_memory = own_directory(mount, root, own_path(own_cgroups, "memory"));
    const char* const trees[] = {"name=systemd", "pids", "freezer"};
    for (int rank = 0; rank < 3; ++rank) {
      if (!has_word(line, trees[rank]) || rank + 1 <= best) continue;
      best = rank + 1;
      mounts.v1_tracking = own_directory(mount, root, own_path(own_cgroups, trees[rank]));
    }
  });
  return mounts;
}

Cgroups Cgroups::detect(std::string_view instance) {
  const CgroupMounts mounts = parse_cgroup_mounts(read_small(AT_FDCWD, "/proc/self/mountinfo"),
                                                  read_small(AT_FDCWD, "/proc/self/cgroup"));
  Cgroups found;
  if (!mounts.v2.empty()) {
    // Harmless where it is refused: then v2 tracks and does not limit.
    (void)write_small(AT_FDCWD, (mounts.v2 + "/cgroup.subtree_control").c_str(), "+memory");
    found.base_fd_ = make_base(mounts.v2, instance, found.base_);
  }
  if (found.base_fd_ >= 0) {
    found.tracking_ = Tracking::V2;
    (void)write_small(found.base_fd_, "cgroup.subtree_control", "+memory");
    if (::mkdirat(found.base_fd_, "probe", 0755) == 0 || errno == EEXIST) {
      found.kill_file_ = ::faccessat(found.base_fd_, "probe/cgroup.kill", W_OK, 0) == 0;
      if (::faccessat(found.base_fd_, "probe/memory.max", W_OK, 0) == 0) found.memory_ = Memory::V2;
      ::unlinkat(found.base_fd_, "probe", AT_REMOVEDIR);
    }
  } else if (!mounts.v1_tracking.empty()) {
    found.base_fd_ = make_base(mounts.v1_tracking, instance, found.base_);
    if (found.base_fd_ >= 0) found.tracking_ = Tracking::V1;
  }
  if (found.memory_ == Memory::None && !mounts.v1_memory.empty()) {
    found.memory_fd_ = make_base(mounts.v1_memory, instance, found.memory_base_);
    if (found.memory_fd_ >= 0) found.memory_ = Memory::V1;
  }
  return found;
}

std::string Cgroups::facts() const {
  std::string text;
  if (tracking_ == Tracking::V2) text = kill_file_ ? "v2 kill" : "v2";
  if (tracking_ == Tracking::V1) text = "v1";
  if (tracking_ == Tracking::None) text = "none";
  if (memory_ == Memory::V2) text += ", v2 memory";
  if (memory_ == Memory::V1) text += ", v1 memory";
  return text;
}

int Cgroups::create(const CgroupName& name) const {
  if (::mkdirat(base_fd_, name.text, 0755) != 0 && errno != EEXIST) return -1;
  return ::openat(base_fd_, name.text, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

int Cgroups::open_events(const CgroupName& name) const {
  return ::openat(base_fd_, FilePath(name, "cgroup.events").text, O_RDONLY | O_CLOEXEC);
}

int Cgroups::limit_memory(const CgroupName& name, std::int64_t bytes) const {
  char number[24];
  const auto end = std::to_chars(number, number + sizeof(number), bytes).ptr;
  const std::string_view text(number, std::size_t(end - number));
  if (memory_ == Memory::V2) {
    const int error = write_small(base_fd_, FilePath(name, "memory.max").text, text);
    if (error == 0) (void)write_small(base_fd_, FilePath(name, "memory.swap.max").text, "0");
    return error;
  }
  if (memory_ == Memory::None) return ENOTSUP;
  if (::mkdirat(memory_fd_, name.text, 0755) != 0 && errno != EEXIST) return errno;
  return write_small(memory_fd_, FilePath(name, "memory.limit_in_bytes").text, text);
}

int Cgroups::enter_tracking(const CgroupName& name) const {
  return write_small(base_fd_, FilePath(name, "cgroup.procs").text, "0");
}

int Cgroups::enter_memory(const CgroupName& name) const {
  return write_small(memory_fd_, FilePath(name, "cgroup.procs").text, "0");
}

bool Cgroups::try_remove(const CgroupName& name) const {
  return ::unlinkat(base_fd_, name.text, AT_REMOVEDIR) == 0 || errno == ENOENT;
}

void Cgroups::remove_memory(const CgroupName& name) const {
  if (memory_ == Memory::V1) ::unlinkat(memory_fd_, name.text, AT_REMOVEDIR);
}

void Cgroups::kill_all(const CgroupName& name) const {
  if (kill_file_ && write_small(base_fd_, FilePath(name, "cgroup.kill").text, "1") == 0) return;
  // The caller repeats until try_remove answers true, so a fork between read and kill is caught.
  signal_all(name, SIGKILL);
}

void Cgroups::signal_all(const CgroupName& name, int signal) const {
  const std::string pids = read_small(base_fd_, FilePath(name, "cgroup.procs").text);
  each_line(pids, [signal](std::string_view line) {
    pid_t pid = 0;
    std::from_chars(line.data(), line.data() + line.size(), pid);
    if (pid > 1) ::kill(pid, signal);
  });
}

// The files are there or not: of v2 since Linux 5.2, of v1 in the freezer's tree alone.
bool Cgroups::freeze(const CgroupName& name, bool frozen) const {
  if (tracking_ == Tracking::V2)
    return write_small(base_fd_, FilePath(name, "cgroup.freeze").text, frozen ? "1" : "0") == 0;
  if (tracking_ == Tracking::V1)
    return write_small(base_fd_, FilePath(name, "freezer.state").text,
                       frozen ? "FROZEN" : "THAWED") == 0;
  return false;
}

std::int64_t Cgroups::oom_kills(const CgroupName& name) const {
  if (memory_ == Memory::V2)
    return value_after(read_small(base_fd_, FilePath(name, "memory.events").text), "oom_kill ");
  if (memory_ == Memory::V1)
    return value_after(read_small(memory_fd_, FilePath(name, "memory.oom_control").text),
                       "oom_kill ");
  return 0;
}

bool Cgroups::cpu_us(const CgroupName& name, std::int64_t& user, std::int64_t& system) const {
  if (tracking_ != Tracking::V2) return false;
  const std::string stat = read_small(base_fd_, FilePath(name, "cpu.stat").text);
  if (stat.empty()) return false;
  user = value_after(stat, "user_usec ");
  system = value_after(stat, "system_usec ");
  return true;
}

void Cgroups::remove_bases() const {
  for (const std::string& base : {base_, memory_base_})
    if (!base.empty()) ::rmdir(base.c_str());
}

std::vector<std::string> Cgroups::leftovers() const {
  std::vector<std::string> found;
  for (const std::string& base : {base_, memory_base_}) {
    DIR* const dir = base.empty() ? nullptr : ::opendir(base.c_str());
    if (dir == nullptr) continue;
    while (const dirent* const entry = ::readdir(dir))
      if (entry->d_type == DT_DIR && is_cgroup_name(entry->d_name))
        found.emplace_back(entry->d_name);
    ::closedir(dir);
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

void Cgroups::purge(const std::string& name) const {
  CgroupName target(0);
  std::snprintf(target.text, sizeof(target.text), "%s", name.c_str());
  if (tracking_ != Tracking::None) {
    for (int tries = 0; tries < 100 && !try_remove(target); ++tries) {
      kill_all(target);
      ::usleep(1000);
    }
  }
  remove_memory(target);
}

}  // namespace drover::nodeagent
