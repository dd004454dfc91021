// nodeagent/cgroups.hpp - one cgroup per attempt: found, made, limited, killed, removed.
// SPDX-License-Identifier: Apache-2.0
//
// Tracking (who belongs to the attempt) and the memory limit may live in different hierarchies: on
// a hybrid machine v2 tracks and kills while v1 limits memory. Whatever is missing is left out and
// told in facts(); nothing here is fatal.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "nodeagent/reports.hpp"

namespace drover::nodeagent {

// Directory name: of an attempt, e.g. "12.3.1.77", or of a pooled one, "pool.5".
struct CgroupName {
  char text[72];
  explicit CgroupName(const AttemptId& id);
  explicit CgroupName(std::uint32_t pool_number);
};
bool is_cgroup_name(std::string_view name);  // either form

struct CgroupMounts {  // from /proc/self/mountinfo and /proc/self/cgroup; own path appended
  std::string v2;
  std::string v1_memory;
  std::string v1_tracking;  // freezer, pids or the named hierarchy: any v1 tree can hold processes
};
CgroupMounts parse_cgroup_mounts(std::string_view mountinfo, std::string_view own_cgroups);

class Cgroups {
 public:
  enum class Tracking { None, V1, V2 };
  enum class Memory { None, V1, V2 };

  // Makes the base directory drover-<instance> where that is permitted.
  static Cgroups detect(std::string_view instance);
  Cgroups() = default;

  Tracking tracking() const { return tracking_; }
  Memory memory() const { return memory_; }
  bool has_kill_file() const { return kill_file_; }
  std::string facts() const;  // "v2 kill, v1 memory", "none"

  // Makes the attempt's directory; an O_PATH fd of it, for CLONE_INTO_CGROUP. -1 and errno.
  int create(const CgroupName& name) const;
  int open_events(const CgroupName& name) const;  // cgroup.events of v2; -1 and errno
  // Limits memory; makes the v1 directory when memory is v1. 0, or errno.
  int limit_memory(const CgroupName& name, std::int64_t bytes) const;
  // For the child, before it drops privileges: enters by writing cgroup.procs. 0, or errno.
  int enter_tracking(const CgroupName& name) const;
  int enter_memory(const CgroupName& name) const;

  bool try_remove(const CgroupName& name) const;  // true: it is gone, so no process was left
  void remove_memory(const CgroupName& name) const;
  void kill_all(const CgroupName& name) const;
  // Stops all of it, or lets it go on. False where there is no freezer: signal_all is left.
  bool freeze(const CgroupName& name, bool frozen) const;
  void signal_all(const CgroupName& name, int signal) const;
  std::int64_t oom_kills(const CgroupName& name) const;
  // CPU time of all processes that ever were in it; false when the kernel does not tell.
  bool cpu_us(const CgroupName& name, std::int64_t& user, std::int64_t& system) const;
  void remove_bases()
      const;  // when supd leaves and nothing runs; refused while something is inside
  // Names that still have a directory, in both hierarchies.
  std::vector<std::string> leftovers() const;
  // Kills what is in it and removes it from both hierarchies; gives up after a moment.
  void purge(const std::string& name) const;

 private:
  Tracking tracking_ = Tracking::None;
  Memory memory_ = Memory::None;
  bool kill_file_ = false;
  std::string base_, memory_base_;
  int base_fd_ = -1, memory_fd_ = -1;  // live as long as the process
};

}  // namespace drover::nodeagent
