// tests/unit/nodeagent/agent_engine_test.cpp - a real engine under a real agent.
// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/nodeagent/agent_fixture.hpp"

namespace drover::nodeagent::test {
namespace {

constexpr std::uint64_t kEngineJob = 50;

class AgentEngineTest : public AgentTest {
 protected:
  void SetUp() override {
    AgentTest::SetUp();
    controller_->welcome();
    launch({engine_order()});
    engine_ = std::make_unique<Controller>(controller_.get());
    hello_ = engine_->welcome();
  }
  proto::LaunchOrder engine_order(std::uint64_t job = kEngineJob) const {
    proto::LaunchOrder launch = order(job, "");
    launch.clear_script();
    launch.set_kill_grace_s(15);
    for (const char* word : {"python3", "-S", "-u", DROVER_ENGINES "/python/engine.py"})
      launch.add_argv(word);
    launch.add_env("PATH=/usr/bin:/bin");
    launch.add_env("DROVER_ENGINE_TOKEN=forged");
    launch.add_env("PYTHONDONTWRITEBYTECODE=1");
    proto::EngineHost& engine = *launch.mutable_engine();
    engine.set_name("engine-" + std::to_string(job));
    engine.set_type("python");
    engine.set_pool("pool-a");
    engine.set_options("{}");
    return launch;
  }
  void run(std::uint64_t job, const std::string& code) {
    proto::ControllerMessage message;
    proto::LaunchOrder& launch = *message.add_launch();
    launch = order(job, "");
    launch.set_script(code);
    launch.mutable_statement()->set_language("python");
    launch.mutable_statement()->set_results(out("results" + std::to_string(job)));
    launch.mutable_statement()->set_preview_bytes(1000);
    engine_->send(message);
  }
  void kill(std::uint64_t job) {
    proto::ControllerMessage message;
    *message.add_kill()->mutable_id() = Controller::ref(job);
    engine_->send(message);
  }
  std::unique_ptr<Controller> engine_;
  proto::Hello hello_;
};

TEST_F(AgentEngineTest, RegistersAsANodeOfItsOwnAndRunsStatements) {
  const proto::NodeInfo& node = hello_.node();
  EXPECT_EQ(node.name(), "engine-50");
  EXPECT_EQ(node.labels().at("pool"), "pool-a");
  EXPECT_EQ(node.cores_size(), 0);
  EXPECT_EQ(node.engine().type(), "python");
  EXPECT_EQ(node.engine().host(), "n1");
  EXPECT_EQ(node.engine().job().job(), kEngineJob);
  EXPECT_EQ(hello_.running_size(), 0);
  run(1,
      "import os, drover\nprint('out', os.environ['JOB_VARIABLE'], 'DROVER_ENGINE_TOKEN' in "
      "os.environ)\n"
      "drover.progress(1, 2)\n20 + 1");
  const proto::Ended end = engine_->wait_end(1);
  EXPECT_EQ(end.cause(), proto::EXITED) << end.message();
  EXPECT_EQ(end.exit_code(), 0);
  EXPECT_NE(end.results().find(R"("preview":"21")"), std::string::npos) << end.results();
  EXPECT_EQ(read_text(out("job1")), "out hello False\n");
  EXPECT_EQ(engine_->started.size(), 1u);
  ASSERT_EQ(engine_->progress.size(), 1u);
  EXPECT_EQ(engine_->progress[0].thousandths(), 500);
  run(2, "1/0");
  EXPECT_EQ(engine_->wait_end(2).message(), "ZeroDivisionError: division by zero");
  EXPECT_EQ(engine_->wait_end(2).exit_code(), 1);
}

TEST_F(AgentEngineTest, CancelsAndServesLogs) {
  run(1, "import time\nprint('up')\ntime.sleep(60)");
  ASSERT_TRUE(wait_until([&] { return read_text(out("job1")) == "up\n"; }));
  kill(1);
  EXPECT_EQ(engine_->wait_end(1).cause(), proto::KILLED);
  proto::ControllerMessage message;
  proto::LogRequest& request = *message.add_logs();
  request.set_request(9);
  request.set_uid(::geteuid());
  request.set_gid(::getegid());
  request.set_path(out("job1"));
  request.set_limit(100);
  engine_->send(message);
  ASSERT_TRUE(engine_->receive_until([&] { return !engine_->logs.empty(); }));
  EXPECT_EQ(engine_->logs[0].data(), "up\n");
}

TEST_F(AgentEngineTest, ARestartedAgentFindsItsEngineAgain) {
  run(1, "1");
  engine_->wait_end(1);  // and no ack
  run(2, "import time\nprint('up')\ntime.sleep(2)\nprint('done')");
  run(3, "3");
  ASSERT_TRUE(wait_until([&] { return read_text(out("job2")) == "up\n"; }));
  stop_agent(SIGKILL);
  controller_->hang_up();
  engine_->hang_up();
  start_agent();
  controller_->hang_up();
  // Both register again, in any order.
  proto::Hello first = controller_->welcome(), second = engine_->welcome();
  if (first.node().name() == "engine-50") {
    std::swap(first, second);
    std::swap(controller_, engine_);
  }
  EXPECT_EQ(first.node().name(), "n1");
  ASSERT_EQ(second.node().name(), "engine-50");
  EXPECT_EQ(second.running_size(), 3);
  engine_->ended.clear();
  EXPECT_EQ(engine_->wait_end(1).exit_code(), 0);
  EXPECT_EQ(engine_->wait_end(2).exit_code(), 0);
  EXPECT_EQ(engine_->wait_end(3).exit_code(), 0);
  EXPECT_EQ(read_text(out("job2")), "up\ndone\n");
}

TEST_F(AgentEngineTest, TheEndOfTheEngineIsTheEndOfItsSession) {
  run(1, "import time; time.sleep(60)");
  ASSERT_TRUE(engine_->receive_until([&] { return engine_->started.size() == 1; }));
  proto::ControllerMessage message;
  *message.add_kill()->mutable_id() = Controller::ref(kEngineJob);
  controller_->send(message);
  EXPECT_EQ(engine_->wait_end(1).cause(), proto::KILLED) << "SIGTERM cancels what runs";
  engine_->ack(1);
  EXPECT_EQ(controller_->wait_end(kEngineJob).cause(), proto::KILLED);
}

// A new droverd would send it statements.
TEST_F(AgentEngineTest, WhatIsDeadAndOwesNothingIsNotOfferedAnew) {
  proto::ControllerMessage message;
  *message.add_kill()->mutable_id() = Controller::ref(kEngineJob);
  controller_->send(message);
  controller_->wait_end(kEngineJob);
  engine_->hang_up();
  launch({engine_order(kEngineJob + 1)});
  EXPECT_EQ(engine_->welcome().node().name(), "engine-51") << "which needs longer than a dial";
}

TEST_F(AgentEngineTest, StrangersAreRefused) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = dir_ + "/run/engines.sock";
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  for (const std::string line : {"{\"type\":\"hello\",\"token\":\"a.b\",\"engine\":\"python\"}\n",
                                 "nonsense\n", "{\"type\":\"started\",\"id\":\"1.0.1.1\"}\n"}) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    ASSERT_EQ(::send(fd, line.data(), line.size(), MSG_NOSIGNAL), ssize_t(line.size()));
    std::string answer;
    char block[4096];
    for (ssize_t got = 0; (got = ::recv(fd, block, sizeof(block), 0)) > 0;)
      answer.append(block, std::size_t(got));
    ::close(fd);
    EXPECT_EQ(answer.find("welcome"), std::string::npos) << line;
    if (line.find("hello") != std::string::npos) {
      EXPECT_NE(answer.find("refused"), std::string::npos) << answer;
    }
  }
  run(1, "1");  // and those who belong here notice nothing
  EXPECT_EQ(engine_->wait_end(1).exit_code(), 0);
}

}  // namespace
}  // namespace drover::nodeagent::test
