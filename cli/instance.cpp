// cli/instance.cpp - the lock file, and finding processes safely.
// SPDX-License-Identifier: Apache-2.0
#include "cli/instance.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>

namespace drover::cli {
namespace {

std::string lock_path(const Paths& paths) { return paths.data + "/up.lock"; }
std::string pid_path(const Paths& paths) { return paths.run + "/up.pid"; }

}  // namespace

Result<InstanceLock> InstanceLock::take(const Paths& paths) {
  const int fd = ::open(lock_path(paths).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    const int error = errno;
    return fail(error == EACCES ? Errc::Denied : Errc::Io,
                "cannot open " + lock_path(paths) + ": " + std::strerror(error),
                "choose another directory with --data DIR");
  }
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    ::close(fd);
    if (error != EWOULDBLOCK)
      return fail(Errc::Io, "cannot lock " + lock_path(paths) + ": " + std::strerror(error));
    const std::optional<pid_t> pid = running_instance(paths);
    return fail(Errc::Conflict,
                "drover up runs already on " + paths.data +
                    (pid ? " (pid " + std::to_string(*pid) + ")" : ""),
                "use it as it is, stop it with drover down, or choose another --data DIR");
  }
  return InstanceLock(fd);
}

InstanceLock::InstanceLock(InstanceLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
InstanceLock::~InstanceLock() {
  if (fd_ >= 0) ::close(fd_);
}

void InstanceLock::release() {
  if (fd_ < 0) return;
  ::flock(fd_, LOCK_UN);
  ::close(std::exchange(fd_, -1));
}

Result<bool> InstanceLock::write_pid(const Paths& paths) const {
  const std::string next = pid_path(paths) + ".new";
  std::ofstream file(next);
  file << ::getpid() << ' ' << ProcessHandle(::getpid()).start_time() << '\n';
  file.close();
  if (!file || ::rename(next.c_str(), pid_path(paths).c_str()) != 0)
    return fail(Errc::Io, "cannot write " + pid_path(paths), "is the disk full?");
  return true;
}

std::optional<pid_t> running_instance(const Paths& paths) {
  const int fd = ::open(lock_path(paths).c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  const bool is_free = ::flock(fd, LOCK_EX | LOCK_NB) == 0;
  ::close(fd);
  if (is_free) return std::nullopt;
  std::ifstream file(pid_path(paths));
  pid_t pid = 0;
  std::uint64_t started = 0;
  if (!(file >> pid >> started) || pid <= 1) return std::nullopt;
  if (ProcessHandle(pid).start_time() != started) return std::nullopt;
  return pid;
}

std::optional<pid_t> listener_of(const std::string& socket_path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path.size() >= sizeof address.sun_path) return std::nullopt;
  std::memcpy(address.sun_path, socket_path.c_str(), socket_path.size() + 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return std::nullopt;
  std::optional<pid_t> pid;
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid > 0)
    pid = peer.pid;
  ::close(fd);
  return pid;
}

Result<bool> check_listener(const ProcessHandle& process, const std::string& socket_path,
                            std::string_view program) {
  // Listening now, after the handle was opened: the number still means the same process.
  const auto now = listener_of(socket_path);
  if (now && *now == process.pid() && process.runs(program)) return true;
  return fail(Errc::Conflict,
              "the process behind " + socket_path + " (pid " +
                  std::to_string(now.value_or(process.pid())) + ") is no " + std::string(program) +
                  ": nothing was signalled",
              "look at it: ps -fp " + std::to_string(now.value_or(process.pid())));
}

ProcessHandle::ProcessHandle(pid_t pid) : pid_(pid), fd_(int(::syscall(SYS_pidfd_open, pid, 0))) {}
ProcessHandle::~ProcessHandle() {
  if (fd_ >= 0) ::close(fd_);
}
bool ProcessHandle::runs(std::string_view program) const {
  const std::string proc = "/proc/" + std::to_string(pid_);
  char target[4096];
  const ssize_t size = ::readlink((proc + "/exe").c_str(), target, sizeof target);
  if (size > 0) {
    std::string_view path(target, std::size_t(size));
    constexpr std::string_view kReplaced = " (deleted)";  // by an upgrade while it runs
    if (path.ends_with(kReplaced)) path.remove_suffix(kReplaced.size());
    return path.substr(path.rfind('/') + 1) == program;
  }
  std::string name;
  std::ifstream(proc + "/comm") >> name;
  return name == program.substr(0, 15);
}
std::uint64_t ProcessHandle::start_time() const {
  std::ifstream file("/proc/" + std::to_string(pid_) + "/stat");
  std::string text;
  std::getline(file, text, '\0');
  // The program's name may hold blanks and brackets: fields are counted from the last ')'.
  std::size_t at = text.rfind(')');
  for (int field = 2; field < 22 && at != std::string::npos; ++field) at = text.find(' ', at + 1);
  return at == std::string::npos ? 0 : std::strtoull(text.c_str() + at, nullptr, 10);
}
bool ProcessHandle::signal(int number) const {
  return fd_ >= 0 && ::syscall(SYS_pidfd_send_signal, fd_, number, nullptr, 0) == 0;
}
bool ProcessHandle::wait_end_ms(int ms) const {
  if (fd_ < 0) return true;
  pollfd waiting{fd_, POLLIN, 0};
  return ::poll(&waiting, 1, ms) > 0;
}

}  // namespace drover::cli
