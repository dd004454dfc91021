// server/item_command.hpp - arrays whose elements each run a command of their own.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sched/job_spec.hpp"

namespace drover::server {

// {"argv":["gzip","a"],"env":{"A":"b"},"name":"step"}, or with "script", whose arguments are argv.
struct ItemCommand {
  std::string name;  // DROVER_JOB_NAME; empty = the job's
  std::string script;
  std::vector<std::string> argv;
  std::vector<std::pair<std::string, std::string>> env;  // above the job's
};

Result<ItemCommand> read_item_command(std::string_view item);
// Of a job with JobSpec::items_run: each item is a command, and the job has none besides.
Result<void> check_item_commands(sched::JobSpec& spec);

}  // namespace drover::server
