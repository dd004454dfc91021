// cli/bundle.hpp - a workflow's document with all the files that it names, read as the user.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "base/result.hpp"
#include "cli/arguments.hpp"
#include "dag/read_workflow.hpp"

namespace drover::cli {

inline constexpr std::size_t kBundleBytesMax = 64u << 20;  // all files of a workflow together

struct WorkflowFiles {
  dag::Bundle bundle;
  std::string directory;  // of the document, absolute: its names and patterns start there
};

// "n=3", each once. BadInput for what has no '='.
Result<std::map<std::string, std::string>> read_params(const std::vector<std::string>& words);
// The values of --param, which may hold commas.
std::vector<std::string> param_words(const Arguments& arguments);

// The document at `path` ("-": standard input), then the scripts, sub-workflows and patterns of
// files that it asks for, until nothing is missing. A file that cannot be read is left out:
// read_workflow says in which line it is named. NotFound or Io for the document, Limit for too
// much.
Result<WorkflowFiles> read_bundle(const std::string& path,
                                  std::map<std::string, std::string> params);

}  // namespace drover::cli
