// cli/log_stream.hpp - reading one output stream of one task, to its present end or following it.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "cli/api_client.hpp"

namespace drover::cli {

struct LogRequest {
  std::uint64_t job = 0;
  std::optional<std::uint32_t> task;
  bool is_stderr = false;
  bool follow = false;
  std::optional<std::uint64_t> tail_lines;
  std::uint64_t offset = 0;  // bytes before it are known
};

// Hands on the bytes in order, each once; `sink` answering false ends it. A connection that breaks
// is taken up again at the offset reached. Answers the number of bytes.
Result<std::uint64_t> read_log(ApiClient& api, const LogRequest& request,
                               const std::function<bool(std::string_view)>& sink);

}  // namespace drover::cli
