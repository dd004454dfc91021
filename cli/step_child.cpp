// cli/step_child.cpp - fork, and the child's way to exec.
// SPDX-License-Identifier: Apache-2.0
#include "cli/step_child.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>

namespace drover::cli {
namespace {

constexpr std::size_t kWordBits = 8 * sizeof(unsigned long);
constexpr int kBindPolicy = 2;  // MPOL_BIND of linux/mempolicy.h

std::vector<unsigned long> bits_of(const std::vector<std::uint32_t>& numbers) {
  std::vector<unsigned long> bits(1);
  for (const std::uint32_t number : numbers) {
    bits.resize(std::max(bits.size(), number / kWordBits + 1));
    bits[number / kWordBits] |= 1ul << (number % kWordBits);
  }
  return bits;
}

// The NUMA node of a CPU, as the kernel shows it: /sys/devices/system/cpu/cpu3/node0.
std::set<std::uint32_t> memory_of(const std::vector<std::uint32_t>& cpus) {
  std::set<std::uint32_t> nodes;
  for (const std::uint32_t cpu : cpus) {
    const std::string path = "/sys/devices/system/cpu/cpu" + std::to_string(cpu);
    DIR* directory = ::opendir(path.c_str());
    if (directory == nullptr) continue;
    while (const dirent* entry = ::readdir(directory))
      if (std::strncmp(entry->d_name, "node", 4) == 0 && entry->d_name[4] >= '0' &&
          entry->d_name[4] <= '9')
        nodes.insert(std::uint32_t(std::atoi(entry->d_name + 4)));
    ::closedir(directory);
  }
  return nodes;
}

std::string shown(const std::vector<std::uint32_t>& cpus) {
  std::string text;
  for (const std::uint32_t cpu : cpus) text += (text.empty() ? "" : ",") + std::to_string(cpu);
  return text;
}

[[noreturn]] void give_up(std::uint32_t task, const std::string& what, int code = 126) {
  std::fprintf(stderr, "drover step: task %u: %s: %s\n", task, what.c_str(), std::strerror(errno));
  std::fflush(stderr);
  ::_exit(code);
}

void bind(const StepPlan& plan, const StepTask& task) {
  if (!task.cpus.empty()) {
    const std::vector<unsigned long> mask = bits_of(task.cpus);
    if (::syscall(SYS_sched_setaffinity, 0, mask.size() * sizeof(unsigned long), mask.data()) < 0)
      give_up(task.id, "cannot bind to CPUs " + shown(task.cpus));
  }
  if (plan.verbose)
    std::fprintf(stderr, "drover step: task %u (pid %d) is bound to %s\n", task.id, int(::getpid()),
                 task.cpus.empty() ? "no CPUs" : ("CPUs " + shown(task.cpus)).c_str());
  if (!plan.bind_memory || task.cpus.empty()) return;
  const std::set<std::uint32_t> nodes = memory_of(task.cpus);
  if (nodes.empty()) return;  // one memory for all
  const std::vector<unsigned long> mask = bits_of({nodes.begin(), nodes.end()});
  if (::syscall(SYS_set_mempolicy, kBindPolicy, mask.data(), mask.size() * kWordBits + 1) != 0)
    give_up(task.id, "cannot bind memory to NUMA nodes");
}

void set_variables(const StepChild& child, const StepTask& task) {
  const auto set = [](const char* name, std::size_t value) {
    ::setenv(name, std::to_string(value).c_str(), 1);
  };
  for (const char* prefix : {"DROVER_", "SLURM_"}) {
    const std::string names(prefix);
    set((names + "PROCID").c_str(), task.id);
    set((names + "LOCALID").c_str(), child.index);
    set((names + "NTASKS").c_str(), child.plan.ntasks);
  }
  set("SLURM_NPROCS", child.plan.ntasks);
  if (task.cpus.empty()) return;
  ::setenv("DROVER_CPU_IDS", shown(task.cpus).c_str(), 1);
}

[[noreturn]] void run(const StepChild& child) {
  const StepTask& task = child.plan.tasks[child.index];
  ::setpgid(0, 0);
  if (child.streams.first >= 0) ::dup2(child.streams.first, 1);
  if (child.streams.second >= 0) ::dup2(child.streams.second, 2);
  if (child.index > 0) {  // one reader only: input is for the first task
    const int null = ::open("/dev/null", O_RDONLY);
    if (null > 0) ::dup2(null, 0), ::close(null);
  }
  bind(child.plan, task);
  set_variables(child, task);
  ::sigprocmask(SIG_SETMASK, &child.signals, nullptr);
  std::vector<char*> argv;
  for (const std::string& word : child.command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  ::execvp(argv[0], argv.data());
  give_up(task.id, "cannot run " + child.command[0], errno == ENOENT ? 127 : 126);
}

}  // namespace

Result<pid_t> start_child(const StepChild& child) {
  const pid_t pid = ::fork();
  if (pid < 0) return fail(Errc::Io, std::string("cannot fork: ") + std::strerror(errno));
  if (pid == 0) run(child);
  ::setpgid(pid, pid);  // both do it: whoever is first
  return pid;
}

}  // namespace drover::cli
