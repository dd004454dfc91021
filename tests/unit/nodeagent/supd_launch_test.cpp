// tests/unit/nodeagent/supd_launch_test.cpp - what a job gets: identity, streams, exit code.
// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/nodeagent/supd_fixture.hpp"

namespace drover::nodeagent::test {
namespace {

constexpr std::uint32_t kNobody = 65534;

class SupdLaunch : public SupdTest {};

TEST_F(SupdLaunch, ReportsTheExitCode) {
  Client agent(socket_path());
  const EndReport end = agent.run(Launch::shell(1, "exit 7"));
  EXPECT_EQ(end.cause, EndCause::Exited);
  EXPECT_EQ(end.exit_code, 7);
  EXPECT_FALSE(end.never_started);
  EXPECT_GT(end.started_us, 0);
  EXPECT_GE(end.ended_us, end.started_us);
  EXPECT_GT(end.max_rss_kib, 0);
}

TEST_F(SupdLaunch, ReportsTheSignal) {
  Client agent(socket_path());
  const EndReport end = agent.run(Launch::shell(2, "kill -9 $$"));
  EXPECT_EQ(end.cause, EndCause::Signalled);
  EXPECT_EQ(end.term_signal, 9);
}

TEST_F(SupdLaunch, MakesTheDirectoryOfTheOutputOnlyWhereAsked) {
  Client agent(socket_path());
  Launch launch = Launch::shell(60, "echo one");
  launch.out = out("new") + "/er/log";
  EXPECT_EQ(agent.run(launch).cause, EndCause::LaunchFailed);
  launch = Launch::shell(61, "echo one");
  launch.out = out("new") + "/er/log";
  launch.make_directory = true;
  EXPECT_EQ(agent.run(launch).exit_code, 0);
  EXPECT_EQ(read_text(launch.out), "one\n");
}

TEST_F(SupdLaunch, WritesOutputAndErrorFiles) {
  Client agent(socket_path());
  Launch both = Launch::shell(3, "echo one; echo two >&2");
  both.out = out("both");
  EXPECT_EQ(agent.run(both).exit_code, 0);
  EXPECT_EQ(read_text(both.out), "one\ntwo\n");
  Launch apart = Launch::shell(4, "echo one; echo two >&2; cat");
  apart.out = out("apart");
  apart.err = out("apart.err");
  apart.in = both.out;
  EXPECT_EQ(agent.run(apart).exit_code, 0);
  EXPECT_EQ(read_text(apart.out), "one\none\ntwo\n");
  EXPECT_EQ(read_text(apart.err), "two\n");
  Launch again = Launch::shell(5, "echo three");
  again.out = both.out;
  again.append_output = true;
  EXPECT_EQ(agent.run(again).exit_code, 0);
  EXPECT_EQ(read_text(both.out), "one\ntwo\nthree\n");
  again.id.task.job = JobId{6};
  again.append_output = false;
  EXPECT_EQ(agent.run(again).exit_code, 0);
  EXPECT_EQ(read_text(both.out), "three\n");
}

TEST_F(SupdLaunch, FindsTheProgramOnTheJobsPath) {
  Client agent(socket_path());
  EXPECT_EQ(agent.run(Launch(7, {"true"})).exit_code, 0);
}

TEST_F(SupdLaunch, RunsAScriptFileWithItsArguments) {
  Client agent(socket_path());
  const std::string path = out("script");
  std::ofstream(path) << "#!/bin/sh\necho \"$1-$2\"\n";
  ::chmod(path.c_str(), 0755);
  Launch launch(8, {path, "a b", "c"});
  launch.file = path;
  launch.out = out("script.out");
  EXPECT_EQ(agent.run(launch).exit_code, 0);
  EXPECT_EQ(read_text(launch.out), "a b-c\n");
}

TEST_F(SupdLaunch, SaysWhichStepFailed) {
  struct Case {
    const char* name;
    std::function<void(Launch&)> spoil;
    const char* expected;
  };
  const Case cases[] = {
      {"no such program", [](Launch& l) { l.argv = {"/no/such/program"}; },
       "cannot execute /no/such/program"},
      {"not on PATH", [](Launch& l) { l.argv = {"no-such-program"}; },
       "cannot execute no-such-program"},
      {"no working directory", [](Launch& l) { l.cwd = "/no/such/dir"; },
       "cannot enter the working directory /no/such/dir"},
      {"output directory missing", [](Launch& l) { l.out = "/no/such/dir/file"; },
       "cannot open the output file /no/such/dir/file"},
      {"input missing", [](Launch& l) { l.in = "/no/such/input"; },
       "cannot open the input file /no/such/input"},
      {"error directory missing", [](Launch& l) { l.err = "/no/such/dir/file"; },
       "cannot open the error file /no/such/dir/file"},
      {"a CPU that is not there", [](Launch& l) { l.pus = {4000}; }, "cannot bind to the CPUs"},
  };
  Client agent(socket_path());
  std::uint64_t job = 100;
  for (const Case& test : cases) {
    SCOPED_TRACE(test.name);
    Launch launch(++job, {"/bin/true"});
    test.spoil(launch);
    const EndReport end = agent.run(launch);
    EXPECT_EQ(end.cause, EndCause::LaunchFailed);
    EXPECT_TRUE(end.never_started);
    EXPECT_NE(end.message.find(test.expected), std::string::npos) << end.message;
  }
}

TEST_F(SupdLaunch, DoesNotFollowASymlinkAsOutput) {
  Client agent(socket_path());
  std::filesystem::create_symlink("/etc/hostname", out("link"));
  Launch launch = Launch::shell(20, "echo overwritten");
  launch.out = out("link");
  EXPECT_EQ(agent.run(launch).cause, EndCause::LaunchFailed);
}

TEST_F(SupdLaunch, GivesTheJobNothingOfItsOwn) {
  Client agent(socket_path());
  Launch launch = Launch::shell(
      21,
      "ls /proc/self/fd | tr '\\n' ' '; env | cut -d= -f1 | sort | tr '\\n' ' '; "
      "ps -o sid= -p $$ | tr -d ' '; echo $$; umask; grep -E 'SigBlk|SigIgn' /proc/self/status");
  launch.out = out("clean");
  EXPECT_EQ(agent.run(launch).exit_code, 0);
  std::istringstream lines(read_text(launch.out));
  std::string first, pid, mask, blocked, ignored;
  std::getline(lines, first);
  std::getline(lines, pid);
  std::getline(lines, mask);
  std::getline(lines, blocked);
  std::getline(lines, ignored);
  EXPECT_EQ(first, "0 1 2 3 DROVER_EPOCH PATH PWD " + pid);  // 3 is ls's own directory
  EXPECT_EQ(mask, "0022");
  EXPECT_EQ(blocked, "SigBlk:\t0000000000000000");
  EXPECT_EQ(ignored, "SigIgn:\t0000000000000000");
}

TEST_F(SupdLaunch, BindsToTheGivenCpus) {
  Client agent(socket_path());
  Launch launch = Launch::shell(22, "grep Cpus_allowed_list /proc/self/status | cut -f2");
  launch.pus = {0};
  launch.out = out("cpus");
  EXPECT_EQ(agent.run(launch).exit_code, 0);
  EXPECT_EQ(read_text(launch.out), "0\n");
}

TEST_F(SupdLaunch, DropsEveryPrivilege) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to start jobs of others";
  Client agent(socket_path());
  Launch launch = Launch::shell(
      23,
      "id -u; id -g; id -G; grep -E 'Uid|Gid|CapEff|CapPrm|CapInh|CapAmb|CapBnd|NoNewPrivs' "
      "/proc/self/status | tr '\\t' ' '");
  launch.uid = kNobody;
  launch.gid = kNobody;
  launch.groups = {kNobody, 100};
  launch.out = out("nobody");
  const EndReport end = agent.run(launch);
  ASSERT_EQ(end.exit_code, 0) << end.message;
  const std::string zero = " 0000000000000000\n";
  EXPECT_EQ(read_text(launch.out),
            "65534\n65534\n65534 100\nUid: 65534 65534 65534 65534\nGid: 65534 65534 65534 65534\n"
            "CapInh:" +
                zero + "CapPrm:" + zero + "CapEff:" + zero + "CapBnd:" + zero + "CapAmb:" + zero +
                "NoNewPrivs: 1\n");
  struct stat status {};
  ASSERT_EQ(::stat(launch.out.c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, kNobody);
}

TEST_F(SupdLaunch, OpensOutputWithTheUsersRights) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to start jobs of others";
  Client agent(socket_path());
  Launch launch = Launch::shell(24, "echo written");
  launch.uid = launch.gid = kNobody;
  launch.out = "/etc/drover-test-output";
  const EndReport end = agent.run(launch);
  EXPECT_EQ(end.cause, EndCause::LaunchFailed);
  EXPECT_NE(end.message.find("Permission denied"), std::string::npos) << end.message;
}

TEST_F(SupdLaunch, ReportsRunningOutOfMemory) {
  Client agent(socket_path());
  ASSERT_TRUE(agent.receive_until([&] { return agent.lists == 1; }));
  if (agent.welcome.facts.find("memory") == std::string::npos) GTEST_SKIP() << "no memory limit";
  Launch launch(25, {"/usr/bin/python3", "-c", "x = bytearray(200 << 20)"});
  launch.mem_limit_bytes = 32 << 20;
  const EndReport end = agent.run(launch);
  EXPECT_EQ(end.cause, EndCause::OutOfMemory);
}

TEST_F(SupdLaunch, StartsABatchOfOneWrite) {
  Client agent(socket_path());
  std::string payload;
  for (std::uint64_t job = 1000; job < 1200; ++job) Launch(job, {"/bin/true"}).append_to(payload);
  agent.send(payload);
  EXPECT_TRUE(agent.receive_until([&] { return agent.ended.size() == 200; }));
  EXPECT_EQ(agent.started.size(), 200u);
}

TEST_F(SupdLaunch, ClosesOnAMalformedFrameAndServesOn) {
  Client bad(socket_path());
  bad.send(std::string("\x0c\0\0\0\x02\0\0\0abcd", 12));
  EXPECT_TRUE(bad.receive_until([&] { return bad.is_closed; }));
  Client good(socket_path());
  EXPECT_EQ(good.run(Launch(30, {"/bin/true"})).exit_code, 0);
}

}  // namespace
}  // namespace drover::nodeagent::test
