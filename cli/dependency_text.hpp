// cli/dependency_text.hpp - what follows --dependency, in our words and Slurm's.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace drover::cli {

struct DependencyText {
  std::string jobs;  // as the server reads it, save `last`: "afterok:1:2,after:3+30"; empty = none
  bool singleton = false;
};

// "afterok:1:2,after:3+30", "12" (afterany), "singleton", "afterok:1?afterok:2". Errors: BadInput
// with the piece and the nearest word.
Result<DependencyText> parse_dependency(std::string_view text);

// The same with the numbers of `last` and `last~2`, which `find` tells.
using FindJob = std::function<Result<std::uint64_t>(const std::string& word)>;
Result<std::string> replace_last(const std::string& jobs, const FindJob& find);

}  // namespace drover::cli
