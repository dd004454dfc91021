// bench/programs/spawn_limit.cpp - the physical limit: how fast two threads posix_spawn and reap a
// program. usage: spawn_limit PROGRAM COUNT THREADS ; prints programs per second
// SPDX-License-Identifier: Apache-2.0
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: spawn_limit PROGRAM COUNT THREADS\n");
    return 2;
  }
  std::atomic<int> left{std::atoi(argv[2])};
  std::atomic<bool> failed{false};
  const auto spawn_until_done = [&] {
    char* const words[] = {argv[1], nullptr};
    char* const environment[] = {nullptr};
    while (left.fetch_sub(1) > 0) {
      pid_t pid = 0;
      int status = 0;
      if (posix_spawn(&pid, argv[1], nullptr, nullptr, words, environment) != 0 ||
          waitpid(pid, &status, 0) != pid || status != 0)
        failed = true;
    }
  };
  const auto begin = std::chrono::steady_clock::now();
  const int count = std::atoi(argv[3]);
  std::vector<std::thread> threads;
  threads.reserve(std::size_t(std::max(count, 0)));
  for (int n = 0; n < count; ++n) threads.emplace_back(spawn_until_done);
  for (std::thread& thread : threads) thread.join();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  if (failed) {
    std::fprintf(stderr, "spawn_limit: a program did not start or failed\n");
    return 1;
  }
  std::printf("%.1f\n", std::atoi(argv[2]) / took.count());
  return 0;
}
