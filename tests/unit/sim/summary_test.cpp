// tests/unit/sim/summary_test.cpp - the numbers, by hand.
// SPDX-License-Identifier: Apache-2.0
#include "sim/summary.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>

#include "sim/write_report.hpp"

namespace drover::sim {
namespace {

// Two jobs on four processors: 0..100 on 3, submitted at 10 and run 110..115 on 2.
struct Two {
  Workload workload;
  Cluster cluster = flat_cluster(4).value();
  Replay replay;
  Two() {
    workload.name = "two";
    workload.specs.push_back(std::make_shared<sched::JobSpec>());
    workload.jobs.push_back({1, seconds(0), seconds(100), seconds(200), 3, 0, 0});
    workload.jobs.push_back({2, seconds(10), seconds(5), seconds(5), 2, 0, 1});
    replay.outcomes.push_back({seconds(0), seconds(100), 1, Ending::Done, false});
    replay.outcomes.push_back({seconds(110), seconds(115), 1, Ending::Done, true});
  }
};

TEST(Summary, FollowsTheDefinitions) {
  const Two two;
  const Summary summary = summarise(two.workload, two.cluster, two.replay);
  EXPECT_EQ(summary.jobs, 2u);
  EXPECT_DOUBLE_EQ(summary.wait_s.mean, 50);
  EXPECT_DOUBLE_EQ(summary.wait_s.median, 0);  // nearest rank: the first of two
  EXPECT_DOUBLE_EQ(summary.wait_s.p95, 100);
  EXPECT_DOUBLE_EQ(summary.wait_s.max, 100);
  EXPECT_DOUBLE_EQ(summary.slowdown.max, 10.5);  // (100 + 5) / 10
  EXPECT_DOUBLE_EQ(summary.slowdown.median, 1);
  EXPECT_DOUBLE_EQ(summary.makespan_s, 115);
  EXPECT_DOUBLE_EQ(summary.utilisation, (300.0 + 10) / (4 * 115));
}

TEST(Summary, PercentilesAreNearestRank) {
  std::vector<double> values;
  for (int i = 100; i >= 1; --i) values.push_back(i);
  const Spread spread = spread_of(values);
  EXPECT_DOUBLE_EQ(spread.median, 50);
  EXPECT_DOUBLE_EQ(spread.p95, 95);
  EXPECT_DOUBLE_EQ(spread.p99, 99);
  EXPECT_DOUBLE_EQ(spread_of({1, 2, 3}).p95, 3);
  EXPECT_DOUBLE_EQ(spread_of({}).max, 0);
}

TEST(Summary, PercentilesAreThoseOfASortedList) {
  std::mt19937_64 prng(5);
  for (int round = 0; round < 300; ++round) {
    std::vector<double> values(1 + prng() % 400);
    const double scale = double(std::uint64_t(1) << prng() % 40);
    for (double& value : values) {
      value = double(std::int64_t(prng() % 2'001) - (round % 3 == 0 ? 1'000 : 0)) / 7 * scale;
      if (prng() % 4 == 0) value = 0;
    }
    const Spread spread = spread_of(values);
    std::ranges::sort(values);
    const auto at = [&](std::size_t percent) {
      return values[(values.size() * percent + 99) / 100 - 1];
    };
    ASSERT_EQ(spread.median, at(50)) << round;
    ASSERT_EQ(spread.p95, at(95)) << round;
    ASSERT_EQ(spread.p99, at(99)) << round;
    ASSERT_EQ(spread.max, values.back()) << round;
  }
}

TEST(Summary, CountsWhatIsLostAndRefused) {
  Two two;
  two.replay.outcomes[0].ending = Ending::Lost;
  two.replay.outcomes[1].ending = Ending::Refused;
  const Summary summary = summarise(two.workload, two.cluster, two.replay);
  EXPECT_EQ(summary.lost, 1u);
  EXPECT_EQ(summary.refused, 1u);
  EXPECT_EQ(summary.jobs, 0u);
}

TEST(Report, HasBatsimsColumns) {
  const Two two;
  const std::string csv = jobs_csv(two.workload, two.cluster, two.replay);
  EXPECT_EQ(
      csv,
      "job_id,workload_name,profile,submission_time,requested_number_of_resources,"
      "requested_time,success,final_state,starting_time,execution_time,finish_time,"
      "waiting_time,turnaround_time,stretch,allocated_resources,consumed_energy,metadata,"
      "queue,bounded_slowdown,overtook\n"
      "1,two,delay,0,3,200,1,COMPLETED_SUCCESSFULLY,0,100,100,0,100,1,machine,,,0,1,0\n"
      "2,two,delay,10,2,5,1,COMPLETED_SUCCESSFULLY,110,5,115,100,105,21,machine,,,1,10.5,1\n");
}

TEST(Report, QuotesNamesThatCsvWouldSplit) {
  Two two;
  two.workload.names = {"a,\"b\"", "plain"};
  two.workload.name = "x\ny";
  const std::string csv = jobs_csv(two.workload, two.cluster, two.replay);
  EXPECT_NE(csv.find("\n\"a,\"\"b\"\"\",\"x\ny\",delay,0,3,"), std::string::npos) << csv;
  EXPECT_NE(csv.find("\nplain,\"x\ny\",delay,10,2,"), std::string::npos) << csv;
}

TEST(Report, QuotesNodes) {
  for (const auto& [name, shown] : {std::pair{"n1", "n1"},
                                    {"a,b", "\"a,b\""},
                                    {"a\"b", "\"a\"\"b\""},
                                    {"n[1-2]", "n[1-2]"},
                                    {"n[1,3]", "\"n[1,3]\""}}) {
    Two two;
    two.cluster.nodes[0].name = name;
    two.replay.gangs[1] = name;
    const std::string csv = jobs_csv(two.workload, two.cluster, two.replay);
    for (const std::string before : {",0,100,1,", ",100,105,21,"})
      EXPECT_NE(csv.find(before + shown + ",,,"), std::string::npos) << csv;
  }
}

TEST(Report, JsonHasEveryNumber) {
  const Two two;
  sim::Run run;
  run.summary = summarise(two.workload, two.cluster, two.replay);
  const auto json = to_json(run);
  for (const char* key : {"schema", "jobs", "wait_s", "bounded_slowdown", "utilisation",
                          "makespan_s", "started_by_backfill", "cleaning", "performance"})
    EXPECT_TRUE(json.contains(key)) << key;
  EXPECT_EQ(json["wait_s"]["p95"], 100);
}

TEST(Table, NamesTheEstimatesWhereTheyDiffer) {
  sim::Run user, exact;
  user.trace = exact.trace = "t";
  user.policy = exact.policy = "easy";
  user.estimates = "user";
  exact.estimates = "exact";
  EXPECT_EQ(to_table({user, user}).find("ESTIMATES"), std::string::npos);
  const std::string table = to_table({user, exact});
  for (const char* part : {"POLICY  ESTIMATES  ", "easy    user       ", "easy    exact      "})
    EXPECT_NE(table.find(part), std::string::npos) << table;
}

}  // namespace
}  // namespace drover::sim
