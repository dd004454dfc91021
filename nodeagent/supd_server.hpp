// nodeagent/supd_server.hpp - supd's one loop: socket, signals, one timer, adopted processes.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "nodeagent/paths.hpp"
#include "nodeagent/supervisor.hpp"

namespace drover::nodeagent {

// One agent at a time: a newer connection replaces the older, because the older may hang. Only the
// same uid or root may connect.
class SupdServer {
 public:
  // Takes the lock, replays the journal, adopts, listens. Conflict when another supd has the lock.
  static Result<std::unique_ptr<SupdServer>> open(const NodePaths& paths, std::uint32_t min_uid);
  ~SupdServer();

  // Until a signal ends it; the process's exit status.
  int run();

 private:
  SupdServer() = default;
  Result<void> listen(const std::string& path);
  void watch(int fd, std::uint64_t tag, std::uint32_t events = 1 /* EPOLLIN */) const;
  void on_connect();
  void on_readable();
  void consume();
  void on_signals();
  void on_terminate();
  void arm_timer();
  void round_end();
  void write_out();
  void disconnect(std::string_view why);

  std::unique_ptr<Supervisor> supervisor_;
  std::string socket_path_;
  int lock_ = -1, epoll_ = -1, listener_ = -1, signals_ = -1, timer_ = -1, agent_ = -1;
  std::string input_;             // bytes of the agent not yet taken
  std::size_t consumed_ = 0;      // of input_
  std::size_t payload_left_ = 0;  // of the frame under way
  std::string output_;            // framed, not yet written
  std::size_t written_ = 0;       // of output_
  bool wants_write_ = false, exit_when_idle_ = false, done_ = false;
  std::int64_t armed_us_ = 0, terminate_us_ = 0;
};

}  // namespace drover::nodeagent
