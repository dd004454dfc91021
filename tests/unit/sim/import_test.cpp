// tests/unit/sim/import_test.cpp - the daemon's history as a workload.
// SPDX-License-Identifier: Apache-2.0
#include "sim/import.hpp"

#include <gtest/gtest.h>

#include "sim/read_jsonl.hpp"

namespace drover::sim {
namespace {

constexpr const char* kHistory =
    R"({"id":12,"name":"b","user":"ann","uid":1000,"state":"succeeded","priority":3,)"
    R"("submitted":"2026-03-01T10:00:05.250000Z","started":"2026-03-01T10:00:06.000000Z",)"
    R"("ended":"2026-03-01T10:01:06.500000Z","wait_s":0.75,"run_s":60.5,"array":null,"cpus":4,)"
    R"("mem_mib":2048,"gpus":1,"time_limit_s":3600,"labels":{"user":"ann","creator":"cli"},)"
    R"("spec":{"gpu_model":"h100","exclusive":false,"constraints":{"rack":"r1"},)"
    R"("dependencies":[{"kind":"afterok","job":11},{"kind":"afterok","job":3}]}})"
    "\n"
    R"({"id":11,"name":"a","user":"bob","uid":1001,"state":"failed","priority":0,)"
    R"("submitted":"2026-03-01T10:00:00.000000Z","started":"2026-03-01T10:00:00.000000Z",)"
    R"("ended":"2026-03-01T10:00:05.000000Z","run_s":5,"array":null,"cpus":1,"mem_mib":0,)"
    R"("gpus":0,"time_limit_s":0,"labels":{}})"
    "\n"
    R"({"id":13,"submitted":"2026-03-01T10:00:09.000000Z","started":null,"ended":null,)"
    R"("run_s":null,"array":null,"cpus":1,"time_limit_s":0})"
    "\n"
    R"({"id":14,"submitted":"2026-03-01T10:00:09.000000Z","ended":"2026-03-01T10:00:19.000000Z",)"
    R"("run_s":9,"array":"0-9","cpus":1,"time_limit_s":0})"
    "\nnonsense\n";

TEST(Import, ReadsTheListOfJobs) {
  EXPECT_EQ(detect_format(kHistory), ImportFormat::History);
  const auto workload = import_text(kHistory, ImportFormat::History, {});
  ASSERT_TRUE(workload) << workload.error().message;
  ASSERT_EQ(workload->jobs.size(), 2u);
  EXPECT_EQ(workload->cleaning.no_run, 2u);
  EXPECT_EQ(workload->cleaning.broken_lines, (std::vector<std::uint64_t>{5}));
  EXPECT_EQ(workload->names, (std::vector<std::string>{"11", "12"}));
  EXPECT_EQ(workload->jobs[0].submit, seconds(0));
  EXPECT_EQ(workload->jobs[0].estimate, seconds(5)) << "without a limit the run time stands in";
  EXPECT_EQ(workload->jobs[1].submit, millis(5250));
  EXPECT_EQ(workload->jobs[1].run, millis(60'500));
  EXPECT_EQ(workload->jobs[1].estimate, seconds(3600));
  EXPECT_EQ(workload->edges, (std::vector<Edge>{{1, 0}})) << "job 3 was over before the list began";
  const sched::JobSpec& spec = *workload->specs[workload->jobs[1].spec];
  EXPECT_EQ(spec.request.gpu_model, "h100");
  EXPECT_EQ(spec.request.node_labels.at("rack"), "r1");
  EXPECT_EQ(spec.user, "ann");
}

TEST(Import, ReadsSharesAndResourcesOfTheList) {
  const auto workload = import_text(
      R"({"id":1,"submitted":"2026-03-01T10:00:00.000000Z","ended":"2026-03-01T10:00:09.000000Z",)"
      R"("run_s":9,"array":null,"cpus":1,"mem_mib":0,"gpus":0,"gpu_model":"h100","gpu_share":250,)"
      R"("resources":{"fpga":2},"time_limit_s":60,"labels":{},"components":[{"nodes":1,"cpus":1},)"
      R"({"nodes":1,"cpus":2,"exclusive":true,"resources":{"fpga":1}}]})",
      ImportFormat::History, {});
  ASSERT_TRUE(workload) << workload.error().message;
  const rm::Request& request = workload->specs[workload->jobs.at(0).spec]->request;
  EXPECT_EQ(request.gpu_share, 250);
  EXPECT_EQ(request.gpu_model, "h100");
  EXPECT_EQ(request.resources.at("fpga"), 2);
  ASSERT_EQ(request.more.size(), 1u);
  EXPECT_TRUE(request.more[0].exclusive);
  EXPECT_EQ(request.more[0].resources.at("fpga"), 1);
}

TEST(Import, WritesWhatTheReaderReads) {
  const auto workload = import_text(kHistory, ImportFormat::History, {});
  ASSERT_TRUE(workload);
  std::string text;
  for (std::size_t i = 0; i < workload->jobs.size(); ++i) text += to_jsonl(*workload, i);
  EXPECT_EQ(detect_format(text), ImportFormat::Workload);
  const auto back = import_text(text, ImportFormat::Workload, {});
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->jobs.size(), 2u);
  EXPECT_NE(profile_of(*back).find("2 jobs"), std::string::npos);
}

TEST(Import, ReadsNodeShapesAndProperties) {
  const char* text =
      "0 1356996147 0 56011 64 1 1024 64 86400 68719476736 1 62 1 1 -1 1 1 1 {1241,1241} q_1d "
      "1:ppn=64:x86_64:cl_zewura#excl\n"
      "1 1356996695 71 100 24 1 1024 24 1209600 1073741824 1 101 1 1 -1 1 1 1 {7} q_2w 2:ppn=12\n"
      "2 1356996699 71 100 9 1 1024 9 500 0 1 101 1 1 -1 1 1 1 {7} q_2w 1:ppn=3+2:ppn=3\n"
      "3 1356996699 71 100 9 1 1024 9 500 0 1 101 1 1 -1 1 1 1\n";
  EXPECT_EQ(detect_format(text), ImportFormat::MetaCentrum);
  const auto workload = import_text(text, ImportFormat::MetaCentrum, {});
  ASSERT_TRUE(workload) << workload.error().message;
  ASSERT_EQ(workload->jobs.size(), 3u);
  EXPECT_EQ(workload->cleaning.broken_lines, (std::vector<std::uint64_t>{4}));
  const auto request = [&](std::size_t job) {
    return workload->specs[workload->jobs[job].spec]->request;
  };
  EXPECT_EQ(workload->jobs[0].submit, seconds(0));
  EXPECT_EQ(request(0).node_labels.at("cluster"), "zewura");
  EXPECT_EQ(request(0).mem_mib, 65'536);
  EXPECT_TRUE(request(0).exclusive);
  EXPECT_EQ(request(1).nodes, 2);
  EXPECT_EQ(request(1).cpus, 12);
  EXPECT_EQ(workload->jobs[1].cpus, 24u);
  EXPECT_EQ(request(2).cpus, 9) << "parts of unequal shape become one";
}

TEST(Import, ReadsGpuPods) {
  const char* text =
      "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,"
      "deletion_time,scheduled_time\n"
      "p0,12000,16384,1,1000,,LS,Running,0,100,10\n"
      "p1,6500,12288,1,460,G2,BE,Pending,5,105,\n"
      "p2,6000,12288,1,460,,LS,Running,5,5,5\n"
      "p3,six,12288,1,460,,LS,Running,5,5,5\n"
      "p4,6000\n";
  EXPECT_EQ(detect_format(text), ImportFormat::GpuPods);
  const auto workload = import_text(text, ImportFormat::GpuPods, {});
  ASSERT_TRUE(workload) << workload.error().message;
  ASSERT_EQ(workload->names, (std::vector<std::string>{"p0", "p1"}));
  EXPECT_EQ(workload->cleaning.no_run, 1u);
  EXPECT_EQ(workload->cleaning.broken, 2u);
  EXPECT_EQ(workload->jobs[0].run, seconds(90));
  EXPECT_EQ(workload->jobs[1].run, seconds(100)) << "never scheduled: from its creation";
  EXPECT_EQ(workload->jobs[1].cpus, 7u);
  EXPECT_EQ(workload->specs[workload->jobs[1].spec]->request.gpu_share, 460);
}

// A row of the history.
std::string past(int id, const std::string& more) {  // of one key the first counts
  return "{\"id\":" + std::to_string(id) + more +
         ",\"submitted\":\"2026-03-01T10:00:00.000000Z\"," +
         "\"ended\":\"2026-03-01T10:00:09.000000Z\",\"run_s\":9,\"time_limit_s\":60}\n";
}

std::string pod(const std::string& name, const std::string& cpu_milli) {
  return name + "," + cpu_milli + ",16384,0,0,,LS,Running,0,100,10\n";
}

TEST(Import, EveryFormatKeepsToTheMachineAndTheLimit) {
  const auto shape = [](int number, int cpus) {
    const std::string size = std::to_string(cpus);
    return std::to_string(number) + " 9 0 50 " + size + " 1 1 " + size +
           " 60 1 1 1 1 1 -1 1 1 1 {1} q 1:ppn=" + size + "\n";
  };
  struct Row {
    ImportFormat format;
    std::string text;  // of 2, 8 and 1 CPUs
  };
  const Row rows[] = {
      {ImportFormat::History,
       past(1, ",\"cpus\":2") + past(2, ",\"cpus\":8,\"time_limit_s\":1") + past(3, ",\"cpus\":1")},
      {ImportFormat::GpuPods, pod("a", "2000") + pod("b", "7001") + pod("c", "900")},
      {ImportFormat::MetaCentrum, shape(1, 2) + shape(2, 8) + shape(3, 1)},
      {ImportFormat::Workload,
       "{\"submit\":0,\"run\":5,\"cpus\":2}\n{\"submit\":0,\"run\":5,\"cpus\":8}\n"
       "{\"submit\":0,\"run\":5}\n"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.text);
    ReadOptions options;
    options.procs = 4;
    const auto small = import_text(row.text, row.format, options);
    ASSERT_TRUE(small);
    EXPECT_EQ(small->jobs.size(), 2u);
    EXPECT_EQ(small->cleaning.kept, 2u);
    EXPECT_EQ(small->cleaning.too_large, 1u);
    EXPECT_EQ(small->cleaning.cut, 0u) << "only jobs that take part";
    options.limit = 1;
    const auto first = import_text(row.text, row.format, options);
    ASSERT_TRUE(first);
    EXPECT_EQ(first->jobs.size(), 1u);
    EXPECT_EQ(first->cleaning.lines, 1u);
    EXPECT_EQ(first->jobs[0].cpus, 2u);
  }
}

TEST(Import, ABrokenFirstLineDoesNotHideTheFormat) {
  const std::string swf = "1 9 0 50 4 1 1 4 60 1 1 1 1 1 -1 1 1 1";
  struct Row {
    std::string text;
    ImportFormat format;
    std::size_t jobs;
  };
  const Row rows[] = {
      {past(1, ""), ImportFormat::History, 1},
      {"{ broken\n" + past(1, ""), ImportFormat::History, 1},
      {"1 2 3\n" + swf + " {1} q 1:ppn=4\n", ImportFormat::MetaCentrum, 1},
      {"broken\nname,cpu_milli,memory_mib\n" + pod("a", "1000"), ImportFormat::GpuPods, 1},
      {"{ broken\n" + swf + "\n", ImportFormat::Workload, 1},
      {"broken\n{\"submit\":0,\"run\":5}\n", ImportFormat::Workload, 1},
      {"broken\n", ImportFormat::Workload, 0},
  };
  ReadOptions options;
  options.procs = 4;
  for (const Row& row : rows) {
    for (const char* mark : {"", "\xEF\xBB\xBF"}) {
      SCOPED_TRACE(mark + row.text);
      EXPECT_EQ(detect_format(mark + row.text), row.format);
      const auto workload = import_text(mark + row.text, row.format, options);
      ASSERT_TRUE(workload);
      EXPECT_EQ(workload->jobs.size(), row.jobs);
    }
  }
}

// A line of MetaCentrum's with these words behind its 18 fields.
std::string shaped(int number, long submit, const std::string& queue, const std::string& end) {
  return std::to_string(number) + ' ' + std::to_string(submit) +
         " 0 50 2 1 1 2 60 1 1 1 1 1 -1 1 1 1 {1} " + queue + " 1:ppn=2" + end;
}

TEST(Import, TheReaderTakesEveryLineThatIsWritten) {
  struct Row {
    const char* name;
    ImportFormat format;
    std::string text;
    std::size_t kept;
    std::string written;  // somewhere in it
  };
  const auto history = ImportFormat::History;
  const auto shapes = ImportFormat::MetaCentrum;
  const auto pods = ImportFormat::GpuPods;
  const std::string swf = "7 0 -1 5 2 -1 -1 2 9 -1 1 -1 -1 -1 0 -1 -1 -1\n";
  const Row rows[] = {
      {"not in order", shapes, shaped(1, 2000, "q", "\n") + shaped(2, 1000, "q", "\n"), 2,
       "\"id\":\"2\",\"submit\":0.0"},
      {"line ends of another system", shapes, shaped(1, 0, "q", "#excl\r\n"), 1,
       "\"exclusive\":true"},
      {"no name of a label", shapes, shaped(1, 0, "q,1d", "\n"), 1, "\"queue\":\"q_1d\""},
      {"a number twice", shapes, shaped(7, 0, "q", "\n") + shaped(7, 1, "q", "\n"), 2, "\"7-2\""},
      {"a number twice", ImportFormat::Workload, swf + swf + swf, 3, "\"7-3\""},
      {"the longest times", ImportFormat::Workload,
       "7 4294967296 -1 5 2 -1 -1 2 99999999999 -1 1 -1 -1 -1 0 -1 -1 -1\n", 1,
       "\"estimate\":4294967296.0"},
      {"no qos", pods, "a,1000,1,0,0,,,Running,0,100,10\n", 1, "\"a\""},
      {"too many CPUs", pods, pod("a", "4294967296") + pod("b", "1000"), 1, "\"b\""},
      {"too many GPUs", pods, "a,1000,1,4294967296,0,,LS,Running,0,100,10\n", 0, ""},
      {"no name", pods, pod("", "1000"), 0, ""},
      {"never scheduled", pods, "a,1000,1,0,0,,LS,Running,0,100,never\n", 0, ""},
      {"a name twice", pods, pod("a", "1000") + pod("a-2", "1000") + pod("a", "1000"), 3,
       "\"a-3\""},
      {"an id twice", history, past(1, "") + past(1, "") + past(2, ""), 2, "\"2\""},
      {"no id", history, past(-1, ""), 0, ""},
      {"runs for ever", history, past(1, ",\"run_s\":1e300"), 0, ""},
      {"does not run", history, past(1, ",\"run_s\":1e-9"), 0, ""},
      {"a limit for ever", history, past(1, ",\"time_limit_s\":1e300"), 1,
       "\"estimate\":4294967296.0"},
      {"a limit of nothing", history, past(1, ",\"time_limit_s\":1e-9"), 1, "\"estimate\":9.0"},
      {"too much of all", history,
       past(1, ",\"mem_mib\":1e300,\"gpus\":1e300,\"gpu_share\":5,\"priority\":-1e300"), 1,
       "\"priority\":-1000000"},
      {"no moment", history, past(1, ",\"submitted\":\"2026-03-01T10:00:00.1e999Z\""), 0, ""},
      {"too early", history, past(1, ",\"submitted\":\"1900-03-01T10:00:00Z\"") + past(2, ""), 1,
       ""},
      {"no value of a label", history, past(1, ",\"labels\":{\"a\":\"\"}"), 1, ""},
      {"no label", history, past(1, ",\"labels\":{\"a b\":\"c\"}"), 0, ""},
      {"after itself", history, past(1, ",\"spec\":{\"dependencies\":[{\"job\":1}]}"), 1, ""},
  };
  ReadOptions options;
  options.procs = 1 << 20;
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(row.name) + ": " + row.text);
    const auto workload = import_text(row.text, row.format, options);
    ASSERT_TRUE(workload) << workload.error().message;
    ASSERT_EQ(workload->jobs.size(), row.kept);
    const Cleaning& counts = workload->cleaning;
    EXPECT_EQ(counts.kept, row.kept);
    EXPECT_EQ(counts.kept + counts.dropped() + counts.broken, counts.lines);
    std::string text;
    for (std::size_t i = 0; i < row.kept; ++i) text += to_jsonl(*workload, i);
    EXPECT_NE(text.find(row.written), std::string::npos) << text;
    const auto back = read_jsonl(text, {});
    ASSERT_TRUE(back);
    EXPECT_EQ(back->cleaning.kept, row.kept) << back->cleaning.first_broken;
    for (const WorkJob& job : back->jobs) EXPECT_GE(job.submit, seconds(0));
  }
}

TEST(Import, NamesFormats) {
  EXPECT_EQ(parse_import_format("history").value(), ImportFormat::History);
  EXPECT_FALSE(parse_import_format("sacct"));
}

}  // namespace
}  // namespace drover::sim
