// tests/unit/sched/prospect_test.cpp - what a submission that is only weighed is told, and that a
// job which waits is told the same.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "desk.hpp"

namespace drover::sched {
namespace {

JobSpec sized(std::int64_t cpus, std::int64_t limit_s, std::string user = "ann") {
  JobSpec spec = Desk::spec(std::move(user), cpus);
  spec.time_limit = seconds(limit_s);
  return spec;
}

rm::QuotaRule cpus_of(rm::Labels match, std::int64_t cpus) {
  rm::QuotaRule rule;
  rule.match = std::move(match);
  rule.max[rm::Kind::CpuMilli] = cpus * 1000;
  return rule;
}

ControllerConfig with_quota(std::int64_t cpus) {
  ControllerConfig config;
  config.quotas = {cpus_of({{"user", "ann"}}, cpus)};
  return config;
}

struct Weighing {
  explicit Weighing(ControllerConfig config = {}) : desk(std::move(config)) {}

  Result<Prospect> ask(const JobSpec& spec) {
    const std::size_t quotas = desk.controller.resources().quotas().size();
    auto prospect = desk.controller.weigh(
        Submit{ReplyToken{1}, std::make_shared<const JobSpec>(spec), {}}, desk.now);
    EXPECT_EQ(desk.controller.resources().quotas().size(), quotas) << "asking left a counter";
    EXPECT_TRUE(desk.controller.check().empty()) << "asking left a trace";
    return prospect;
  }
  Prospect weigh(const JobSpec& spec) {
    auto prospect = ask(spec);
    EXPECT_TRUE(prospect) << (prospect ? "" : prospect.error().message);
    return prospect ? *prospect : Prospect{};
  }
  // What is said before and what is said after the submission.
  void expect_same(const JobSpec& spec) {
    const Prospect before = weigh(spec);
    const JobId id = desk.accept(spec);
    const auto after = desk.controller.look_at(id, {}, desk.now);
    ASSERT_TRUE(after.has_value());
    EXPECT_EQ(to_string(after->why.reason), to_string(before.why.reason));
    EXPECT_TRUE(after->why.text.starts_with(before.why.text))  // it may hold a place by now
        << after->why.text << "\n"
        << before.why.text;
    ASSERT_EQ(after->start.has_value(), before.start.has_value());
    if (before.start) {
      EXPECT_EQ(after->start->start, before.start->start);
    }
    ASSERT_EQ(after->why.in_the_way.size(), before.why.in_the_way.size());
    for (std::size_t i = 0; i < before.why.in_the_way.size(); ++i)
      EXPECT_EQ(after->why.in_the_way[i].text, before.why.in_the_way[i].text);
  }
  Time in(std::int64_t s) const { return desk.now.wall + seconds(s); }

  Desk desk;
};

TEST(Weigh, WhatFindsRoomStartsAtOnce) {
  Weighing on;
  on.desk.node_up("n1", 4);
  const Prospect said = on.weigh(sized(4, 50));
  EXPECT_EQ(said.why.reason, Reason::None);
  EXPECT_EQ(said.start->start, on.in(0));
  EXPECT_FALSE(said.start->is_least);
  EXPECT_EQ(said.start->made, on.in(0));
}

TEST(Weigh, StartsNotBeforeItsBeginTime) {
  Weighing on;
  on.desk.node_up("n1", 4);
  JobSpec spec = sized(1, 50);
  spec.begin = on.in(600);
  const Prospect said = on.weigh(spec);
  EXPECT_EQ(said.why.reason, Reason::BeginTime);
  EXPECT_EQ(said.start->start, on.in(600));
  EXPECT_TRUE(said.start->is_least);
  on.expect_same(spec);
  on.desk.accept(sized(4, 1000));
  EXPECT_EQ(on.weigh(spec).start->start, on.in(1000)) << "the node is taken until then";
}

TEST(Weigh, RefusesADeadlineThatCannotBeMet) {
  Weighing on;
  on.desk.node_up("n1", 4);
  JobSpec spec = sized(1, 100);
  spec.deadline = on.in(99);
  const auto refused = on.ask(spec);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, on.desk.submit(spec).error().message);
  spec.deadline = on.in(150);
  EXPECT_EQ(on.weigh(spec).why.reason, Reason::None);
  spec.begin = on.in(51);
  EXPECT_FALSE(on.ask(spec)) << "it begins too late for that";
}

TEST(Weigh, SaysThatTheDeadlineIsBeforeTheStart) {
  Weighing on;
  on.desk.node_up("n1", 4);
  on.desk.accept(sized(4, 200));
  JobSpec spec = sized(1, 100);
  spec.deadline = on.in(150);
  const Prospect said = on.weigh(spec);
  EXPECT_EQ(said.why.reason, Reason::Resources);
  EXPECT_NE(said.why.text.find("it must start by"), std::string::npos) << said.why.text;
  spec.begin = on.in(50);
  const Prospect begins = on.weigh(spec);
  EXPECT_EQ(begins.why.reason, Reason::BeginTime);
  EXPECT_NE(begins.why.text.find("it must start by"), std::string::npos) << begins.why.text;
}

TEST(Look, AnElementThatIsHeldHasNoStartWhateverItsArrayWaitsFor) {
  Weighing on;
  on.desk.node_up("n1", 4);
  JobSpec array = Desk::array(2);
  array.begin = on.in(600);
  const JobId id = on.desk.accept(array);
  ASSERT_TRUE(on.desk.command(Verb::Hold, id, {1000, false}, "1"));
  const auto held = on.desk.controller.look_at(id, TaskIndex{1}, on.desk.now);
  ASSERT_TRUE(held && held->start);
  EXPECT_EQ(held->start->because, "it is held");
  EXPECT_FALSE(held->start->start.is_set());
  EXPECT_EQ(on.desk.controller.look_at(id, TaskIndex{2}, on.desk.now)->start->start, on.in(600));
}

// One node could do, so places are planned on one; now there is room on three.
TEST(Weigh, MoreNodesMayStartAtOnceThanArePlanned) {
  Weighing on;
  for (const char* name : {"n1", "n2", "n3"}) {
    on.desk.node_up(name, 4);
    on.desk.accept(sized(3, 500));
  }
  JobSpec spec = sized(3, 50);
  spec.ntasks = 3;
  spec.request.tasks = 3;
  spec.request.nodes_max = 3;
  EXPECT_EQ(on.weigh(spec).why.text, "it would start at once");
  on.desk.accept(spec);
  EXPECT_EQ(on.desk.launches.size(), 4u);
}

TEST(Weigh, KnowsTheUseOfQuotasAndWhoHoldsThem) {
  Weighing on(with_quota(4));
  on.desk.node_up("n1", 16);
  const JobId first = on.desk.accept(sized(2, 300));
  const JobId second = on.desk.accept(sized(2, 100));
  const Prospect said = on.weigh(sized(2, 50));
  EXPECT_EQ(said.why.reason, Reason::Quota);
  EXPECT_EQ(said.why.text, "quota user=ann: 4 cpus of 4 cpus are held, 2 cpus more are asked for");
  EXPECT_EQ(said.start->start, on.in(100));
  EXPECT_TRUE(said.start->is_least);
  ASSERT_EQ(said.why.in_the_way.size(), 1u);
  EXPECT_EQ(said.why.in_the_way[0].job, second);
  EXPECT_EQ(said.why.in_the_way[0].until, on.in(100));
  const Prospect both = on.weigh(sized(4, 50));
  EXPECT_EQ(both.start->start, on.in(300));
  ASSERT_EQ(both.why.in_the_way.size(), 2u);
  EXPECT_EQ(both.why.in_the_way[1].job, first);
  EXPECT_EQ(on.weigh(sized(2, 50, "bob")).why.reason, Reason::None);
  on.expect_same(sized(2, 50));
}

TEST(Weigh, KnowsQuotasOfLabelsThatNobodyHasUsedYet) {
  ControllerConfig config;
  config.quotas = {cpus_of({{"project", "p"}}, 2)};
  Weighing on(config);
  on.desk.node_up("n1", 16);
  JobSpec anns = sized(2, 80), bobs = sized(1, 10, "bob");
  anns.labels["project"] = bobs.labels["project"] = "p";
  EXPECT_EQ(on.weigh(anns).why.reason, Reason::None);
  on.desk.accept(anns);
  EXPECT_EQ(on.weigh(bobs).why.reason, Reason::Quota);
  EXPECT_EQ(on.weigh(bobs).start->start, on.in(80));
}

TEST(Weigh, RefusesWhatAFullQueueWouldRefuse) {
  ControllerConfig config = with_quota(1);
  config.quotas[0].max[rm::Kind::QueuedJobs] = 1;
  Weighing on(config);
  on.desk.node_up("n1", 4);
  EXPECT_TRUE(on.ask(sized(1, 10)));
  on.desk.accept(sized(1, 10));
  const auto refused = on.ask(sized(1, 10));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::Limit);
  EXPECT_EQ(refused.error().message, on.desk.submit(sized(1, 10)).error().message);
}

TEST(Weigh, TellsTheSameOfNodesAsLater) {
  Weighing on;
  on.desk.node_up("n1", 4);
  on.desk.accept(sized(3, 100));
  on.expect_same(sized(4, 50));
  on.expect_same(sized(4, 70));
  EXPECT_EQ(on.weigh(sized(4, 10)).start->start, on.in(220));
}

TEST(Weigh, NamesGatesInTheirOrder) {
  ControllerConfig config;
  config.group_limits.running_jobs = 1;
  Weighing on(config);
  on.desk.node_up("n1", 4);
  const JobId first = on.desk.accept(sized(1, 100));
  JobSpec spec = sized(1, 10);
  EXPECT_EQ(on.weigh(spec).why.reason, Reason::GroupLimit);
  EXPECT_FALSE(on.weigh(spec).start->start.is_set());
  EXPECT_NE(on.weigh(spec).start->because, "");
  spec.singleton = true;
  EXPECT_EQ(on.weigh(spec).why.text, "waits for job 1 and earlier ones of the same name");
  spec.dependencies = {{DependencyKind::AfterOk, first, 0}};
  EXPECT_EQ(on.weigh(spec).why.text, "waits for the success of job 1");
  EXPECT_EQ(on.weigh(spec).outlook, Outlook::Waits);
  spec.begin = on.in(50);
  EXPECT_EQ(on.weigh(spec).why.reason, Reason::BeginTime);
  spec.hold = true;
  EXPECT_EQ(on.weigh(spec).why.reason, Reason::HeldByUser);
}

TEST(Weigh, AnswersWithoutPlansToo) {
  ControllerConfig config;
  config.policy.backfill = Backfill::None;
  Weighing on(config);
  on.desk.node_up("n1", 4);
  EXPECT_EQ(on.weigh(sized(4, 10)).why.reason, Reason::None);
  on.desk.accept(sized(4, 100));
  EXPECT_EQ(on.weigh(sized(1, 10)).why.reason, Reason::Resources);
  EXPECT_NE(on.weigh(sized(1, 10)).start->because.find("plans nothing"), std::string::npos);
  on.desk.accept(sized(4, 100));
  EXPECT_EQ(on.weigh(sized(1, 10)).why.text, "job 2 is before it and finds no room");
}

TEST(InTheWay, NamesWhoHoldsWhatIsShortOnTheNodeThatIsSoonestFree) {
  Weighing on;
  on.desk.node_up("n1", 8);
  on.desk.node_up("n2", 8);
  const JobId slow = on.desk.accept(sized(8, 900));
  const JobId first = on.desk.accept(sized(2, 100));
  const JobId second = on.desk.accept(sized(4, 300));
  on.desk.accept(sized(1, 600));
  const Prospect said = on.weigh(sized(4, 50));
  EXPECT_EQ(said.why.reason, Reason::Resources);
  ASSERT_EQ(said.why.in_the_way.size(), 5u);
  EXPECT_EQ(said.why.in_the_way[0].node, "n2");
  EXPECT_EQ(said.why.in_the_way[0].text, "1 cpu of 8 cpus free, 4 cpus asked for");
  EXPECT_EQ(said.why.in_the_way[1].job, first);
  EXPECT_EQ(said.why.in_the_way[1].text, "holds 2 cpus");
  EXPECT_EQ(said.why.in_the_way[1].until, on.in(100));
  EXPECT_EQ(said.why.in_the_way[2].job, second) << "only together do they free enough";
  EXPECT_EQ(said.why.in_the_way[3].node, "n1");
  EXPECT_EQ(said.why.in_the_way[4].job, slow);
  EXPECT_EQ(said.why.hint, "it could start now with at most 1 cpu");
  EXPECT_EQ(said.start->start, on.in(300));
}

TEST(InTheWay, NamesTheGpusByNumber) {
  Weighing on;
  NodeUp up;
  up.spec.name = "g1";
  up.spec.topology = rm::make_topology(1, 1, 8, 1, 1000);
  for (std::uint16_t i = 0; i < 4; ++i) up.spec.topology.gpus.push_back({"a", {}, i, 0});
  on.desk.register_node(up.spec);
  JobSpec spec = sized(1, 100);
  spec.request.gpus = 3;
  const JobId runs = on.desk.accept(spec);
  spec.request.gpus = 2;
  const Prospect said = on.weigh(spec);
  ASSERT_EQ(said.why.in_the_way.size(), 2u);
  EXPECT_EQ(said.why.in_the_way[0].text, "1 gpu of 4 gpus free, 2 gpus asked for");
  EXPECT_EQ(said.why.in_the_way[1].job, runs);
  EXPECT_EQ(said.why.in_the_way[1].text, "holds 3 gpus (GPU 0-2)");
  EXPECT_EQ(said.why.hint, "it could start now with at most 1 gpu");
  on.expect_same(spec);
}

TEST(InTheWay, NamesNodesOutOfServiceThatAreLargeEnough) {
  Weighing on;
  on.desk.node_up("n1", 2);
  on.desk.node_up("n2", 8);
  on.desk.node_up("n3", 8);
  ServeNode drain;
  drain.reply = ReplyToken{1};
  drain.actor = {0, true};
  drain.node = "n2";
  drain.reason = "bad disk";
  on.desk.put(drain);
  on.desk.turn();
  on.desk.accept(sized(8, 0));
  const Prospect said = on.weigh(sized(8, 50));
  ASSERT_EQ(said.why.in_the_way.size(), 3u);
  EXPECT_EQ(said.why.in_the_way[0].node, "n3");
  EXPECT_FALSE(said.why.in_the_way[1].until.is_set());
  EXPECT_EQ(said.why.in_the_way[2].node, "n2");
  EXPECT_EQ(said.why.in_the_way[2].text, "large enough, but drained: bad disk");
}

TEST(InTheWay, IsBounded) {
  Weighing on;
  for (int i = 0; i < 100; ++i) on.desk.node_up("n" + std::to_string(i), 8);
  const auto small = std::make_shared<const JobSpec>(sized(1, 100));
  for (int i = 0; i < 800; ++i) on.desk.put(Submit{ReplyToken{1}, small, {}});
  on.desk.turn();
  const Prospect said = on.weigh(sized(8, 50));
  EXPECT_EQ(said.why.in_the_way.size(), 10u);
  EXPECT_EQ(said.why.more_in_the_way, 4u + 4u + 62u);
}

TEST(Remedies, AShorterLimitThatEndsBeforeAnotherPlaceBegins) {
  Weighing on;
  on.desk.node_up("n1", 4);
  on.desk.accept(sized(2, 100));
  on.desk.accept(sized(4, 50));  // first in order: its place begins in 100 s
  const Prospect said = on.weigh(sized(2, 500));
  EXPECT_EQ(said.why.reason, Reason::Priority);
  EXPECT_EQ(said.why.hint, "it could start now with a time limit of at most 00:01:40");
  EXPECT_EQ(on.weigh(sized(2, 100)).why.reason, Reason::None) << "it holds what it says";
  on.expect_same(sized(2, 500));
}

TEST(Remedies, ProposeNothingThatAQuotaWouldStop) {
  Weighing on(with_quota(7));
  on.desk.node_up("n1", 8);
  on.desk.accept(sized(7, 100));
  EXPECT_EQ(on.weigh(sized(2, 50)).why.hint, "it goes on when jobs under this quota end");
}

TEST(Remedies, WhatAQuotaNeverAllowsIsSaid) {
  Weighing on(with_quota(7));
  on.desk.node_up("n1", 8);
  const char* said =
      "it asks for more than the 7 cpus of quota user=ann: ask for less, or have that raised";
  on.desk.accept(sized(3, 100));
  JobSpec gang = sized(4, 50);
  gang.request.nodes = 2;
  on.desk.node_up("n2", 8);
  EXPECT_EQ(on.weigh(gang).why.hint, said);
  on.expect_same(gang);
}

TEST(Remedies, AWholeNodeBeyondAQuotaIsSaid) {
  Weighing on(with_quota(7));
  on.desk.node_up("n1", 8);
  on.desk.node_up("n2", 8);
  JobSpec alone = sized(4, 50);
  alone.request.exclusive = true;
  const JobId id = on.desk.accept(alone);
  const auto said = on.desk.controller.look_at(id, {}, on.desk.now);
  ASSERT_TRUE(said && said->start);
  EXPECT_EQ(said->why.reason, Reason::Quota);
  EXPECT_EQ(
      said->why.hint,
      "it asks for more than the 7 cpus of quota user=ann: ask for less, or have that raised");
  EXPECT_FALSE(said->start->start.is_set());
  EXPECT_EQ(said->start->because, "a whole node is more than the 7 cpus of quota user=ann");
}

TEST(Remedies, WhatIsLeftOfAQuota) {
  Weighing on(with_quota(7));
  on.desk.node_up("n1", 8);
  on.desk.accept(sized(3, 100));
  EXPECT_EQ(on.weigh(sized(8, 50)).why.hint, "it could start now with at most 4 cpus");
  EXPECT_EQ(on.weigh(sized(5, 50)).why.hint, "it could start now with at most 4 cpus");
  EXPECT_EQ(on.weigh(sized(4, 50)).why.reason, Reason::None) << "it holds what it says";
}

// Two partitions of a node each: the second has no backfill.
struct BesideStrict {
  BesideStrict() {
    PartitionSpec planned, strict;
    planned.name = "planned";
    planned.nodes = {{"rack", "a"}};
    planned.is_default = true;
    strict.name = "strict";
    strict.nodes = {{"rack", "b"}};
    strict.policy = parse_policy("fcfs").value();
    auto made = std::make_shared<PolicyBook>();
    made->partitions = PartitionTable::make({planned, strict}).value();
    *made = complete(*made).value();
    book = made;
    ControllerConfig config = with_quota(8);
    config.book = made;
    on.emplace(config);
    for (const char* rack : {"a", "b"}) {
      rm::NodeSpec node;
      node.name = std::string("n") + rack;
      node.labels = {{"rack", rack}};
      node.topology = rm::make_topology(1, 1, 8, 1, 1000);
      on->desk.register_node(node);
    }
  }
  JobSpec in(const char* partition, std::int64_t cpus, std::int64_t limit_s) {
    JobSpec spec = sized(cpus, limit_s);
    spec.labels["partition"] = partition;
    EXPECT_TRUE(book->partitions.route(spec));
    return spec;
  }
  std::shared_ptr<const PolicyBook> book;
  std::optional<Weighing> on;
};

TEST(Weigh, WithoutBackfillWhatIsKeptOfAQuotaStopsItToo) {
  BesideStrict both;
  Weighing& on = *both.on;
  on.desk.accept(both.in("planned", 5, 100));
  on.desk.accept(both.in("planned", 8, 50));  // keeps all of the quota from 100 s on
  const JobSpec spec = both.in("strict", 2, 500);
  const Prospect said = on.weigh(spec);
  EXPECT_EQ(said.why.reason, Reason::Quota) << said.why.text;
  ASSERT_TRUE(said.start);
  EXPECT_EQ(said.start->start, on.in(150));
  on.expect_same(spec);
  EXPECT_EQ(on.weigh(both.in("strict", 2, 100)).why.reason, Reason::None);
}

TEST(Remedies, NoPartitionInWhichAQuotaThatIsKeptWouldStopIt) {
  BesideStrict both;
  Weighing& on = *both.on;
  on.desk.accept(both.in("planned", 5, 100));
  on.desk.accept(both.in("planned", 8, 50));
  EXPECT_EQ(on.weigh(both.in("planned", 2, 500)).why.hint,
            "it goes on when jobs under this quota end");
}

TEST(Remedies, WithoutBackfillNothingHelpsThoseBehindTheFirst) {
  BesideStrict both;
  Weighing& on = *both.on;
  on.desk.accept(both.in("strict", 5, 100));
  JobSpec first = both.in("strict", 8, 50);
  first.labels["user"] = first.user = "bob";
  on.desk.accept(first);
  const Prospect said = on.weigh(both.in("strict", 2, 500));
  EXPECT_EQ(said.why.reason, Reason::Priority) << said.why.text;
  EXPECT_EQ(said.why.hint, "it could start now in partition planned") << "and no shorter limit";
}

TEST(Remedies, AnotherPartitionThatHasRoomNow) {
  PartitionSpec slow, fast, closed;
  slow.name = "slow";
  slow.nodes = {{"rack", "a"}};
  slow.is_default = true;
  fast.name = "fast";
  fast.nodes = {{"rack", "b"}};
  fast.max_time = seconds(100);
  closed.name = "closed";
  closed.is_open = false;
  auto book = std::make_shared<PolicyBook>();
  book->partitions = PartitionTable::make({slow, fast, closed}).value();
  *book = complete(*book).value();
  ControllerConfig config;
  config.book = book;
  Weighing on(config);
  for (const char* rack : {"a", "b"}) {
    rm::NodeSpec node;
    node.name = std::string("n") + rack;
    node.labels = {{"rack", rack}};
    node.topology = rm::make_topology(1, 1, 4, 1, 1000);
    on.desk.register_node(node);
  }
  const auto routed = [&](std::int64_t limit_s) {
    JobSpec spec = sized(4, limit_s);
    EXPECT_TRUE(book->partitions.route(spec));
    return spec;
  };
  on.desk.accept(routed(900));
  EXPECT_EQ(on.weigh(routed(60)).why.hint, "it could start now in partition fast");
  EXPECT_EQ(on.weigh(routed(200)).why.hint, "drover node ls shows what is free") << "too long";
  const JobSpec waits = routed(60);
  const JobId id = on.desk.accept(waits);
  EXPECT_EQ(on.desk.controller.look_at(id, {}, on.desk.now, &waits)->why.hint,
            "it could start now in partition fast");
  EXPECT_TRUE(on.desk.controller.check().empty());
}

TEST(InTheWay, OfAShareOfAGpuWhatIsShort) {
  Weighing on;
  rm::NodeSpec node;
  node.name = "n1";
  node.topology = rm::make_topology(1, 1, 4, 1, 1000);
  node.topology.gpus = {{"a", "none:0", 0, 0}};
  on.desk.register_node(node);
  JobSpec spec = sized(1, 50);
  spec.request.gpu_share = 700;
  on.desk.accept(spec);
  Prospect said = on.weigh(spec);
  ASSERT_EQ(said.why.in_the_way.size(), 2u) << said.why.text;
  EXPECT_EQ(said.why.in_the_way[0].text, "0.3 gpus of 1 gpu free, 0.7 gpus asked for");
  on.desk.accept(sized(3, 100));
  spec.request.gpu_share = 200;
  said = on.weigh(spec);
  ASSERT_EQ(said.why.in_the_way.size(), 3u) << said.why.text;
  EXPECT_EQ(said.why.in_the_way[0].text, "0 cpus of 4 cpus free, 1 cpu asked for");
}

TEST(InTheWay, OfSeveralComponentsTheOneThatFindsNoNodeIsSaid) {
  Weighing on;
  on.desk.node_up("n1", 8);
  on.desk.node_up("n2", 2);
  const JobId runs = on.desk.accept(sized(6, 100));
  JobSpec spec = sized(1, 50);
  rm::Request second;
  second.cpus = 4;
  spec.request.more.add(second);
  const Prospect said = on.weigh(spec);
  EXPECT_EQ(said.why.reason, Reason::Resources);
  EXPECT_TRUE(said.why.text.starts_with("component 2: ")) << said.why.text;
  ASSERT_EQ(said.why.in_the_way.size(), 2u) << said.why.text;
  EXPECT_EQ(said.why.in_the_way[0].node, "n1");
  EXPECT_EQ(said.why.in_the_way[0].text, "2 cpus of 8 cpus free, 4 cpus asked for");
  EXPECT_EQ(said.why.in_the_way[1].job, runs);
  EXPECT_EQ(said.why.in_the_way[1].until, on.in(100));
  on.expect_same(spec);
}

}  // namespace
}  // namespace drover::sched
