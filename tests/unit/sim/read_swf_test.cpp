// tests/unit/sim/read_swf_test.cpp - which lines are jobs, and what is counted.
// SPDX-License-Identifier: Apache-2.0
#include "sim/read_swf.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <string>

namespace drover::sim {
namespace {

// submit, run, used, requested, requested time; the other fields are unknown.
std::string line(int number, int submit, int run, int used, int asked, int time) {
  const auto text = [](int value) { return std::to_string(value) + ' '; };
  return text(number) + text(submit) + "-1 " + text(run) + text(used) + "-1 -1 " + text(asked) +
         text(time) + "-1 1 -1 -1 -1 0 -1 -1 -1\n";
}

Workload read(const std::string& text, ReadOptions options = {}) {
  if (options.procs == 0) options.procs = 10;
  auto workload = read_swf(text, options);
  EXPECT_TRUE(workload) << (workload ? "" : workload.error().message);
  return workload ? *std::move(workload) : Workload{};
}

TEST(ReadSwf, EachRuleDropsOrKeepsOneJob) {
  struct Row {
    const char* name;
    std::string text;
    std::uint64_t Cleaning::*counted;
  };
  const Row rows[] = {
      {"a plain job", line(1, 0, 5, 2, 2, 9), &Cleaning::kept},
      {"status and wait do not matter", line(1, 7, 5, 2, 2, 9), &Cleaning::kept},
      {"unknown run time", line(1, 0, -1, 2, 2, 9), &Cleaning::no_run},
      {"run time zero", line(1, 0, 0, 2, 2, 9), &Cleaning::no_run},
      {"the run time is looked at first", line(1, -1, 0, -1, -1, 9), &Cleaning::no_run},
      {"no processors", line(1, 0, 5, -1, -1, 9), &Cleaning::no_procs},
      {"processors zero", line(1, 0, 5, 0, 0, 9), &Cleaning::no_procs},
      {"used alone", line(1, 0, 5, 3, -1, 9), &Cleaning::kept},
      {"requested alone", line(1, 0, 5, -1, 3, 9), &Cleaning::kept},
      {"as large as the machine", line(1, 0, 5, 10, 10, 9), &Cleaning::kept},
      {"requested too many", line(1, 0, 5, 1, 11, 9), &Cleaning::too_large},
      {"used too many although it asked for few", line(1, 0, 5, 11, 1, 9), &Cleaning::too_large},
      {"no estimate: the run time stands in", line(1, 0, 5, 1, 1, -1), &Cleaning::kept},
      {"submitted before the trace began", line(1, -1, 5, 1, 1, 9), &Cleaning::no_submit},
      {"runs as long as estimated", line(1, 0, 9, 1, 1, 9), &Cleaning::kept},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    const Workload workload = read(row.text);
    EXPECT_EQ(workload.cleaning.*row.counted, 1u);
    EXPECT_EQ(workload.cleaning.kept + workload.cleaning.dropped(), 1u);
    EXPECT_EQ(workload.jobs.size(), workload.cleaning.kept);
    EXPECT_EQ(workload.cleaning.cut, 0u);
  }
}

TEST(ReadSwf, DropsJobsWithoutEstimateWhenAsked) {
  ReadOptions options;
  options.drop_without_estimate = true;
  const Workload workload = read(line(1, 0, 5, 1, 1, -1) + line(2, 0, 5, 1, 1, 5), options);
  EXPECT_EQ(workload.cleaning.no_estimate, 1u);
  EXPECT_EQ(workload.cleaning.kept, 1u);
}

TEST(ReadSwf, CutsARunAtItsEstimateBeforeEstimatesAreChosen) {
  for (const Estimates kind : {Estimates::User, Estimates::Exact, Estimates::Factor}) {
    ReadOptions options;
    options.estimates = kind;
    options.factor_ppm = 2'500'000;
    const Workload workload = read(line(1, 0, 50, 1, 1, 9), options);
    EXPECT_EQ(workload.cleaning.cut, 1u);
    EXPECT_EQ(workload.jobs[0].run, seconds(9));
    const Duration expected = kind == Estimates::Factor ? millis(22'500) : seconds(9);
    EXPECT_EQ(workload.jobs[0].estimate, expected);
  }
}

TEST(ReadSwf, SkipsBrokenLinesAndSaysWhichOnes) {
  const std::string good = line(1, 0, 5, 1, 1, 9);
  const std::string text = "; MaxProcs: 4\nnonsense\n" + good + "1 2 3\n\n   \n" +
                           "1 0 -1 5 1 -1 -1 1 9 -1 1 -1 -1 -1 0 -1 -1 x\n" +
                           "99999999999999999999 0 -1 5 1 -1 -1 1 9 -1 1 -1 -1 -1 0 -1 -1 -1\n" +
                           "1 0 -1 5. 1 12.75 -1 1 9 -1 1 -1 -1 -1 0 -1 -1 -1 and more\n";
  const Workload workload = read(text);
  EXPECT_EQ(workload.cleaning.broken, 4u);
  EXPECT_EQ(workload.cleaning.broken_lines, (std::vector<std::uint64_t>{2, 4, 7, 8}));
  EXPECT_EQ(workload.cleaning.kept, 2u);
  EXPECT_EQ(workload.cleaning.lines, 6u);
}

TEST(ReadSwf, EveryCutOfALineIsSurvived) {
  const std::string text = line(1, 0, 5, 1, 1, 9);
  for (std::size_t length = 0; length <= text.size(); ++length) {
    const std::string cut = text.substr(0, length);
    const Workload workload = read(cut);
    EXPECT_LE(workload.cleaning.kept + workload.cleaning.broken, 1u) << cut;
  }
}

// Numbers and gaps of every length, also where the text ends.
TEST(SwfScanner, ReadsWhatTheCLibraryReads) {
  std::mt19937_64 prng(11);
  const auto below = [&](std::uint64_t n) { return prng() % n; };
  for (int round = 0; round < 3'000; ++round) {
    std::string text;
    std::array<std::int64_t, 18> expected{};
    for (std::int64_t& value : expected) {
      if (below(3) == 0) text.append(below(12), ' ');
      text += below(9) == 0 ? '\t' : ' ';
      std::string number = below(4) == 0 ? "-" : "";
      for (std::uint64_t digits = 1 + below(below(2) == 0 ? 4 : 18); digits > 0; --digits)
        number += char('0' + below(10));
      value = std::strtoll(number.c_str(), nullptr, 10);
      if (below(4) == 0) number += '.' + std::string(below(12), '7');
      text += number;
    }
    if (below(2) == 0) text += below(2) == 0 ? "\n" : " more\n";
    SwfScanner scanner(text);
    SwfLine line;
    ASSERT_TRUE(scanner.next(line)) << text;
    EXPECT_EQ(line.field, expected) << text;
    EXPECT_FALSE(scanner.next(line));
  }
}

// Usual lines are read at once when enough text follows, others and the last ones field by field.
TEST(SwfScanner, ReadsALineAloneAsAmongOthers) {
  std::mt19937_64 prng(7);
  const auto below = [&](std::uint64_t n) { return prng() % n; };
  const std::string odd[] = {"-1",
                             "-",
                             "5.",
                             ".5",
                             "1.2.3",
                             "-12",
                             "1-1",
                             "x",
                             "\r",
                             "\t",
                             "\v",
                             "7\xff",
                             "0",
                             std::string(1, '\0'),
                             "123456789",
                             "12345678",
                             "12345678.9",
                             "12345.67",
                             "--1",
                             "1e3",
                             "-1.5",
                             "9:9",
                             "9/9",
                             "1234567890123456",
                             "1234567890123456789",
                             "5-"};
  std::vector<std::string> lines;
  for (int i = 0; i < 4'000; ++i) {
    std::string text(below(3), ' ');
    const std::uint64_t fields = below(6) == 0 ? 16 + below(5) : 18, oddity = below(60);
    for (std::uint64_t field = 0; field < fields; ++field) {
      if (field > 0) text.append(1 + below(below(4) == 0 ? 5 : 2), ' ');
      text += field == oddity ? odd[below(std::size(odd))]
              : below(3) == 0 ? "-1"
                              : std::to_string(below(std::uint64_t(1) << below(28)));
    }
    lines.push_back(text + std::string(below(2), ' ') + "\n");
  }
  std::string all;
  for (const std::string& one : lines) all += one;
  all += line(1, 0, 5, 1, 1, 9);  // so that enough follows
  SwfScanner among(all);
  SwfLine one, other;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    SwfScanner alone(lines[i]);
    if (!alone.next(one)) continue;
    ASSERT_TRUE(among.next(other));
    for (const std::size_t field : kSwfRead)
      ASSERT_EQ(other.field[field], one.field[field]) << lines[i];
    ASSERT_EQ(among.line_number(), i + 1);
  }
  ASSERT_TRUE(among.next(other));
  EXPECT_EQ(among.line_number(), lines.size() + 1);
  EXPECT_GT(among.cleaning().broken, 500u);
  EXPECT_LT(among.cleaning().broken, 2'000u);
}

TEST(ReadSwf, TakesTheMachineFromTheHeader) {
  struct Row {
    const char* header;
    std::int64_t procs;
  };
  for (const Row& row : {Row{"; MaxProcs: 24\n; MaxNodes: 32\n", 24}, Row{"; MaxNodes: 32\n", 32},
                         Row{";MaxProcs:7\n", 7}, Row{";  MaxProcs:  -1 \n; MaxNodes: 3\n", 3}}) {
    auto workload = read_swf(row.header + line(1, 0, 5, 1, 1, 9), {});
    ASSERT_TRUE(workload);
    EXPECT_EQ(workload->procs, row.procs);
  }
  const std::string text = line(1, 0, 5, 1, 1, 9);
  EXPECT_FALSE(read_swf(text, {})) << "no machine is known";
  EXPECT_TRUE(read_swf("; MaxProcs: 1048576\n" + text, {}));
  for (const char* header : {"; MaxProcs: 2000000\n", "; MaxProcs: 99999999999999999999\n"}) {
    const auto large = read_swf(header + text, {});
    ASSERT_FALSE(large) << header;
    EXPECT_NE(large.error().message.find("more than 1048576 processors"), std::string::npos)
        << large.error().message;
    ReadOptions options;
    options.procs = 4;
    EXPECT_TRUE(read_swf(header + text, options));
  }
}

TEST(ReadSwf, SortsBySubmitTimeAndKeepsFileOrder) {
  const Workload workload = read(line(1, 9, 5, 1, 1, 9) + line(2, 3, 5, 1, 1, 9) +
                                 line(3, 9, 5, 1, 1, 9) + line(4, 3, 5, 1, 1, 9));
  std::vector<std::int64_t> numbers;
  for (const WorkJob& job : workload.jobs) numbers.push_back(job.number);
  EXPECT_EQ(numbers, (std::vector<std::int64_t>{2, 4, 1, 3}));
}

TEST(ReadSwf, LoadShortensTheGaps) {
  ReadOptions options;
  options.load_ppm = 1'250'000;
  const Workload workload = read(line(1, 100, 5, 1, 1, 9) + line(2, 200, 5, 1, 1, 9), options);
  EXPECT_EQ(workload.jobs[0].submit, seconds(100));
  EXPECT_EQ(workload.jobs[1].submit, seconds(180));
}

TEST(ReadSwf, JobsOfOneSizeShareOneSpec) {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += line(i, i, 5, 1 + i % 10, -1, 10 + i % 900);
  const Workload workload = read(text);
  EXPECT_EQ(workload.specs.size(), 10u);
  for (const WorkJob& job : workload.jobs) {
    ASSERT_EQ(workload.specs[job.spec]->request.cpus, std::int64_t(job.cpus));
    ASSERT_EQ(job.estimate, seconds(10 + job.number % 900));
  }
}

TEST(ReadSwf, TheLimitCountsKeptJobs) {
  ReadOptions options;
  options.limit = 2;
  const Workload workload = read(line(1, 0, 0, 1, 1, 9) + line(2, 0, 5, 1, 1, 9) +
                                     line(3, 0, 5, 1, 1, 9) + line(4, 0, 5, 1, 1, 9),
                                 options);
  EXPECT_EQ(workload.jobs.size(), 2u);
  EXPECT_EQ(workload.cleaning.lines, 3u);
}

TEST(ParseFactor, KeepsSixDecimals) {
  EXPECT_EQ(parse_factor("1.2", "load").value(), 1'200'000);
  EXPECT_EQ(parse_factor("2", "load").value(), 2'000'000);
  EXPECT_EQ(parse_factor("0.333333", "load").value(), 333'333);
  for (const char* bad : {"", "0", "-1", "x", "1e3", "1.2.3", ".5", "1.2345678", "100000"})
    EXPECT_FALSE(parse_factor(bad, "load")) << bad;
}

}  // namespace
}  // namespace drover::sim
