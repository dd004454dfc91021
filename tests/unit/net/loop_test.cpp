// tests/unit/net/loop_test.cpp - order of hooks, posted work, timers, pool work and signals on the
// loop.
// SPDX-License-Identifier: Apache-2.0
#include "net/loop.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace drover::net {
namespace {

TEST(Loop, WorkPostedFromManyThreadsRunsOnce) {
  Loop loop;
  constexpr int kThreads = 4, kEach = 1000;
  int ran = 0;
  const auto owner = std::this_thread::get_id();
  std::vector<std::thread> threads;
  threads.reserve(std::size_t(kThreads));
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int k = 0; k < kEach; ++k) {
        loop.post([&] {
          EXPECT_EQ(std::this_thread::get_id(), owner);
          if (++ran == kThreads * kEach) loop.stop();
        });
      }
    });
  }
  loop.run();
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(ran, kThreads * kEach);
}

TEST(Loop, TheTurnFollowsTheWorkAndTheFlushFollowsTheTurn) {
  Loop loop;
  std::string order;
  loop.after_io([&] {
    if (order == "w") {
      order += 't';
      loop.before_wait([&] {
        order += 'f';
        loop.stop();
      });
    }
  });
  loop.post([&] { order += 'w'; });
  loop.run();
  EXPECT_EQ(order, "wtf");
}

TEST(Loop, ATimerIsFollowedByATurnWithoutAnyIo) {
  Loop loop;
  bool fired = false, turned = false;
  Timer timer(loop, [&] { fired = true; });
  loop.after_io([&] {
    turned = fired;
    if (turned) loop.stop();
  });
  timer.start(millis(1));
  loop.run();
  EXPECT_TRUE(turned);
}

TEST(Loop, ARepeatingTimerMayDestroyItselfWhileItFires) {
  Loop loop;
  int fired = 0;
  std::optional<Timer> timer;
  timer.emplace(loop, [&] {
    if (++fired < 3) return;
    timer.reset();
    loop.stop();
  });
  timer->start(millis(1), millis(1));
  loop.run();
  EXPECT_EQ(fired, 3);
}

TEST(Loop, OffloadedWorkReturnsToTheLoopThread) {
  Loop loop;
  const auto owner = std::this_thread::get_id();
  std::thread::id worker, finisher;
  loop.offload([&] { worker = std::this_thread::get_id(); },
               [&] {
                 finisher = std::this_thread::get_id();
                 loop.stop();
               });
  loop.run();
  EXPECT_NE(worker, owner);
  EXPECT_EQ(finisher, owner);
}

TEST(Loop, ASignalIsHeardOnTheLoopThread) {
  Loop loop;
  loop.on_signal(SIGUSR2, [&] { loop.stop(); });
  loop.post([] { ::raise(SIGUSR2); });
  loop.run();
}

TEST(Loop, ALoopThatNeverRanDropsItsWorkWithoutRunningIt) {
  bool ran = false;
  {
    Loop loop;
    loop.post([&] { ran = true; });
    loop.offload([] {}, [&] { ran = true; });
  }
  EXPECT_FALSE(ran);
}

}  // namespace
}  // namespace drover::net
