// tests/unit/sched/partitions_property_test.cpp - a seed is a stream of jobs in one partition and a
// few in another, over the same nodes and quotas: the few start while the stream goes on.
// SPDX-License-Identifier: Apache-2.0
//
// SEED=17 SEEDS=1 replays one history.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "base/prng.hpp"
#include "day.hpp"

namespace drover::sched {
namespace {

const std::string kPolicies[] = {"fcfs",
                                 "fifo+easy",
                                 "easy-sjbf",
                                 "fifo+depth-k:3",
                                 "conservative",
                                 "priority+none",
                                 "priority+easy",
                                 "priority+conservative",
                                 "saf-guard:10m+easy",
                                 "saf-guard:10m+conservative"};
constexpr std::int64_t kFrom = 1'000, kUntil = 12'000;  // the few come at kFrom
constexpr std::int64_t kBound = 4'000;                  // each is there for 100 s, 800 in all
constexpr std::uint64_t kRoundsMax = 50;

class Streams {
 public:
  explicit Streams(std::uint64_t seed)
      : random_(seed), orders_{pick(), pick()}, day_(Day::Orders(orders_)) {
    nodes_ = 1 + random_.below(3);
    for (std::uint64_t n = 0; n < nodes_; ++n)
      day_.desk().node_up("n" + std::to_string(n + 1), kCores);
    stream_ = random_.chance(50) ? "one" : "two";
    streamer_ = random_.chance(50) ? "ann" : "bob";
    owner_ = random_.chance(50) ? "ann" : "dan";
    late_ = random_.chance(70);
  }

  std::string text() const {
    return orders_.one + " and " + orders_.two + ", the stream in " + stream_ + " by " + streamer_ +
           ", the others by " + owner_ + ", " + std::to_string(nodes_) + " nodes";
  }

  void run() {
    std::int64_t t = 0;
    std::vector<JobId> few;
    while (t < kUntil && !testing::Test::HasFailure()) {
      if (few.empty() && t >= kFrom)
        for (auto left = 1 + random_.below(8); left-- > 0;) few.push_back(submit_one());
      if (few.empty() || t < kFrom + kBound) t += submit_some();
      pass_until(t);
      if (t >= kFrom + kBound) break;
    }
    for (const JobId job : few) {
      const auto start = day_.started(job);
      EXPECT_TRUE(start.has_value()) << "job " << raw(job) << " has not started by " << t;
    }
    const auto problems = day_.desk().controller.check();
    EXPECT_TRUE(problems.empty()) << problems.front();
  }

 private:
  static constexpr std::uint16_t kCores = 8;

  std::string pick() { return kPolicies[random_.below(std::size(kPolicies))]; }

  // Seconds until the next comes: two thirds of what there is are asked for.
  std::int64_t submit_some() {
    const auto cpus = 1 + std::int64_t(random_.below(4));
    const std::int64_t length = random_.chance(50) ? 50 : 300;
    JobSpec spec = sized(cpus, length, streamer_);
    spec.labels["partition"] = stream_;
    submit(spec);
    const std::int64_t room = streamer_ == "ann" ? 4 : kCores * std::int64_t(nodes_);
    return cpus * length * 3 / (room * 2);
  }

  JobId submit_one() {
    const std::int64_t most = owner_ == "ann" ? 4 : kCores;
    JobSpec spec = sized(1 + std::int64_t(random_.below(std::uint64_t(most))), 100, owner_);
    spec.labels["partition"] = stream_ == "one" ? "two" : "one";
    return submit(spec);
  }

  JobId submit(const JobSpec& spec) {
    const JobId next{++submitted_};
    if (late_ && random_.chance(20)) day_.outlives(next, 1 + std::int64_t(random_.below(90)));
    const JobId job = day_.submit(spec);
    EXPECT_EQ(job, next);
    return job;
  }

  void pass_until(std::int64_t t) {
    const Stats before = day_.desk().controller.stats();
    day_.pass_until(t);
    const Stats after = day_.desk().controller.stats();
    EXPECT_LE(after.rounds - before.rounds, kRoundsMax * (after.turns - before.turns));
  }

  Prng random_;
  Day::Orders orders_;
  Day day_;
  std::uint64_t nodes_ = 1, submitted_ = 0;
  std::string stream_, streamer_, owner_;
  bool late_ = false;
};

TEST(PartitionsProperty, AStreamInOneStarvesNobodyInAnother) {
  const char* seed = std::getenv("SEED");
  const char* seeds = std::getenv("SEEDS");
  const std::uint64_t first = seed != nullptr ? std::strtoull(seed, nullptr, 10) : 1;
  const std::uint64_t count = seeds != nullptr ? std::strtoull(seeds, nullptr, 10) : 300;
  for (std::uint64_t s = first; s < first + count; ++s) {
    Streams streams(s);
    SCOPED_TRACE("SEED=" + std::to_string(s) + ": " + streams.text());
    streams.run();
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace drover::sched
