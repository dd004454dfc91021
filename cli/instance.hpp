// cli/instance.hpp - which `drover up` owns a data directory: a lock for the truth, a pid file.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "cli/paths.hpp"

namespace drover::cli {

// Held from start to end of `up`, across its fork; the kernel drops it however `up` ends.
class InstanceLock {
 public:
  // Conflict when another process holds it.
  static Result<InstanceLock> take(const Paths& paths);
  InstanceLock(InstanceLock&& other) noexcept;
  InstanceLock& operator=(InstanceLock&&) = delete;
  ~InstanceLock();

  Result<bool> write_pid(const Paths& paths) const;
  // Also for a process that was forked off meanwhile: before anybody hears that `up` has failed.
  void release();

 private:
  explicit InstanceLock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

// The pid of the `up` that holds the lock now; nothing when none runs. A stale pid file does not
// count, even when its number is somebody else's by now: the file holds the start time too.
std::optional<pid_t> running_instance(const Paths& paths);

// The process listening on a unix socket, by SO_PEERCRED; nothing when nobody listens.
std::optional<pid_t> listener_of(const std::string& socket_path);

// A process that cannot be mistaken for a later one of the same number: signals go through a pidfd.
class ProcessHandle {
 public:
  explicit ProcessHandle(pid_t pid);
  ProcessHandle(const ProcessHandle&) = delete;
  ProcessHandle& operator=(const ProcessHandle&) = delete;
  ~ProcessHandle();
  bool is_valid() const { return fd_ >= 0; }
  pid_t pid() const { return pid_; }
  // Whether the process runs the program of this name. By its executable; by its own word where the
  // system does not let us look.
  bool runs(std::string_view program) const;
  // Clock ticks since boot, 0 when it is gone: with the pid it names one process for ever.
  std::uint64_t start_time() const;
  bool signal(int number) const;
  bool wait_end_ms(int ms) const;  // true when it ended

 private:
  pid_t pid_ = 0;
  int fd_ = -1;
};

// Conflict, naming what is there, unless `process` listens on the socket now and runs `program`.
// To be asked before a signal is sent to what listener_of() found.
Result<bool> check_listener(const ProcessHandle& process, const std::string& socket_path,
                            std::string_view program);

}  // namespace drover::cli
