// tests/unit/nodeagent/supd_fixture.hpp - a real drover-supd and a test's agent.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "nodeagent/supd_frame.hpp"

namespace drover::nodeagent::test {

inline std::string read_text(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

inline bool wait_until(const std::function<bool()>& condition, int ms = 10'000) {
  for (int waited = 0; waited < ms; waited += 5) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return condition();
}

// The owned strings behind a LaunchFrame.
struct Launch {
  AttemptId id;
  std::vector<std::string> argv;
  std::vector<std::string> env = {"PATH=/usr/local/bin:/usr/bin:/bin"};
  std::string cwd = "/", out, err, in, file;
  std::uint32_t uid = ::geteuid(), gid = ::getegid();
  std::vector<std::uint32_t> groups, pus;
  std::int64_t mem_limit_bytes = 0, time_limit_us = 0;
  std::int32_t warn_signal = 0, warn_before_s = 0, kill_grace_s = 1;
  bool append_output = false, make_directory = false;

  Launch(std::uint64_t job, std::vector<std::string> arguments)
      : id{{JobId{job}, TaskIndex{0}}, AttemptNo{1}, Epoch{job * 1000}},
        argv(std::move(arguments)) {
    env.push_back("DROVER_EPOCH=" + std::to_string(raw(id.epoch)));
  }
  static Launch shell(std::uint64_t job, const std::string& script) {
    return Launch(job, {"/bin/sh", "-c", script});
  }
  void append_to(std::string& payload) const {
    LaunchFrame frame;
    frame.id = id;
    frame.uid = uid;
    frame.gid = gid;
    frame.groups = groups;
    frame.pus = pus;
    frame.mem_limit_bytes = mem_limit_bytes;
    frame.time_limit_us = time_limit_us;
    frame.warn_signal = warn_signal;
    frame.warn_before_s = warn_before_s;
    frame.kill_grace_s = kill_grace_s;
    frame.append_output = append_output;
    frame.make_directory = make_directory;
    frame.file = file.c_str();
    frame.cwd = cwd.c_str();
    frame.out = out.c_str();
    frame.err = err.c_str();
    frame.in = in.c_str();
    for (const std::string& text : argv) frame.argv.push_back(text.c_str());
    for (const std::string& text : env) frame.env.push_back(text.c_str());
    append_launch(payload, frame);
  }
};

// What an agent would see. Each receive() waits for one more frame.
class Client {
 public:
  explicit Client(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    wait_until([&] {
      fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) return true;
      ::close(fd_);
      fd_ = -1;
      return false;
    });
    std::string hello;
    append_hello(hello);
    send(hello);
  }
  ~Client() { close(); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool is_connected() const { return fd_ >= 0; }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  void send(const std::string& payload) {
    const auto size = static_cast<std::uint32_t>(payload.size());
    std::string frame(reinterpret_cast<const char*>(&size), sizeof(size));
    frame += payload;
    (void)!::send(fd_, frame.data(), frame.size(), MSG_NOSIGNAL);
  }
  void launch(const Launch& order) {
    std::string payload;
    order.append_to(payload);
    send(payload);
  }
  void kill(const AttemptId& id, int signal = 0) {
    std::string payload;
    append_kill(payload, {id, signal});
    send(payload);
  }
  void pause(const AttemptId& id, bool suspended) {
    std::string payload;
    append_pause(payload, id, suspended);
    send(payload);
  }
  void ack(const AttemptId& id) {
    std::string payload;
    append_ack(payload, id);
    send(payload);
  }
  // Reads until `done` or the time is up.
  bool receive_until(const std::function<bool()>& done, int ms = 10'000) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(ms);
    while (!done()) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
                            deadline - std::chrono::steady_clock::now())
                            .count();
      pollfd poll_fd{fd_, POLLIN, 0};
      if (left <= 0 || ::poll(&poll_fd, 1, int(left)) <= 0) return done();
      char block[65536];
      const ssize_t got = ::recv(fd_, block, sizeof(block), 0);
      if (got <= 0) {
        is_closed = true;
        return done();
      }
      bytes_.append(block, std::size_t(got));
      take_frames();
    }
    return true;
  }
  bool has_started(const AttemptId& id) const {
    for (const StartReport& report : started)
      if (report.id == id) return true;
    return false;
  }
  int ends_of(const AttemptId& id) const {
    int count = 0;
    for (const EndReport& report : ended) count += report.id == id;
    return count;
  }
  bool wait_started(const AttemptId& id) {
    return receive_until([&] { return has_started(id); });
  }
  EndReport wait_end(const AttemptId& id, int ms = 10'000) {
    EXPECT_TRUE(receive_until([&] { return ends_of(id) > 0; }, ms))
        << "no end of job " << raw(id.task.job);
    for (const EndReport& report : ended)
      if (report.id == id) return report;
    return {};
  }
  EndReport run(const Launch& order) {
    launch(order);
    return wait_end(order.id);
  }

  std::vector<StartReport> started;
  std::vector<EndReport> ended;
  std::vector<HeldReport> held;
  WelcomeFrame welcome;
  int lists = 0;
  bool is_closed = false;

 private:
  void take_frames() {
    while (bytes_.size() >= 4) {
      std::uint32_t size = 0;
      std::memcpy(&size, bytes_.data(), sizeof(size));
      if (bytes_.size() < 4 + std::size_t{size}) return;
      std::string_view payload(bytes_.data() + 4, size);
      while (true) {
        auto next = next_message(payload);
        ASSERT_TRUE(next.has_value());
        if (!*next) break;
        take(**next);
      }
      bytes_.erase(0, 4 + std::size_t{size});
    }
  }
  void take(const Message& message) {
    if (message.kind == MessageKind::Started)
      started.push_back(decode_started(message.body).value().report);
    if (message.kind == MessageKind::Ended)
      ended.push_back(decode_ended(message.body).value().report);
    if (message.kind == MessageKind::Held) held.push_back(decode_held(message.body).value());
    if (message.kind == MessageKind::Welcome) welcome = decode_welcome(message.body).value();
    if (message.kind == MessageKind::ListEnd) ++lists;
  }

  int fd_ = -1;
  std::string bytes_;
};

class SupdTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/drover-supd-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    dir_ = name;
    ::chmod(name, 0755);
    out_dir_ = dir_ + "/out";
    std::filesystem::create_directory(out_dir_);
    ::chmod(out_dir_.c_str(), 0777);
    start();
  }
  void TearDown() override {
    stop();
    std::filesystem::remove_all(dir_);
  }
  void start() {
    pid_ = ::fork();
    if (pid_ != 0) return;
    const std::string data = "--data=" + dir_ + "/data", run = "--run=" + dir_ + "/run";
    ::execl(DROVER_SUPD_BINARY, "drover-supd", data.c_str(), run.c_str(), nullptr);
    ::_exit(127);
  }
  void crash() { stop_with(SIGKILL); }
  void stop() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGTERM);
    ::usleep(10'000);
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  void stop_with(int signal) {
    ::kill(pid_, signal);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  std::string socket_path() const { return dir_ + "/run/supd.sock"; }
  std::string out(const std::string& name) const { return out_dir_ + "/" + name; }

  std::string dir_, out_dir_;
  pid_t pid_ = 0;
};

}  // namespace drover::nodeagent::test
