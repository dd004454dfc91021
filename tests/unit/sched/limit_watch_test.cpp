// tests/unit/sched/limit_watch_test.cpp - limits come in order, and those of the dead go in time.
// SPDX-License-Identifier: Apache-2.0
#include "sched/limit_watch.hpp"

#include <gtest/gtest.h>

#include <set>

#include "base/prng.hpp"

namespace drover::sched {
namespace {

LimitWatch::Limit limit(std::int64_t at, std::uint64_t job) {
  return {Time{at}, {JobId{job}, TaskIndex{0}}};
}

// Tasks start, most end early, some reach their limit; after each turn some of the dead are swept.
TEST(LimitWatch, TellsWhatStillRunsInOrderAndForgetsTheRest) {
  for (const std::uint64_t seed : {1, 2, 3}) {
    Prng random{seed};
    LimitWatch watch;
    std::set<std::pair<std::int64_t, std::uint64_t>> live;
    const auto is_live = [&](const LimitWatch::Limit& one) {
      return live.contains({one.at.us, raw(one.task.job)});
    };
    std::uint64_t next = 1;
    for (std::int64_t now = 0; now < 20'000; ++now) {
      for (std::uint64_t n = random.below(4); n > 0; --n) {
        const std::int64_t at = now + 1 + std::int64_t(random.below(100'000));
        live.insert({at, next});
        watch.push(limit(at, next++));
      }
      while (live.size() > 300)
        live.erase(std::next(live.begin(), std::int64_t(random.below(300))));
      watch.sweep(live.size(), is_live);
      ASSERT_LE(watch.size(), 3 * live.size() + 1024 + 4) << "seed " << seed;
      while (!live.empty() && live.begin()->first <= now) {
        while (!is_live(watch.top())) watch.pop();
        ASSERT_EQ(watch.top().at.us, live.begin()->first);
        ASSERT_EQ(raw(watch.top().task.job), live.begin()->second);
        watch.pop();
        live.erase(live.begin());
      }
    }
    for (const auto& [at, job] : live) {
      while (!is_live(watch.top())) watch.pop();
      ASSERT_EQ(watch.top().at.us, at) << "seed " << seed;
      watch.pop();
    }
  }
}

// What was pushed pays for what is looked at: no turn looks at all of them.
TEST(LimitWatch, LooksAtFewInEachTurn) {
  LimitWatch watch;
  for (std::uint64_t job = 1; job <= 100'000; ++job) watch.push(limit(std::int64_t(job), job));
  std::size_t looks = 0;
  const auto dead = [&](const LimitWatch::Limit&) {
    ++looks;
    return false;
  };
  watch.sweep(100'000, dead);  // all run: nothing to be done, and nothing saved up
  EXPECT_EQ(looks, 0u);
  watch.push(limit(100'001, 100'001));
  watch.sweep(0, dead);
  EXPECT_EQ(looks, 4u);
  EXPECT_EQ(watch.size(), 100'001u - 4);
  EXPECT_EQ(watch.top().at.us, 5);
}

}  // namespace
}  // namespace drover::sched
