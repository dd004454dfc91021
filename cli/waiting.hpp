// cli/waiting.hpp - waiting for jobs to end, by long polls.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <optional>

#include "base/result.hpp"
#include "cli/context.hpp"

namespace drover::cli {

// Waits without limit; answers the job's own exit status, or 125 with a message when the server is
// lost for more than a minute.
Result<int> wait_for_job(Context& context, std::uint64_t id);

inline constexpr std::int64_t kNever = INT64_MAX;

// One long poll of at most `seconds`; the job object. Cut connections are retried for a minute, and
// not past `deadline_us`: jobs go on while droverd restarts, and so does waiting.
Result<Json> poll_job(ApiClient& api, std::uint64_t id, int seconds,
                      std::int64_t deadline_us = kNever);

// Until the server answers, for the same minute; that it does not is said at once.
Result<bool> await_server(Context& context, ApiClient& api, std::int64_t deadline_us = kNever);

std::int64_t monotonic_us();
void sleep_ms(std::int64_t ms);

}  // namespace drover::cli
