// tests/unit/nodeagent/supd_lifetime_test.cpp - limits, kills, and what survives whose death.
// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/nodeagent/supd_fixture.hpp"

namespace drover::nodeagent::test {
namespace {

class SupdLifetime : public SupdTest {
 protected:
  // Processes whose command line holds the mark; jobs put it there with `exec -a` or as an
  // argument.
  static int processes_with(const std::string& mark) {
    int count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      const std::string name = entry.path().filename();
      if (name.find_first_not_of("0123456789") != std::string::npos) continue;
      const std::string line = read_text(entry.path().string() + "/cmdline");
      count += line.find(mark) != std::string::npos && name != std::to_string(::getpid());
    }
    return count;
  }
  std::string mark() const { return "mark" + dir_.substr(dir_.size() - 6); }
};

TEST_F(SupdLifetime, ARepeatedLaunchStartsOnce) {
  Client agent(socket_path());
  Launch launch = Launch::shell(1, "echo ran >> " + out("count"));
  std::string payload;
  for (int i = 0; i < 5; ++i) launch.append_to(payload);
  agent.send(payload);
  agent.wait_end(launch.id);
  agent.send(payload);  // ended, not acked
  agent.ack(launch.id);
  agent.send(payload);  // acked
  agent.run(Launch(2, {"/bin/true"}));
  EXPECT_EQ(read_text(out("count")), "ran\n");
}

TEST_F(SupdLifetime, AKillBeforeTheLaunchForbidsIt) {
  Client agent(socket_path());
  Launch launch = Launch::shell(1, "echo ran > " + out("ran"));
  agent.kill(launch.id);
  const EndReport end = agent.wait_end(launch.id);
  EXPECT_EQ(end.cause, EndCause::Killed);
  EXPECT_TRUE(end.never_started);
  agent.launch(launch);
  agent.run(Launch(2, {"/bin/true"}));
  EXPECT_FALSE(std::filesystem::exists(out("ran")));
}

TEST_F(SupdLifetime, KillSendsTermThenKill) {
  Client agent(socket_path());
  Launch polite = Launch::shell(1, "trap 'echo bye > " + out("bye") + "; exit 3' TERM; touch " +
                                       out("up1") + "; while :; do sleep 0.05; done");
  Launch rude =
      Launch::shell(2, "trap '' TERM; touch " + out("up2") + "; while :; do sleep 0.05; done");
  agent.launch(polite);
  agent.launch(rude);
  ASSERT_TRUE(wait_until(
      [&] { return std::filesystem::exists(out("up1")) && std::filesystem::exists(out("up2")); }));
  agent.kill(polite.id);
  agent.kill(rude.id);
  EXPECT_EQ(agent.wait_end(polite.id).cause, EndCause::Killed);
  EXPECT_EQ(read_text(out("bye")), "bye\n");
  const EndReport end = agent.wait_end(rude.id);
  EXPECT_EQ(end.cause, EndCause::Killed);
  EXPECT_EQ(end.term_signal, SIGKILL);
}

TEST_F(SupdLifetime, ASignalAloneEndsNothing) {
  Client agent(socket_path());
  Launch launch = Launch::shell(1, "trap 'echo usr1 > " + out("got") + "; exit 0' USR1; touch " +
                                       out("up") + "; while :; do sleep 0.05 & wait $!; done");
  agent.launch(launch);
  ASSERT_TRUE(wait_until([&] { return std::filesystem::exists(out("up")); }));
  agent.kill(launch.id, SIGUSR1);
  const EndReport end = agent.wait_end(launch.id);
  EXPECT_EQ(end.cause, EndCause::Exited);
  EXPECT_EQ(read_text(out("got")), "usr1\n");
}

// A counter in a file, written by a child of the shell: all of the job has to stand still.
class SupdPause : public SupdLifetime {
 protected:
  Launch counting(std::uint64_t job) {
    return Launch::shell(job, "( n=0; while :; do n=$((n+1)); echo $n > " + out("n.new") + "; mv " +
                                  out("n.new") + " " + out("n") + "; sleep 0.01; done ) & wait");
  }
  std::string counter() const { return read_text(out("n")); }
  bool moves(int ms) {
    const std::string before = counter();
    return wait_until([&] { return counter() != before; }, ms);
  }
  // Stopping takes a moment; then nothing may move any more.
  bool stands_still() {
    return wait_until([&] { return !moves(100); }, 5000) && !moves(300);
  }
};

TEST_F(SupdPause, ACounterStandsStillAndGoesOn) {
  Client agent(socket_path());
  const Launch launch = counting(1);
  agent.launch(launch);
  ASSERT_TRUE(moves(5000));
  agent.pause(launch.id, true);
  agent.pause(launch.id, true);
  EXPECT_TRUE(stands_still());
  agent.pause(launch.id, false);
  EXPECT_TRUE(moves(5000));
  agent.kill(launch.id);
  EXPECT_EQ(agent.wait_end(launch.id).cause, EndCause::Killed);
}

TEST_F(SupdPause, WhatStandsStillHearsItsEnd) {
  Client agent(socket_path());
  Launch launch = Launch::shell(1, "trap 'echo bye > " + out("bye") + "; exit 3' TERM; touch " +
                                       out("up") + "; while :; do sleep 0.05; done");
  launch.kill_grace_s = 30;
  agent.launch(launch);
  ASSERT_TRUE(wait_until([&] { return std::filesystem::exists(out("up")); }));
  agent.pause(launch.id, true);
  agent.kill(launch.id);
  EXPECT_EQ(agent.wait_end(launch.id).exit_code, 3);
  EXPECT_EQ(read_text(out("bye")), "bye\n");
}

TEST_F(SupdPause, TheTimeLimitStandsStillToo) {
  Client agent(socket_path());
  Launch launch = counting(1);
  launch.time_limit_us = 700'000;
  agent.launch(launch);
  ASSERT_TRUE(agent.wait_started(launch.id));
  agent.pause(launch.id, true);
  EXPECT_FALSE(agent.receive_until([&] { return agent.ends_of(launch.id) > 0; }, 1500));
  agent.pause(launch.id, false);
  EXPECT_EQ(agent.wait_end(launch.id).cause, EndCause::TimeLimit);
}

TEST_F(SupdPause, ASupdThatComesBackKeepsIt) {
  const Launch launch = [&] {
    Launch made = counting(1);
    made.time_limit_us = 2'000'000;
    return made;
  }();
  {
    Client agent(socket_path());
    agent.launch(launch);
    ASSERT_TRUE(moves(5000));
    agent.pause(launch.id, true);
    ASSERT_TRUE(stands_still());
  }
  crash();
  start();
  Client agent(socket_path());
  EXPECT_FALSE(agent.receive_until([&] { return agent.ends_of(launch.id) > 0; }, 2500))
      << "its time limit does not run";
  EXPECT_FALSE(moves(200));
  agent.pause(launch.id, false);
  EXPECT_TRUE(moves(1000));
  EXPECT_EQ(agent.wait_end(launch.id).cause, EndCause::TimeLimit);
}

TEST_F(SupdLifetime, TheTimeLimitWarnsThenEnds) {
  Client agent(socket_path());
  Launch launch = Launch::shell(1, "trap 'echo warned >> " + out("log") +
                                       "' USR1; trap 'echo term >> " + out("log") +
                                       "; exit 0' TERM; "
                                       "while :; do sleep 0.02 & wait $!; done");
  launch.time_limit_us = 1'300'000;
  launch.warn_signal = SIGUSR1;
  launch.warn_before_s = 1;
  launch.kill_grace_s = 5;
  const EndReport end = agent.run(launch);
  EXPECT_EQ(end.cause, EndCause::TimeLimit);
  EXPECT_EQ(read_text(out("log")), "warned\nterm\n");
  EXPECT_GE(end.ended_us - end.started_us, 1'290'000);
  EXPECT_LE(end.ended_us - end.started_us, 3'000'000);
}

TEST_F(SupdLifetime, ADaemonisingJobLeavesNothing) {
  Client agent(socket_path());
  const std::string code =
      "import os,signal,time\n"
      "for s in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT): signal.signal(s, signal.SIG_IGN)\n"
      "for i in range(3):\n"
      "  if os.fork() == 0:\n"
      "    os.setsid()\n"
      "    if os.fork() != 0: os._exit(0)\n"
      "    if os.fork() == 0: os.setsid()\n"
      "    open('" +
      out("up") +
      "' + str(os.getpid()), 'w')\n"
      "    while True: time.sleep(1)\n"
      "while len([f for f in os.listdir('" +
      out_dir_ +
      "') if f.startswith('up')]) < 6: "
      "time.sleep(0.01)\n";
  Launch launch(1, {"/usr/bin/python3", "-c", code, mark()});
  const EndReport end = agent.run(launch);
  EXPECT_EQ(end.cause, EndCause::Exited);
  EXPECT_EQ(processes_with(mark()), 0);
}

// A cgroup that was killed once kills all that comes later: it serves no second job.
TEST_F(SupdLifetime, WhatIsKilledHurtsNoLaterJob) {
  Client agent(socket_path());
  for (std::uint64_t round = 0; round < 3; ++round) {
    const std::uint64_t first = 1 + round * 10;
    const EndReport left = agent.run(Launch::shell(first, "sleep 100 & sleep 100 & exit 0"));
    EXPECT_EQ(left.exit_code, 0);
    Launch rude =
        Launch::shell(first + 1, "trap '' TERM; touch " + out("up" + std::to_string(round)) +
                                     "; while :; do sleep 0.05; done");
    agent.launch(rude);
    ASSERT_TRUE(
        wait_until([&] { return std::filesystem::exists(out("up" + std::to_string(round))); }));
    agent.kill(rude.id);
    agent.wait_end(rude.id);
    for (std::uint64_t job = first + 2; job < first + 6; ++job) {
      const EndReport end = agent.run(Launch(job, {"/bin/true"}));
      EXPECT_EQ(end.cause, EndCause::Exited);
      EXPECT_EQ(end.term_signal, 0) << "job " << job;
    }
  }
}

TEST_F(SupdLifetime, EventsWaitForTheNextAgent) {
  Launch quick = Launch::shell(1, "sleep 0.2; exit 4");
  Launch slow = Launch::shell(2, "sleep 30");
  {
    Client agent(socket_path());
    agent.launch(quick);
    agent.launch(slow);
    ASSERT_TRUE(agent.wait_started(slow.id));
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(400));
  {
    Client agent(socket_path());
    ASSERT_TRUE(agent.receive_until([&] { return agent.lists == 1; }));
    EXPECT_EQ(agent.wait_end(quick.id).exit_code, 4);
    ASSERT_EQ(agent.held.size(), 1u);
    EXPECT_EQ(agent.held[0], (HeldReport{slow.id, true}));
  }
  Client agent(socket_path());  // not acked: told again
  EXPECT_EQ(agent.wait_end(quick.id).exit_code, 4);
  agent.ack(quick.id);
  agent.kill(slow.id);
  agent.wait_end(slow.id);
  Client last(socket_path());
  ASSERT_TRUE(last.receive_until([&] { return last.lists == 1; }));
  EXPECT_EQ(last.ends_of(quick.id), 0);
  EXPECT_EQ(last.ends_of(slow.id), 1);
  EXPECT_TRUE(agent.receive_until([&] { return agent.is_closed; }))
      << "the older agent is replaced";
}

TEST_F(SupdLifetime, JobsAndEndsSurviveACrashOfSupd) {
  Launch ended = Launch::shell(1, "exit 5");
  Launch gone = Launch::shell(2, "sleep 0.3; exit 6");
  Launch lives = Launch::shell(3, "sleep 1.5; exit 7");
  Launch limited = Launch::shell(4, "sleep 60");
  limited.time_limit_us = 2'000'000;
  {
    Client agent(socket_path());
    for (const Launch* launch : {&ended, &gone, &lives, &limited}) agent.launch(*launch);
    ASSERT_TRUE(agent.wait_started(limited.id));
    agent.wait_end(ended.id);
  }
  crash();
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  start();
  Client agent(socket_path());
  ASSERT_TRUE(agent.receive_until([&] { return agent.lists == 1; }));
  EXPECT_EQ(agent.held.size(), 2u);
  EXPECT_EQ(agent.wait_end(ended.id).exit_code, 5);
  EXPECT_EQ(agent.wait_end(gone.id).cause, EndCause::Unknown);
  agent.launch(ended);  // a late repetition is still known
  const EndReport end = agent.wait_end(lives.id);
  EXPECT_TRUE((end.cause == EndCause::Exited && end.exit_code == 7) ||
              end.cause == EndCause::Unknown);
  EXPECT_EQ(agent.wait_end(limited.id).cause, EndCause::TimeLimit);
  EXPECT_EQ(agent.ends_of(ended.id), 1);
}

TEST_F(SupdLifetime, TermIsRefusedWhileJobsRun) {
  Client agent(socket_path());
  Launch launch(1, {
                       "/bin/sleep",
                       "30",
                   });
  agent.launch(launch);
  ASSERT_TRUE(agent.wait_started(launch.id));
  ::kill(pid_, SIGTERM);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(::waitpid(pid_, nullptr, WNOHANG), 0);
  ::kill(pid_, SIGUSR1);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(::waitpid(pid_, nullptr, WNOHANG), 0);
  agent.kill(launch.id);
  agent.wait_end(launch.id);
  EXPECT_TRUE(wait_until([&] { return ::waitpid(pid_, nullptr, WNOHANG) == pid_; }));
  pid_ = 0;
}

TEST_F(SupdLifetime, ASecondSupdIsTurnedAway) {
  Client agent(socket_path());
  ASSERT_TRUE(agent.receive_until([&] { return agent.lists == 1; }));
  const pid_t first = pid_;
  start();
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = first;
  EXPECT_EQ(WEXITSTATUS(status), 6);
  EXPECT_EQ(agent.run(Launch(1, {"/bin/true"})).exit_code, 0);
}

}  // namespace
}  // namespace drover::nodeagent::test
