// cli/submission.cpp - which text is the job, and which options reach it.
// SPDX-License-Identifier: Apache-2.0
#include "cli/submission.hpp"

#include <time.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>

#include "cli/items.hpp"
#include "cli/job_view.hpp"
#include "cli/script.hpp"
#include "cli/spec_builder.hpp"
#include "cli/submit_options.hpp"
#include "cli/terminal.hpp"

extern char** environ;  // NOLINT: POSIX gives it no other home

namespace drover::cli {
namespace {

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// Like a shell, and like sbatch: the current directory first, then PATH.
std::string find_script(const std::string& word) {
  if (word.find('/') != std::string::npos || ::access(word.c_str(), F_OK) == 0) return word;
  const char* path = std::getenv("PATH");
  for (const std::string& dir : split_list(path != nullptr ? path : "", ':')) {
    const std::string candidate = dir + "/" + word;
    if (::access(candidate.c_str(), R_OK) == 0) return candidate;
  }
  return word;
}

struct Input {  // the text and its directive lines
  SpecSource source;
  std::vector<Given> directives;
};

Result<bool> take_script(const std::string& text, const std::string& shown, Context& context,
                         Input& input) {
  const Result<bool> good = check_script(text, shown);
  if (!good) return fail(good.error());
  const Result<Directives> which =
      parse_directives_choice(context.arguments().text("directives", "auto"));
  if (!which) return fail(which.error());
  Result<std::vector<Given>> directives = read_directives(text, shown, *which);
  if (!directives) return fail(directives.error());
  input.source.script = text;
  input.directives = std::move(*directives);
  return true;
}

Result<bool> take_wrap(const Context& context, Input& input) {
  if (!context.arguments().words.empty() || !context.arguments().rest.empty()) {
    return fail(Errc::BadInput, "--wrap takes no script and no further arguments",
                "quote the whole command: --wrap \"COMMAND ARG\"", "wrap");
  }
  input.source.script = "#!/bin/sh\n# This script was created by drover submit --wrap.\n\n" +
                        context.arguments().text("wrap") + "\n";
  input.source.name = "wrap";
  return check_script(input.source.script, "the text of --wrap");
}

Result<bool> take_command(const std::vector<std::string>& command, Input& input) {
  if (command.empty()) {
    return fail(Errc::BadInput, "no command stands behind --",
                "for example: drover submit -- echo hello");
  }
  input.source.argv = command;
  input.source.name = base_name(command[0]);
  return true;
}

Result<bool> take_file(Context& context, Input& input) {
  std::vector<std::string> words = context.arguments().words;
  if (words.empty() && is_terminal(0)) {
    return fail(Errc::BadInput, "what shall run?",
                "name a script, give a command behind --, or pipe a script to stdin");
  }
  for (const char* option : {"each-line", "each-json"})
    if (words.empty() && context.arguments().text(option) == "-")
      return fail(Errc::BadInput, "stdin cannot be the script and the entries",
                  "name a script, or give a command behind --", option);
  const bool is_stdin = words.empty() || words[0] == "-" || words[0] == "/dev/stdin";
  const std::string path = is_stdin ? "-" : find_script(words[0]);
  const Result<std::string> text = read_script(path);
  if (!text) return fail(text.error());
  if (!words.empty()) words.erase(words.begin());
  // What follows the script is the script's, as in Slurm: said where it looks like a slip.
  if (!words.empty() && words[0].starts_with("--")) {
    const std::string name = words[0].substr(2, words[0].find('=') - 2);
    if (find_option(name, {job_options(), submit_options()}) != nullptr)
      context.note("note: " + words[0] + " goes to the script; options of drover stand before it");
  }
  if (context.arguments().has_rest)
    words.insert(words.end(), context.arguments().rest.begin(), context.arguments().rest.end());
  input.source.argv = std::move(words);
  input.source.name = is_stdin ? "stdin" : base_name(path);
  return take_script(*text, is_stdin ? "the script on stdin" : path, context, input);
}

Result<Submission> read_json_file(Context& context, const std::string& path) {
  const Result<std::string> text = read_script(path);
  if (!text) return fail(text.error());
  Result<Json> spec = parse_json(*text, path);
  if (!spec) {
    return fail(Errc::BadInput, spec.error().message,
                "a .json file holds one spec; use .jsonl for one spec per line", "file");
  }
  if (!spec->is_object()) {
    return fail(Errc::BadInput, path + " does not hold a JSON object",
                "for many specs use a .jsonl file with one spec per line", "file");
  }
  const Result<SpecSource> source = local_source();
  if (!source) return fail(source.error());
  if (!spec->contains("cwd")) (*spec)["cwd"] = source->cwd;
  std::vector<Given> options = job_options_given(context);
  std::vector<std::string> warnings;
  const Result<bool> known =
      refuse_unsupported(options, context.arguments().has("ignore-unsupported"), warnings);
  if (!known) return fail(known.error());
  const Result<bool> laid = overlay_options(*spec, options, *source);
  if (!laid) return fail(laid.error());
  for (const std::string& warning : warnings) context.warn(warning);
  if (has_items(context))
    if (auto added = add_items(context, *spec); !added) return fail(added.error());
  const bool is_array = has_items(context) || spec->contains("array");
  return Submission{std::move(*spec), context.arguments().has("wait"), is_array};
}

}  // namespace

Result<SpecSource> local_source() {
  SpecSource source;
  char buffer[PATH_MAX];
  if (::getcwd(buffer, sizeof buffer) == nullptr) {
    return fail(Errc::Io, "the current directory cannot be found: it may have been removed",
                "cd to another one");
  }
  source.cwd = buffer;
  for (char** entry = environ; *entry != nullptr; ++entry) source.environment.emplace_back(*entry);
  source.now_us = wall_clock_us();
  const std::time_t now = source.now_us / 1'000'000;
  std::tm local{};
  if (::localtime_r(&now, &local) != nullptr) source.utc_offset_s = local.tm_gmtoff;
  return source;
}

std::vector<Given> job_options_given(const Context& context) {
  std::vector<Given> options;
  const OptionTable table = job_options();
  for (const Given& given : context.arguments().options)
    if (given.option >= table.data() && given.option < table.data() + table.size())
      options.push_back(given);
  return options;
}

Result<Submission> read_submission(Context& context) {
  const Arguments& arguments = context.arguments();
  if (arguments.has("file")) {
    if (!arguments.words.empty() || arguments.has_rest) {
      return fail(Errc::BadInput, "--file takes no script or command beside it", "give one of them",
                  "file");
    }
    Result<Submission> read = read_json_file(context, arguments.text("file"));
    if (!read) return read;
    if (auto found = resolve_dependency(context, read->spec); !found) return fail(found.error());
    return read;
  }
  Result<SpecSource> local = local_source();
  if (!local) return fail(local.error());
  Input input{std::move(*local), {}};
  const bool is_command = arguments.words.empty() && arguments.has_rest;
  const Result<bool> taken = arguments.has("wrap") ? take_wrap(context, input)
                             : is_command          ? take_command(arguments.rest, input)
                                                   : take_file(context, input);
  if (!taken) return fail(taken.error());

  std::vector<Given> options = std::move(input.directives);
  for (Given& given : options_from_environment(input.source.environment))
    options.push_back(std::move(given));
  Submission submission;
  std::vector<Given> kept;
  for (Given& given : options) {
    if (given.option->name == "wait") submission.wait = true;
    for (const Option& option : job_options())
      if (given.option == &option) kept.push_back(given);
  }
  for (Given& given : job_options_given(context)) kept.push_back(std::move(given));
  submission.wait = submission.wait || arguments.has("wait");
  std::vector<std::string> warnings;
  const Result<bool> known =
      refuse_unsupported(kept, arguments.has("ignore-unsupported"), warnings);
  if (!known) return fail(known.error());
  Result<Json> spec = build_spec(kept, input.source, warnings);
  if (!spec) return fail(spec.error());
  for (const std::string& warning : warnings) context.warn(warning);
  submission.spec = std::move(*spec);
  if (auto found = resolve_dependency(context, submission.spec); !found) return fail(found.error());
  if (has_items(context))
    if (auto added = add_items(context, submission.spec); !added) return fail(added.error());
  submission.is_array = has_items(context) || submission.spec.contains("array");
  return submission;
}

}  // namespace drover::cli
