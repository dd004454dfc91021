// base/check.cpp - the last words of a process whose state cannot be trusted.
// SPDX-License-Identifier: Apache-2.0
#include "base/check.hpp"

#include <cstdio>
#include <cstdlib>

namespace drover {

void check_failed(const char* file, int line, const char* expression, const char* note) {
  std::fprintf(stderr, "drover: broken invariant at %s:%d: %s (%s)\n", file, line, expression,
               note);
  std::abort();
}

}  // namespace drover
