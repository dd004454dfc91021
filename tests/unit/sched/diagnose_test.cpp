// tests/unit/sched/diagnose_test.cpp - what is said of a job that runs, and what is not.
// SPDX-License-Identifier: Apache-2.0
#include "sched/diagnose.hpp"

#include <gtest/gtest.h>

namespace drover::sched {
namespace {

AttemptUse attempt(std::uint32_t element, std::int64_t age_s, std::int64_t seen_s,
                   std::int64_t cpu_s, std::int64_t rss_mib = 0) {
  return {TaskIndex{element}, seconds(age_s), seconds(seen_s), seconds(cpu_s), rss_mib * 1024};
}
JobUse single(std::int64_t cpus, std::int64_t mem_mib, AttemptUse use) {
  return {.cpus = cpus, .mem_limit_mib = mem_mib, .attempts = {use}};
}
JobUse statement(std::int64_t cpus, std::int64_t mem_mib, AttemptUse use) {
  JobUse made = single(cpus, mem_mib, use);
  made.is_statement = true;
  return made;
}
JobUse polled(std::int64_t late_ms, std::int64_t slowest_ms, std::string target = "") {
  JobUse made = statement(0, 0, attempt(0, 600, 600, 0));
  made.poll_late_ms = late_ms;
  made.poll_slowest_ms = slowest_ms;
  made.poll_target = std::move(target);
  return made;
}

TEST(Diagnose, SaysWhatIsWastedOrAtRisk) {
  struct Case {
    const char* what;
    JobUse use;
    std::string kinds, text;
  };
  const Case cases[] = {
      {"busy", single(2, 0, attempt(0, 600, 600, 1200)), "", ""},
      {"idle", single(4, 0, attempt(0, 600, 300, 10)), "idle_cpu",
       "the job used 0.03 of 4 CPUs for the last 00:05:00"},
      {"quite idle on one CPU", single(1, 0, attempt(0, 600, 600, 0)), "idle_cpu",
       "the job used 0.00 of 1 CPU for the last 00:10:00"},
      {"half of one CPU is nothing to say", single(1, 0, attempt(0, 600, 600, 40)), "", ""},
      {"one thread of eight", single(8, 0, attempt(0, 600, 600, 600)), "few_cpus",
       "the job used 1.00 of 8 CPUs for the last 00:10:00"},
      {"half of them is well", single(8, 0, attempt(0, 600, 600, 2400)), "", ""},
      {"not seen for long", single(8, 0, attempt(0, 59, 59, 0)), "", ""},
      {"seen once", single(8, 0, attempt(0, 5000, 0, 0)), "", ""},
      {"nothing is known of its CPUs", single(0, 0, attempt(0, 600, 600, 0)), "", ""},
      {"memory", single(1, 1000, attempt(0, 30, 0, 0, 900)), "memory_near_limit",
       "the job uses 900M of its 1000M: beyond that it is killed"},
      {"memory below", single(1, 1000, attempt(0, 30, 0, 0, 899)), "", ""},
      {"memory without limit", single(1, 0, attempt(0, 30, 0, 0, 1 << 20)), "", ""},
      {"several elements: the worst",
       {true, 2, 100, 0, {}, {attempt(3, 600, 600, 1200, 10), attempt(5, 600, 600, 0, 99)}},
       "idle_cpu memory_near_limit",
       "element 5 used 0.00 of 2 CPUs for the last 00:10:00"},
      {"skew",
       {true, 1, 0, 5, seconds(500), {attempt(9, 300, 0, 0)}},
       "skew",
       "element 9 runs since 00:05:00; the 5 that have ended took 00:01:40 on average"},
      {"no skew yet", {true, 1, 0, 5, seconds(500), {attempt(9, 299, 0, 0)}}, "", ""},
      {"too few have ended", {true, 1, 0, 4, seconds(4), {attempt(9, 5000, 0, 0)}}, "", ""},
      {"all are short", {true, 1, 0, 500, seconds(50), {attempt(9, 59, 0, 0)}}, "", ""},
      {"retries of one job are no skew",
       {false, 1, 0, 9, seconds(9), {attempt(0, 900, 0, 0)}},
       "",
       ""},
      {"nothing runs", {true, 1, 100, 9, seconds(9), {}}, "", ""},
      {"a statement that idles", statement(1, 0, attempt(0, 75, 75, 1)), "idle_cpu",
       "the statement used 0.01 of 1 CPU for the last 00:01:15"},
      {"the memory is its engine's", statement(1, 1000, attempt(0, 30, 0, 0, 950)),
       "memory_near_limit", "the engine uses 950M of its 1000M: beyond that it is killed"},
      {"polls in time", polled(9'999, 4'999, "a"), "", ""},
      {"late polls", polled(12'340, 20), "slow_poll",
       "the engine asks 12.3 s late: what is known of the statement is old"},
      {"a slow cluster", polled(0, 6'100, "http://c1"), "slow_poll",
       "http://c1 takes 6.1 s to answer: what is known of the statement is old"},
      {"both", polled(10'000, 5'000), "slow_poll",
       "the engine asks 10.0 s late; the cluster takes 5.0 s to answer: what is known of the "
       "statement is old"},
  };
  for (const Case& one : cases) {
    std::string kinds;
    const auto all = diagnose(one.use);
    for (const Advice& advice : all)
      kinds += (kinds.empty() ? "" : " ") + std::string(to_string(advice.kind));
    EXPECT_EQ(kinds, one.kinds) << one.what;
    EXPECT_EQ(all.empty() ? "" : all[0].text, one.text) << one.what;
    for (const Advice& advice : all) EXPECT_FALSE(advice.hint.empty()) << one.what;
  }
}

// Numbers come from nodes.
TEST(Diagnose, StandsAnyNumbers) {
  for (const std::int64_t huge : {std::int64_t(0), std::int64_t(1), std::int64_t(1) << 55}) {
    JobUse use{true, 4, 1, 9, {huge}, {{TaskIndex{1}, {huge}, {huge}, {huge}, huge / 1024}}};
    (void)diagnose(use);
    use.attempts[0].seen = seconds(100);
    (void)diagnose(use);
  }
}

}  // namespace
}  // namespace drover::sched
