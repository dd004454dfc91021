// cli/help.cpp - help pages, written from the command and option tables.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "cli/command.hpp"

namespace drover::cli {
namespace {

constexpr std::size_t kWidth = 100;
constexpr std::size_t kMaxLeft = 32;

// Breaks at blanks; continuation lines are indented.
std::string wrap(std::string_view text, std::size_t indent) {
  std::string out;
  std::size_t column = indent;
  for (const std::string& word : split_list(text, ' ')) {
    const std::size_t width = display_width(word);
    if (column > indent && column + 1 + width > kWidth) {
      out += '\n' + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      out += ' ';
      ++column;
    }
    out += word;
    column += width;
  }
  return out;
}

std::string left_side(const Option& option) {
  std::string text = option.letter != 0 ? std::string("-") + option.letter + ", " : "    ";
  text += "--" + std::string(option.name);
  if (option.takes == Takes::Value) text += " " + std::string(option.metavar);
  if (option.takes == Takes::MaybeValue && !option.metavar.empty())
    text += "[=" + std::string(option.metavar) + "]";
  return text;
}

std::string option_lines(OptionTable table) {
  std::size_t left = 0;
  for (const Option& option : table)
    if (option.support == Support::Yes) left = std::max(left, left_side(option).size());
  left = std::min(left, kMaxLeft);
  std::string out, refused;
  for (const Option& option : table) {
    if (option.support == Support::Refused) {
      refused += (refused.empty() ? "" : " ") + ("--" + std::string(option.name));
      continue;
    }
    if (option.support == Support::Accepted) continue;
    std::string side = left_side(option);
    std::string help(option.help);
    if (!option.aliases.empty()) {
      help += " (also";
      for (const std::string& alias : split_list(option.aliases)) help += " --" + alias;
      help += ")";
    }
    out += "  " + side;
    if (side.size() > left)
      out += '\n' + std::string(left + 4, ' ');
    else
      out += std::string(left - side.size() + 2, ' ');
    out += wrap(help, left + 4) + '\n';
  }
  if (!refused.empty())
    out +=
        "\nknown from Slurm and not supported yet (refused by name):\n  " + wrap(refused, 2) + '\n';
  return out;
}

std::string indent_lines(std::string_view text) {
  std::string out;
  for (const std::string& line : split_list(text, '\n')) out += "  " + line + '\n';
  return out;
}

}  // namespace

std::string help_overview() {
  std::string out =
      "usage: drover [global options] COMMAND [options]\n\n"
      "Drover runs batch jobs: submit a script or a command, follow it, see why it waits.\n\n"
      "start here:\n"
      "  drover up --detach              start Drover on this machine\n"
      "  drover run -- sleep 1           run a command as a job and follow it\n"
      "  drover submit script.sh         submit a batch script (#SBATCH lines are read)\n"
      "  drover ls                       see your jobs\n\ncommands:\n";
  for (const Command* command : all_commands()) {
    if (command->verb.starts_with("__")) continue;
    std::string name = command->shown().substr(7);
    name.resize(std::max<std::size_t>(name.size() + 2, 16), ' ');
    out += "  " + name + std::string(command->summary) + '\n';
  }
  out +=
      "\njobs are named: 12, 12.3 (array element), 1-10, 1,3,5-8, last, last~2, all\n"
      "more: drover COMMAND --help, drover help COMMAND\n";
  return out;
}

std::string help_noun(std::string_view noun) {
  std::string out = "usage: drover " + std::string(noun) + " COMMAND [options]\n\ncommands:\n";
  std::string examples;
  for (const Command* command : all_commands()) {
    if (!std::string_view(noun).starts_with(command->noun) || command->noun.empty()) continue;
    std::string name(command->verb);
    name.resize(std::max<std::size_t>(name.size() + 2, 12), ' ');
    out += "  " + name + std::string(command->summary) + '\n';
    const std::vector<std::string> lines = split_list(command->examples, '\n');
    if (!lines.empty()) examples += "  " + lines.front() + '\n';
  }
  return out + "\nexamples:\n" + examples;
}

std::string help_command(const Command& command) {
  std::string out = "usage: " + command.shown() + " [options]";
  if (!command.operands.empty()) out += " " + std::string(command.operands);
  out += "\n\n" + std::string(command.summary) + "\n";
  if (!command.about.empty()) {
    for (const std::string& paragraph : split_list(command.about, '\n'))
      out += "\n" + wrap(paragraph, 0) + "\n";
  }
  if (command.options != nullptr) out += "\noptions:\n" + option_lines(command.options());
  if (command.more_options != nullptr)
    out += "\noptions of this command:\n" + option_lines(command.more_options());
  out += "\nglobal options:\n" + option_lines(global_options());
  if (!command.examples.empty()) out += "\nexamples:\n" + indent_lines(command.examples);
  return out;
}

}  // namespace drover::cli
