// nodeagent/scripts.hpp - job scripts as files that only their owner can read and execute.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/ids.hpp"
#include "base/result.hpp"

namespace drover::nodeagent {

// One file per job: the tasks of an array share it. As root the files cannot lie in the private
// data directory, whose owner alone may enter it; they lie in a root-owned directory that lets
// users through to a name they know (mode 0711).
class Scripts {
 public:
  // Picks the directory and takes over what an earlier agent left there.
  static Result<Scripts> open(const std::string& agent_dir, const std::string& instance,
                              std::int64_t now_us);

  // Path of an executable file with this text. Writes it only when the job has none.
  Result<std::string> place(JobId job, std::uint32_t uid, std::uint32_t gid, std::string_view text,
                            std::int64_t now_us);
  // Removes what was not used for a while and whose job `is_running` denies.
  void sweep(const std::function<bool(JobId)>& is_running, std::int64_t now_us);
  // When the agent stops: removes at once what no job runs, and the directory when it is empty.
  void close(const std::function<bool(JobId)>& is_running);
  const std::string& directory() const { return directory_; }

 private:
  void remove_idle(const std::function<bool(JobId)>& is_running, std::int64_t used_before_us);

  struct Entry {
    JobId job{};
    std::int64_t used_us = 0;
  };
  std::string directory_;
  bool is_root_ = false;
  std::unordered_map<std::string, Entry> files_;  // by name
};

}  // namespace drover::nodeagent
