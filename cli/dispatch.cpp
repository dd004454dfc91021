// cli/dispatch.cpp - from words to a command, and from its result to the exit code.
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "base/units.hpp"
#include "cli/command.hpp"

namespace drover::cli {
namespace {

void print_stdout(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

int report(const Error& error, const Globals& globals, ErrorDetails details,
           const Command* command) {
  const std::string self = command != nullptr ? command->shown() : "drover";
  if (details.see.empty()) {
    if (error.code == Errc::BadInput || error.code == Errc::Unsupported)
      details.see = self + " --help";
    if (error.code == Errc::NotFound && error.field == "id") details.see = "drover ls -a";
  }
  const std::string text =
      format_error(error, details, globals.json(), use_color(globals.color, 2));
  std::fwrite(text.data(), 1, text.size(), stderr);
  return exit_code_of(error.code);
}

Error unknown_command(const std::vector<std::string>& words) {
  std::vector<std::string> names;
  const bool has_noun = is_noun(words[0]);
  for (const Command* command : all_commands()) {
    if (command->verb.starts_with("__")) continue;
    const std::string shown = command->shown().substr(7);
    if (!has_noun) names.push_back(shown);
    if (has_noun && words[0].starts_with(command->noun) && !command->noun.empty())
      names.emplace_back(command->verb);
  }
  const std::string word = has_noun ? words[1] : words[0];
  const std::string_view near = nearest_match(word, names);
  Error error;
  error.code = Errc::BadInput;
  error.message = "unknown command \"" + (has_noun ? words[0] + " " + word : word) + "\"";
  error.hint = near.empty() ? "drover --help lists the commands"
                            : "did you mean drover " + (has_noun ? words[0] + " " : "") +
                                  std::string(near) + "?";
  return error;
}

bool asks_for_help(const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    if (word == "--") return false;
    if (word == "-h" || word == "--help") return true;
  }
  return false;
}

int show_help(const std::vector<std::string>& words) {
  if (words.empty()) {
    print_stdout(help_overview());
    return kOk;
  }
  const Found found = find_command(words);
  if (found.command != nullptr) {
    print_stdout(help_command(*found.command));
    return kOk;
  }
  if (is_noun(words[0]) && words.size() == 1) {
    print_stdout(help_noun(words[0]));
    return kOk;
  }
  return report(unknown_command(words), {}, {}, nullptr);
}

int run_command(const Command& command, const std::vector<std::string>& words, Globals globals) {
  const Result<Arguments> parsed =
      parse_arguments(words, command.tables(),
                      {command.stop_at_word, Origin::CommandLine, "", command.has_components});
  if (!parsed) {
    if (!command.stop_at_word && asks_for_help(words)) {
      print_stdout(help_command(command));
      return kOk;
    }
    return report(parsed.error(), globals, {}, &command);
  }
  if (parsed->has("help")) {
    print_stdout(help_command(command));
    return kOk;
  }
  const Result<bool> applied = apply_globals(parsed->options, globals);
  if (!applied) return report(applied.error(), globals, {}, &command);
  Context context(globals, *parsed);
  const Result<int> code = command.run(context);
  if (std::fflush(stdout) != 0) Context::end_without_output();
  if (!code) return report(code.error(), globals, context.details(), &command);
  return *code;
}

}  // namespace

int dispatch(const std::vector<std::string>& words) {
  const Result<Arguments> first =
      parse_arguments(words, {global_options()}, {true, Origin::CommandLine, ""});
  Globals globals;
  if (!first) return report(first.error(), globals, {}, nullptr);
  const Result<bool> applied = apply_globals(first->options, globals);
  if (!applied) return report(applied.error(), globals, {}, nullptr);
  if (first->has("version")) return run_command(*find_command({"version"}).command, {}, globals);
  std::vector<std::string> rest = first->words;
  if (first->has("help")) return show_help(rest);
  if (rest.empty()) {
    print_stdout(help_overview());
    return kOk;
  }
  if (rest[0] == "help") {
    rest.erase(rest.begin());
    return show_help(rest);
  }
  const Found found = find_command(rest);
  if (found.command != nullptr) {
    rest.erase(rest.begin(), rest.begin() + std::ptrdiff_t(found.words));
    return run_command(*found.command, rest, globals);
  }
  const bool noun_alone = is_noun(rest[0]) && (rest.size() == 1 || asks_for_help({rest[1]}));
  if (noun_alone) return show_help({rest[0]});
  return report(unknown_command(rest), globals, {}, nullptr);
}

}  // namespace drover::cli
