// store/directory.cpp - creation, ownership and the lock of a store's folder.
// SPDX-License-Identifier: Apache-2.0
#include "store/directory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <array>
#include <cerrno>
#include <cstdlib>

#include "store/lmdb_error.hpp"

namespace drover::store {
namespace {

constexpr const char* kHolderFile = "holder";

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<void> sync_folder(const std::string& path) {
  const FileHandle handle(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!handle.is_open()) return fail(system_error(errno, "open folder " + path));
  // Some file systems cannot sync a folder and need not: EINVAL is their answer.
  if (::fsync(handle.fd()) != 0 && errno != EINVAL)
    return fail(system_error(errno, "sync folder " + path));
  return {};
}

// mkdir -p where each new name is synced into its parent before the next one is made.
Result<void> create_folders(const std::string& path) {
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (::mkdir(part.c_str(), 0700) == 0) {
      if (auto ok = sync_folder(parent_of(part)); !ok) return ok;
    } else if (errno != EEXIST) {
      return fail(system_error(errno, "create folder " + part));
    }
    if (end == std::string::npos) return {};
  }
}

Result<void> check_owner(const struct stat& info, const std::string& path, ::mode_t allowed) {
  if (info.st_uid != ::geteuid())
    return fail(Errc::Denied,
                fmt::format("{} belongs to uid {}, this process runs as uid {}", path, info.st_uid,
                            ::geteuid()),
                "run droverd as the owner of its data, or choose another --data");
  if ((info.st_mode & 07777u & ~allowed) != 0)
    return fail(Errc::Denied,
                fmt::format("{} has mode {:04o}: others could read or change it", path,
                            unsigned(info.st_mode & 07777u)),
                fmt::format("chmod {:04o} {}", unsigned(allowed), path));
  return {};
}

std::string holder_note(int folder) {
  const FileHandle file(::openat(folder, kHolderFile, O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  std::array<char, 24> text{};
  if (!file.is_open()) return "another process";
  const ::ssize_t count = ::read(file.fd(), text.data(), text.size() - 1);
  const long pid = count > 0 ? std::strtol(text.data(), nullptr, 10) : 0;
  return pid > 0 ? fmt::format("process {}", pid) : "another process";
}

}  // namespace

bool is_network_filesystem(long type) {
  switch (static_cast<unsigned long>(type) & 0xffffffffu) {
    case 0x6969:      // NFS
    case 0x517B:      // SMB
    case 0xFF534D42:  // CIFS
    case 0xFE534D42:  // SMB2
    case 0x5346414F:  // AFS
    case 0x00C36400:  // Ceph
    case 0x0BD00BD0:  // Lustre
    case 0x47504653:  // GPFS
    case 0x19830326:  // BeeGFS
    case 0x01021997:  // 9p
      return true;
    default: return false;
  }
}

Result<Directory> Directory::open(const std::string& given, Missing missing) {
  std::string path = given;
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  if (path.empty()) return fail(Errc::BadInput, "the store's folder has no name");
  FileHandle handle(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!handle.is_open() && errno == ENOENT) {
    if (missing == Missing::Refuse)
      return fail(Errc::NotFound, "there is no store in " + path, "check the folder's name");
    if (auto made = create_folders(path); !made) return fail(made.error());
    handle = FileHandle(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  if (!handle.is_open()) return fail(system_error(errno, "open folder " + path));

  struct stat info {};
  struct statfs system {};
  if (::fstat(handle.fd(), &info) != 0 || ::fstatfs(handle.fd(), &system) != 0)
    return fail(system_error(errno, "look at folder " + path));
  if (is_network_filesystem(system.f_type))
    return fail(Errc::Unsupported,
                path + " is on a network file system, where a store would be damaged",
                "put the data on a local disk: droverd --data /var/lib/drover");
  if (auto ok = check_owner(info, path, 0700); !ok) return fail(ok.error());
  if (::flock(handle.fd(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail(system_error(errno, "lock folder " + path));
    return fail(Errc::Conflict,
                fmt::format("the store in {} is held by {}", path, holder_note(handle.fd())),
                "stop the other droverd first, or choose another --data");
  }
  return Directory(std::move(path), std::move(handle));
}

bool Directory::contains(const char* name) const {
  return ::faccessat(handle_.fd(), name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

Result<void> Directory::check_file(const char* name) const {
  struct stat info {};
  const std::string path = path_ + "/" + name;
  if (::fstatat(handle_.fd(), name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return {};
    return fail(system_error(errno, "look at " + path));
  }
  if (!S_ISREG(info.st_mode)) return fail(Errc::Denied, path + " is not a regular file");
  return check_owner(info, path, 0600);
}

Result<void> Directory::sync() const {
  if (auto ok = sync_folder(path_); !ok) return ok;
  return sync_folder(parent_of(path_));
}

void Directory::sign() const {
  const FileHandle file(::openat(handle_.fd(), kHolderFile,
                                 O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  const std::string text = fmt::format("{}\n", ::getpid());
  if (file.is_open() && ::write(file.fd(), text.data(), text.size()) < 0) return;
}

}  // namespace drover::store
