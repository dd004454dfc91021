// cli/live_log.hpp - what a statement prints, while it prints it; cut off when its end is known.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <memory>

#include "base/result.hpp"
#include "cli/api_client.hpp"
#include "cli/status_line.hpp"

namespace drover::cli {

// Follows a job's output on a connection and in a thread of its own, to `fd`. What ends
// at once is not followed: then finish() prints all of it, and nothing is slower than before.
class LiveLog {
 public:
  // `api` belongs to the thread from now on. The line of `status` makes room for what is printed.
  LiveLog(std::unique_ptr<ApiClient> api, std::uint64_t job, std::shared_ptr<StatusLine> status,
          int fd = 1);
  // Nothing more is printed by the thread; it ends by itself.
  ~LiveLog();
  LiveLog(const LiveLog&) = delete;
  LiveLog& operator=(const LiveLog&) = delete;

  // Once, when the job has ended: prints what is missing, each byte once, and ends the last line.
  // An error tells what could not be read. Ends the process where nobody reads us, as out() does.
  Result<bool> finish(ApiClient& api);

  struct Shared;

 private:
  std::shared_ptr<Shared> shared_;
};

}  // namespace drover::cli
