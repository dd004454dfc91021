// nodeagent/launcher.hpp - one fork of supd becomes the job's process: the order of every step.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "nodeagent/cgroups.hpp"
#include "nodeagent/supd_frame.hpp"

namespace drover::nodeagent {

enum class Step : std::uint32_t {
  None = 0,
  Session,
  Cgroup,
  Limits,
  Groups,
  GroupId,
  UserId,
  Verify,
  Privileges,
  WorkingDirectory,
  Output,
  ErrorOutput,
  Input,
  Binding,
  Exec,
};

// Where a child leaves word of the step that failed. It lies in memory shared by fork, which costs
// no system call per launch (a close-on-exec pipe costs five and a wake-up); exec unmaps it.
struct FailureSlot {
  std::uint32_t step;  // a Step; None until something failed
  std::int32_t error;  // errno
  char detail[120];    // the path or program, cut
};
std::string describe(const FailureSlot& slot);  // "cannot open the output file /x: No such file"

// One mapping with a slot per attempt; untouched slots cost nothing.
class FailureSlots {
 public:
  static Result<FailureSlots> make(std::uint32_t count);
  FailureSlot& operator[](std::uint32_t index) { return slots_[index]; }

 private:
  FailureSlot* slots_ = nullptr;
};

struct Spawned {
  pid_t pid = 0;
  std::uint64_t identity = 0;  // see process_identity()
};

class Launcher {
 public:
  // Remembers the limits and oom score that jobs shall have, before supd changes its own.
  Launcher(const Cgroups& cgroups, bool oom_score_lowered);

  // Forks and answers at once; the child goes on alone. Unavailable when the machine refuses to
  // fork or to make the cgroup: nothing was started then.
  // `pooled` is the fd of an existing cgroup of that name, or -1 to make one.
  Result<Spawned> launch(LaunchFrame& frame, FailureSlot& slot, const CgroupName& name, int pooled);

  bool is_root() const { return root_; }
  std::uint32_t own_uid() const { return uid_; }

 private:
  pid_t fork_into(int cgroup_fd, int& pidfd, bool& entered);
  [[noreturn]] void run_child(const LaunchFrame& frame, FailureSlot& slot, const CgroupName& name,
                              bool entered) const;
  void enter_cgroups(const LaunchFrame& frame, FailureSlot& slot, const CgroupName& name,
                     bool entered) const;
  void drop_privileges(const LaunchFrame& frame, FailureSlot& slot) const;
  void open_streams(const LaunchFrame& frame, FailureSlot& slot) const;

  const Cgroups& cgroups_;
  rlimit files_{};
  std::uint32_t uid_ = 0;
  std::int32_t last_capability_ = -1;
  bool root_ = false;
  bool oom_score_lowered_ = false;
  bool clone_into_cgroup_ = true;  // until the kernel says otherwise
};

// Tells two processes with the same pid apart: the inode of a pidfd where that is unique
// (Linux 6.9), else the start time in /proc/PID/stat. 0 when the process is gone.
std::uint64_t process_identity(pid_t pid, int pidfd);
int open_pidfd(pid_t pid);  // -1 when gone or not offered

// The wait status of a process that somebody else reaped; Linux 6.15. False when not known.
bool exit_status_of(int pidfd, int& status);

}  // namespace drover::nodeagent
