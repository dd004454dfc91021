// tests/unit/cli/instance_test.cpp - which process is meant, before it gets a signal.
// SPDX-License-Identifier: Apache-2.0
#include "cli/instance.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

namespace drover::cli {
namespace {

struct Folder {
  Folder() {
    char path[] = "/tmp/drover-instance-XXXXXX";
    name = ::mkdtemp(path);
  }
  ~Folder() { std::filesystem::remove_all(name); }
  std::string name;
};

int listen_on(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(::listen(fd, 4), 0);
  return fd;
}

TEST(Instance, AnotherProgramBehindTheSocketIsNotSignalled) {
  const Folder folder;
  const std::string path = folder.name + "/supd.sock";
  const int fd = listen_on(path);
  const ProcessHandle self(::getpid());
  ASSERT_EQ(listener_of(path), ::getpid());
  EXPECT_TRUE(self.runs("cli_test"));
  EXPECT_TRUE(check_listener(self, path, "cli_test"));
  const auto refused = check_listener(self, path, "drover-supd");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::Conflict);
  EXPECT_NE(refused.error().message.find("nothing was signalled"), std::string::npos);
  ::close(fd);
  EXPECT_FALSE(check_listener(self, path, "cli_test")) << "nobody listens any more";
}

TEST(Instance, AReleasedLockIsFreeThoughAForkedProcessStillHasIt) {
  const Folder folder;
  const Paths paths{folder.name, folder.name};
  auto lock = InstanceLock::take(paths);
  ASSERT_TRUE(lock);
  const pid_t child = ::fork();  // as `up --detach`, whose parent goes on until it has heard
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  EXPECT_FALSE(InstanceLock::take(paths));
  lock->release();
  EXPECT_TRUE(InstanceLock::take(paths)) << "at once";
  lock->release();  // once more does nothing
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

TEST(Instance, AHandleOfAnotherProcessIsNotTheListener) {
  const Folder folder;
  const std::string path = folder.name + "/supd.sock";
  const int fd = listen_on(path);
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  EXPECT_FALSE(check_listener(ProcessHandle(child), path, "cli_test"));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(fd);
}

TEST(Instance, APidFileWhoseNumberIsSomebodyElsesNowDoesNotCount) {
  const Folder folder;
  Paths paths;
  paths.data = paths.run = folder.name;
  const auto lock = InstanceLock::take(paths);
  ASSERT_TRUE(lock);
  ASSERT_TRUE(lock->write_pid(paths));
  EXPECT_EQ(running_instance(paths), ::getpid());
  std::ofstream(folder.name + "/up.pid") << ::getpid() << " 12345\n";
  EXPECT_EQ(running_instance(paths), std::nullopt);
}

}  // namespace
}  // namespace drover::cli
