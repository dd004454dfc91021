// cli/instance.hpp - which `drover up` owns a data directory: a lock for the truth, a pid file.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/types.h>

#include <optional>
#include <string>

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

 private:
  explicit InstanceLock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

// The pid of the `up` that holds the lock now; nothing when none runs (a stale pid file does not
// count).
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
  bool signal(int number) const;
  bool wait_end_ms(int ms) const;  // true when it ended

 private:
  int fd_ = -1;
};

}  // namespace drover::cli
