// tests/unit/nodeagent/agent_fixture.hpp - a test's controller, and a real agent with its supd.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "nodeagent/paths.hpp"
#include "proto/agent.pb.h"
#include "tests/unit/nodeagent/supd_fixture.hpp"

namespace drover::nodeagent::test {

// Listens like droverd and speaks to one agent at a time.
class Controller {
 public:
  explicit Controller(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    ::unlink(path.c_str());
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(::listen(listener_, 4), 0);
  }
  // Takes another connection at the same place: an engine's.
  explicit Controller(const Controller* first) : listener_(::dup(first->listener_)) {}
  ~Controller() {
    hang_up();
    ::close(listener_);
  }
  Controller(const Controller&) = delete;
  Controller& operator=(const Controller&) = delete;

  // Takes the agent's Hello and answers with a new session.
  proto::Hello welcome(int ms = 10'000) {
    hang_up();
    pollfd waiting{listener_, POLLIN, 0};
    if (::poll(&waiting, 1, ms) <= 0) return {};
    fd_ = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    proto::AgentMessage first;
    EXPECT_TRUE(next(first, ms));
    EXPECT_TRUE(first.has_hello());
    ++session_;
    proto::ControllerMessage answer;
    answer.set_welcome(true);
    send(answer);
    return first.hello();
  }
  void hang_up() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
    bytes_.clear();
  }
  void send(proto::ControllerMessage& message) { send_as(session_, message); }
  void send_as(std::uint64_t session, proto::ControllerMessage& message) {
    message.set_session(session);
    const std::string body = message.SerializeAsString();
    const auto size = static_cast<std::uint32_t>(body.size());
    const std::string frame = std::string(reinterpret_cast<const char*>(&size), 4) + body;
    (void)!::send(fd_, frame.data(), frame.size(), MSG_NOSIGNAL);
  }
  bool next(proto::AgentMessage& message, int ms) {
    while (true) {
      std::uint32_t size = 0;
      if (bytes_.size() >= 4) std::memcpy(&size, bytes_.data(), 4);
      if (bytes_.size() >= 4 && bytes_.size() >= 4 + std::size_t{size}) {
        EXPECT_TRUE(message.ParseFromArray(bytes_.data() + 4, int(size)));
        bytes_.erase(0, 4 + std::size_t{size});
        return true;
      }
      pollfd waiting{fd_, POLLIN, 0};
      if (::poll(&waiting, 1, ms) <= 0) return false;
      char block[65536];
      const ssize_t got = ::recv(fd_, block, sizeof(block), 0);
      if (got <= 0) return false;
      bytes_.append(block, std::size_t(got));
    }
  }
  bool receive_until(const std::function<bool()>& done, int ms = 10'000) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(ms);
    while (!done()) {
      proto::AgentMessage message;
      if (std::chrono::steady_clock::now() > end || !next(message, 200)) {
        if (std::chrono::steady_clock::now() > end) return done();
        continue;
      }
      for (const auto& report : message.started()) started.push_back(report);
      for (const auto& report : message.ended()) ended.push_back(report);
      for (const auto& chunk : message.logs()) logs.push_back(chunk);
      for (const auto& report : message.progress()) progress.push_back(report);
      if (message.has_health()) health = message.health();
    }
    return true;
  }
  std::size_t ends_of(std::uint64_t job) const {
    std::size_t count = 0;
    for (const auto& report : ended) count += report.id().job() == job;
    return count;
  }
  proto::Ended wait_end(std::uint64_t job) {
    EXPECT_TRUE(receive_until([&] { return ends_of(job) > 0; })) << "no end of job " << job;
    for (const auto& report : ended)
      if (report.id().job() == job) return report;
    return {};
  }
  void ack(std::uint64_t job) {
    proto::ControllerMessage message;
    *message.add_ack_ended() = ref(job);
    send(message);
  }
  static proto::AttemptRef ref(std::uint64_t job) {
    proto::AttemptRef id;
    id.set_job(job);
    id.set_attempt(1);
    id.set_epoch(job * 1000);
    return id;
  }

  std::vector<proto::Started> started;
  std::vector<proto::Ended> ended;
  std::vector<proto::Progress> progress;
  std::vector<proto::LogChunk> logs;
  proto::Health health;

 private:
  int listener_ = -1, fd_ = -1;
  std::uint64_t session_ = 100;
  std::string bytes_;
};

class AgentTest : public SupdTest {
 protected:
  void SetUp() override {
    SupdTest::SetUp();
    ASSERT_TRUE(wait_until([&] { return std::filesystem::exists(socket_path()); }));
    controller_ = std::make_unique<Controller>(dir_ + "/run/agent.sock");
    start_agent();
  }
  void TearDown() override {
    stop_agent(SIGTERM);
    SupdTest::TearDown();
    // Ends that nobody acked keep their scripts.
    std::filesystem::remove_all("/var/spool/drover-" + instance_of(dir_ + "/data"));
  }
  void start_agent() {
    agent_ = ::fork();
    if (agent_ != 0) return;
    const std::string data = dir_ + "/data", run = dir_ + "/run";
    ::execl(DROVER_AGENT_BINARY, "drover-agent", "--data", data.c_str(), "--run", run.c_str(),
            "--name", "n1", "--label", "rack=7", "--log-level", "error", nullptr);
    ::_exit(127);
  }
  void stop_agent(int signal) {
    if (agent_ <= 0) return;
    ::kill(agent_, signal);
    ::waitpid(agent_, nullptr, 0);
    agent_ = 0;
  }
  proto::LaunchOrder order(std::uint64_t job, const std::string& script) const {
    proto::LaunchOrder launch;
    *launch.mutable_id() = Controller::ref(job);
    launch.set_uid(::geteuid());
    launch.set_gid(::getegid());
    launch.set_script("#!/bin/sh\n" + script + "\n");
    launch.set_cwd(out_dir_);
    launch.set_out(out("job" + std::to_string(job)));
    launch.add_env("JOB_VARIABLE=hello");
    launch.set_kill_grace_s(1);
    return launch;
  }
  void launch(const std::vector<proto::LaunchOrder>& orders) {
    proto::ControllerMessage message;
    for (const auto& one : orders) *message.add_launch() = one;
    controller_->send(message);
  }
  std::unique_ptr<Controller> controller_;
  pid_t agent_ = 0;
};

}  // namespace drover::nodeagent::test
