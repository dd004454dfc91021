// tests/unit/cli/script_test.cpp - batch scripts as text.
// SPDX-License-Identifier: Apache-2.0
#include "cli/script.hpp"

#include <gtest/gtest.h>

namespace drover::cli {
namespace {

std::string shown(const Result<std::vector<Given>>& options) {
  if (!options) return "error: " + options.error().message;
  std::string text;
  for (const Given& given : *options)
    text += (text.empty() ? "" : " ") + std::string(given.component, ':') +
            std::string(given.option->name) + "=" + given.value;
  return text;
}

TEST(Directives, FollowSlurmsRules) {
  struct {
    const char* name;
    const char* text;
    const char* expected;
  } const rows[] = {
      {"long and short forms", "#!/bin/sh\n#SBATCH --time=5\n#SBATCH -n 2\n#SBATCH -c3\n",
       "time=5 ntasks=2 cpus-per-task=3"},
      {"several on a line, tabs and padding",
       "#!/bin/sh\n#SBATCH\t-n 2   --job-name              x\n", "ntasks=2 job-name=x"},
      {"quotes and backslash", "#!/bin/sh\n#SBATCH --job-name=\"a b\" --comment='c # d' -o e\\ f\n",
       "job-name=a b comment=c # d output=e f"},
      {"a comment behind a blank", "#!/bin/sh\n#SBATCH -n 2 # two tasks --hold\n", "ntasks=2"},
      {"a hash inside a word is text", "#!/bin/sh\n#SBATCH --job-name=a#b\n", "job-name=a#b"},
      {"nothing after the first command", "#!/bin/sh\n\n# note\n#SBATCH -n 2\necho\n#SBATCH -n 3\n",
       "ntasks=2"},
      {"only at column 0, only with a blank", "#!/bin/sh\n # x\n#SBATCH -n 9\n", ""},
      {"look-alikes are comments",
       "#!/bin/sh\n# SBATCH -n 1\n##SBATCH -n 2\n#SBATCHX -n 3\n#SBATCH\n", ""},
      {"both prefixes, in order", "#!/bin/sh\n#DROVER -n 2\n#SBATCH -n 3\n", "ntasks=2 ntasks=3"},
      {"no end of line", "#!/bin/sh\n#SBATCH -n 2", "ntasks=2"},
      {"an unknown option names its line", "#!/bin/sh\n#SBATCH --tme=2\n",
       "error: x.sh line 2: unknown option --tme"},
      {"an open quote names its line", "#!/bin/sh\n#SBATCH --comment='x\n",
       "error: x.sh line 2: a quote (') is never closed"},
      {"a lone word", "#!/bin/sh\n#SBATCH foo\n", "error: x.sh line 2: \"foo\" is no option"},
      {"options of the command line only", "#!/bin/sh\n#SBATCH --wrap=ls\n",
       "error: x.sh line 2: --wrap cannot stand in a script"},
      {"components",
       "#!/bin/sh\n#SBATCH -n 1\n#SBATCH hetjob\n#SBATCH -N 2\n#DROVER packjob\n#DROVER -c 3\n",
       "ntasks=1 :nodes=2 ::cpus-per-task=3"},
      {"words behind hetjob", "#!/bin/sh\n#SBATCH hetjob -n 2\n",
       "error: x.sh line 2: hetjob stands alone"},
  };
  for (const auto& row : rows)
    EXPECT_EQ(shown(read_directives(row.text, "x.sh", Directives::Auto)), row.expected) << row.name;
}

TEST(Directives, ChoosePrefixes) {
  const std::string text = "#!/bin/sh\n#DROVER -n 2\n#SBATCH -c 3\n";
  EXPECT_EQ(shown(read_directives(text, "x", Directives::Drover)), "ntasks=2");
  EXPECT_EQ(shown(read_directives(text, "x", Directives::Sbatch)), "cpus-per-task=3");
  EXPECT_EQ(shown(read_directives(text, "x", Directives::Off)), "");
  EXPECT_TRUE(parse_directives_choice("auto"));
  EXPECT_FALSE(parse_directives_choice("pbs"));
}

TEST(Directives, RememberWhereTheyStood) {
  const auto options = read_directives("#!/bin/sh\n\n#SBATCH -n 2\n", "x.sh", Directives::Auto);
  ASSERT_TRUE(options);
  EXPECT_EQ(options->at(0).where, "x.sh line 3");
  EXPECT_EQ(options->at(0).origin, Origin::Directive);
}

TEST(Scripts, AreRefusedWithTheReason) {
  struct {
    const char* name;
    std::string text, part;
  } const rows[] = {
      {"empty", "", "is empty"},
      {"blank", " \n\t\n", "nothing but blanks"},
      {"binary", std::string("\x7f\x45LF\0\0", 6), "binary file"},
      {"DOS line ends", "#!/bin/sh\necho\r\n", "DOS line ends (CR LF) in line 2"},
      {"no interpreter line", "echo hi\n", "does not start with #!"},
      {"no interpreter", "#!  \necho\n", "names no interpreter"},
      {"latin-1", "#!/bin/sh\n# caf\xe9\n", "not UTF-8 text: see line 2"},
      {"too large", "#!/bin/sh\n" + std::string(kMaxScriptBytes, '#'), "larger than 4 MiB"},
  };
  for (const auto& row : rows) {
    const auto checked = check_script(row.text, "x.sh");
    ASSERT_FALSE(checked) << row.name;
    EXPECT_NE(checked.error().message.find(row.part), std::string::npos) << checked.error().message;
    EXPECT_FALSE(checked.error().hint.empty()) << row.name;
    EXPECT_EQ(checked.error().code, Errc::BadInput);
  }
  EXPECT_TRUE(check_script("#!/bin/sh\necho caf\xc3\xa9\n", "x.sh"));
  EXPECT_TRUE(check_script("#!/bin/sh", "x.sh"));
}

TEST(Scripts, ThatCannotBeOpenedSayWhy) {
  const auto missing = read_script("/nonexistent/x.sh");
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message.find("No such file"), std::string::npos);
  const auto directory = read_script("/");
  ASSERT_FALSE(directory);
  EXPECT_NE(directory.error().message.find("directory"), std::string::npos);
}

TEST(Utf8, IsCheckedExactly) {
  EXPECT_FALSE(find_bad_utf8("plain \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"));
  for (const char* bad : {"\x80", "\xc0\xaf", "\xc3", "\xe0\x80\x80", "\xed\xa0\x80",
                          "\xf5\x80\x80\x80", "\xf4\x90\x80\x80", "\xe2\x82"})
    EXPECT_EQ(find_bad_utf8(std::string("ab") + bad), std::size_t(2)) << bad;
}

}  // namespace
}  // namespace drover::cli
