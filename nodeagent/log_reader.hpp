// nodeagent/log_reader.hpp - pieces of output files, read with the job owner's rights.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/loop.hpp"

namespace drover::nodeagent {

struct LogQuery {
  std::uint32_t uid = 0, gid = 0;
  std::vector<std::uint32_t> groups;
  std::string path;
  std::int64_t offset = 0;    // negative: from the end
  std::uint32_t limit = 0;    // bytes, at most kLogPieceMax
  std::uint32_t wait_ms = 0;  // wait for data behind offset
  std::string append;         // whole lines: they are added, and nothing is read
};
struct LogPiece {
  std::string data;
  std::int64_t offset = 0, size = 0;
  std::string error;
  bool not_found = false;
};

inline constexpr std::uint32_t kLogPieceMax = 1 << 20;
inline constexpr std::size_t kLogQueriesMax = 1024;
inline constexpr std::size_t kLogAppendMax = 4096;

// Blocking read of one piece. `fd` is opened when -1 and stays open for the next call. Only regular
// files; no symlink at the end, no way through /proc. As root the calling thread takes the owner's
// identity while it opens, and takes its own back or aborts.
LogPiece read_log(const LogQuery& query, int& fd);
// Blocking; opened in the same way. Begins a line of its own. A file that is not there stays so.
LogPiece append_log(const LogQuery& query);
// Blocking. `data` as it is; the file is made if it is missing, and its folders, and grows to
// `limit` bytes at most (0 = any).
LogPiece append_output(const LogQuery& query, std::string_view data, std::int64_t limit);
// Blocking. The reading end of a pipe that a process of the user has as its descriptor `fd`; -1 if
// that is another pipe, or none.
int open_pipe_of(const LogQuery& owner, std::int32_t pid, int fd, std::uint64_t inode);

class LogReader {
 public:
  using Done = std::function<void(LogPiece)>;
  explicit LogReader(net::Loop& loop);
  ~LogReader();

  // Answers once, on the loop thread.
  void read(LogQuery query, Done done);

 private:
  struct Pending;
  void start(const std::shared_ptr<Pending>& pending);
  void on_read(const std::shared_ptr<Pending>& pending, LogPiece piece);
  void on_tick();

  net::Loop& loop_;
  net::Timer tick_;
  std::list<std::shared_ptr<Pending>> waiting_;  // for data; looked at on each tick
  std::size_t pending_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace drover::nodeagent
