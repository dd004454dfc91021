// server/daemon.hpp - droverd as one object: parts in order of birth, start, reload, stop.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <string>

#include "base/result.hpp"
#include "server/config.hpp"

namespace drover::server {

struct DaemonOptions {
  std::string data, run;    // directories, absolute
  std::string config_path;  // empty = defaults alone
  std::string port;         // "", "none" or a number: over the configuration
  std::string log_level;    // "" = the configuration's
};

// DATA and RUN by the rules of docs/config.md from options and environment, when an option is
// empty.
void choose_directories(DaemonOptions& options);

class Daemon {
 public:
  // Opens, recovers, listens. Nothing has been answered yet when this fails.
  static Result<std::unique_ptr<Daemon>> start(const DaemonOptions& options);
  ~Daemon();
  // Serves until SIGTERM or SIGINT; answers the exit status.
  int serve();

 private:
  struct Parts;
  explicit Daemon(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace drover::server
