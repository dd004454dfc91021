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

// %j and %J job id, of an array's element id_index, so that no two tasks share a file by accident;
// %A job id, %a index (0 when not an array), %b index modulo 10, %x job name, %N node, %n and %t 0,
// %s "batch", %u user, %% a percent sign. A number zero-pads what is numeric: %4a, at most to 10.
// Any other sequence stays as it is; a backslash anywhere switches expansion off and is dropped, as
// in Slurm. BadInput for NUL, newline and an empty pattern; Limit when the path is too long.
Result<std::string> expand_path(std::string_view pattern, const PathValues& values);

// What can be said before a task is known: characters and length.
Result<void> check_path_pattern(std::string_view pattern, std::string_view field);

}  // namespace drover::sched
