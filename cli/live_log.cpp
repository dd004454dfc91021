// cli/live_log.cpp - a thread that follows, and whoever knows the end takes its place and reads on.
// SPDX-License-Identifier: Apache-2.0
#include "cli/live_log.hpp"

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "cli/log_stream.hpp"
#include "cli/terminal.hpp"
#include "cli/waiting.hpp"

namespace drover::cli {
namespace {
constexpr std::chrono::milliseconds kFirst{30}, kAgain{200};
constexpr int kBusyTries = 50;
}  // namespace

struct LiveLog::Shared {
  std::uint64_t job = 0;
  int fd = 1;
  std::shared_ptr<StatusLine> status{};
  std::mutex mutex{};
  std::condition_variable changed{};
  bool is_cut = false, is_filtered = false;
  std::uint64_t offset = 0;  // bytes before it are printed
  char last = '\n';
  int failure = 0;  // errno of a write
  EscapeFilter filter{};

  // By the thread alone; false: it is cut off.
  bool pause(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex);
    return !changed.wait_for(lock, time, [this] { return is_cut; });
  }
  void cut() {
    const std::lock_guard lock(mutex);
    is_cut = true;
    changed.notify_all();
  }
  bool pass_live(std::string_view bytes) {
    const std::lock_guard lock(mutex);
    return !is_cut && pass(bytes);
  }
  bool pass(std::string_view bytes) {
    if (failure != 0) return false;
    if (bytes.empty()) return true;
    offset += bytes.size();
    last = bytes.back();
    const bool good = status->pass(fd, is_filtered ? filter.pass(bytes) : std::string(bytes));
    if (!good) failure = errno;
    return good;
  }
  LogRequest request(bool follow) const {
    return {job, std::nullopt, false, follow, std::nullopt, offset};
  }
};

LiveLog::LiveLog(std::unique_ptr<ApiClient> api, std::uint64_t job,
                 std::shared_ptr<StatusLine> status, int fd)
    : shared_(std::make_shared<Shared>()) {
  shared_->job = job;
  shared_->status = std::move(status);
  shared_->fd = fd;
  shared_->is_filtered = is_terminal(fd);
  std::thread([shared = shared_, client = std::move(api)] {
    // A stream that ends or breaks is begun again where it was: a retry has another engine.
    for (auto time = kFirst; shared->pause(time); time = kAgain)
      (void)read_log(*client, shared->request(true),
                     [&](std::string_view bytes) { return shared->pass_live(bytes); });
  }).detach();
}

LiveLog::~LiveLog() { shared_->cut(); }

Result<bool> LiveLog::finish(ApiClient& api) {
  Shared& shared = *shared_;
  shared.cut();  // from now on all of it is ours
  Result<std::uint64_t> read = 0;
  for (int tries = 0; tries < kBusyTries; ++tries) {
    read = read_log(api, shared.request(false),
                    [&](std::string_view bytes) { return shared.pass(bytes); });
    if (read || read.error().code != Errc::Unavailable) break;
    sleep_ms(200);  // others read as many logs as are allowed, or droverd starts again
  }
  if (shared.failure == 0 && shared.last != '\n') (void)shared.pass("\n");
  if (shared.failure != 0) {
    errno = shared.failure;
    if (shared.failure != EPIPE) std::perror("error: cannot write the output");
    std::_Exit(shared.failure == EPIPE ? 141 : 1);
  }
  if (!read && read.error().code != Errc::NotFound) return fail(read.error());
  return true;
}

}  // namespace drover::cli
