// server/task_sheet.hpp - a list of tasks as a workbook, with the columns of the original's.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <string>

#include "base/result.hpp"
#include "linkis/json.hpp"

namespace drover::server {

struct TaskSheet {
  std::string directory;  // the daemon's own, for the workbook in the making
  bool is_english = false;
  std::size_t rows = 0;
  std::function<linkis::Json(std::size_t)> row;  // an entry of jobhistory
};
// The workbook's bytes. Blocks.
Result<std::string> write_task_sheet(const TaskSheet& sheet);

}  // namespace drover::server
