// cli/sim.cpp - `drover sim`: hands over to the program drover-sim beside this one.
//
// The simulator contains the scheduler; this program must not, so they stay apart.
// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "cli/command.hpp"
#include "cli/paths.hpp"

namespace drover::cli {
namespace {

Result<int> run_sim(Context& context) {
  const Result<std::string> program = find_sibling("drover-sim");
  if (!program) return fail(program.error());
  std::vector<std::string> words = context.arguments().words;
  if (words.empty()) words.emplace_back("--help");
  std::vector<char*> argv;
  std::string name = "drover-sim";
  argv.push_back(name.data());
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::fflush(stdout);
  ::execv(program->c_str(), argv.data());
  return fail(Errc::Io, "cannot run " + *program + ": " + std::strerror(errno));
}

}  // namespace

const Command kSim = {
    .verb = "sim",
    .operands = "run|compare|gen|import ...",
    .summary = "replay a workload on virtual time: capacity planning",
    .about =
        "Replays a trace through the scheduler that droverd runs and reports waits, slowdowns and "
        "utilisation. Needs no daemon.\n"
        "run: one trace, one policy. compare: several policies side by side. gen: a workload from "
        "a "
        "model. import: your own history as a workload. Each has its own --help: drover sim run "
        "--help.",
    .examples =
        "drover sim run trace.swf.gz --policy easy\n"
        "drover sim compare trace.swf.gz --policy easy --policy saf-guard\n"
        "drover sim gen --model lublin --jobs 1000 -o model.swf\n"
        "drover ls -a -o jsonl | drover sim import - -o mine.jsonl",
    .complete = "run compare gen import",
    .stop_at_word = true,
    .run = run_sim,
};

}  // namespace drover::cli
