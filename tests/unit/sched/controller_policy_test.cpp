// tests/unit/sched/controller_policy_test.cpp - accounts, classes and partitions at work.
// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/sched/desk.hpp"

namespace drover::sched {
namespace {

// urgent over normal over low; partitions main and gpu (higher).
std::shared_ptr<PolicyBook> book() {
  auto book = std::make_shared<PolicyBook>();
  QosSpec urgent, normal, low;
  urgent.name = "urgent";
  urgent.priority = 100;
  urgent.preempts = {"low"};
  normal.name = "normal";
  normal.priority = 50;
  low.name = "low";
  low.usage_percent = 0;
  book->qos = QosTable::make({urgent, normal, low}, "normal").value();
  PartitionSpec main, gpu;
  main.name = "main";
  main.is_default = true;
  gpu.name = "gpu";
  gpu.nodes = {{"kind", "gpu"}};
  gpu.priority = 10;
  book->partitions = PartitionTable::make({main, gpu}).value();
  *book = complete(*book).value();
  return book;
}

ControllerConfig with(std::shared_ptr<const PolicyBook> policy) {
  ControllerConfig config;
  config.book = std::move(policy);
  return config;
}

// As it would come out of the entrance.
JobSpec job(const PolicyBook& policy, std::string user, std::string qos = {},
            std::string partition = {}, std::int64_t cpus = 1) {
  JobSpec spec = Desk::spec(std::move(user), cpus);
  spec.ntasks = std::int32_t(cpus);
  spec.time_limit = seconds(1000);
  if (!qos.empty()) spec.labels["qos"] = qos;
  if (!partition.empty()) spec.labels["partition"] = partition;
  EXPECT_TRUE(apply_policy(spec, policy));
  return spec;
}

void gpu_node_up(Desk& desk, const std::string& name, std::uint16_t cores) {
  NodeUp up;
  up.spec.name = name;
  up.spec.labels = {{"kind", "gpu"}};
  up.spec.topology = rm::make_topology(1, 1, cores, 1, 1000);
  up.boot_id = "b1";
  up.session = SessionId{++desk.sessions};
  desk.put(std::move(up));
  desk.turn();
}

TEST(ControllerPolicy, TheHigherClassGoesFirstAlsoInsideAGroup) {
  const auto policy = book();
  Desk desk(with(policy));
  const JobId low = desk.accept(job(*policy, "ann", "low"));
  const JobId normal = desk.accept(job(*policy, "ann"));
  const JobId urgent = desk.accept(job(*policy, "eve", "urgent"));
  desk.node_up("n1", 1);
  std::vector<JobId> order;
  for (std::size_t i = 0; i < 3; ++i) {
    ASSERT_EQ(desk.launches.size(), i + 1);
    order.push_back(desk.launches[i].id.task.job);
    desk.started(desk.launches[i]);
    desk.ended(desk.launches[i]);
  }
  EXPECT_EQ(order, (std::vector<JobId>{urgent, normal, low}));
}

TEST(ControllerPolicy, WhoHasUsedLessIsServedFirst) {
  const auto policy = book();
  Desk desk(with(policy));
  desk.node_up("n1", 1);
  desk.accept(job(*policy, "ann"));
  desk.started(desk.launches.at(0));
  const JobId again = desk.accept(job(*policy, "ann"));
  const JobId other = desk.accept(job(*policy, "eve"));
  desk.pass(seconds(500));
  EXPECT_EQ(desk.controller.next_timer(desk.now).value() <= desk.now.mono, true);
  desk.turn();  // ranks again
  desk.ended(desk.launches[0]);
  ASSERT_EQ(desk.launches.size(), 2u);
  EXPECT_EQ(desk.launches[1].id.task.job, other) << "eve has used nothing";
  const auto parts = desk.controller.priority(again, *desk.table.specs.at(again), desk.now);
  ASSERT_TRUE(parts);
  EXPECT_EQ((*parts)[Factor::FairShare].value_ppm, 500'000);
  EXPECT_EQ((*parts)[Factor::Qos].value_ppm, 500'000);
}

TEST(ControllerPolicy, WhoHasALongerChainBehindItGoesFirst) {
  auto policy = book();
  policy->weights.points[std::size_t(Factor::CriticalPath)] = 1000;
  policy->weights.points[std::size_t(Factor::Age)] = 0;
  Desk desk(with(policy));
  const JobId alone = desk.accept(job(*policy, "ann"));
  const JobId root = desk.accept(job(*policy, "eve"));
  const auto after = [&](JobId before) {
    JobSpec spec = job(*policy, "eve");
    spec.dependencies = {{DependencyKind::AfterOk, before}};
    return desk.accept(std::move(spec));
  };
  const auto steps_after = [&](JobId id) {
    const auto parts = desk.controller.priority(id, *desk.table.specs.at(id), desk.now);
    return (*parts)[Factor::CriticalPath].value_ppm / 1000;
  };
  const JobId middle = after(root);
  after(middle);
  after(root);
  EXPECT_EQ(steps_after(root), 2) << "the longest chain counts, not how many wait";
  EXPECT_EQ(steps_after(middle), 1);
  EXPECT_EQ(steps_after(alone), 0);
  desk.restart();
  EXPECT_EQ(steps_after(root), 2);
  desk.node_up("n1", 1);
  ASSERT_EQ(desk.launches.size(), 1u);
  EXPECT_EQ(desk.launches[0].id.task.job, root) << "although the other came first";
}

TEST(ControllerPolicy, APathCountsUpToAThousandAndASubmissionLooksAtABoundedPartOfIt) {
  const auto policy = book();
  Desk desk(with(policy));
  const JobId root = desk.accept(job(*policy, "eve"));
  JobId last = root;
  for (int i = 0; i < 1100; ++i) {
    JobSpec spec = job(*policy, "eve");
    spec.dependencies = {{DependencyKind::AfterAny, last}};
    last = desk.accept(std::move(spec));
  }
  const auto parts = desk.controller.priority(root, *desk.table.specs.at(root), desk.now);
  EXPECT_EQ((*parts)[Factor::CriticalPath].value_ppm, 1'000'000);
  std::vector<Dependency> all;  // a layer as wide as is allowed: only some of it is looked at
  for (std::uint64_t id = 2; id <= 1001; ++id) all.push_back({DependencyKind::AfterAny, JobId{id}});
  JobSpec wide = job(*policy, "eve");
  wide.dependencies = all;
  EXPECT_TRUE(desk.submit(std::move(wide)));
  EXPECT_TRUE(desk.controller.check().empty());
}

TEST(ControllerPolicy, DrfAlternatesBetweenUsersAsTheyHold) {
  auto policy = book();
  policy->weights.fairness = Fairness::Drf;
  Desk desk(with(policy));
  for (int i = 0; i < 3; ++i) desk.accept(job(*policy, "ann"));
  for (int i = 0; i < 3; ++i) desk.accept(job(*policy, "eve"));
  desk.node_up("n1", 4);
  ASSERT_EQ(desk.launches.size(), 4u);
  std::map<std::uint32_t, int> by_user;
  for (const Launch& launch : desk.launches)
    ++by_user[desk.table.specs.at(launch.id.task.job)->owner.uid];
  EXPECT_EQ(by_user[1000], 2);
  EXPECT_EQ(by_user[1001], 2);
}

TEST(ControllerPolicy, UsageIsChargedByClassAndSurvivesARestart) {
  const auto policy = book();
  Desk desk(with(policy));
  desk.node_up("n1", 8);
  desk.accept(job(*policy, "ann", "normal", "", 4));
  desk.accept(job(*policy, "eve", "low", "", 4));
  for (const Launch& launch : desk.launches) desk.started(launch);
  desk.pass(seconds(100));
  desk.turn();
  const auto used = [&](std::size_t row) {
    return desk.controller.shares(desk.now).at(row).usage_milli_cpu_s;
  };
  EXPECT_NEAR(double(used(0)), 400'000, 1000);
  EXPECT_EQ(used(1), 0) << "nothing of what low uses counts";
  EXPECT_EQ(desk.controller.shares(desk.now).at(0).rate_milli_cpu, 4000);
  ASSERT_FALSE(desk.table.usage.empty());
  desk.restart();
  desk.pass(seconds(100));
  desk.node_up("n1", 8, "b1", {{desk.launches[0].id, true}, {desk.launches[1].id, true}});
  desk.pass(seconds(60));
  desk.turn();
  EXPECT_NEAR(double(used(0)), 1'040'000, 4000);
}

TEST(ControllerPolicy, APartitionHasItsOwnNodesAndQueue) {
  const auto policy = book();
  Desk desk(with(policy));
  gpu_node_up(desk, "g1", 1);
  const JobId first = desk.accept(job(*policy, "ann", "", "gpu"));
  const JobId second = desk.accept(job(*policy, "ann", "", "gpu"));
  desk.node_up("n1", 1);
  const JobId main = desk.accept(job(*policy, "ann"));
  ASSERT_EQ(desk.launches.size(), 2u);
  EXPECT_EQ(desk.launches[0].id.task.job, first);
  EXPECT_EQ(desk.launches[1].id.task.job, main) << "the other partition does not hold it up";
  desk.started(desk.launches[0]);
  desk.ended(desk.launches[0]);
  ASSERT_EQ(desk.launches.size(), 3u);
  EXPECT_EQ(desk.launches[2].id.task.job, second);
  EXPECT_EQ(desk.launches[2].node, desk.launches[0].node);
}

// A node of four CPUs full of work of class low: three small ones, started one after the other.
struct FullNode {
  std::shared_ptr<PolicyBook> policy = book();
  Desk desk{with(policy)};
  std::vector<JobId> low;
  FullNode() {
    desk.node_up("n1", 4);
    for (const std::int64_t cpus : {2, 1, 1}) {
      low.push_back(desk.accept(job(*policy, "eve", "low", "", cpus)));
      desk.started(desk.launches.back());
      desk.pass(seconds(100));
    }
  }
};

TEST(ControllerPolicy, AnUrgentJobEndsTheFewestAndYoungestThatGiveWay) {
  FullNode full;
  Desk& desk = full.desk;
  const JobId urgent = desk.accept(job(*full.policy, "ann", "urgent"));
  ASSERT_EQ(desk.kills.size(), 1u);
  EXPECT_EQ(desk.kills[0].id.task.job, full.low[2]) << "the youngest of those that are enough";
  desk.turn();
  EXPECT_EQ(desk.kills.size(), 1u) << "asked once";
  desk.ended(desk.launches[2], 0, EndCause::Killed);
  ASSERT_EQ(desk.launches.size(), 4u);
  EXPECT_EQ(desk.launches[3].id.task.job, urgent);
  EXPECT_NE(desk.state(full.low[2]), JobState::Cancelled) << "it waits again";
  desk.started(desk.launches[3]);
  desk.ended(desk.launches[3]);
  ASSERT_EQ(desk.launches.size(), 5u);
  EXPECT_EQ(desk.launches[4].id.task.job, full.low[2]);
}

TEST(ControllerPolicy, NobodyIsEndedForAJobThatCouldNotStartAnyway) {
  FullNode full;
  Desk& desk = full.desk;
  const JobId normal = desk.accept(job(*full.policy, "ann", "normal"));
  EXPECT_TRUE(desk.kills.empty()) << "normal preempts nobody";
  ASSERT_TRUE(desk.command(Verb::Cancel, normal));
  desk.node_up("n2", 2);
  desk.accept(job(*full.policy, "ann", "normal", "", 2));
  desk.accept(job(*full.policy, "ann", "urgent", "", 3));
  ASSERT_EQ(desk.kills.size(), 2u) << "two of four CPUs are not enough, three are";
  for (const Kill& kill : desk.kills) EXPECT_EQ(kill.node, desk.launches[0].node);
}

TEST(ControllerPolicy, WhoMustNotRunTwiceIsCancelledInstead) {
  const auto policy = book();
  Desk desk(with(policy));
  desk.node_up("n1", 1);
  JobSpec once = job(*policy, "eve", "low");
  once.requeue = false;
  const JobId low = desk.accept(once);
  desk.started(desk.launches.at(0));
  desk.accept(job(*policy, "ann", "urgent"));
  ASSERT_EQ(desk.kills.size(), 1u);
  desk.ended(desk.launches[0], 0, EndCause::Killed);
  EXPECT_EQ(desk.state(low), JobState::Cancelled);
  EXPECT_EQ(desk.table.tasks.at({low, TaskIndex{0}}).reason, Reason::Preempted);
  EXPECT_EQ(desk.launches.size(), 2u);
}

// An older job of a lower class would stand first again in order of arrival: it is left alone.
TEST(ControllerPolicy, WhoWouldStandFirstAgainIsNotRequeued) {
  auto policy = book();
  policy->partitions = {};
  ControllerConfig config = with(policy);
  config.policy.order = Order::Fifo;
  Desk desk(config);
  desk.node_up("n1", 1);
  desk.accept(job(*policy, "eve", "low"));
  desk.started(desk.launches.at(0));
  desk.accept(job(*policy, "ann", "urgent"));
  EXPECT_TRUE(desk.kills.empty());
}

}  // namespace
}  // namespace drover::sched
