// nodeagent/last_output.hpp - what a killed engine had not read of its statement's output.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "net/loop.hpp"
#include "net/socket.hpp"
#include "nodeagent/log_reader.hpp"

namespace drover::nodeagent {

// Statements print into a pipe that their engine reads. Its reading end is held here as well, so
// that nothing is lost with the engine: when its process is gone, what is left goes to the log of
// the statement that ran. While the engine is there, nobody but it reads. Loop thread only.
class LastOutput {
 public:
  struct Told {  // by the engine; its process is what the kernel says
    std::int32_t pid = 0, fd = -1;
    std::uint64_t inode = 0;  // of the pipe
    friend bool operator==(const Told&, const Told&) = default;
  };
  explicit LastOutput(net::Loop& loop);
  ~LastOutput();

  // Opens the pipe, with the rights of `owner`; the one before it is let go.
  void hold(LogQuery owner, const Told& told);
  // The engine's connection is gone: should its process be, too, what is left is added to the log
  // at `path`, which may grow to `limit` bytes (0 = any). Without a path it is let go.
  void drain(std::string path, std::int64_t limit);
  void stop();  // the engine is there again

 private:
  void on_tick();
  void append();
  void let_go();
  bool is_gone() const;

  net::Loop& loop_;
  net::Timer tick_;
  LogQuery owner_;  // its path is the log's
  Told told_;
  net::Fd pipe_;
  std::int64_t limit_ = 0, until_us_ = 0;
  std::string left_;
  bool is_writing_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace drover::nodeagent
