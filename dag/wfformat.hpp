// dag/wfformat.hpp - recorded workflows in WfFormat (WfCommons), versions 1.3 to 1.5.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"

namespace drover::dag {

struct RecordedTask {
  std::string name;  // its id in the file
  Duration run{};
  std::vector<std::uint32_t> after;  // positions, ascending, each once
};
struct RecordedWorkflow {
  std::string name;
  std::vector<RecordedTask> tasks;  // in the file's order
};

inline constexpr std::size_t kRecordBytesMax = 256u << 20;
inline constexpr std::size_t kRecordedTasksMax = 1'000'000;

// BadInput for what is no WfFormat, a parent that does not exist and times that cannot be; Limit
// for too many tasks. Circles are found when it is planned.
Result<RecordedWorkflow> read_wfformat(std::string_view text, const std::string& origin);

// A workflow document: a step for each task that sleeps as long as the task ran. Names get the
// letters that steps may have.
std::string to_toml(const RecordedWorkflow& workflow);
// Drover's JSON lines for the simulator: all submitted at once, one processor each.
std::string to_jsonl(const RecordedWorkflow& workflow);

}  // namespace drover::dag
