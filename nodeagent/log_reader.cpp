// nodeagent/log_reader.cpp - reads on the thread pool; waits for growth by looking at the size.
// SPDX-License-Identifier: Apache-2.0
#include "nodeagent/log_reader.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "base/check.hpp"

namespace drover::nodeagent {
namespace {

constexpr Duration kTick = millis(30);

// The calling thread as another user, by the raw calls: glibc's wrappers would change all threads.
// The real and saved ids stay root, so the user can neither signal nor trace this thread.
class AsUser {
 public:
  explicit AsUser(const LogQuery& query) {
    if (::geteuid() != 0 || query.uid == 0) {
      is_allowed_ = ::geteuid() == query.uid;
      return;
    }
    is_switched_ = true;
    is_allowed_ = ::syscall(SYS_setgroups, query.groups.size(), query.groups.data()) == 0 &&
                  ::syscall(SYS_setresgid, -1, query.gid, -1) == 0 &&
                  ::syscall(SYS_setresuid, -1, query.uid, -1) == 0;
  }
  ~AsUser() {
    if (!is_switched_) return;
    const bool restored = ::syscall(SYS_setresuid, -1, 0, -1) == 0 &&
                          ::syscall(SYS_setresgid, -1, 0, -1) == 0 &&
                          ::syscall(SYS_setgroups, 0, nullptr) == 0;
    DROVER_CHECK(restored, "a thread could not take its own identity back");
  }
  AsUser(const AsUser&) = delete;
  AsUser& operator=(const AsUser&) = delete;
  bool is_allowed() const { return is_allowed_; }

 private:
  bool is_switched_ = false, is_allowed_ = false;
};

int open_log(const char* path, int access) {
  open_how how{};
  how.flags = std::uint64_t(access | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);
  how.mode = (access & O_CREAT) != 0 ? 0600 : 0;
  how.resolve = RESOLVE_NO_MAGICLINKS;
  const auto fd = static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how)));
  if (fd >= 0 || errno != ENOSYS) return fd;
  return ::open(path, access | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0600);
}

void make_folders(const std::string& path) {
  for (std::size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1))
    (void)::mkdir(path.substr(0, at).c_str(), 0700);  // what is there already stays
}

LogPiece failed(const std::string& path, const char* why) {
  LogPiece piece;
  piece.error = "cannot read " + path + ": " + why;
  return piece;
}

// Nothing: it is open, and a regular file.
std::optional<LogPiece> open_as_user(const LogQuery& query, int access, int& fd) {
  if (query.path.empty() || query.path[0] != '/' || query.path.find('\0') != std::string::npos)
    return failed(query.path, "not an absolute path");
  if (fd < 0) {
    const AsUser identity(query);
    if (!identity.is_allowed()) return failed(query.path, "this agent cannot act for that user");
    fd = open_log(query.path.c_str(), access);
    if (fd < 0 && errno == ENOENT) {
      LogPiece piece;
      piece.not_found = true;
      return piece;
    }
    if (fd < 0) return failed(query.path, std::strerror(errno));
  }
  struct stat status {};
  if (::fstat(fd, &status) != 0) return failed(query.path, std::strerror(errno));
  if (!S_ISREG(status.st_mode)) return failed(query.path, "not a regular file");
  return std::nullopt;
}

}  // namespace

LogPiece append_log(const LogQuery& query) {
  int fd = -1;
  auto trouble = open_as_user(query, O_RDWR | O_APPEND, fd);
  if (!trouble) {
    const off_t end = ::lseek(fd, 0, SEEK_END);
    char last = '\n';
    if (end > 0 && ::pread(fd, &last, 1, end - 1) != 1) last = '\n';
    const std::string text = (last == '\n' ? "" : "\n") + query.append;
    if (::write(fd, text.data(), text.size()) != ssize_t(text.size()))
      trouble = failed(query.path, std::strerror(errno));
  }
  if (fd >= 0) ::close(fd);
  return trouble ? *std::move(trouble) : LogPiece{};
}

LogPiece append_output(const LogQuery& query, std::string_view data, std::int64_t limit) {
  int fd = -1;
  auto trouble = open_as_user(query, O_WRONLY | O_APPEND, fd);
  if (trouble && trouble->not_found) {
    const AsUser identity(query);
    if (!identity.is_allowed()) return failed(query.path, "this agent cannot act for that user");
    make_folders(query.path);
    fd = open_log(query.path.c_str(), O_WRONLY | O_APPEND | O_CREAT);
    if (fd < 0) return failed(query.path, std::strerror(errno));
    trouble.reset();
  }
  struct stat status {};
  if (!trouble && ::fstat(fd, &status) == 0) {
    const auto room = std::size_t(std::max<std::int64_t>(0, limit - status.st_size));
    const std::string_view kept = limit > 0 ? data.substr(0, room) : data;
    if (!kept.empty() && ::write(fd, kept.data(), kept.size()) != ssize_t(kept.size()))
      trouble = failed(query.path, "it could not be written whole");
  }
  if (fd >= 0) ::close(fd);
  return trouble ? *std::move(trouble) : LogPiece{};
}

int open_pipe_of(const LogQuery& owner, std::int32_t pid, int fd, std::uint64_t inode) {
  const AsUser identity(owner);
  if (!identity.is_allowed()) return -1;
  const std::string path = "/proc/" + std::to_string(pid) + "/fd/" + std::to_string(fd);
  const int opened = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  struct stat status {};
  const bool is_it = opened >= 0 && ::fstat(opened, &status) == 0 && S_ISFIFO(status.st_mode) &&
                     status.st_ino == inode;
  if (opened >= 0 && !is_it) ::close(opened);
  return is_it ? opened : -1;
}

LogPiece read_log(const LogQuery& query, int& fd) {
  if (auto trouble = open_as_user(query, O_RDONLY, fd)) return *std::move(trouble);
  struct stat status {};
  if (::fstat(fd, &status) != 0) return failed(query.path, std::strerror(errno));
  LogPiece piece;
  piece.size = status.st_size;
  piece.offset =
      query.offset >= 0 ? query.offset : std::max<std::int64_t>(0, piece.size + query.offset);
  if (piece.offset >= piece.size) return piece;
  const auto want =
      std::min<std::int64_t>(piece.size - piece.offset, std::min(query.limit, kLogPieceMax));
  piece.data.resize(std::size_t(want));
  const ssize_t got = ::pread(fd, piece.data.data(), piece.data.size(), piece.offset);
  if (got < 0) return failed(query.path, std::strerror(errno));
  piece.data.resize(std::size_t(got));
  return piece;
}

struct LogReader::Pending {
  LogQuery query;
  Done done;
  int fd = -1;
  std::int64_t deadline_us = 0;
  LogPiece last;
  ~Pending() {
    if (fd >= 0) ::close(fd);
  }
};

LogReader::LogReader(net::Loop& loop) : loop_(loop), tick_(loop, [this] { on_tick(); }) {}

LogReader::~LogReader() { *alive_ = false; }

void LogReader::read(LogQuery query, Done done) {
  if (pending_ >= kLogQueriesMax) {
    LogPiece piece;
    piece.error = "too many logs are being read on this node";
    return done(std::move(piece));
  }
  ++pending_;
  auto pending = std::make_shared<Pending>();
  pending->deadline_us =
      net::Loop::now().mono.us + std::int64_t{std::min(query.wait_ms, 600'000u)} * 1000;
  pending->query = std::move(query);
  pending->done = std::move(done);
  start(pending);
}

void LogReader::start(const std::shared_ptr<Pending>& pending) {
  auto piece = std::make_shared<LogPiece>();
  loop_.offload(
      [pending, piece] {
        const LogQuery& query = pending->query;
        *piece = query.append.empty() ? read_log(query, pending->fd) : append_log(query);
      },
      [this, alive = alive_, pending, piece] {
        if (*alive) on_read(pending, std::move(*piece));
      });
}

void LogReader::on_read(const std::shared_ptr<Pending>& pending, LogPiece piece) {
  const bool is_waiting = piece.error.empty() && piece.data.empty() && pending->query.limit > 0 &&
                          pending->query.offset >= 0 && piece.size <= pending->query.offset &&
                          net::Loop::now().mono.us < pending->deadline_us;
  if (!is_waiting) {
    --pending_;
    return pending->done(std::move(piece));
  }
  pending->last = std::move(piece);
  if (waiting_.empty()) tick_.start(kTick, kTick);
  waiting_.push_back(pending);
}

void LogReader::on_tick() {
  const std::int64_t now = net::Loop::now().mono.us;
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    const std::shared_ptr<Pending>& pending = *at;
    struct stat status {};
    // An open file is looked at without the thread pool; one that is not there yet needs its owner.
    const bool is_same = pending->fd >= 0 && ::fstat(pending->fd, &status) == 0 &&
                         status.st_size <= pending->query.offset && now < pending->deadline_us;
    if (is_same) {
      ++at;
      continue;
    }
    const std::shared_ptr<Pending> ready = pending;
    at = waiting_.erase(at);
    start(ready);
  }
  if (waiting_.empty()) tick_.stop();
}

}  // namespace drover::nodeagent
