// metrics/process.cpp - reads /proc/self/stat and friends.
// SPDX-License-Identifier: Apache-2.0
#include "metrics/process.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace drover::metrics {
namespace {

double boot_time_seconds() {
  std::ifstream stat("/proc/stat");
  for (std::string word; stat >> word;) {
    double value = 0;
    if (word == "btime" && stat >> value) return value;
  }
  return 0;
}

void read_stat(ProcessStats& stats) {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  const std::size_t paren = line.rfind(')');  // the command's name may hold spaces
  if (paren == std::string::npos) return;
  std::istringstream rest(line.substr(paren + 1));
  std::string word;
  const double ticks = double(sysconf(_SC_CLK_TCK));
  for (int field = 3; rest >> word && field <= 24; ++field) {  // numbered as in proc(5)
    if (field != 14 && field != 15 && field < 22) continue;
    const double value = std::stod(word);
    if (field == 14 || field == 15) stats.cpu_seconds += value / ticks;
    if (field == 22) stats.start_time_seconds = boot_time_seconds() + value / ticks;
    if (field == 23) stats.virtual_bytes = value;
    if (field == 24) stats.resident_bytes = value * double(sysconf(_SC_PAGESIZE));
  }
}

}  // namespace

ProcessStats process_stats() {
  ProcessStats stats;
  read_stat(stats);
  std::error_code error;
  std::filesystem::directory_iterator fds("/proc/self/fd", error), end;
  for (; !error && fds != end; fds.increment(error)) stats.open_fds += 1;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) stats.max_fds = double(limit.rlim_cur);
  return stats;
}

}  // namespace drover::metrics
