// cli/dependency_text.hpp - what follows --dependency, in our words and Slurm's.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace drover::cli {

struct DependencyText {
  std::string jobs;  // as the server reads it: "afterok:1:2,after:3+30"; empty = none
  bool singleton = false;
};

// "afterok:1:2,after:3+30", "12" (afterany), "singleton", "afterok:1?afterok:2". Errors: BadInput
// with the piece and the nearest word.
Result<DependencyText> parse_dependency(std::string_view text);

}  // namespace drover::cli
