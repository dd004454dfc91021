// tests/unit/sched/consumers_test.cpp - order, exclusion and batches of the consumers.
// SPDX-License-Identifier: Apache-2.0
#include "sched/consumers.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <fstream>
#include <latch>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>

namespace drover::sched {
namespace {

dag::JobRequest request() {
  dag::StepRequest step;
  step.code = "#!/bin/sh\n";
  dag::JobRequest job;
  job.steps.push_back(std::move(step));
  return job;
}

class Inbox {  // what the turn does with batches
 public:
  Deliver deliver() {
    return [this](std::vector<PlanReady> batch) {
      const std::lock_guard lock(mutex_);
      for (PlanReady& one : batch) ready_.push_back(std::move(one));
      more_.notify_all();
    };
  }
  std::vector<PlanReady> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    more_.wait(lock, [&] { return ready_.size() >= count; });
    return ready_;
  }
  std::size_t size() {
    const std::lock_guard lock(mutex_);
    return ready_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable more_;
  std::vector<PlanReady> ready_;
};

CompileJob job(std::uint64_t id, std::uint32_t group) { return {JobId{id}, GroupId{group}}; }

std::vector<CompileJob> round_robin(std::uint64_t jobs, std::uint32_t groups) {
  std::vector<CompileJob> list;
  for (std::uint64_t id = 0; id < jobs; ++id) list.push_back(job(id, std::uint32_t(id % groups)));
  return list;
}

TEST(Consumers, EveryJobIsAnsweredOnceAndInTheOrderOfItsGroup) {
  Inbox inbox;
  Consumers consumers(
      4, [](JobId) { return request(); }, inbox.deliver());
  const auto jobs = round_robin(20'000, 37);
  for (std::size_t at = 0; at < jobs.size(); at += 500)
    consumers.submit(std::span(jobs).subspan(at, 500));
  const auto ready = inbox.wait_for(jobs.size());
  ASSERT_EQ(ready.size(), jobs.size());
  std::map<GroupId, std::uint64_t> next;
  for (std::uint32_t g = 0; g < 37; ++g) next[GroupId{g}] = g;
  for (const PlanReady& one : ready) {
    ASSERT_TRUE(one.plan);
    ASSERT_EQ(raw(one.job), next[one.group]);
    next[one.group] += 37;
  }
}

TEST(Consumers, OneGroupIsSerial) {
  Inbox inbox;
  std::array<std::atomic<int>, 5> inside{};
  std::atomic<int> worst{0};
  Consumers consumers(
      4,
      [&](JobId id) {
        std::atomic<int>& mine = inside[raw(id) % 5];
        const int now = mine.fetch_add(1) + 1;
        int seen = worst.load();
        while (seen < now && !worst.compare_exchange_weak(seen, now)) {
        }
        std::this_thread::yield();
        mine.fetch_sub(1);
        return request();
      },
      inbox.deliver());
  for (const CompileJob& one : round_robin(5'000, 5)) consumers.submit({&one, 1});
  inbox.wait_for(5'000);
  EXPECT_EQ(worst.load(), 1);
}

TEST(Consumers, GroupsAreParallel) {
  Inbox inbox;
  std::latch all_inside(4);  // opens only when four groups are being compiled at one time
  Consumers consumers(
      4,
      [&](JobId) {
        all_inside.arrive_and_wait();
        return request();
      },
      inbox.deliver());
  consumers.submit(round_robin(4, 4));
  EXPECT_EQ(inbox.wait_for(4).size(), 4u);
}

TEST(Consumers, WhatLoadSaysOrThrowsIsTheAnswer) {
  Inbox inbox;
  Consumers consumers(
      2,
      [](JobId id) -> Result<dag::JobRequest> {
        if (raw(id) == 0) throw std::runtime_error("map full");
        if (raw(id) == 1) throw 7;
        if (raw(id) == 2) return fail(Errc::Corrupt, "record 2 is damaged");
        return raw(id) == 3 ? dag::JobRequest{} : request();
      },
      inbox.deliver());
  consumers.submit(round_robin(5, 1));
  const auto ready = inbox.wait_for(5);
  EXPECT_EQ(ready[0].plan.error().code, Errc::Io);
  EXPECT_NE(ready[0].plan.error().message.find("map full"), std::string::npos);
  EXPECT_EQ(ready[1].plan.error().code, Errc::Io);
  EXPECT_EQ(ready[2].plan.error().code, Errc::Corrupt);
  EXPECT_EQ(ready[3].plan.error().code, Errc::BadInput) << "no steps";
  EXPECT_TRUE(ready[4].plan) << "the consumer lives on";
}

TEST(Consumers, AnswersComeInBatches) {
  Inbox inbox;
  Consumers consumers(
      2, [](JobId) { return request(); }, inbox.deliver());
  consumers.submit(round_robin(1'000, 1));
  inbox.wait_for(1'000);
  EXPECT_LE(consumers.stats().batches, 16u);
  EXPECT_EQ(consumers.stats().compiled, 1'000u);
}

TEST(Consumers, AnswersMayLeadToNewJobs) {
  std::mutex mutex;
  std::set<JobId> seen;
  std::latch done(1);
  Consumers* self = nullptr;
  Consumers consumers(
      2, [](JobId) { return request(); },
      [&](std::vector<PlanReady> batch) {
        for (const PlanReady& one : batch) {
          const std::lock_guard lock(mutex);
          seen.insert(one.job);
          const CompileJob next = job(raw(one.job) + 1, raw(one.group));
          if (raw(one.job) < 99)
            self->submit({&next, 1});
          else
            done.count_down();
        }
      });
  self = &consumers;
  const CompileJob first = job(0, 7);
  consumers.submit({&first, 1});
  done.wait();
  EXPECT_EQ(seen.size(), 100u);
}

TEST(Consumers, StopForgetsWhatIsQueuedAndWaitsForWhatIsNot) {
  Inbox inbox;
  std::latch inside(1);
  std::latch release(1);
  Consumers consumers(
      1,
      [&](JobId id) {
        if (raw(id) == 0) {
          inside.count_down();
          release.wait();
        }
        return request();
      },
      inbox.deliver());
  const CompileJob first = job(0, 0);
  consumers.submit({&first, 1});
  inside.wait();
  consumers.submit(round_robin(10'000, 100));
  std::thread stopper([&] { consumers.stop(); });
  while (consumers.stats().queued > 0) std::this_thread::yield();
  EXPECT_EQ(inbox.size(), 0u);
  release.count_down();
  stopper.join();
  EXPECT_EQ(inbox.size(), 1u) << "the one that was being compiled";
  consumers.submit(round_robin(10, 1));
  EXPECT_EQ(consumers.stats().queued, 0u) << "stopped is stopped";
  consumers.stop();
}

std::size_t threads_of_this_process() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("Threads:")) return std::stoul(line.substr(8));
  return 0;
}

TEST(Consumers, FiftyThousandGroupsShareAHandfulOfThreads) {
  Inbox inbox;
  const std::size_t before = threads_of_this_process();
  Consumers consumers(
      4, [](JobId) { return request(); }, inbox.deliver());
  consumers.submit(round_robin(100'000, 50'000));
  inbox.wait_for(100'000);
  EXPECT_LE(threads_of_this_process(), before + 8);
  consumers.stop();
  EXPECT_EQ(consumers.stats().active_groups, 0u) << "an idle group costs nothing";
}

}  // namespace
}  // namespace drover::sched
