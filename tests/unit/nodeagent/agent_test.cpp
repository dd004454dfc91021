// tests/unit/nodeagent/agent_test.cpp - a real agent and supd under a test's controller.
// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/nodeagent/agent_fixture.hpp"

namespace drover::nodeagent::test {
namespace {

TEST_F(AgentTest, DescribesItsNode) {
  const proto::Hello hello = controller_->welcome();
  EXPECT_EQ(hello.protocol(), 1u);
  EXPECT_EQ(hello.node().name(), "n1");
  EXPECT_EQ(hello.node().labels().at("rack"), "7");
  EXPECT_GE(hello.node().cores_size(), 1);
  EXPECT_FALSE(hello.node().boot_id().empty());
  for (const char* fact : {"cgroup", "privilege_drop", "kill", "topology", "pidfd", "memory_limit"})
    EXPECT_EQ(hello.node().capabilities().count(fact), 1u) << fact;
  EXPECT_TRUE(controller_->receive_until([&] { return controller_->health.supd_rss_kib() > 0; }));
}

TEST_F(AgentTest, RunsAScriptWithABuiltEnvironment) {
  controller_->welcome();
  proto::LaunchOrder script = order(1,
                                    "echo \"$1 $JOB_VARIABLE $DROVER_NODE $DROVER_EPOCH "
                                    "$JOB_EPOCH $DROVER_CPU_IDS $HOME\"; env | wc -l; exit 3");
  script.add_argv("argument");
  script.add_pus(0);
  script.add_env("DROVER_EPOCH=forged");
  script.add_env("HOME=/somewhere");
  launch({script});
  const proto::Ended end = controller_->wait_end(1);
  EXPECT_EQ(end.cause(), proto::EXITED);
  EXPECT_EQ(end.exit_code(), 3);
  const std::string text = read_text(out("job1"));
  EXPECT_EQ(text.substr(0, text.find('\n')), "argument hello n1 1000 1000 0 /somewhere");
  EXPECT_EQ(controller_->started.size(), 1u);
}

TEST_F(AgentTest, RunsAScriptOfAnotherUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  controller_->welcome();
  proto::LaunchOrder script = order(1, "id -un; cat \"$0\" | head -1");
  script.set_uid(65534);
  script.set_gid(65534);
  script.set_user("nobody");
  launch({script});
  EXPECT_EQ(controller_->wait_end(1).exit_code(), 0) << controller_->ended[0].message();
  EXPECT_EQ(read_text(out("job1")), "nobody\n#!/bin/sh\n");
}

TEST_F(AgentTest, RefusesUsersThatDoNotFit) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  controller_->welcome();
  proto::LaunchOrder unknown = order(1, "true"), other = order(2, "true");
  unknown.set_uid(4'000'000);
  other.set_uid(65534);
  other.set_user("ann");
  launch({unknown, other});
  EXPECT_NE(controller_->wait_end(1).message().find("does not exist on node n1"),
            std::string::npos);
  EXPECT_EQ(controller_->wait_end(2).cause(), proto::LAUNCH_FAILED);
}

TEST_F(AgentTest, OrdersOfAnOlderSessionAreIgnored) {
  controller_->welcome();
  proto::ControllerMessage stale;
  *stale.add_launch() = order(1, "true");
  controller_->send_as(1, stale);
  launch({order(2, "true")});
  EXPECT_EQ(controller_->wait_end(2).exit_code(), 0);
  EXPECT_EQ(controller_->ends_of(1), 0u);
  EXPECT_FALSE(std::filesystem::exists(out("job1")));
}

TEST_F(AgentTest, AnEndIsToldAgainInTheNextSession) {
  controller_->welcome();
  launch({order(1, "true")});
  EXPECT_EQ(controller_->wait_end(1).exit_code(), 0);
  controller_->hang_up();
  const proto::Hello hello = controller_->welcome();
  EXPECT_EQ(hello.running_size(), 1) << "its end is not acked";
  controller_->ended.clear();
  EXPECT_EQ(controller_->wait_end(1).exit_code(), 0);
  controller_->ack(1);
  launch({order(2, "true")});
  controller_->wait_end(2);
  controller_->hang_up();
  EXPECT_EQ(controller_->welcome().running_size(), 1);  // job 2 alone
}

TEST_F(AgentTest, TwoHundredJobsSurviveItsDeath) {
  controller_->welcome();
  std::vector<proto::LaunchOrder> orders;
  for (std::uint64_t job = 1; job <= 200; ++job)
    orders.push_back(order(job, "echo run; sleep 1; echo done; exit " + std::to_string(job % 100)));
  launch(orders);
  ASSERT_TRUE(controller_->receive_until([&] { return controller_->started.size() == 200; }));
  stop_agent(SIGKILL);
  controller_->hang_up();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  start_agent();
  const proto::Hello hello = controller_->welcome();
  EXPECT_EQ(hello.running_size(), 200);
  ASSERT_TRUE(controller_->receive_until([&] { return controller_->ended.size() >= 200; }, 20'000));
  for (std::uint64_t job = 1; job <= 200; ++job) {
    EXPECT_EQ(controller_->ends_of(job), 1u) << job;
    EXPECT_EQ(controller_->wait_end(job).exit_code(), std::int32_t(job % 100));
    EXPECT_EQ(read_text(out("job" + std::to_string(job))), "run\ndone\n");
    controller_->ack(job);
  }
}

TEST_F(AgentTest, KillsOnOrder) {
  controller_->welcome();
  launch({order(1, "trap '' TERM; echo up; while :; do sleep 0.1; done")});
  ASSERT_TRUE(wait_until([&] { return read_text(out("job1")) == "up\n"; }));
  proto::ControllerMessage message;
  *message.add_kill()->mutable_id() = Controller::ref(1);
  controller_->send(message);
  EXPECT_EQ(controller_->wait_end(1).cause(), proto::KILLED);
}

TEST_F(AgentTest, ServesLogsAndWaitsForGrowth) {
  controller_->welcome();
  launch({order(1, "echo first; sleep 0.5; echo second")});
  const auto ask = [&](std::uint64_t number, std::int64_t offset, std::uint32_t wait_ms) {
    proto::ControllerMessage message;
    proto::LogRequest& request = *message.add_logs();
    request.set_request(number);
    request.set_uid(::geteuid());
    request.set_gid(::getegid());
    request.set_path(out("job1"));
    request.set_offset(offset);
    request.set_limit(100);
    request.set_wait_ms(wait_ms);
    controller_->send(message);
    EXPECT_TRUE(controller_->receive_until([&] {
      return !controller_->logs.empty() && controller_->logs.back().request() == number;
    }));
    return controller_->logs.back();
  };
  EXPECT_EQ(ask(1, 0, 5000).data(), "first\n");
  EXPECT_EQ(ask(2, 6, 5000).data(), "second\n");
  const proto::LogChunk none = ask(3, 13, 50);
  EXPECT_EQ(none.data(), "");
  EXPECT_EQ(none.size(), 13);
}

TEST_F(AgentTest, OrdersSurviveARestartOfSupd) {
  controller_->welcome();
  launch({order(1, "sleep 1; exit 5")});
  ASSERT_TRUE(controller_->receive_until([&] { return controller_->started.size() == 1; }));
  crash();
  launch({order(2, "exit 6")});
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  start();
  EXPECT_EQ(controller_->wait_end(2).exit_code(), 6);
  const proto::Ended end = controller_->wait_end(1);
  EXPECT_TRUE(end.cause() == proto::UNKNOWN || end.exit_code() == 5);
}

}  // namespace
}  // namespace drover::nodeagent::test
