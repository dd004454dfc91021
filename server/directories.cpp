// server/directories.cpp - XDG rules, modes and owners.
// SPDX-License-Identifier: Apache-2.0
#include "server/directories.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace drover::server {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

std::string home() {
  if (const std::string set = variable("HOME"); set.starts_with('/')) return set;
  const passwd* entry = getpwuid(geteuid());
  return entry != nullptr ? entry->pw_dir : "/";
}

}  // namespace

Result<void> make_private_directory(const std::string& path) {
  std::error_code error;
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  if (!parent.empty()) std::filesystem::create_directories(parent, error);
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return fail(Errc::Io, "creating " + path + ": " + std::strerror(errno),
                "choose another place with --data or --run");
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return fail(Errc::Io, path + ": " + std::strerror(errno));
  if (!S_ISDIR(info.st_mode)) return fail(Errc::BadInput, path + " is not a directory");
  if (info.st_uid != geteuid())
    return fail(Errc::Denied, path + " belongs to another user",
                "choose another place with --data or --run");
  if ((info.st_mode & 022) != 0)
    return fail(Errc::Denied, path + " may be written by others", "chmod 700 " + path);
  return {};
}

Result<void> write_file(const std::string& path, const std::string& text) {
  const std::string temporary = path + ".new";
  unlink(temporary.c_str());
  const int fd =
      open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return fail(Errc::Io, "creating " + temporary + ": " + std::strerror(errno));
  const bool written = write(fd, text.data(), text.size()) == ssize_t(text.size());
  close(fd);
  if (!written || rename(temporary.c_str(), path.c_str()) != 0)
    return fail(Errc::Io, "writing " + path + ": " + std::strerror(errno));
  return {};
}

std::string default_data_directory() {
  if (const std::string data = variable("DROVER_DATA"); !data.empty()) return data;
  if (const std::string state = variable("XDG_STATE_HOME"); state.starts_with('/'))
    return state + "/drover";
  return home() + "/.local/state/drover";
}

std::string default_run_directory(const std::string& data, bool data_is_default) {
  if (const std::string run = variable("DROVER_RUN"); !run.empty()) return run;
  const std::string runtime = variable("XDG_RUNTIME_DIR");
  if (data_is_default && runtime.starts_with('/')) return runtime + "/drover";
  return data + "/run";
}

}  // namespace drover::server
