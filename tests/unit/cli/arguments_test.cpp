// tests/unit/cli/arguments_test.cpp - how words become options.
// SPDX-License-Identifier: Apache-2.0
#include "cli/arguments.hpp"

#include <gtest/gtest.h>

#include "cli/command.hpp"
#include "cli/submit_options.hpp"

namespace drover::cli {
namespace {

std::string text_of(const Arguments& arguments) {
  std::string text;
  for (const Given& given : arguments.options)
    text += std::string(given.option->name) + "=" + given.value + " ";
  text += "|";
  for (const std::string& word : arguments.words) text += " " + word;
  if (arguments.has_rest) text += " --";
  for (const std::string& word : arguments.rest) text += " " + word;
  return text;
}

struct Row {
  std::vector<std::string> words;
  std::string expected;
};

TEST(Arguments, AcceptTheGnuForms) {
  const Row rows[] = {
      {{"--ntasks=4"}, "ntasks=4 |"},
      {{"--ntasks", "4"}, "ntasks=4 |"},
      {{"-n4"}, "ntasks=4 |"},
      {{"-n", "4"}, "ntasks=4 |"},
      {{"-Hn4"}, "hold= ntasks=4 |"},
      {{"--time=1:00", "--time", "5"}, "time=1:00 time=5 |"},
      {{"--cpus=2"}, "cpus-per-task=2 |"},           // an alias
      {{"--cpus-per-t", "2"}, "cpus-per-task=2 |"},  // a unique beginning
      {{"--out", "x"}, "output=x |"},
      {{"--nice"}, "nice= |"},
      {{"--nice=5"}, "nice=5 |"},
      {{"--nice", "x.sh"}, "nice= | x.sh"},  // an optional value stands behind = only
      {{"--priority", "-5"}, "priority=-5 |"},
      {{"--comment="}, "comment= |"},
      {{"--hold", "x.sh", "--hold", "a"}, "hold= | x.sh --hold a"},  // the script's own arguments
      {{"--hold", "--", "ls", "-l"}, "hold= | -- ls -l"},
      {{"-"}, "| -"},
  };
  for (const Row& row : rows) {
    const auto parsed =
        parse_arguments(row.words, {job_options()}, {true, Origin::CommandLine, ""});
    ASSERT_TRUE(parsed) << row.expected << ": " << parsed.error().message;
    EXPECT_EQ(text_of(*parsed), row.expected);
  }
}

TEST(Arguments, RefuseWithTheNearestMatch) {
  struct {
    std::vector<std::string> words;
    std::string message, hint;
  } const rows[] = {
      {{"--ntaks=4"}, "unknown option --ntaks", "did you mean --ntasks?"},
      {{"--arry", "1"}, "unknown option --arry", "did you mean --array?"},
      {{"-Z"}, "unknown option -Z", ""},
      {{"--ntasks"}, "option --ntasks needs a value", "write --ntasks N"},
      {{"-n"}, "option -n needs a value", "write -n N"},
      {{"-n", "--", "ls"}, "option -n needs a value", "write -n N"},
      {{"--hold=yes"}, "option --hold takes no value", "write --hold alone"},
      {{"--ntasks-per-"},
       "unknown option --ntasks-per-",
       "it could be --ntasks-per-node, --ntasks-per-core, --ntasks-per-socket, --ntasks-per-gpu"},
  };
  for (const auto& row : rows) {
    const auto parsed = parse_arguments(row.words, {job_options()});
    ASSERT_FALSE(parsed) << row.message;
    EXPECT_EQ(parsed.error().code, Errc::BadInput);
    EXPECT_EQ(parsed.error().message, row.message);
    EXPECT_EQ(parsed.error().hint, row.hint);
  }
}

TEST(Commands, OptionTablesNameEachLetterAndNameOnce) {
  for (const Command* command : all_commands()) {
    std::string letters;
    std::vector<std::string_view> names;
    std::vector<OptionTable> own;
    if (command->options != nullptr) own.push_back(command->options());
    if (command->more_options != nullptr) own.push_back(command->more_options());
    for (const OptionTable table : own) {
      for (const Option& option : table) {
        EXPECT_EQ(std::count(names.begin(), names.end(), option.name), 0) << option.name;
        names.push_back(option.name);
        if (option.letter == 0) continue;
        EXPECT_EQ(letters.find(option.letter), std::string::npos)
            << command->shown() << " -" << option.letter;
        letters += option.letter;
      }
    }
  }
}

TEST(Commands, EachHasASummaryAndHelp) {
  for (const Command* command : all_commands()) {
    EXPECT_FALSE(command->summary.empty()) << command->shown();
    EXPECT_NE(command->run, nullptr) << command->shown();
    const std::string help = help_command(*command);
    EXPECT_NE(help.find("usage: " + command->shown()), std::string::npos);
    if (command->verb.starts_with("__")) continue;
    EXPECT_FALSE(command->examples.empty()) << command->shown();
  }
}

TEST(Commands, AreFoundByShortcutNounAndPlural) {
  struct {
    std::vector<std::string> words;
    const Command* command;
    std::size_t used;
  } const rows[] = {
      {{"ls"}, &kLs, 1},
      {{"job", "ls"}, &kLs, 2},
      {{"jobs", "ls", "-a"}, &kLs, 2},
      {{"node", "ls"}, &kNodeLs, 2},
      {{"nodes", "show"}, &kNodeShow, 2},
      {{"lss"}, nullptr, 0},
      {{"node"}, nullptr, 0},
      {{"up"}, &kUp, 1},
  };
  for (const auto& row : rows) {
    const Found found = find_command(row.words);
    EXPECT_EQ(found.command, row.command) << row.words[0];
    EXPECT_EQ(found.words, row.used);
  }
}

TEST(UnsupportedOptions, AreRefusedByNameUnlessLenient) {
  const auto parsed =
      parse_arguments({"--wckey=batch", "-c2", "--mail-type=NONE", "--account="}, {job_options()});
  ASSERT_TRUE(parsed);
  std::vector<std::string> warnings;
  std::vector<Given> options = parsed->options;
  const auto refused = refuse_unsupported(options, false, warnings);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::Unsupported);
  EXPECT_EQ(refused.error().field, "wckey");
  options = parsed->options;
  ASSERT_TRUE(refuse_unsupported(options, true, warnings));
  ASSERT_EQ(options.size(), 1u);
  EXPECT_EQ(options[0].option->name, "cpus-per-task");
  EXPECT_EQ(warnings.size(), 1u);
}

TEST(EnvironmentOptions, AreReadUnderBothNames) {
  const auto given = options_from_environment(
      {"SBATCH_TIMELIMIT=5", "DROVER_SUBMIT_CPUS_PER_TASK=3", "SBATCH_HOLD=no",
       "SBATCH_NO_REQUEUE=1", "DROVER_JOB_NAME=outer", "SBATCH_NONSENSE=1", "TIME=9"});
  ASSERT_EQ(given.size(), 3u);
  EXPECT_EQ(given[0].option->name, "time");
  EXPECT_EQ(given[0].where, "SBATCH_TIMELIMIT");
  EXPECT_EQ(given[1].option->name, "cpus-per-task");
  EXPECT_EQ(given[2].option->name, "no-requeue");
}

}  // namespace
}  // namespace drover::cli
