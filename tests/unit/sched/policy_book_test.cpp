// tests/unit/sched/policy_book_test.cpp - which tables are accepted, and which jobs they let in.
// SPDX-License-Identifier: Apache-2.0
#include "sched/policy_book.hpp"

#include <gtest/gtest.h>

#include "sched/entrance.hpp"

namespace drover::sched {
namespace {

QosSpec qos(std::string name, std::int64_t priority, std::vector<std::string> preempts = {}) {
  QosSpec spec;
  spec.name = std::move(name);
  spec.priority = priority;
  spec.preempts = std::move(preempts);
  return spec;
}

PartitionSpec partition(std::string name, std::int64_t priority = 0) {
  PartitionSpec spec;
  spec.name = std::move(name);
  spec.priority = priority;
  return spec;
}

// urgent preempts normal and low, normal preempts low; batch is the default partition.
PolicyBook book() {
  PolicyBook book;
  book.accounts =
      AccountTree::make({{"physics", "", 1, {"ann"}, {}}, {"open", "", 1, {"*"}, {}}}, "open")
          .value();
  QosSpec urgent = qos("urgent", 100, {"normal", "low"});
  urgent.accounts = {"physics"};
  urgent.max_wall = seconds(3600);
  urgent.max_cpus_per_job = 64;
  QosSpec low = qos("low", 0);
  low.preempt_mode = PreemptMode::Cancel;
  book.qos = QosTable::make({urgent, qos("normal", 50, {"low"}), low}, "normal").value();
  PartitionSpec batch = partition("batch", 10);
  batch.is_default = true;
  batch.max_time = seconds(86'400);
  batch.default_time = seconds(600);
  PartitionSpec gpu = partition("gpu", 20);
  gpu.nodes = {{"kind", "gpu"}};
  gpu.accounts = {"physics"};
  PartitionSpec scavenge = partition("scavenge");
  scavenge.preempt_mode = PreemptMode::Requeue;
  PartitionSpec closed = partition("closed");
  closed.is_open = false;
  book.partitions = PartitionTable::make({batch, gpu, scavenge, closed}).value();
  return complete(std::move(book)).value();
}

JobSpec job(std::string user, rm::Labels labels = {}) {
  JobSpec spec;
  spec.user = std::move(user);
  spec.owner = {1000, 100};
  spec.argv = {"true"};
  spec.labels = std::move(labels);
  return spec;
}

TEST(PolicyBook, TablesThatContradictAreRefused) {
  const auto qos_error = [](std::vector<QosSpec> specs, std::string fallback = {}) {
    return QosTable::make(std::move(specs), std::move(fallback)).error().message;
  };
  EXPECT_EQ(qos_error({qos("a", 0), qos("a", 1)}), "qos a is there twice");
  EXPECT_EQ(qos_error({qos("a", 0, {"b"})}), "qos a preempts b, which is none");
  EXPECT_EQ(qos_error({qos("a", 0, {"b"}), qos("b", 0, {"c"}), qos("c", 0, {"b"})}),
            "classes preempt each other in a circle: b over c over b");
  EXPECT_EQ(qos_error({qos("a", 0, {"a"})}), "classes preempt each other in a circle: a over a");
  EXPECT_EQ(qos_error({qos("a", -1)}), "the priority of qos a is out of range");
  EXPECT_EQ(qos_error({qos("a", 0)}, "b"), "the default qos b is not configured");
  EXPECT_EQ(qos_error({qos("a b", 0)}), "'a b' cannot name a qos");
  PartitionSpec one = partition("one"), two = partition("two");
  one.is_default = two.is_default = true;
  EXPECT_EQ(PartitionTable::make({one, two}).error().message,
            "partitions one and two are both the default");
  one.default_time = seconds(20);
  one.max_time = seconds(10);
  EXPECT_EQ(PartitionTable::make({one}).error().message,
            "partition one has a default time above its maximum");
  PolicyBook strange;
  PartitionSpec open_to = partition("p");
  open_to.accounts = {"nobody"};
  strange.partitions = PartitionTable::make({open_to}).value();
  EXPECT_EQ(complete(strange).error().message,
            "partition p is open to account nobody, which is not configured");
}

TEST(PolicyBook, ManyClassesAboveEachOtherAreNoCircle) {
  std::vector<QosSpec> specs;
  std::vector<std::string> below;
  for (int i = 0; i < 60; ++i) {
    specs.push_back(qos("q" + std::to_string(i), i, below));
    below.push_back(specs.back().name);
  }
  EXPECT_TRUE(QosTable::make(specs));
}

TEST(PolicyBook, AJobGetsAccountQosAndPartition) {
  JobSpec spec = job("ann");
  ASSERT_TRUE(apply_policy(spec, book()));
  EXPECT_EQ(spec.labels,
            (rm::Labels{{"account", "physics"}, {"partition", "batch"}, {"qos", "normal"}}));
  EXPECT_EQ(spec.time_limit, seconds(600));
  JobSpec gpu = job("ann", {{"partition", "gpu"}, {"qos", "urgent"}});
  ASSERT_TRUE(apply_policy(gpu, book()));
  EXPECT_EQ(gpu.request.node_labels, (rm::Labels{{"kind", "gpu"}}));
  EXPECT_EQ(gpu.time_limit, seconds(3600)) << "the bound of the class";
}

TEST(PolicyBook, ARefusalSaysWhatWouldBeAccepted) {
  struct Row {
    rm::Labels labels;
    std::int64_t time_s;
    std::int32_t ntasks;
    const char *message, *hint, *field;
  };
  const Row rows[] = {
      {{{"account", "chemistry"}},
       0,
       1,
       "there is no account chemistry",
       "drover share shows the accounts",
       "account"},
      {{{"account", "physics"}},
       0,
       1,
       "eve may not charge account physics",
       "you may use: open",
       "account"},
      {{{"qos", "norml"}}, 0, 1, "there is no qos norml", "did you mean normal?", "qos"},
      {{{"qos", "urgent"}},
       0,
       1,
       "qos urgent is not open to eve in account open",
       "leave --qos out, or ask an operator",
       "qos"},
      {{{"partition", "bach"}},
       0,
       1,
       "there is no partition bach",
       "did you mean batch?",
       "partition"},
      {{{"partition", "closed"}},
       0,
       1,
       "partition closed takes no new jobs at present",
       "choose another one",
       "partition"},
      {{{"partition", "gpu"}},
       0,
       1,
       "partition gpu is not open to account open",
       "it takes account physics",
       "partition"},
      {{},
       100'000,
       1,
       "the time limit 1-03:46:40 is above 1-00:00:00, the longest in partition batch",
       "ask for --time=1-00:00:00 or less",
       "time"},
  };
  for (const Row& row : rows) {
    JobSpec spec = job("eve", row.labels);
    spec.time_limit = seconds(row.time_s);
    spec.ntasks = row.ntasks;
    const auto passed = apply_policy(spec, book());
    ASSERT_FALSE(passed) << row.message;
    EXPECT_EQ(passed.error().message, row.message);
    EXPECT_EQ(passed.error().hint, row.hint);
    EXPECT_EQ(passed.error().field, row.field);
  }
  JobSpec big = job("ann", {{"qos", "urgent"}});
  big.ntasks = 65;
  EXPECT_EQ(apply_policy(big, book()).error().message,
            "qos urgent allows 64 CPUs per job, 65 are asked for");
  JobSpec elsewhere = job("ann", {{"partition", "gpu"}});
  elsewhere.request.node_labels = {{"kind", "cpu"}};
  EXPECT_EQ(apply_policy(elsewhere, book()).error().field, "constraint");
}

TEST(PolicyBook, WithoutTablesNothingChanges) {
  JobSpec spec = job("eve", {{"account", "x"}, {"partition", "y"}, {"qos", "z"}});
  const JobSpec before = spec;
  ASSERT_TRUE(apply_policy(spec, PolicyBook{}));
  EXPECT_EQ(spec, before);
}

TEST(PolicyBook, TheEntrancePutsAPartitionsTimeBeforeTheSites) {
  EntranceConfig config;
  config.time_limit_default = seconds(60);
  config.policy = std::make_shared<const PolicyBook>(book());
  const auto spec = admit(job("ann"), config);
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(spec->time_limit, seconds(600));
  EXPECT_EQ(admit(job("ann", {{"partition", "scavenge"}}), config)->time_limit, seconds(60));
}

TEST(PolicyBook, LimitsBecomeQuotasOnLabels) {
  QosSpec spec = qos("low", 0);
  spec.total.cpus = 100;
  spec.per_user.jobs = 5;
  spec.per_user.submitted = 50;
  spec.per_account.gpus = 0;
  const auto rules = QosTable::make({spec, qos("free", 0)})->quota_rules();
  ASSERT_EQ(rules.size(), 3u);
  EXPECT_EQ(rules[0].match, (rm::Labels{{"qos", "low"}}));
  EXPECT_EQ(rules[0].max[rm::Kind::CpuMilli], 100'000);
  EXPECT_EQ(rules[0].max[rm::Kind::RunningJobs], -1);
  EXPECT_EQ(rules[1].match, (rm::Labels{{"qos", "low"}, {"user", "*"}}));
  EXPECT_EQ(rules[1].max[rm::Kind::RunningJobs], 5);
  EXPECT_EQ(rules[1].max[rm::Kind::QueuedJobs], 50);
  EXPECT_EQ(rules[2].max[rm::Kind::GpuMilli], 0);
}

TEST(PolicyBook, WhoGivesWayToWhomAndHow) {
  const PolicyBook with = book();
  struct Row {
    Standing winner, loser;
    PreemptMode mode;
  };
  const Row rows[] = {
      {{"urgent", "batch"}, {"normal", "batch"}, PreemptMode::Requeue},
      {{"urgent", "batch"}, {"low", "batch"}, PreemptMode::Cancel},
      {{"normal", "batch"}, {"urgent", "batch"}, PreemptMode::Off},
      {{"low", "batch"}, {"low", "batch"}, PreemptMode::Off},
      {{"low", "batch"}, {"low", "scavenge"}, PreemptMode::Requeue},    // by partition
      {{"low", "gpu"}, {"low", "batch"}, PreemptMode::Off},             // whose jobs never give way
      {{"normal", "batch"}, {"urgent", "scavenge"}, PreemptMode::Off},  // its class takes it back
      {{"low", "scavenge"}, {"low", "batch"}, PreemptMode::Off},
      {{"", ""}, {"", ""}, PreemptMode::Off},
  };
  for (const Row& row : rows)
    EXPECT_EQ(preempt_mode(row.winner, row.loser, with), row.mode)
        << row.winner.qos << "/" << row.winner.partition << " over " << row.loser.qos << "/"
        << row.loser.partition;
}

}  // namespace
}  // namespace drover::sched
