// cli/bulk.hpp - many specs in one call: JSON lines streamed up, ids streamed back.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "cli/context.hpp"

namespace drover::cli {

// Answers the next spec as one line with '\n', nothing at the end. Called in order, once per line.
using LineSource = std::function<std::optional<std::string>()>;

// `reopen` starts the lines again for a repeat after a broken connection (one Idempotency-Key:
// nothing doubles); empty when that is impossible (stdin). Prints ids or a summary; exit code 0, 9
// or that of the error.
Result<int> submit_lines(Context& context, LineSource lines, std::function<LineSource()> reopen);

// -f FILE.jsonl or -f -.
Result<int> submit_file_lines(Context& context, const std::string& path);

}  // namespace drover::cli
