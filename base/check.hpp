// base/check.hpp - assertions for our own mistakes; on in release builds too.
// Never use it on anything that a user, a peer or a file can cause: that is an Error.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace drover {

// Prints file, line, the expression and `note` to stderr and aborts.
[[noreturn]] void check_failed(const char* file, int line, const char* expression,
                               const char* note);

}  // namespace drover

#define DROVER_CHECK(condition, note)                                               \
  do {                                                                              \
    if (!(condition)) ::drover::check_failed(__FILE__, __LINE__, #condition, note); \
  } while (false)
