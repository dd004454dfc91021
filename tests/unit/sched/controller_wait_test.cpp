// tests/unit/sched/controller_wait_test.cpp - arrays, dependencies, quotas, restarts.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "desk.hpp"

namespace drover::sched {
namespace {

TEST(Array, AMillionElementsAreOneRecord) {
  Desk desk;
  const JobId id = desk.accept(Desk::array(999'999));
  EXPECT_TRUE(desk.table.tasks.empty());
  desk.node_up("n1", 4);
  EXPECT_EQ(desk.table.tasks.size(), 4u);
  EXPECT_EQ(desk.table.jobs.at(id).cursor, 4u);
  EXPECT_EQ(desk.table.jobs.at(id).counts.active, 4u);
  EXPECT_EQ(desk.command(Verb::Cancel, id)->touched, 1'000'000u);
  EXPECT_EQ(desk.table.tasks.size(), 4u) << "cancelling made records";
  desk.restart();
  EXPECT_TRUE(desk.controller.check().empty());
  desk.node_up("n1", 4, "b1", {{desk.launches[0].id, true}});  // the others never arrived
  Launch last = desk.launches[0];
  last.session = SessionId{desk.sessions};
  desk.ended(last, 1);
  EXPECT_EQ(desk.state(id), JobState::Failed);
  EXPECT_EQ(desk.table.jobs.at(id).counts.cancelled, 999'999u);
}

TEST(Array, ThrottleBoundsWhatRunsAtOnce) {
  Desk desk;
  desk.node_up("n1", 8);
  const JobId id = desk.accept(Desk::array(4, 2));
  EXPECT_EQ(desk.launches.size(), 2u);
  EXPECT_EQ(desk.controller.why(id, TaskIndex{4}, desk.now)->reason, Reason::Throttle);
  const JobId next = desk.accept(Desk::spec());
  EXPECT_EQ(desk.launches.back().id.task.job, next) << "a throttled array blocked its group";
  desk.ended(desk.launches[0]);
  EXPECT_EQ(desk.launches.size(), 4u);
  EXPECT_EQ(raw(desk.launches.back().id.task.index), 2u);
}

TEST(Array, ElementsCanBeHeldReleasedAndCancelledByName) {
  Desk desk;
  const JobId id = desk.accept(Desk::array(5));
  EXPECT_EQ(desk.command(Verb::Hold, id, {1000, false}, "1,3")->touched, 2u);
  EXPECT_EQ(desk.command(Verb::Cancel, id, {1000, false}, "0,2")->touched, 2u);
  EXPECT_EQ(desk.command(Verb::Cancel, id, {1000, false}, "2")->touched, 0u);
  EXPECT_EQ(desk.command(Verb::Cancel, id, {1000, false}, "77").error().code, Errc::NotFound);
  EXPECT_EQ(desk.controller.why(id, TaskIndex{3}, desk.now)->reason, Reason::HeldByUser);
  desk.restart();
  desk.turn();
  desk.node_up("n1", 8);
  ASSERT_EQ(desk.launches.size(), 2u);
  EXPECT_EQ(raw(desk.launches[0].id.task.index), 4u);
  EXPECT_EQ(raw(desk.launches[1].id.task.index), 5u);
  EXPECT_EQ(desk.command(Verb::Release, id, {1000, false}, "3")->touched, 1u);
  EXPECT_EQ(raw(desk.launches.back().id.task.index), 3u);
  EXPECT_EQ(desk.command(Verb::Release, id)->touched, 1u);
  for (std::size_t i = 0; i < 4; ++i) desk.ended(desk.launches[i], int(i));
  EXPECT_EQ(desk.state(id), JobState::Failed);
  EXPECT_EQ(desk.table.jobs.at(id).exit_code, 3);
  EXPECT_EQ(desk.table.jobs.at(id).counts.cancelled, 2u);
}

struct DependencyCase {
  std::string name;
  DependencyKind kind{};
  std::int32_t exit_code = 0;
  JobState expect{};
};
void PrintTo(const DependencyCase& c, std::ostream* out) { *out << c.name; }
class Dependencies : public testing::TestWithParam<DependencyCase> {};

TEST_P(Dependencies, Decide) {
  for (const bool restart : {false, true}) {
    Desk desk;
    desk.node_up("n1", 1);
    const JobId first = desk.accept(Desk::spec());
    JobSpec spec = Desk::spec("bob");
    spec.dependencies = {{GetParam().kind, first}};
    const JobId second = desk.accept(spec);
    JobSpec then = Desk::spec("bob");
    then.dependencies = {{DependencyKind::AfterOk, second}};
    const JobId third = desk.accept(then);
    EXPECT_EQ(desk.reason(second), Reason::Dependency);
    if (restart) {
      desk.restart();
      desk.node_up("n1", 1, "b1", {{desk.launches[0].id, false}});
      desk.launches[0].session = SessionId{desk.sessions};
    }
    desk.ended(desk.launches[0], GetParam().exit_code);
    EXPECT_EQ(desk.state(second), GetParam().expect);
    const bool never = GetParam().expect == JobState::Cancelled;
    EXPECT_EQ(desk.state(third), never ? JobState::Cancelled : JobState::Inited);
    if (never) {
      EXPECT_EQ(desk.reason(third), Reason::DependencyNever);
    }
  }
}
INSTANTIATE_TEST_SUITE_P(
    Table, Dependencies,
    testing::Values(
        DependencyCase{"AfterOkIsMet", DependencyKind::AfterOk, 0, JobState::Scheduled},
        DependencyCase{"AfterOkNever", DependencyKind::AfterOk, 1, JobState::Cancelled},
        DependencyCase{"AfterNotOkIsMet", DependencyKind::AfterNotOk, 1, JobState::Scheduled},
        DependencyCase{"AfterNotOkNever", DependencyKind::AfterNotOk, 0, JobState::Cancelled},
        DependencyCase{"AfterAny", DependencyKind::AfterAny, 1, JobState::Scheduled}),
    [](const auto& row) { return row.param.name; });

TEST(Dependency, AfterIsMetByTheStart) {
  Desk desk;
  desk.node_up("n1", 2);
  const JobId first = desk.accept(Desk::spec());
  JobSpec spec = Desk::spec();
  spec.dependencies = {{DependencyKind::After, first}};
  desk.accept(spec);
  EXPECT_EQ(desk.launches.size(), 1u);
  desk.started(desk.launches[0]);
  EXPECT_EQ(desk.launches.size(), 2u);
}

TEST(Dependency, AnEdgeIsGoneWithItsWait) {
  Desk desk;
  desk.node_up("n1", 1);
  const JobId first = desk.accept(Desk::spec()), other = desk.accept(Desk::spec());
  JobSpec spec = Desk::spec("bob");
  spec.dependencies = {{DependencyKind::After, first}, {DependencyKind::AfterOk, other}};
  const JobId waits = desk.accept(spec);
  desk.started(desk.launches[0]);
  EXPECT_EQ(desk.command(Verb::Cancel, waits, {1001, false})->touched, 1u);
  desk.ended(desk.launches[0]);
  EXPECT_EQ(desk.state(first), JobState::Succeeded);
}

TEST(Dependency, OneIsEnoughAlsoAcrossARestart) {
  Desk desk;
  desk.node_up("n1", 1);
  const JobId a = desk.accept(Desk::spec());
  const JobId b = desk.accept(Desk::spec());
  JobSpec spec = Desk::spec("bob");
  spec.dependencies = {{DependencyKind::AfterOk, a}, {DependencyKind::AfterOk, b}};
  spec.dependency_any = true;
  spec.hold = true;
  const JobId c = desk.accept(spec);
  desk.ended(desk.launches[0]);
  EXPECT_TRUE(desk.table.jobs.at(c).dependencies_met);
  desk.restart();
  desk.turn();
  EXPECT_EQ(desk.command(Verb::Release, c, {1001, false})->touched, 1u);
  EXPECT_EQ(desk.state(c), JobState::Scheduled);
}

TEST(Dependency, KnownEndsComeWithTheSubmission) {
  Desk desk;
  JobSpec spec = Desk::spec();
  spec.dependencies = {{DependencyKind::AfterOk, JobId{500}}};
  EXPECT_EQ(desk.submit(spec).error().code, Errc::NotFound);
  EXPECT_EQ(desk.state(desk.submit(spec, {{JobId{500}, JobState::Succeeded}})->job),
            JobState::Scheduled);
  EXPECT_EQ(desk.state(desk.submit(spec, {{JobId{500}, JobState::Failed}})->job),
            JobState::Cancelled);
}

TEST(Dependency, ALongChainFallsWithoutRecursion) {
  Desk desk;
  JobId last = desk.accept(Desk::spec());
  const JobId first = last;
  for (int i = 0; i < 3'000; ++i) {
    JobSpec spec = Desk::spec();
    spec.dependencies = {{DependencyKind::AfterOk, last}};
    desk.put(Submit{ReplyToken{0}, std::make_shared<const JobSpec>(spec), {}});
    last = JobId{raw(last) + 1};
  }
  desk.turn();
  EXPECT_EQ(desk.command(Verb::Cancel, first)->touched, 1u);
  EXPECT_EQ(desk.state(last), JobState::Cancelled);
  EXPECT_EQ(desk.controller.stats().jobs_open, 0u);
}

TEST(Singleton, WaitsForEarlierJobsOfItsName) {
  Desk desk;
  desk.node_up("n1", 8);
  desk.accept(Desk::spec());
  JobSpec spec = Desk::spec();
  spec.singleton = true;
  const JobId second = desk.accept(spec), third = desk.accept(spec);
  spec.name = "other";
  desk.accept(spec);
  spec.name = "job";
  spec.owner.uid = 7;
  desk.accept(spec);
  EXPECT_EQ(desk.launches.size(), 3u);
  EXPECT_EQ(desk.reason(second), Reason::Dependency);
  desk.ended(desk.launches[0]);
  EXPECT_EQ(desk.launches.back().id.task.job, second);
  EXPECT_EQ(desk.reason(third), Reason::Dependency);
  desk.ended(desk.launches.back());
  EXPECT_EQ(desk.launches.back().id.task.job, third);
}

TEST(Quota, AShortQuotaParksItsGroupsOnly) {
  ControllerConfig config;
  rm::Amounts max;
  max.of.fill(-1);
  max[rm::Kind::RunningJobs] = 1;
  config.quotas = {{{{"user", "ann"}}, max}};
  Desk desk(config);
  desk.node_up("n1", 8);
  desk.accept(Desk::spec());
  JobSpec other = Desk::spec();
  other.labels["creator"] = "web";
  const JobId second = desk.accept(Desk::spec()), third = desk.accept(other);
  desk.accept(Desk::spec("bob"));
  EXPECT_EQ(desk.launches.size(), 2u);
  const auto why = desk.controller.why(second, {}, desk.now);
  EXPECT_EQ(why->reason, Reason::Quota);
  EXPECT_NE(why->text.find("user=ann"), std::string::npos) << why->text;
  desk.ended(desk.launches[0]);
  EXPECT_EQ(desk.launches.back().id.task.job, second);
  EXPECT_EQ(desk.launches.size(), 3u) << "the quota was passed";
  desk.ended(desk.launches.back());
  EXPECT_EQ(desk.launches.back().id.task.job, third);
}

TEST(Quota, RoomForTwoIsTakenByTwo) {
  ControllerConfig config;
  rm::Amounts max;
  max.of.fill(-1);
  max[rm::Kind::RunningJobs] = 2;
  config.quotas = {{{{"user", "ann"}}, max}};
  Desk desk(config);
  desk.node_up("n1", 8);
  for (const char* creator : {"a", "b", "c", "d"}) {
    JobSpec spec = Desk::spec();
    spec.labels["creator"] = creator;
    desk.accept(spec);
  }
  ASSERT_EQ(desk.launches.size(), 2u);
  for (const Launch& launch : {desk.launches[0], desk.launches[1]}) {
    TaskEnded end;
    end.node = launch.node;
    end.session = launch.session;
    end.id = launch.id;
    desk.put(end);
  }
  desk.turn();
  EXPECT_EQ(desk.launches.size(), 4u) << "only the first of those whom the quota stopped was tried";
}

TEST(Quota, AFullQueueIsRefusedBeforeAnythingIsStored) {
  ControllerConfig config;
  rm::QuotaRule rule;
  rule.match = {{"user", "*"}};
  rule.max[rm::Kind::QueuedJobs] = 2;
  config.quotas = {rule};
  Desk desk(config);
  desk.node_up("n1", 1);
  const JobId first = desk.accept(Desk::spec());
  desk.accept(Desk::spec());
  const auto jobs = desk.table.specs.size();
  const auto refused = desk.submit(Desk::spec());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::Limit);
  EXPECT_NE(refused.error().message.find("user=ann: 2 of 2 queued_jobs"), std::string::npos)
      << refused.error().message;
  EXPECT_EQ(desk.table.specs.size(), jobs);
  EXPECT_TRUE(desk.submit(Desk::spec("bob")));
  desk.restart();  // who is in stays in
  EXPECT_FALSE(desk.submit(Desk::spec()));
  EXPECT_TRUE(desk.command(Verb::Cancel, first));
  EXPECT_TRUE(desk.controller.check().empty());
}

TEST(Quota, AnEditIsStoredDrainsAndOutlivesARestart) {
  ControllerConfig config;
  rm::QuotaRule configured;
  configured.match = {{"user", "bob"}};
  configured.max[rm::Kind::RunningJobs] = 7;
  config.quotas = {configured};
  Desk desk(config);
  desk.node_up("n1", 8);
  for (int i = 0; i < 3; ++i) desk.accept(Desk::spec());
  EXPECT_EQ(desk.launches.size(), 3u);

  EditQuotas edit;
  edit.reply = ReplyToken{1};
  rm::QuotaRule two;
  two.match = {{"user", "*"}};
  two.max[rm::Kind::RunningJobs] = 2;
  edit.edit.put = {two};
  desk.put(edit);
  desk.turn();
  EXPECT_EQ(desk.last_reply().error().code, Errc::Denied);
  edit.actor.is_operator = true;
  const auto preview = desk.controller.preview(edit.edit);
  ASSERT_TRUE(preview);
  ASSERT_EQ(preview->drains.size(), 1u);
  EXPECT_EQ(preview->drains[0].quota, "user=ann");
  desk.put(edit);
  desk.turn();
  EXPECT_EQ(desk.last_reply()->touched, 1u) << "the version";
  ASSERT_TRUE(desk.table.quotas);
  EXPECT_EQ(desk.table.events.back().kind, EventKind::QuotasEdited);
  EXPECT_EQ(desk.table.events.back().state, "version 1: user=*");
  EXPECT_TRUE(desk.kills.empty());

  const JobId waits = desk.accept(Desk::spec());
  EXPECT_EQ(desk.launches.size(), 3u);
  desk.ended(desk.launches[0]);
  EXPECT_EQ(desk.launches.size(), 3u) << "two of two still run";
  EXPECT_EQ(desk.reason(waits), Reason::Quota);
  desk.restart();
  EXPECT_EQ(desk.controller.quotas(), *desk.table.quotas);
  edit.edit.version = 0;
  desk.put(edit);
  desk.turn();
  EXPECT_EQ(desk.last_reply().error().code, Errc::Conflict);
  edit.edit = {};
  edit.edit.reset = true;
  desk.put(edit);
  desk.turn();
  EXPECT_EQ(desk.controller.quotas().version, 2u);
  EXPECT_EQ(desk.controller.quotas().rules, config.quotas);
  EXPECT_FALSE(desk.table.quotas->edited);
}

TEST(Licences, AreRefusedCountedAnewAndKnownAfterARestart) {
  ControllerConfig config;
  config.licences = {{"matlab", 2}};
  config.resources = *rm::ResourceNames::make(rm::licence_words(config.licences, {}));
  Desk desk(config);
  desk.node_up("n1", 8);
  const auto asking = [](rm::Counts licences) {
    JobSpec spec = Desk::spec();
    spec.request.licences = std::move(licences);
    return spec;
  };
  EXPECT_EQ(desk.submit(asking({{"matlb", 1}})).error().hint, "did you mean matlab?");
  EXPECT_EQ(desk.submit(asking({{"matlab", 3}})).error().code, Errc::Limit);
  const JobId first = desk.accept(asking({{"matlab", 2}}));
  const JobId second = desk.accept(asking({{"matlab", 1}}));
  EXPECT_EQ(desk.launches.size(), 1u);
  EXPECT_EQ(desk.reason(second), Reason::Licences);
  ASSERT_EQ(desk.controller.licences().size(), 1u);
  EXPECT_EQ(desk.controller.licences()[0].holders.at(0).job, first);

  desk.put(SetLicences{{{"matlab", 1}, {"ansys", 1}}});
  desk.turn();
  EXPECT_EQ(desk.table.events.back().state, "licences: ansys 0 -> 1, matlab 2 -> 1");
  EXPECT_EQ(desk.table.quotas->resources.at(1), "licence:ansys");
  EXPECT_TRUE(desk.kills.empty());
  const JobId other = desk.accept(asking({{"ansys", 1}}));
  EXPECT_EQ(desk.launches.back().id.task.job, other);

  desk.config.licences = {{"matlab", 2}, {"ansys", 1}};
  desk.config.resources = *rm::ResourceNames::make(rm::licence_words(desk.config.licences, {}),
                                                   desk.table.quotas->resources);
  desk.restart();
  desk.node_up("n1", 8, "b1", {{desk.launches[0].id, true}, {desk.launches[1].id, true}});
  EXPECT_TRUE(desk.controller.check().empty());
  EXPECT_EQ(desk.controller.licences().at(1).licence.used, 2);
  EXPECT_EQ(desk.launches.size(), 2u) << "both are taken";
  Launch ended = desk.launches[0];
  ended.session = SessionId{desk.sessions};
  desk.ended(ended);
  EXPECT_EQ(desk.launches.back().id.task.job, second);
}

TEST(NodeResources, AreNamedByNodesAndKeepTheirSlotOverARestart) {
  Desk desk;
  rm::NodeSpec node{"n1", {}, rm::make_topology(1, 1, 8, 1, 1000)};
  node.topology.resources = {{"fpga", 2}};
  desk.register_node(node);
  ASSERT_TRUE(desk.table.quotas);
  EXPECT_EQ(desk.table.quotas->resources, (std::vector<std::string>{"fpga"}));
  JobSpec spec = Desk::spec();
  spec.request.resources = {{"fpga", 2}};
  const JobId first = desk.accept(spec), second = desk.accept(spec);
  EXPECT_EQ(desk.launches.size(), 1u);
  EXPECT_EQ(desk.reason(second), Reason::Resources);
  EXPECT_NE(desk.controller.why(second, {}, desk.now)->text.find("mostly short of fpga"),
            std::string::npos);
  spec.request.resources = {{"fpga", 3}};
  EXPECT_EQ(desk.submit(spec).error().message, "no node has 3 fpga");

  desk.config.resources = *rm::ResourceNames::make({}, desk.table.quotas->resources);
  desk.restart();
  NodeUp again;
  again.spec = node;
  again.boot_id = "b1";
  again.session = SessionId{++desk.sessions};
  again.running = {{desk.launches[0].id, true}};
  desk.put(again);
  desk.turn();
  EXPECT_EQ(desk.state(first), JobState::Running);
  EXPECT_EQ(desk.launches.size(), 1u) << "both are held";
  Launch ended = desk.launches[0];
  ended.session = SessionId{desk.sessions};
  desk.ended(ended);
  EXPECT_EQ(desk.launches.back().id.task.job, second);
}

// What a pass costs is counted, not timed.
TEST(Cost, APassCostsByClassesAndPlacements) {
  ControllerConfig config;
  Desk desk(config);
  desk.node_up("n1", 1);
  constexpr int kGroups = 400, kJobs = 5;
  for (int g = 0; g < kGroups; ++g)
    for (int j = 0; j < kJobs; ++j) {
      JobSpec spec = Desk::spec("user" + std::to_string(g));
      spec.request.mem_mib = 10L * (g % 4);  // four classes
      desk.put(Submit{ReplyToken{0}, std::make_shared<const JobSpec>(spec), {}});
    }
  desk.turn();
  ASSERT_EQ(desk.launches.size(), 1u);
  for (int i = 0; i < 20; ++i) {
    const std::uint64_t before = desk.controller.stats().placements_tried;
    desk.ended(desk.launches.back());
    EXPECT_LE(desk.controller.stats().placements_tried - before, 5u)
        << "a pass costs more than its four classes and one placement";
  }
  EXPECT_EQ(desk.launches.size(), 21u);
  const std::uint64_t before = desk.controller.stats().placements_tried;
  for (int i = 0; i < 10; ++i) desk.turn();
  EXPECT_EQ(desk.controller.stats().placements_tried, before) << "nothing was freed, and it tried";
}

}  // namespace
}  // namespace drover::sched
