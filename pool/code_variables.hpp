// pool/code_variables.hpp - ${name}, ${name-1} and &{yyyyMMdd%-1d} in the code of a statement.
//
// The syntax and the dates are those of workflows (dag/variables.hpp). Values: definitions in the
// code (`--@set a=b`, `#@set a=b`, `//@set a=b`, as comments of the language are written), else
// those that came with the statement; dates count from run_date, yesterday unless it is given. A
// name that nobody knows stays as it is: a shell has variables of its own.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"

namespace drover::pool {

struct VariableScope {
  std::map<std::string, std::string> given;
  Time wall;         // days and hours are those of this time, as if it were UTC
  std::string user;  // the value of user, submit_user and execute_user, whatever was given
};

// Limit, field "script": the code would have more than 4 MiB. BadInput, field "variables": a value
// that is no value, or an expression that has none.
Result<std::string> fill_variables(std::string_view code, std::string_view language,
                                   VariableScope scope);

}  // namespace drover::pool
