// cli/exit_code.hpp - the process exit codes and the one shape of an error message.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "base/result.hpp"

namespace drover::cli {

enum ExitCode : int {
  kOk = 0,
  kError = 1,
  kUsage = 2,
  kNotFound = 3,
  kDenied = 4,
  kUnreachable = 5,
  kConflict = 6,
  kLimit = 7,
  kWouldNotRun = 8,
  kSomeFailed = 9,
  kTimeout = 124,
  kInfrastructure = 125,
  kInterrupted = 130,
};

int exit_code_of(Errc code);

struct ErrorDetails {  // what only the server knows
  std::string request_id;
  bool retryable = false;
  std::string see;  // a command to look at; may be empty
};

// "error: ...\n  hint: ...\n  see:  ...\n", or one line of JSON with the exit code.
std::string format_error(const Error& error, const ErrorDetails& details, bool json, bool color);

}  // namespace drover::cli
