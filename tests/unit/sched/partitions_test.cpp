// tests/unit/sched/partitions_test.cpp - partitions that share a quota or nodes.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "day.hpp"

namespace drover::sched {
namespace {

const std::string kPolicies[] = {"fcfs",
                                 "fifo+easy",
                                 "fifo+depth-k:2",
                                 "priority+none",
                                 "priority+easy",
                                 "priority+conservative",
                                 "saf-guard:1h+easy",
                                 "saf-guard:1h+none"};

// The keys of different orders do not compare: who is first in one of them waits for one head of
// the other at most, not for all that come there.
TEST(Partitions, NoOrderStarvesAnotherAtASharedQuota) {
  const std::string policies[] = {"fcfs",
                                  "fifo+easy",
                                  "priority+none",
                                  "priority+easy",
                                  "priority+conservative",
                                  "saf-guard:1h+easy"};
  for (const std::string& stream : kPolicies)
    for (const std::string& single : kPolicies)
      for (const bool swapped : {false, true}) {
        Day day(swapped ? Day::Orders{single, stream} : Day::Orders{stream, single});
        day.desk().node_up("n1", 8);
        const auto job = [&](bool is_stream) {
          JobSpec spec = sized(4, 100);
          spec.labels["partition"] = is_stream != swapped ? "one" : "two";
          return day.submit(spec);
        };
        job(true);
        job(true);
        day.pass_until(50);
        const JobId alone = job(false);
        for (std::int64_t i = 1; i <= 100; ++i) {
          job(true);  // two wait there at any time
          day.pass_until(i * 100 + 50);
        }
        const bool guards = stream.starts_with("saf") || single.starts_with("saf");
        EXPECT_LE(day.started(alone).value_or(99'999), guards ? 4'000 : 400)
            << stream << " starves " << single << (swapped ? ", swapped" : "");
      }
}

// Nor does a stream of small jobs that find room beside each other.
TEST(Partitions, NoOrderOvertakesAnotherForEverAtASharedQuota) {
  for (const std::string& stream : kPolicies)
    for (const std::string& single : kPolicies)
      for (const bool swapped : {false, true}) {
        Day day(swapped ? Day::Orders{single, stream} : Day::Orders{stream, single});
        day.desk().node_up("n1", 8);
        const auto job = [&](bool is_stream, std::int64_t cpus) {
          JobSpec spec = sized(cpus, 100);
          spec.labels["partition"] = is_stream != swapped ? "one" : "two";
          return day.submit(spec);
        };
        job(true, 2);
        day.pass_until(50);
        job(true, 2);
        day.pass_until(60);
        const JobId alone = job(false, 4), next = job(false, 4);  // each has its turn
        job(false, 4);
        const JobId last = job(false, 4);          // beyond what depth-k:2 plans for at first
        for (std::int64_t i = 1; i <= 100; ++i) {  // two of four CPUs come free at a time
          day.pass_until(i * 50 + 40);
          job(true, 2);
        }
        const bool guards = stream.starts_with("saf") || single.starts_with("saf");
        EXPECT_LE(day.started(alone).value_or(99'999), guards ? 4'000 : 400)
            << stream << " starves " << single << (swapped ? ", swapped" : "");
        EXPECT_LE(day.started(next).value_or(99'999), guards ? 4'500 : 900)
            << stream << " starves " << single << (swapped ? ", swapped" : "");
        EXPECT_LE(day.started(last).value_or(99'999), guards ? 4'900 : 1'800)
            << stream << " starves " << single << (swapped ? ", swapped" : "");
      }
}

// Also one without backfill keeps a place for its first job against the jobs of others; also where
// two end at the same time, so that for a moment one of them counts as overdue.
TEST(Partitions, NoneStarvesAnotherOnNodesThatTheyShare) {
  for (const std::string& stream : kPolicies)
    for (const std::string& single : kPolicies)
      for (const bool swapped : {false, true}) {
        Day day(swapped ? Day::Orders{single, stream} : Day::Orders{stream, single});
        day.desk().node_up("n1", 8);
        const auto job = [&](bool is_stream, std::int64_t cpus) {
          JobSpec spec = sized(cpus, 100, is_stream ? "bob" : "dan");
          spec.labels["partition"] = is_stream != swapped ? "one" : "two";
          return day.submit(spec);
        };
        job(true, 4);
        day.pass_until(50);
        job(true, 4);
        day.pass_until(60);
        const JobId alone = job(false, 8), next = job(false, 8);
        job(false, 8);
        const JobId last = job(false, 8);          // beyond what depth-k:2 plans for at first
        for (std::int64_t i = 1; i <= 100; ++i) {  // half the node is free at times, never all
          day.pass_until(i * 50 + 40);
          job(true, 4);
        }
        EXPECT_EQ(day.started(alone), 150)
            << stream << " starves " << single << (swapped ? ", swapped" : "");
        EXPECT_LE(day.started(next).value_or(99'999), 900)
            << stream << " starves " << single << (swapped ? ", swapped" : "");
        EXPECT_LE(day.started(last).value_or(99'999), 1'800)
            << stream << " starves " << single << (swapped ? ", swapped" : "");
      }
}

// Where nobody else is, nothing is planned: the first blocks all.
TEST(Partitions, OneAloneWithoutBackfillPlansNothing) {
  Day day("fcfs");
  day.desk().node_up("n1", 8);
  day.submit(sized(4, 100));
  day.submit(sized(8, 100));
  day.submit(sized(4, 10));
  EXPECT_FALSE(day.desk().controller.resources().plans());
  EXPECT_EQ(day.desk().launches.size(), 1u);
}

}  // namespace
}  // namespace drover::sched
