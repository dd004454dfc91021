// cli/waiting.cpp - long polls that outlive a restart of the daemon.
// SPDX-License-Identifier: Apache-2.0
#include "cli/waiting.hpp"

#include <time.h>

#include <algorithm>

#include "cli/job_view.hpp"

namespace drover::cli {
namespace {
constexpr std::int64_t kPatienceUs = 60'000'000;
constexpr int kPollSeconds = 20;  // below the client's own time limit of 30 s
}  // namespace

std::int64_t monotonic_us() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000;
}

void sleep_ms(std::int64_t ms) {
  timespec rest{ms / 1000, (ms % 1000) * 1'000'000};
  ::nanosleep(&rest, nullptr);
}

namespace {
bool may_pass(const Error& error) {
  return error.code == Errc::Unavailable || error.code == Errc::Io;
}
}  // namespace

Result<bool> await_server(Context& context, ApiClient& api, std::int64_t deadline_us) {
  const std::int64_t deadline = std::min(monotonic_us() + kPatienceUs, deadline_us);
  for (bool is_first = true;; is_first = false) {
    const Result<Json> answer = api.read("/api/v1/health");
    if (answer) return true;
    if (!may_pass(answer.error()) || monotonic_us() > deadline) return fail(answer.error());
    if (is_first) context.note(answer.error().message + "; waiting for it");
    sleep_ms(std::clamp<std::int64_t>((deadline - monotonic_us()) / 1000 + 1, 1, 250));
  }
}

Result<Json> poll_job(ApiClient& api, std::uint64_t id, int seconds, std::int64_t deadline_us) {
  const std::string target =
      "/api/v1/jobs/" + std::to_string(id) + "/wait?timeout_s=" + std::to_string(seconds);
  const std::int64_t deadline = std::min(monotonic_us() + kPatienceUs, deadline_us);
  for (std::int64_t pause = 50;; pause = pause < 1000 ? pause * 2 : pause) {
    Result<Json> answer = api.read(target);
    if (answer) {
      Json job = job_of(*answer);
      if (job.is_object()) return job;
      return fail(Errc::Corrupt, "the answer of the server holds no job");
    }
    if (!may_pass(answer.error()) || monotonic_us() > deadline) return fail(answer.error());
    sleep_ms(std::clamp<std::int64_t>((deadline - monotonic_us()) / 1000 + 1, 1, pause));
  }
}

Result<int> wait_for_job(Context& context, std::uint64_t id) {
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  for (;;) {
    const Result<Json> job = poll_job(**api, id, kPollSeconds);
    if (!job) {
      const ErrorDetails details = context.details();
      std::fputs(
          format_error(job.error(), details, context.globals().json(), context.color_err()).c_str(),
          stderr);
      return kInfrastructure;
    }
    if (is_final(text_of(*job, "state"))) return exit_status(*job);
  }
}

}  // namespace drover::cli
