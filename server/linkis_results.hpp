// server/linkis_results.hpp - what a path of the Linkis contract means to its caller.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "linkis/result_path.hpp"
#include "server/linkis_tasks.hpp"
#include "server/result_rows.hpp"

namespace drover::server {

struct LinkisPath {
  linkis::ResultPath path;
  std::optional<LinkisTask> task;                                     // of all but a home
  std::vector<StoredResult> results;                                  // of the task
  const StoredResult& result() const { return results[path.index]; }  // of Kind::Result
};

// Everything that is wrong with a path is answered alike: not of this grammar, no such task or
// result, or somebody else's. Only an empty path has an error of its own.
Result<LinkisPath> find_path(const Services& services, const Exchange& exchange,
                             std::string_view text);

// The contract's number for what went wrong with a file.
int file_code(const Error& error);
void refuse_file(const Exchange& exchange, const Error& error);

// Rows from `first` on. Unavailable when too much is being read.
Result<std::shared_ptr<ResultRows>> open_rows(Services& services, const LinkisTask& task,
                                              const StoredResult& result, std::int64_t first);

}  // namespace drover::server
