// metrics/process.hpp - what the kernel says about this process, for the process_* families.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace drover::metrics {

struct ProcessStats {
  double cpu_seconds = 0, resident_bytes = 0, virtual_bytes = 0, open_fds = 0, max_fds = 0;
  double start_time_seconds = 0;
};

// Reads /proc/self; a part that cannot be read stays zero.
ProcessStats process_stats();

}  // namespace drover::metrics
