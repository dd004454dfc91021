// server/linkis_log.hpp - a task's log by line number: the same lines while it runs and afterwards.
//
// First a line about its acceptance, then one about its engine once it has one, then what the code
// printed, and after its end how it ended. Lines never change or move, so a client goes on at the
// number it was told.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "server/linkis_tasks.hpp"

namespace drover::server {

struct LogSlice {
  std::vector<std::string> lines;
  std::int64_t next = 0;  // the number of the line after the last one
};

inline constexpr std::int64_t kLogLinesMax = 10'000;
inline constexpr std::size_t kLogBytesMax = 4 << 20;   // of one slice; then it ends early
inline constexpr std::size_t kLogLineMax = 256 << 10;  // longer lines become several

// Lines from `from` on, at most `count`. `done` is called once, maybe at once. Files that cannot be
// read now end the slice without an error: the client asks again. Unavailable when too many read.
void read_task_log(Services& services, LinkisTask task, std::int64_t from, std::int64_t count,
                   std::function<void(const Result<LogSlice>&)> done);

}  // namespace drover::server
