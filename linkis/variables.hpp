// linkis/variables.hpp - ${name}, ${name-1} and &{yyyyMMdd%-1d} in code, as the contract has them.
//
// Values: `--@set a=b` in the code (`#@set` and `//@set` in other languages), else what came with
// the submission, else dates around run_date, which is yesterday unless somebody says otherwise.
// A name that nobody knows stays as it is: a shell has variables of its own.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"

namespace drover::linkis {

struct VariableScope {
  std::map<std::string, std::string> given;  // of the submission
  Time wall;
  std::int64_t utc_offset_s = 0;  // days and hours are those of the daemon's time zone
  std::string user;
};

// `language` as Drover names it: it decides how a definition is written. Limit, field
// "script": what comes out is longer than 4 MiB. BadInput, field
// "variable": an expression that has no value.
Result<std::string> substitute(std::string_view code, std::string_view language,
                               const VariableScope& scope);

}  // namespace drover::linkis
