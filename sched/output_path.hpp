// sched/output_path.hpp - which file a pattern like "run-%A_%4a.out" means for one task.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "base/result.hpp"

namespace drover::sched {

inline constexpr std::size_t kPathMax = 4095;  // bytes, as the kernel counts without the NUL

struct PathValues {
  TaskId task;
  bool is_array = false;
  std::string_view name;  // of the job: a '/' in it becomes '_'
  std::string_view node;  // short host name
  std::string_view user;
  std::string_view cwd;  // absolute; relative patterns start here
};

// %j job id, %J job id or id_index, %A job id of the array, %a index (0 when not an array), %x job
// name, %N node, %n 0 (the first and only node), %u user, %% a percent sign. A width from 1 to 10
// pads numbers with zeros: %4a. Any other sequence stays as it is, and a backslash anywhere
// switches expansion off and is dropped, as in Slurm. BadInput for NUL, newline and an empty
// pattern; Limit when the path is too long.
Result<std::string> expand_path(std::string_view pattern, const PathValues& values);

// What can be said before a task is known: characters and length.
Result<void> check_path_pattern(std::string_view pattern, std::string_view field);

}  // namespace drover::sched
