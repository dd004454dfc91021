// sim/help_format.cpp - wrapped at 100 columns, options in one column, examples last.
// SPDX-License-Identifier: Apache-2.0
#include "sim/help_format.hpp"

#include <sstream>

namespace drover::sim {
namespace {

constexpr std::size_t kWidth = 100, kLeft = 32;

// Breaks at blanks; continuation lines are indented.
std::string wrap(const std::string& text, std::size_t indent) {
  std::istringstream words(text);
  std::string out, word;
  std::size_t column = indent;
  while (words >> word) {
    if (column > indent && column + 1 + word.size() > kWidth) {
      out += '\n' + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
  }
  return out;
}

// What a value stands for; CLI11 appends its checks.
std::string placeholder(const CLI::Option* option) {
  const std::string text = option->get_type_name();
  return text.substr(0, text.find(':'));
}

std::string two_columns(std::string left, const std::string& right) {
  left = "  " + left;
  if (left.size() + 2 > kLeft)
    left += '\n' + std::string(kLeft, ' ');
  else
    left.resize(kLeft, ' ');
  return left + wrap(right, kLeft) + '\n';
}

}  // namespace

std::string HelpFormat::usage(const CLI::App* app) const {
  std::string text = "usage: " + (app->get_parent() != nullptr
                                      ? app->get_parent()->get_name() + " " + app->get_name()
                                      : app->get_name());
  if (!app->get_subcommands([](const CLI::App*) { return true; }).empty())
    return text + " VERB ...\n";
  text += " [options]";
  for (const CLI::Option* option : app->get_options())
    if (option->get_positional())
      text += " " + placeholder(option) + (option->get_expected_max() > 1 ? "..." : "");
  return text + '\n';
}

std::string HelpFormat::make_help(const CLI::App* app, std::string, CLI::AppFormatMode mode) const {
  if (mode == CLI::AppFormatMode::Sub) return make_subcommand(app);
  std::string text = usage(app) + '\n' + app->get_description() + '\n';
  const auto verbs = app->get_subcommands([](const CLI::App*) { return true; });
  if (!verbs.empty()) text += "\nverbs (each has its own --help):\n";
  for (const CLI::App* verb : verbs) text += make_subcommand(verb);
  text += "\noptions:\n";
  for (const CLI::Option* option : app->get_options()) text += make_option(option, false);
  return text + '\n' + app->get_footer() + '\n';
}

std::string HelpFormat::make_option(const CLI::Option* option, bool) const {
  std::string left;
  for (const std::string& name : option->get_snames()) left += "-" + name + ", ";
  if (left.empty()) left = "    ";
  for (const std::string& name : option->get_lnames())
    left += (left.ends_with(' ') ? "--" : ", --") + name;
  if (option->get_expected_max() > 0 && !placeholder(option).empty())
    left += " " + placeholder(option);
  std::string right = option->get_description();
  if (!option->get_default_str().empty()) right += " (default: " + option->get_default_str() + ")";
  return two_columns(std::move(left), right);
}

std::string HelpFormat::make_subcommand(const CLI::App* verb) const {
  return two_columns(verb->get_name(), verb->get_description());
}

}  // namespace drover::sim
