// cli/interrupt.hpp - Ctrl-C while a job is followed: once leaves it running, twice ends it.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>

namespace drover::cli {

// From construction on SIGINT goes to a thread of ours; it calls `on_first`, waits two seconds for
// another, then `on_second` or nothing, and ends the process with 130. Construct before other
// threads start.
class InterruptWatch {
 public:
  InterruptWatch(std::function<void()> on_first, std::function<void()> on_second);
  InterruptWatch(const InterruptWatch&) = delete;
  InterruptWatch& operator=(const InterruptWatch&) = delete;
};

}  // namespace drover::cli
