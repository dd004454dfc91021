// sim/main.cpp - the program `drover-sim`, which `drover sim` runs.
// SPDX-License-Identifier: Apache-2.0
#include <csignal>
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>

#include "sim/help_format.hpp"
#include "sim/options.hpp"

namespace {

// Instead of "A subcommand is required".
std::string missing_verb(const CLI::App& app) {
  std::string verbs;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; }))
    verbs += (verbs.empty() ? "" : ", ") + verb->get_name();
  const std::vector<std::string> words = app.remaining();
  if (words.empty()) return "a verb is required: " + verbs;
  const std::string& word = words.front();
  return word.starts_with('-') ? word + " is no option here: a verb comes first, of " + verbs
                               : "\"" + word + "\" is no verb: there are " + verbs;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error message, not our end
  CLI::App app{
      "Answers capacity questions: replays a workload through the scheduler that droverd runs, on\n"
      "virtual time. The same trace, cluster and policy give the same result on every machine."};
  app.name("drover sim");
  app.formatter(std::make_shared<drover::sim::HelpFormat>());
  app.set_help_flag("-h,--help", "this page");
  app.require_subcommand(1);
  app.set_version_flag("--version", DROVER_VERSION, "the version");
  drover::sim::Exit exit;
  drover::sim::add_run(app, exit);
  drover::sim::add_compare(app, exit);
  drover::sim::add_pack(app, exit);
  drover::sim::add_gen(app, exit);
  drover::sim::add_import(app, exit);
  app.footer(
      "examples:\n"
      "  drover sim run trace.swf.gz --policy easy\n"
      "  drover sim compare trace.swf.gz --policy easy --policy saf-guard\n"
      "  drover sim gen --model lublin --jobs 1000 --seed 7 -o model.swf\n"
      "  drover ls -a -o jsonl | drover sim import - -o mine.jsonl\n\n"
      "exit status: 0 ok, 1 error, 2 usage, 3 not found. Formats: docs/simulator.md");
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& done) {
    const int code = app.exit(done);
    if (std::cout.flush()) return code;
    std::fputs("error: cannot write to stdout\n", stderr);
    return 1;
  } catch (const CLI::ParseError& error) {
    std::string verb;  // that was being read
    std::string what = error.what();
    if (app.get_subcommands().empty()) what = missing_verb(app);
    for (const CLI::App* sub : app.get_subcommands()) {
      verb += " " + sub->get_name();
      // Who mistypes an option is told so, not what else is missing.
      for (const std::string& word : sub->remaining())
        if (word.starts_with('-')) what = word + " is no option";
    }
    std::fprintf(stderr, "error: %s\n  see:  drover sim%s --help\n", what.c_str(), verb.c_str());
    return 2;
  }
  return exit.code;
}
