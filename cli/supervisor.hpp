// cli/supervisor.hpp - `drover up` as a parent: starts three daemons, restarts, stops in order.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "cli/instance.hpp"
#include "cli/paths.hpp"

namespace drover::cli {

struct UpOptions {
  Paths paths;
  std::string port;                       // "" = any free one
  std::vector<std::string> agent_flags;   // --cpus 4 --name x ...
  std::vector<std::string> daemon_flags;  // --config FILE --log-level L
  bool log_to_files = false;              // detached: DATA/log/NAME.log
  bool kill_jobs_at_end = false;          // --ephemeral
};

class Supervisor {
 public:
  explicit Supervisor(UpOptions options);

  // Until droverd answers and, within a few seconds, its node is up. An error leaves nothing
  // running that this call started. Blocks the signals that run() takes.
  Result<bool> start();
  // Until SIGINT, SIGTERM (stop, jobs stay) or SIGQUIT (stop, jobs end). Answers the exit code.
  int run();
  // True when supd stayed behind because of running jobs.
  bool left_jobs() const { return left_jobs_; }
  bool has_node() const { return has_node_; }

 private:
  struct Child {
    std::string name;
    std::vector<std::string> argv;
    pid_t pid = 0;  // 0: not running
    std::int64_t started_us = 0;
    std::int64_t restart_at_us = 0;  // 0: none is due
    std::int64_t backoff_ms = 100;
  };

  Result<bool> start_supd();
  Result<bool> start_droverd();
  Result<bool> spawn(Child& child, int notify_fd, bool own_session);
  bool wait_for_node();
  void reap();
  void restart_due();
  void watch_adopted();
  void stop(bool kill_jobs);
  void stop_child(Child& child, int grace_ms);
  void stop_supd(bool kill_jobs);
  void say(const std::string& text) const;
  Error died_early(const Child& child, int status) const;

  UpOptions options_;
  Child daemon_, agent_, supd_;
  std::unique_ptr<ProcessHandle> adopted_supd_;  // one from before; no child of ours
  pid_t adopted_pid_ = 0;
  bool left_jobs_ = false;
  bool has_node_ = false;
  bool ready_ = false;
};

}  // namespace drover::cli
