// tests/unit/sched/limit_watch_test.cpp - limits come in order, changed or not.
// SPDX-License-Identifier: Apache-2.0
#include "sched/limit_watch.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <set>
#include <tuple>

#include "base/prng.hpp"

namespace drover::sched {
namespace {

// Tasks start, most end early, some have their limit changed, some reach it.
TEST(LimitWatch, TellsWhatStillRunsInOrder) {
  for (const std::uint64_t seed : {1, 2, 3}) {
    Prng random{seed};
    LimitWatch watch;
    std::deque<Task> tasks;  // they keep their addresses
    std::set<std::tuple<std::int64_t, TaskId, Task*>> live;
    const auto put = [&](std::int64_t until, Task& task) {
      task.record.lease->until = Time{until};
      watch.follow(task);
      EXPECT_TRUE(watch.knows(task, Time{until}));
      live.insert({until, task.record.id, &task});
    };
    for (std::int64_t now = 0; now < 20'000; ++now) {
      const auto later = [&] { return now + 1 + std::int64_t(random.below(1'000)); };
      for (std::uint64_t n = random.below(4); n > 0; --n) {
        tasks.emplace_back().record.id = {JobId{tasks.size()}, TaskIndex{0}};
        tasks.back().record.lease.emplace();
        put(later(), tasks.back());
      }
      while (live.size() > 300) {
        const auto one = std::next(live.begin(), std::int64_t(random.below(300)));
        Task& task = *std::get<Task*>(*one);
        live.erase(one);
        if (random.below(4) == 0) {
          put(later(), task);
        } else {
          task.record.lease->until = rm::kEver;
          watch.follow(task);
          watch.erase(task);  // twice is as once
          EXPECT_EQ(task.limit_seat, kNoSeat);
        }
      }
      ASSERT_EQ(watch.size(), live.size()) << "seed " << seed;
      while (!watch.empty() && watch.next() <= Time{now}) {
        Task& task = watch.next_task();
        ASSERT_EQ(&task, std::get<Task*>(*live.begin())) << "seed " << seed;
        watch.erase(task);
        live.erase(live.begin());
      }
      ASSERT_TRUE(live.empty() || Time{std::get<0>(*live.begin())} == watch.next());
    }
  }
}

}  // namespace
}  // namespace drover::sched
