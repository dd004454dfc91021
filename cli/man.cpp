// cli/man.cpp - `drover man`: manual pages from the same tables as --help.
// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "cli/command.hpp"

namespace drover::cli {
namespace {

// Text as roff: backslashes doubled, no line that begins with a control character, plain hyphens.
std::string roff(std::string_view text) {
  std::string out;
  bool at_start = true;
  for (const char c : text) {
    if (at_start && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
    at_start = c == '\n';
  }
  return out;
}

std::string page_name(const Command& command) {
  std::string name = command.shown();
  for (char& c : name)
    if (c == ' ') c = '-';
  return name;
}

std::string options_section(const std::string& title, OptionTable table) {
  std::string out = ".SH " + title + "\n", refused;
  for (const Option& option : table) {
    if (option.support == Support::Refused)
      refused += (refused.empty() ? "" : ", ") + ("--" + std::string(option.name));
    if (option.support != Support::Yes) continue;
    out += ".TP\n.B ";
    if (option.letter != 0) out += roff(std::string("-") + option.letter + ", ");
    out += roff("--" + std::string(option.name));
    if (!option.metavar.empty()) out += " \\fI" + roff(option.metavar) + "\\fR";
    out += '\n' + roff(option.help) + '\n';
  }
  if (!refused.empty()) out += ".PP\nKnown from Slurm and refused by name: " + roff(refused) + '\n';
  return out;
}

std::string examples_section(std::string_view examples) {
  if (examples.empty()) return "";
  return ".SH EXAMPLES\n.nf\n" + roff(examples) + "\n.fi\n";
}

std::string page(const Command& command) {
  const std::string name = page_name(command);
  std::string upper = name;
  for (char& c : upper) c = char(c >= 'a' && c <= 'z' ? c - 32 : c);
  std::string out = ".TH " + roff(upper) + " 1\n.SH NAME\n" + roff(name) + " \\- " +
                    roff(command.summary) + "\n.SH SYNOPSIS\n.B " + roff(command.shown()) +
                    "\n[options] " + roff(command.operands) + "\n";
  if (!command.about.empty()) {
    out += ".SH DESCRIPTION\n";
    for (const std::string& paragraph : split_list(command.about, '\n'))
      out += roff(paragraph) + "\n.PP\n";
  }
  if (command.options != nullptr) out += options_section("OPTIONS", command.options());
  if (command.more_options != nullptr)
    out += options_section("FURTHER OPTIONS", command.more_options());
  out += examples_section(command.examples);
  return out + ".SH SEE ALSO\n.BR drover (1)\n";
}

std::string overview() {
  std::string out =
      ".TH DROVER 1\n.SH NAME\ndrover \\- run batch jobs\n.SH SYNOPSIS\n.B drover\n"
      "[global options] COMMAND [options]\n.SH COMMANDS\n";
  for (const Command* command : all_commands()) {
    if (command->verb.starts_with("__")) continue;
    out += ".TP\n.B " + roff(command->shown()) + '\n' + roff(command->summary) + '\n';
  }
  out += options_section("GLOBAL OPTIONS", global_options());
  out +=
      ".SH EXIT STATUS\n"
      "0 ok, 1 error, 2 usage, 3 not found, 4 not allowed, 5 daemon not reachable, 6 wrong state, "
      "7 refused by a limit, 8 would not run, 9 some of several failed, 124 time was up, "
      "130 interrupted. run and wait exit with the job's own status; 125 when the daemon was "
      "lost.\n";
  out +=
      ".SH ENVIRONMENT\nDROVER_SERVER, DROVER_TOKEN, DROVER_DATA, DROVER_RUN, NO_COLOR; "
      "DROVER_SUBMIT_* and SBATCH_* set options of submit and run.\n";
  return out;
}

Result<bool> write_page(const std::filesystem::path& file, const std::string& text) {
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (out) return true;
  return fail(Errc::Io, "cannot write " + file.string(), "is the directory writable?");
}

Result<int> run_man(Context& context) {
  const Result<std::string> dir = context.word(0, "the directory for the pages");
  if (!dir) return fail(dir.error());
  if (const Result<bool> words = context.at_most_words(1); !words) return fail(words.error());
  std::error_code failed;
  const std::filesystem::path target = std::filesystem::path(*dir) / "man1";
  std::filesystem::create_directories(target, failed);
  if (failed) return fail(Errc::Io, "cannot create " + target.string() + ": " + failed.message());
  Result<bool> written = write_page(target / "drover.1", overview());
  int count = 1;
  for (const Command* command : all_commands()) {
    if (!written) break;
    if (command->verb.starts_with("__")) continue;
    written = write_page(target / (page_name(*command) + ".1"), page(*command));
    ++count;
  }
  if (!written) return fail(written.error());
  context.note(std::to_string(count) + " pages written to " + target.string());
  return kOk;
}

}  // namespace

const Command kMan = {
    .verb = "man",
    .operands = "DIR",
    .summary = "write manual pages into DIR/man1",
    .examples = "drover man ~/.local/share/man",
    .complete = "dir",
    .run = run_man,
};

}  // namespace drover::cli
