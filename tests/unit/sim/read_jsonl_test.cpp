// tests/unit/sim/read_jsonl_test.cpp - Drover's own workload format.
// SPDX-License-Identifier: Apache-2.0
#include "sim/read_jsonl.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "sim/generate.hpp"

namespace drover::sim {
namespace {

Workload read(const std::string& text) {
  auto workload = read_jsonl(text, {});
  EXPECT_TRUE(workload) << (workload ? "" : workload.error().message);
  return workload ? *std::move(workload) : Workload{};
}

TEST(ReadJsonl, ReadsEveryKey) {
  const Workload workload =
      read(R"({"id":"a","submit":1.5,"run":10,"estimate":20,"cpus":4,"gpus":2,"gpu_model":"h100",)"
           R"("memory":"4G","exclusive":true,"user":"ann","account":"phys","qos":"high",)"
           R"("partition":"gpu","creator":"cli","priority":7,"labels":{"team":"x"},)"
           R"("node_labels":{"rack":"r1"},"after":[]})"
           "\n");
  ASSERT_EQ(workload.jobs.size(), 1u);
  const WorkJob& job = workload.jobs[0];
  EXPECT_EQ(job.submit, millis(1500));
  EXPECT_EQ(job.run, seconds(10));
  EXPECT_EQ(job.estimate, seconds(20));
  const sched::JobSpec& spec = *workload.specs[job.spec];
  EXPECT_EQ(spec.user, "ann");
  EXPECT_EQ(spec.priority, 7);
  EXPECT_EQ(spec.request.cpus, 4);
  EXPECT_EQ(spec.request.gpus, 2);
  EXPECT_EQ(spec.request.gpu_model, "h100");
  EXPECT_EQ(spec.request.mem_mib, 4096);
  EXPECT_TRUE(spec.request.exclusive);
  EXPECT_EQ(spec.request.node_labels.at("rack"), "r1");
  EXPECT_EQ(spec.labels.at("qos"), "high");
  EXPECT_EQ(spec.labels.at("team"), "x");
}

TEST(ReadJsonl, ReadsComponents) {
  const std::string line =
      R"({"id":"a","submit":0,"run":10,"cpus":4,"nodes":2,"components":[)"
      R"({"cpus":3,"gpus":1,"memory":"2G","resources":{"fpga":2}},{"nodes":5,"node_labels":{"rack":"r1"}}]})"
      "\n";
  const Workload workload = read(line);
  ASSERT_EQ(workload.jobs.size(), 1u);
  EXPECT_EQ(workload.jobs[0].cpus, 8u + 3 + 5);
  const sched::JobSpec& spec = *workload.specs[0];
  EXPECT_EQ(spec.request.cpus, 4);
  ASSERT_EQ(spec.request.more.size(), 2u);
  EXPECT_EQ(spec.request.more[0].gpus, 1);
  EXPECT_EQ(spec.request.more[0].mem_mib, 2048);
  EXPECT_EQ(spec.request.more[0].resources.at("fpga"), 2);
  EXPECT_EQ(spec.request.more[1].nodes, 5);
  EXPECT_EQ(spec.request.more[1].node_labels.at("rack"), "r1");
  EXPECT_EQ(*read(to_jsonl(workload, 0)).specs[0], spec);
}

TEST(ReadJsonl, SkipsBrokenLinesAndSaysWhy) {
  struct Row {
    const char* line;
    const char* why;
  };
  const Row rows[] = {
      {R"({"id":1,"submit":0,"run":5)", "no JSON"},
      {R"([1])", "no JSON object"},
      {R"({"id":1,"submit":0,"run":5,"cpu":2})", "did you mean \"cpus\"?"},
      {R"({"id":1,"submit":"x","run":5})", "bad \"submit\""},
      {R"({"id":1,"submit":0,"run":1e300})", "bad \"run\""},
      {R"({"id":1,"submit":0,"run":5,"cpus":99999999999})", "bad \"cpus\""},
      {R"({"id":1,"submit":0,"run":5,"memory":"many"})", "bad \"memory\""},
      {R"({"id":1,"submit":0,"run":5,"labels":{"a":[]}})", "bad \"labels\""},
      {R"({"id":1,"submit":0,"run":5,"labels":{"a b":"c"}})", "bad \"labels\""},
      {R"({"id":1,"submit":0,"run":5,"labels":{"a":"b,user=root"}})", "bad \"labels\""},
      {R"({"id":1,"submit":0,"run":5,"node_labels":{"=":"c"}})", "bad \"node_labels\""},
      {R"({"id":1,"submit":0,"run":5,"user":"ann,bob"})", "bad \"user\""},
      {R"({"id":1,"submit":0,"run":5,"components":[{"user":"x"}]})", "bad \"components\""},
      {R"({"id":"used","submit":0,"run":5})", "id used twice"},
      {R"({"id":1,"submit":0,"run":5,"gpus":1,"gpu_share":500})", "exclude each other"},
      {R"({"id":1,"submit":0,"run":5,"components":[{"gpus":1,"gpu_share":5}]})",
       "bad \"components\""},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.line);
    const Workload workload = read("# a comment\n{\"id\":\"used\",\"submit\":0,\"run\":5}\n" +
                                   std::string(row.line) + "\n");
    EXPECT_EQ(workload.cleaning.broken_lines, (std::vector<std::uint64_t>{3}));
    EXPECT_NE(workload.cleaning.first_broken.find(row.why), std::string::npos)
        << workload.cleaning.first_broken;
    EXPECT_EQ(workload.jobs.size(), 1u);
  }
}

TEST(ReadJsonl, RefusesACycleAndNamesIt) {
  const auto cycle = read_jsonl(
      "{\"id\":\"x\",\"submit\":0,\"run\":1}\n"
      "{\"id\":\"a\",\"submit\":0,\"run\":1,\"after\":[\"c\",\"x\"]}\n"
      "{\"id\":\"b\",\"submit\":0,\"run\":1,\"after\":[\"a\"]}\n"
      "{\"id\":\"c\",\"submit\":0,\"run\":1,\"after\":[\"b\"]}\n",
      {});
  ASSERT_FALSE(cycle);
  EXPECT_NE(cycle.error().message.find("a after c after b after a"), std::string::npos)
      << cycle.error().message;
  EXPECT_FALSE(read_jsonl("{\"id\":1,\"submit\":0,\"run\":1,\"after\":[1]}\n", {}));
}

TEST(ReadJsonl, SaysWhatBecameOfAJobThatIsWaitedFor) {
  struct Row {
    const char* first;
    const char* message;
  };
  const Row rows[] = {
      {"", "line 2: job b comes after a, which is not there"},
      {R"({"id":"a","submit":0,"run":"x"})", "not there: line 1 is broken, bad \"run\""},
      {R"({"run":"x","id":"a","submit":0})", "not there: line 1 is broken, bad \"run\""},
      {R"({"id":"a","submit":0,"run":0})", "not there: line 1 was dropped, no run time"},
      {R"({"id":"a","submit":0,"run":1,"cpus":0})", "not there: line 1 was dropped, no processors"},
      {R"({"id":"a","submit":0,"run":1,"cpus":9})", "not there: line 1 was dropped, too large"},
      {R"({"id":"a","submit":0,"run":1,"estimate":0})", "line 1 was dropped, no estimate"},
      {R"({"id":"a","submit":-1,"run":1})", "line 1 was dropped, no submit time"},
  };
  ReadOptions options;
  options.procs = 8;
  for (const Row& row : rows) {
    const auto refused = read_jsonl(
        std::string(row.first) + "\n" + R"({"id":"b","submit":0,"run":5,"after":["a"]})" + "\n",
        options);
    ASSERT_FALSE(refused) << row.first;
    EXPECT_NE(refused.error().message.find(row.message), std::string::npos)
        << refused.error().message;
  }
}

TEST(ReadJsonl, AJobWithoutIdIsCalledByItsLine) {
  const Workload workload = read(
      "{\"submit\":0,\"run\":5}\n"
      "{\"id\":4,\"submit\":0,\"run\":5,\"after\":[1]}\n"
      "{\"submit\":0,\"run\":5,\"after\":[\"1\",4]}\n"
      "{\"submit\":0,\"run\":5}\n");
  EXPECT_EQ(workload.names, (std::vector<std::string>{"1", "4", "3"}));
  EXPECT_EQ(workload.edges, (std::vector<Edge>{{1, 0}, {2, 0}, {2, 1}}));
  EXPECT_EQ(workload.cleaning.broken_lines, (std::vector<std::uint64_t>{4}));
  EXPECT_EQ(workload.cleaning.first_broken, "no id, and its number is the id of another line");
}

TEST(ReadJsonl, AJobComesNoEarlierThanThoseItWaitsFor) {
  const Workload workload = read(
      "{\"id\":\"late\",\"submit\":0,\"run\":1,\"after\":[\"early\"]}\n"
      "{\"id\":\"other\",\"submit\":3,\"run\":1}\n"
      "{\"id\":\"early\",\"submit\":3,\"run\":1}\n");
  ASSERT_EQ(workload.jobs.size(), 3u);
  EXPECT_EQ(workload.names, (std::vector<std::string>{"other", "early", "late"}));
  EXPECT_EQ(workload.jobs[2].submit, seconds(3));
  EXPECT_EQ(workload.edges, (std::vector<Edge>{{2, 1}}));
}

TEST(ReadJsonl, AFileMayBeginWithAComment) {
  const std::string path = testing::TempDir() + "drover_commented.jsonl";
  std::ofstream(path) << "# of last week\n\n{\"id\":\"a\",\"submit\":0,\"run\":1}\n";
  const auto workload = read_workload(path, {});
  ASSERT_TRUE(workload) << workload.error().message << "; " << workload.error().hint;
  EXPECT_EQ(workload->jobs.size(), 1u);
  EXPECT_EQ(workload->cleaning.broken, 0u);
  std::remove(path.c_str());
}

TEST(ReadWorkload, ABrokenFirstLineDoesNotHideTheFormat) {
  const std::string json = "{\"id\":\"a\",\"submit\":0,\"run\":10}\n";
  const std::string swf = "1 0 -1 5 1 -1 -1 1 9 -1 1 -1 -1 -1 0 -1 -1 -1\n";
  struct Row {
    const char* name;
    std::string text;
    std::vector<std::uint64_t> broken;
  };
  const Row rows[] = {
      {"a.jsonl", "garbage\n" + json, {1}},
      {"a.jsonl", swf + json, {1}},
      {"a.txt", "garbage\n# comment\n" + json, {1}},
      {"a.txt", "\xEF\xBB\xBF" + json, {}},
      {"a.txt", "{ broken\n" + swf, {1}},
      {"a.swf", "\xEF\xBB\xBF; MaxProcs: 4\n{ broken\n" + swf, {2}},
      {"a.swf", json + swf, {1}},
  };
  ReadOptions options;
  options.procs = 4;
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name + (": " + row.text));
    const std::string path = testing::TempDir() + "drover_first_" + row.name;
    std::ofstream(path) << row.text;
    const auto workload = read_workload(path, options);
    ASSERT_TRUE(workload) << workload.error().message << "; " << workload.error().hint;
    EXPECT_EQ(workload->jobs.size(), 1u);
    EXPECT_EQ(workload->cleaning.broken_lines, row.broken);
    std::remove(path.c_str());
  }
}

TEST(ReadJsonl, ReadsBackWhatItWrites) {
  GenerateOptions options;
  options.jobs = 300;
  const Workload mixed = generate_mixed(options);
  std::string text;
  for (std::size_t i = 0; i < mixed.jobs.size(); ++i) text += to_jsonl(mixed, i);
  const Workload back = read(text);
  std::string again;
  for (std::size_t i = 0; i < back.jobs.size(); ++i) again += to_jsonl(back, i);
  EXPECT_EQ(text, again);
  EXPECT_EQ(back.edges, mixed.edges);
  EXPECT_GT(back.edges.size(), 10u);
}

}  // namespace
}  // namespace drover::sim
