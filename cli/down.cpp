// cli/down.cpp - `drover down`: stops what `drover up --detach` started.
// SPDX-License-Identifier: Apache-2.0
#include <csignal>

#include "cli/command.hpp"
#include "cli/instance.hpp"
#include "cli/waiting.hpp"

namespace drover::cli {
namespace {

constexpr Option kOptions[] = {
    {"kill", 0, Takes::Nothing, "",
     "end running jobs too; without it they go on under drover-supd"},
};
OptionTable options() { return kOptions; }

constexpr int kStopMs = 30'000;

Result<bool> stop_supd(const Paths& paths) {
  const auto pid = listener_of(paths.supd_socket());
  if (!pid) return true;
  const ProcessHandle supd(*pid);
  const auto known = check_listener(supd, paths.supd_socket(), "drover-supd");
  if (!known) return fail(known.error());
  if (!supd.signal(SIGTERM))
    return fail(Errc::Denied, "cannot stop drover-supd (pid " + std::to_string(*pid) + ")",
                "it belongs to another user");
  if (!supd.wait_end_ms(200)) supd.signal(SIGTERM);
  if (supd.wait_end_ms(kStopMs)) return true;
  return fail(Errc::Io, "drover-supd (pid " + std::to_string(*pid) + ") does not end",
              "see " + paths.log("drover-supd"));
}

Result<int> run_down(Context& context) {
  const Result<bool> words = context.at_most_words(0);
  if (!words) return fail(words.error());
  const Result<Paths> paths = context.paths();
  if (!paths) return fail(paths.error());
  const bool kill = context.arguments().has("kill");
  const std::optional<pid_t> pid = running_instance(*paths);
  if (pid) {
    const ProcessHandle up(*pid);
    if (!up.signal(kill ? SIGQUIT : SIGTERM)) {
      return fail(Errc::Denied, "cannot stop drover up (pid " + std::to_string(*pid) + ")",
                  "it belongs to another user");
    }
    if (!up.wait_end_ms(kStopMs)) {
      return fail(Errc::Io, "drover up (pid " + std::to_string(*pid) + ") does not end",
                  "see " + paths->log("up"));
    }
    context.note("drover is down");
  }
  const std::optional<pid_t> left = listener_of(paths->supd_socket());
  if (!left) {
    if (!pid) context.note("nothing runs on " + paths->data);
    return kOk;
  }
  if (!kill) {
    context.note(
        "drover-supd (pid " + std::to_string(*left) +
        ") stays with the running jobs: drover up takes them over, drover down --kill ends them");
    return kOk;
  }
  const Result<bool> stopped = stop_supd(*paths);
  if (!stopped) return fail(stopped.error());
  context.note("the running jobs were ended");
  return kOk;
}

}  // namespace

const Command kDown = {
    .verb = "down",
    .summary = "stop Drover on this machine; running jobs go on",
    .examples = "drover down\ndrover down --kill",
    .options = options,
    .run = run_down,
};

}  // namespace drover::cli
