// nodeagent/scripts.cpp - writes, shares and removes script files.
// SPDX-License-Identifier: Apache-2.0
#include "nodeagent/scripts.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <vector>

#include "base/write_all.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace drover::nodeagent {
namespace {

constexpr std::int64_t kIdleUs = 10'000'000;

// "job12-89abcdef01234567"
std::string file_name(JobId job, std::uint32_t uid, std::string_view text) {
  char name[64];
  std::snprintf(
      name, sizeof(name), "job%llu-%016llx", static_cast<unsigned long long>(raw(job)),
      static_cast<unsigned long long>(XXH3_64bits_withSeed(text.data(), text.size(), uid)));
  return name;
}

bool job_of(std::string_view name, JobId& job) {
  if (name.substr(0, 3) != "job") return false;
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(name.data() + 3, name.data() + name.size(), number);
  if (error != std::errc{} || end == name.data() + name.size() || *end != '-') return false;
  job = JobId{number};
  return true;
}

// Made by us, ours alone to write, and scripts in it can be executed.
bool make_directory(const std::string& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) return false;
  struct stat status {};
  struct statvfs fs {};
  if (::lstat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode) ||
      status.st_uid != ::geteuid() || ::statvfs(path.c_str(), &fs) != 0 ||
      (fs.f_flag & ST_NOEXEC) != 0)
    return false;
  return (status.st_mode & 07777) == mode || ::chmod(path.c_str(), mode) == 0;
}

}  // namespace

Result<Scripts> Scripts::open(const std::string& agent_dir, const std::string& instance,
                              std::int64_t now_us) {
  Scripts scripts;
  scripts.is_root_ = ::geteuid() == 0;
  std::vector<std::string> places;
  if (scripts.is_root_) places = {"/var/spool/drover-" + instance, "/var/lib/drover-" + instance};
  places.push_back(agent_dir + "/attempts");
  for (const std::string& place : places) {
    if (!make_directory(place, scripts.is_root_ ? 0711 : 0700)) continue;
    scripts.directory_ = place;
    break;
  }
  if (scripts.directory_.empty())
    return fail(Errc::Io,
                "no directory for job scripts: " + places.back() +
                    " cannot be made, or its file system forbids execution",
                "choose another directory with --data");
  DIR* const dir = ::opendir(scripts.directory_.c_str());
  while (dir != nullptr) {
    const dirent* const entry = ::readdir(dir);
    if (entry == nullptr) break;
    JobId job{};
    if (job_of(entry->d_name, job)) scripts.files_[entry->d_name] = {job, now_us};
  }
  if (dir != nullptr) ::closedir(dir);
  return scripts;
}

Result<std::string> Scripts::place(JobId job, std::uint32_t uid, std::uint32_t gid,
                                   std::string_view text, std::int64_t now_us) {
  const std::string name = file_name(job, uid, text);
  std::string path = directory_ + "/" + name;
  const auto at = files_.find(name);
  if (at != files_.end()) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == uid &&
        std::size_t(status.st_size) == text.size()) {
      at->second.used_us = now_us;
      return path;
    }
    ::unlink(path.c_str());  // damaged, or half-written by an agent that died
  }
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0700);
  if (fd < 0)
    return fail(Errc::Io, "cannot write the job's script: " + std::string(std::strerror(errno)));
  bool good = write_all(fd, text);
  if (good && is_root_) good = ::fchown(fd, uid, gid) == 0;
  int error = good ? 0 : errno;
  if (::close(fd) != 0 && error == 0) error = errno;
  if (error != 0) {
    ::unlink(path.c_str());
    return fail(Errc::Io, "cannot write the job's script: " + std::string(std::strerror(error)));
  }
  files_[name] = {job, now_us};
  return path;
}

void Scripts::sweep(const std::function<bool(JobId)>& is_running, std::int64_t now_us) {
  remove_idle(is_running, now_us - kIdleUs);
}

void Scripts::close(const std::function<bool(JobId)>& is_running) {
  remove_idle(is_running, INT64_MAX);
  if (files_.empty()) ::rmdir(directory_.c_str());
}

void Scripts::remove_idle(const std::function<bool(JobId)>& is_running,
                          std::int64_t used_before_us) {
  for (auto at = files_.begin(); at != files_.end();) {
    if (at->second.used_us > used_before_us || is_running(at->second.job)) {
      ++at;
      continue;
    }
    ::unlink((directory_ + "/" + at->first).c_str());
    at = files_.erase(at);
  }
}

}  // namespace drover::nodeagent
