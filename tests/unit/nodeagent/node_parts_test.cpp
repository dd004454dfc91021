// tests/unit/nodeagent/node_parts_test.cpp - topologies, cgroup mounts, log pieces, script files.
// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "nodeagent/cgroups.hpp"
#include "nodeagent/log_reader.hpp"
#include "nodeagent/nvidia_cards.hpp"
#include "nodeagent/scripts.hpp"
#include "nodeagent/session_use.hpp"
#include "nodeagent/topology.hpp"

namespace drover::nodeagent {
namespace {

TEST(SessionUse, ReadsAProcess) {
  const std::string tail = " S 1 40 41 0 -1 4194560 100 200 0 0 7 5 3 2 20 0 1 0 900 10000 55 1 1";
  for (const std::string name : {"(sh)", "(a b) c)", "()"}) {
    const auto use = parse_stat("40 " + name + tail);
    ASSERT_TRUE(use) << name;
    EXPECT_EQ(use->session, 41);
    EXPECT_EQ(use->cpu_ticks, 17) << "with those that it has waited for";
    EXPECT_EQ(use->rss_pages, 55);
  }
  for (const std::string wrong :
       {"", "40 sh S 1", "40 (sh) S 1 40", "40 (sh) S x 40 41 0 -1 4 1 2 0 0 7 5 3 2"})
    EXPECT_FALSE(parse_stat(wrong)) << wrong;
  const SessionUses all = use_of_sessions();
  const auto own = all.find(::getsid(0));
  ASSERT_NE(own, all.end());
  EXPECT_GE(own->second.processes, 1);
  EXPECT_GT(own->second.rss_pages, 0);
}

TEST(Topology, ReadsASyntheticMachine) {
  TopologyOptions options;
  options.synthetic = "package:2 numa:2 l3:1 core:4 pu:2";
  const auto node = discover_topology(options);
  ASSERT_TRUE(node.has_value());
  EXPECT_FALSE(node->bindable);
  ASSERT_EQ(node->cores.size(), 16u);
  EXPECT_EQ(node->numa_mem_mib.size(), 4u);
  EXPECT_EQ(node->cores[0], (NodeCore{0, 0, 0, {0, 1}}));
  EXPECT_EQ(node->cores[4].numa, 1u);
  EXPECT_EQ(node->cores[4].l3, 1u);
  EXPECT_EQ(node->cores[8].package, 1u);
  EXPECT_EQ(node->cores[15], (NodeCore{1, 3, 3, {30, 31}}));
}

TEST(Topology, NicsAreWhatIsOnABusOrStandIns) {
  const auto real = discover_topology({});
  ASSERT_TRUE(real.has_value());
  for (const NodeNic& nic : real->nics) {
    EXPECT_FALSE(nic.name.empty());
    EXPECT_LT(nic.numa, real->numa_mem_mib.size());
  }
  TopologyOptions options;
  options.synthetic = "package:2 core:2 pu:1";
  options.nics = 2;
  const auto node = discover_topology(options);
  ASSERT_TRUE(node.has_value());
  EXPECT_EQ(node->nics,
            (std::vector<NodeNic>{
                {"stand-in0", "none:0", 0},
                {"stand-in1", "none:1", std::uint32_t(node->numa_mem_mib.size() > 1 ? 1 : 0)}}));
}

// The memory of a whole machine is the kernel's, however its NUMA nodes were filled.
TEST(Topology, MemoryAddsUpToTheMachine) {
  const auto real = discover_topology({});
  ASSERT_TRUE(real.has_value());
  std::int64_t total = 0;
  for (const std::int64_t mib : real->numa_mem_mib) total += mib;
  std::ifstream meminfo("/proc/meminfo");
  std::string name;
  std::int64_t kib = 0;
  ASSERT_TRUE(meminfo >> name >> kib);
  ASSERT_EQ(name, "MemTotal:");
  EXPECT_GE(total, kib / 1024 - std::int64_t(real->numa_mem_mib.size()));
}

TEST(NvidiaCards, AreReadInTheOrderOfTheBus) {
  const std::filesystem::path root = std::filesystem::path(testing::TempDir()) / "nvidia_cards";
  std::filesystem::remove_all(root);
  const auto add = [&](const std::string& address, const std::string& text) {
    std::filesystem::create_directories(root / address);
    std::ofstream(root / address / "information") << text;
  };
  add("0000:3b:00.0",
      "Model: \t\t NVIDIA H100 80GB HBM3\nDevice Minor: \t 1\nGPU Excluded:\t No\n");
  add("0000:06:00.0", "no colon\nModel:NVIDIA H200\n: \n");
  add("0000:5e:00.0", "Model: Tesla T4\nGPU Excluded:\t Yes\n");
  add("0000:86:00.0", "");
  std::filesystem::create_directories(root / "0000:99:00.0");
  EXPECT_EQ(read_nvidia_cards(root.string()),
            (std::vector<NvidiaCard>{{"0000:06:00.0", "NVIDIA H200"},
                                     {"0000:3b:00.0", "NVIDIA H100 80GB HBM3"},
                                     {"0000:86:00.0", ""}}));
  std::filesystem::remove_all(root);
  EXPECT_TRUE(read_nvidia_cards(root.string()).empty());
}

TEST(Topology, RefusesNonsense) {
  TopologyOptions options;
  options.synthetic = "five sockets please";
  const auto node = discover_topology(options);
  ASSERT_FALSE(node.has_value());
  EXPECT_EQ(node.error().code, Errc::BadInput);
  EXPECT_FALSE(node.error().hint.empty());
}

TEST(Topology, OverridesAreCountedNotBound) {
  TopologyOptions options;
  options.cpus = 12;
  options.mem_mib = 1001;
  options.gpus = 3;
  const auto node = discover_topology(options);
  ASSERT_TRUE(node.has_value());
  EXPECT_EQ(node->cores.size(), 12u);
  EXPECT_EQ(node->numa_mem_mib, std::vector<std::int64_t>{1001});
  EXPECT_EQ(node->gpus.size(), 3u);
  EXPECT_FALSE(node->bindable);
}

TEST(Topology, ThisMachineIsBindableAndRespectsAffinity) {
  const auto whole = discover_topology({});
  ASSERT_TRUE(whole.has_value());
  EXPECT_TRUE(whole->bindable);
  EXPECT_GE(whole->cores.size(), 1u);
  EXPECT_GT(whole->numa_mem_mib[0], 0);
  cpu_set_t before, one;
  ASSERT_EQ(sched_getaffinity(0, sizeof(before), &before), 0);
  CPU_ZERO(&one);
  CPU_SET(whole->cores[0].pus[0], &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
  const auto part = discover_topology({});
  sched_setaffinity(0, sizeof(before), &before);
  ASSERT_TRUE(part.has_value());
  ASSERT_EQ(part->cores.size(), 1u);
  EXPECT_EQ(part->cores[0].pus, std::vector<std::uint32_t>{whole->cores[0].pus[0]});
}

TEST(Cgroups, FindsTheMountsOfAHybridMachine) {
  const CgroupMounts mounts = parse_cgroup_mounts(
      "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
      "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
      "37 31 0:34 / /sys/fs/cgroup/freezer rw - cgroup cgroup rw,freezer\n"
      "39 31 0:36 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
      "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
      "8:pids:/\n6:freezer:/lab\n4:memory:/a/b\n0::/user.slice\n");
  EXPECT_EQ(mounts.v2, "/sys/fs/cgroup/unified/user.slice");
  EXPECT_EQ(mounts.v1_memory, "/sys/fs/cgroup/memory/a/b");
  EXPECT_EQ(mounts.v1_tracking, "/sys/fs/cgroup/freezer/lab");
}

TEST(Cgroups, CutsAContainersRootAndSurvivesOddPaths) {
  const CgroupMounts inside = parse_cgroup_mounts(
      "41 31 0:38 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n", "0::/docker/abc/child\n");
  EXPECT_EQ(inside.v2, "/sys/fs/cgroup/child");
  const CgroupMounts outside =
      parse_cgroup_mounts("41 31 0:38 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n", "0::/../../x\n");
  EXPECT_EQ(outside.v2, "/sys/fs/cgroup");
  EXPECT_EQ(parse_cgroup_mounts("", "").v2, "");
  EXPECT_EQ(parse_cgroup_mounts("garbage\n\n- -\n", "x\n:\n").v2, "");
}

TEST(Cgroups, KnowsItsOwnNames) {
  const AttemptId id{{JobId{12}, TaskIndex{3}}, AttemptNo{1}, Epoch{18446744073709551615u}};
  EXPECT_STREQ(CgroupName(id).text, "12.3.1.18446744073709551615");
  EXPECT_TRUE(is_cgroup_name(CgroupName(id).text));
  EXPECT_TRUE(is_cgroup_name(CgroupName(7).text));
  for (const char* text : {"", "1", "1.2.3", "1.2.3.", "1.2.3.4x", "a.b.c.d", "pool.", "pool.1.2"})
    EXPECT_FALSE(is_cgroup_name(text)) << text;
}

class Files : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/drover-parts-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    dir_ = name;
    ::chmod(name, 0755);
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  LogPiece read(const std::string& path, std::int64_t offset, std::uint32_t limit,
                std::uint32_t uid = ::geteuid()) {
    LogQuery query;
    query.uid = uid;
    query.gid = uid;
    query.path = path;
    query.offset = offset;
    query.limit = limit;
    int fd = -1;
    LogPiece piece = read_log(query, fd);
    if (fd >= 0) ::close(fd);
    return piece;
  }
  std::string dir_;
};

TEST_F(Files, LinesAreAddedToLogs) {
  const std::string path = dir_ + "/log";
  LogQuery query;
  query.uid = query.gid = ::geteuid();
  query.path = path;
  query.append = "[drover: a]\n";
  EXPECT_TRUE(append_log(query).not_found) << "no file is made";
  EXPECT_FALSE(std::filesystem::exists(path));
  std::ofstream(path) << "";
  EXPECT_EQ(append_log(query).error, "");
  std::ofstream(path, std::ios::app) << "half a line";
  EXPECT_EQ(append_log(query).error, "");
  EXPECT_EQ(read(path, 0, 100).data, "[drover: a]\nhalf a line\n[drover: a]\n");
  std::filesystem::create_symlink(path, dir_ + "/link");
  query.path = dir_ + "/link";
  EXPECT_NE(append_log(query).error, "") << "no way through links";
  query.path = path;
  query.uid = ::geteuid() + 1;
  if (::geteuid() != 0) {
    EXPECT_NE(append_log(query).error, "");
  }
}

TEST_F(Files, OutputIsAddedUpToALimit) {
  LogQuery query;
  query.uid = query.gid = ::geteuid();
  query.path = dir_ + "/made/for/it/log";
  EXPECT_EQ(append_output(query, "one\n", 10).error, "");
  EXPECT_EQ(append_output(query, "two, cut", 10).error, "");
  EXPECT_EQ(append_output(query, "nothing of it", 10).error, "");
  EXPECT_EQ(read(query.path, 0, 100).data, "one\ntwo, c");
  EXPECT_EQ(append_output(query, "ut\n", 0).error, "") << "no limit";
  EXPECT_EQ(read(query.path, 0, 100).data, "one\ntwo, cut\n");
  EXPECT_EQ(std::filesystem::status(dir_ + "/made").permissions(),
            std::filesystem::perms::owner_all);
  std::filesystem::create_symlink(query.path, dir_ + "/link");
  query.path = dir_ + "/link";
  EXPECT_NE(append_output(query, "x", 0).error, "") << "no way through links";
}

TEST_F(Files, APipeIsOpenedWhereItsProcessHasIt) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  struct stat status {};
  ASSERT_EQ(::fstat(ends[0], &status), 0);
  LogQuery owner;
  owner.uid = owner.gid = ::geteuid();
  const int fd = open_pipe_of(owner, ::getpid(), ends[0], status.st_ino);
  ASSERT_GE(fd, 0);
  ASSERT_EQ(::write(ends[1], "last", 4), 4);
  ::close(ends[0]);
  ::close(ends[1]);
  char text[8] = {};
  EXPECT_EQ(::read(fd, text, sizeof(text)), 4);
  EXPECT_EQ(::read(fd, text, sizeof(text)), 0) << "its writers are gone";
  EXPECT_EQ(open_pipe_of(owner, ::getpid(), fd, status.st_ino + 1), -1) << "another pipe";
  const int file = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ASSERT_EQ(::fstat(file, &status), 0);
  EXPECT_EQ(open_pipe_of(owner, ::getpid(), file, status.st_ino), -1) << "no pipe";
  EXPECT_EQ(open_pipe_of(owner, ::getpid(), 100'000, status.st_ino), -1);
  ::close(file);
  ::close(fd);
}

TEST_F(Files, LogPiecesByOffset) {
  const std::string path = dir_ + "/log";
  std::ofstream(path) << "0123456789";
  EXPECT_EQ(read(path, 0, 4).data, "0123");
  EXPECT_EQ(read(path, 8, 100).data, "89");
  const LogPiece tail = read(path, -3, 100);
  EXPECT_EQ(tail.data, "789");
  EXPECT_EQ(tail.offset, 7);
  EXPECT_EQ(tail.size, 10);
  EXPECT_EQ(read(path, 50, 10).data, "");
  EXPECT_TRUE(read(dir_ + "/none", 0, 10).not_found);
}

TEST_F(Files, LogsAreRegularFilesOnly) {
  std::filesystem::create_symlink("/etc/passwd", dir_ + "/link");
  ASSERT_EQ(::mkfifo((dir_ + "/fifo").c_str(), 0666), 0);
  for (const std::string& path :
       {dir_ + "/link", dir_ + "/fifo", dir_, std::string("/dev/zero"),
        std::string("/proc/self/fd/0"), std::string("relative"), std::string("/etc/passwd\0x", 13)})
    EXPECT_FALSE(read(path, 0, 10).error.empty()) << path;
}

TEST_F(Files, LogsAreReadWithTheOwnersRights) {
  if (::geteuid() != 0) {
    EXPECT_FALSE(read("/etc/hostname", 0, 10, ::geteuid() + 1).error.empty());
    return;
  }
  const std::string path = dir_ + "/secret";
  std::ofstream(path) << "secret";
  ::chmod(path.c_str(), 0600);
  EXPECT_FALSE(read(path, 0, 10, 65534).error.empty());
  EXPECT_EQ(::geteuid(), 0u);
  EXPECT_EQ(read(path, 0, 10).data, "secret");
}

TEST_F(Files, AScriptIsSharedByItsJobAndRemovedWhenIdle) {
  auto scripts = Scripts::open(dir_, "test" + std::to_string(::getpid()), 0);
  ASSERT_TRUE(scripts.has_value());
  const auto first = scripts->place(JobId{1}, ::geteuid(), ::getegid(), "#!/bin/sh\n", 0);
  const auto again = scripts->place(JobId{1}, ::geteuid(), ::getegid(), "#!/bin/sh\n", 1);
  const auto other = scripts->place(JobId{2}, ::geteuid(), ::getegid(), "#!/bin/sh\n", 1);
  ASSERT_TRUE(first && again && other);
  EXPECT_EQ(*first, *again);
  EXPECT_NE(*first, *other);
  struct stat status {};
  ASSERT_EQ(::stat(first->c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0700u);
  scripts->sweep([](JobId job) { return job == JobId{2}; }, 20'000'000);
  EXPECT_FALSE(std::filesystem::exists(*first));
  EXPECT_TRUE(std::filesystem::exists(*other));
  std::ofstream(*other) << "changed by its owner";
  ASSERT_TRUE(scripts->place(JobId{2}, ::geteuid(), ::getegid(), "#!/bin/sh\n", 1).has_value());
  EXPECT_EQ(std::filesystem::file_size(*other), 10u);
  scripts->close([](JobId) { return false; });
  EXPECT_FALSE(std::filesystem::exists(scripts->directory()));
}

}  // namespace
}  // namespace drover::nodeagent
