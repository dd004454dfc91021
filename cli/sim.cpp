// cli/sim.cpp - `drover sim`: hands over to the program drover-sim beside this one.
//
// The simulator contains the scheduler; this program must not, so they stay apart.
// SPDX-License-Identifier: Apache-2.0
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "cli/cluster_toml.hpp"
#include "cli/command.hpp"
#include "cli/paths.hpp"

namespace drover::cli {
namespace {

// The live nodes as a file that lives as long as drover-sim has it open; its path.
Result<std::string> live_cluster(Context& context) {
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  const Result<Json> answer = (*api)->read("/api/v1/nodes?topology=1");
  if (!answer) return fail(answer.error());
  const std::string text = cluster_toml(member(*answer, "nodes"));
  const int fd = ::memfd_create("cluster", 0);
  if (fd < 0 || ::write(fd, text.data(), text.size()) != ssize_t(text.size()))
    return fail(Errc::Io, std::string("cannot keep the live nodes: ") + std::strerror(errno));
  return "/proc/self/fd/" + std::to_string(fd);
}

// "--cluster live" and "--cluster=live" name the nodes of the server.
Result<bool> use_live_nodes(Context& context, std::vector<std::string>& words) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool joined = words[i] == "--cluster=live";
    if (!joined && !(words[i] == "live" && i > 0 && words[i - 1] == "--cluster")) continue;
    const Result<std::string> path = live_cluster(context);
    if (!path) return fail(path.error());
    words[i] = joined ? "--cluster=" + *path : *path;
  }
  return true;
}

// Options in front of the verb are said to the verb, which refuses what it does not know.
Result<bool> add_globals(const Globals& globals, std::vector<std::string>& words) {
  const Format format = globals.table.format;
  if (format != Format::Table && format != Format::JsonObject)
    return fail(Errc::BadInput, "drover sim prints tables or JSON only",
                "drover sim run TRACE --json", "output");
  if (!globals.table.columns.empty() || !globals.table.sort.empty() || !globals.header)
    return fail(Errc::BadInput, "drover sim has fixed tables: no --columns, --sort or --no-header",
                "drover sim run TRACE --json is for programs", "columns");
  if (words.front().starts_with('-')) return true;  // no verb
  if (globals.quiet) words.insert(words.begin() + 1, "--quiet");
  if (format == Format::JsonObject) words.insert(words.begin() + 1, "--json");
  return true;
}

Result<int> run_sim(Context& context) {
  const Result<std::string> program = find_sibling("drover-sim");
  if (!program) return fail(program.error());
  std::vector<std::string> words = context.arguments().words;
  if (words.empty()) words.emplace_back("--help");
  const Result<bool> added = add_globals(context.globals(), words);
  if (!added) return fail(added.error());
  const Result<bool> live = use_live_nodes(context, words);
  if (!live) return fail(live.error());
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
    .operands = "run|compare|gen|pack|import ...",
    .summary = "replay a workload on virtual time: capacity planning",
    .about =
        "Replays a trace through the scheduler that droverd runs and reports waits, slowdowns and "
        "utilisation. Needs no daemon, except for --cluster live: the nodes that droverd knows "
        "(drover node export prints them, to edit and to give as --cluster FILE).\n"
        "run: one trace, one policy. compare: several policies side by side. gen: a workload from "
        "a model. pack: how well requests pack on a cluster. import: your own history as a "
        "workload. Each has its own --help: drover sim run "
        "--help.",
    .examples =
        "drover sim run trace.swf.gz --policy easy\n"
        "drover sim compare trace.swf.gz --policy easy --policy saf-guard\n"
        "drover sim gen --model lublin --jobs 1000 -o model.swf\n"
        "drover sim pack mine.jsonl --cluster cluster.toml --churn\n"
        "drover ls -a -o jsonl | drover sim import - -o mine.jsonl\n"
        "drover sim run mine.jsonl --cluster live --load 1.2",
    .complete = "run compare gen pack import",
    .stop_at_word = true,
    .run = run_sim,
};

}  // namespace drover::cli
