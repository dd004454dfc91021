// cli/version.cpp - `drover version`: of this program and of the daemon.
// SPDX-License-Identifier: Apache-2.0
#include "cli/command.hpp"

#ifndef DROVER_VERSION
#error "DROVER_VERSION comes from CMakeLists.txt"
#endif

namespace drover::cli {
namespace {

Result<int> run_version(Context& context) {
  const std::string own = DROVER_VERSION;
  // Asking must neither take long nor fail: the daemon's version is an extra.
  std::string server;
  if (const Result<ApiClient*> api = context.api()) {
    if (const Result<Json> answer = (*api)->read("/version"))
      server = text_of(*answer, "version");
    else if (const Result<Json> other = (*api)->read("/api/v1/version"))
      server = text_of(*other, "version");
  }
  if (context.globals().json()) {
    context.out(
        to_text(
            Json{{"v", 1}, {"version", own}, {"server", server.empty() ? Json() : Json(server)}}) +
        '\n');
    return kOk;
  }
  context.out("drover " + own + '\n');
  if (!server.empty()) context.out("droverd " + clean_line(server) + '\n');
  return kOk;
}

}  // namespace

const Command kVersion = {
    .verb = "version",
    .summary = "print the versions of this program and of the daemon",
    .examples = "drover version",
    .run = run_version,
};

}  // namespace drover::cli
