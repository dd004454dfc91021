// tests/unit/sched/controller_test.cpp - a few jobs: each promise in a sentence.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "desk.hpp"

namespace drover::sched {
namespace {

TEST(Controller, AJobWalksFromSubmissionToItsEnd) {
  Desk desk;
  desk.node_up("n1", 4);
  const JobId id = desk.accept(Desk::spec());
  ASSERT_EQ(desk.launches.size(), 1u);
  EXPECT_EQ(desk.state(id), JobState::Scheduled);
  EXPECT_EQ(desk.launches[0].lease.pus.size(), 1u);
  desk.started(desk.launches[0]);
  EXPECT_EQ(desk.state(id), JobState::Running);
  desk.ended(desk.launches[0], 0);
  EXPECT_EQ(desk.state(id), JobState::Succeeded);
  EXPECT_EQ(desk.table.jobs.at(id).counts.succeeded, 1u);
  EXPECT_EQ(desk.acks.size(), 1u);
  EXPECT_EQ(desk.controller.stats().jobs_open, 0u);
  EXPECT_TRUE(desk.controller.groups(0, 10).empty()) << "an empty group stayed";
}

struct EndCase {
  std::string name;
  EndCause cause{};
  std::int32_t code = 0;
  JobState state{};
  Reason reason{};
};
void PrintTo(const EndCase& c, std::ostream* out) { *out << c.name; }

class Ends : public testing::TestWithParam<EndCase> {};
TEST_P(Ends, MapTheCause) {
  Desk desk;
  desk.node_up("n1", 1);
  const JobId id = desk.accept(Desk::spec());
  desk.started(desk.launches[0]);
  desk.ended(desk.launches[0], GetParam().code, GetParam().cause);
  EXPECT_EQ(desk.state(id), GetParam().state);
  EXPECT_EQ(desk.reason(id), GetParam().reason);
  EXPECT_EQ(desk.table.jobs.at(id).exit_code, GetParam().code);
}
INSTANTIATE_TEST_SUITE_P(
    Table, Ends,
    testing::Values(
        EndCase{"ExitZeroSucceeds", EndCause::Exited, 0, JobState::Succeeded, Reason::None},
        EndCase{"ExitCodeFails", EndCause::Exited, 3, JobState::Failed, Reason::ExitCode},
        EndCase{"SignalFails", EndCause::Signalled, 0, JobState::Failed, Reason::Signal},
        EndCase{"TimeLimit", EndCause::TimeLimit, 0, JobState::TimedOut, Reason::TimeLimit},
        EndCase{"OutOfMemory", EndCause::OutOfMemory, 0, JobState::Failed, Reason::OutOfMemory},
        EndCase{"LaunchFails", EndCause::LaunchFailed, 0, JobState::Failed, Reason::LaunchFailed},
        EndCase{"NobodyKnows", EndCause::Unknown, 0, JobState::Failed, Reason::ExitUnknown}),
    [](const auto& row) { return row.param.name; });

TEST(Controller, RefusesWithoutATrace) {
  ControllerConfig config;
  config.group_limits.queued_jobs = 2;
  Desk desk(config);
  desk.node_up("n1", 4);
  const auto refused = [&](const JobSpec& spec, Errc code) {
    const std::size_t events = desk.table.events.size();
    const auto done = desk.submit(spec);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, code) << done.error().message;
    EXPECT_FALSE(done.error().hint.empty());
    EXPECT_EQ(desk.table.events.size(), events);
  };
  refused(Desk::spec("ann", 5), Errc::Limit);
  JobSpec waits = Desk::spec();
  waits.dependencies = {{DependencyKind::AfterOk, JobId{77}}};
  refused(waits, Errc::NotFound);
  JobSpec huge = Desk::array(20'000'000);
  refused(huge, Errc::Limit);
  EXPECT_EQ(desk.accept(Desk::spec()), JobId{1}) << "an id was lost on a refused job";
  desk.accept(Desk::spec());
  refused(Desk::spec(), Errc::Limit);
  EXPECT_TRUE(desk.submit(Desk::spec("bob")));
}

TEST(Controller, AGroupStartsInOrderOfPriorityThenId) {
  Desk desk;
  JobSpec low = Desk::spec(), high = Desk::spec();
  high.priority = 5;
  const JobId a = desk.accept(low), b = desk.accept(low), c = desk.accept(high);
  desk.node_up("n1", 1);
  for (const JobId expected : {c, a, b}) {
    ASSERT_EQ(desk.launches.back().id.task.job, expected);
    desk.ended(desk.launches.back());
  }
}

TEST(Controller, TheHeadBlocksThoseWhoCouldDelayIt) {
  Desk desk;
  desk.node_up("n1", 4);
  desk.accept(Desk::spec("ann", 3));
  const JobId wide = desk.accept(Desk::spec("ann", 4));
  desk.pass(seconds(1));
  const JobId behind = desk.accept(Desk::spec("ann", 1));
  const JobId other = desk.accept(Desk::spec("bob", 1));
  EXPECT_EQ(desk.launches.size(), 1u) << "without a time limit they could delay the first";
  EXPECT_EQ(desk.reason(wide), Reason::Resources);
  EXPECT_EQ(desk.controller.why(wide, {}, desk.now)->reason, Reason::Resources);
  EXPECT_EQ(desk.controller.why(behind, {}, desk.now)->reason, Reason::Priority);
  EXPECT_EQ(desk.controller.why(other, {}, desk.now)->reason, Reason::Priority);
  JobSpec brief = Desk::spec("bob", 1);
  brief.time_limit = seconds(60);
  const JobId ends_before = desk.accept(brief);
  ASSERT_EQ(desk.launches.size(), 2u);
  EXPECT_EQ(desk.launches[1].id.task.job, ends_before);
}

TEST(Controller, TheRunningLimitHoldsTheFifo) {
  ControllerConfig config;
  config.group_limits.running_jobs = 2;
  Desk desk(config);
  desk.node_up("n1", 8);
  for (int i = 0; i < 3; ++i) desk.accept(Desk::spec());
  EXPECT_EQ(desk.launches.size(), 2u);
  EXPECT_EQ(desk.controller.why(JobId{3}, {}, desk.now)->reason, Reason::GroupLimit);
  desk.ended(desk.launches[0]);
  EXPECT_EQ(desk.launches.size(), 3u);
}

TEST(Controller, CompilesAheadOnlySoFar) {
  ControllerConfig config;
  config.compile_ahead = 1;
  Desk desk(config);
  desk.compiles = false;
  for (int i = 0; i < 3; ++i) desk.accept(Desk::spec());
  EXPECT_EQ(desk.compiled, 1);
  const GroupId group = desk.controller.groups(0, 1).at(0).id;
  desk.put(PlanReady{JobId{1}, group, fail(Errc::BadInput, "no such step")});
  desk.turn();
  EXPECT_EQ(desk.compiled, 2);
  EXPECT_EQ(desk.state(JobId{1}), JobState::Failed);
  EXPECT_EQ(desk.reason(JobId{1}), Reason::PlanRefused);
  EXPECT_EQ(desk.table.jobs.at(JobId{1}).detail, "no such step");
}

TEST(Controller, CancelsWhatWaitsAtOnceAndWhatRunsByTheNode) {
  Desk desk;
  desk.node_up("n1", 1);
  const JobId runs = desk.accept(Desk::spec()), waits = desk.accept(Desk::spec());
  desk.started(desk.launches[0]);
  EXPECT_EQ(desk.command(Verb::Cancel, runs, {1001, false}).error().code, Errc::Denied);
  EXPECT_EQ(desk.command(Verb::Cancel, waits)->touched, 1u);
  EXPECT_EQ(desk.state(waits), JobState::Cancelled);
  EXPECT_EQ(desk.command(Verb::Cancel, waits)->touched, 0u);
  EXPECT_EQ(desk.command(Verb::Cancel, runs, {0, true})->touched, 1u);
  EXPECT_EQ(desk.command(Verb::Cancel, runs, {0, true})->touched, 0u);
  ASSERT_EQ(desk.kills.size(), 1u);
  EXPECT_EQ(desk.state(runs), JobState::Running);
  desk.ended(desk.launches[0], 0, EndCause::Killed);
  EXPECT_EQ(desk.state(runs), JobState::Cancelled);
  EXPECT_EQ(desk.reason(runs), Reason::CancelledByOperator);
  EXPECT_EQ(desk.command(Verb::Cancel, JobId{99}).error().code, Errc::NotFound);
}

TEST(Controller, HoldKeepsThePlaceInTheQueue) {
  Desk desk;
  const JobId a = desk.accept(Desk::spec()), b = desk.accept(Desk::spec());
  EXPECT_EQ(desk.command(Verb::Hold, a)->touched, 1u);
  EXPECT_EQ(desk.command(Verb::Hold, a)->touched, 0u);
  EXPECT_EQ(desk.state(a), JobState::Held);
  desk.node_up("n1", 1);
  EXPECT_EQ(desk.launches.back().id.task.job, b);
  const JobId c = desk.accept(Desk::spec());
  EXPECT_EQ(desk.command(Verb::Release, a)->touched, 1u);
  desk.ended(desk.launches.back());
  EXPECT_EQ(desk.launches.back().id.task.job, a);
  EXPECT_EQ(desk.command(Verb::Hold, c, {0, true})->touched, 1u);
  EXPECT_EQ(desk.command(Verb::Release, c).error().code, Errc::Denied);
  EXPECT_EQ(desk.command(Verb::Hold, a).error().code, Errc::Conflict);
}

TEST(Controller, RequeueEndsTheAttemptAndRunsAgain) {
  Desk desk;
  desk.node_up("n1", 1);
  const JobId id = desk.accept(Desk::spec());
  desk.started(desk.launches[0]);
  EXPECT_EQ(desk.command(Verb::Requeue, id)->touched, 1u);
  EXPECT_EQ(desk.command(Verb::Requeue, id)->touched, 0u);
  desk.ended(desk.launches[0], 0, EndCause::Killed);
  ASSERT_EQ(desk.launches.size(), 2u);
  EXPECT_EQ(raw(desk.launches[1].id.number), 2u);
  EXPECT_GT(desk.launches[1].id.epoch, desk.launches[0].id.epoch);
  desk.ended(desk.launches[0], 7);  // of the first attempt, late
  EXPECT_EQ(desk.acks.size(), 2u);
  EXPECT_EQ(desk.controller.stats().stale_messages, 1u);
  desk.ended(desk.launches[1]);
  EXPECT_EQ(desk.state(id), JobState::Succeeded);
}

TEST(Controller, BeginTimeParksTheJob) {
  Desk desk;
  desk.node_up("n1", 1);
  JobSpec spec = Desk::spec();
  spec.begin = desk.now.wall + seconds(30);
  const JobId id = desk.accept(spec);
  EXPECT_EQ(desk.reason(id), Reason::BeginTime);
  EXPECT_EQ(desk.controller.next_timer(desk.now), desk.now.mono + seconds(30));
  desk.pass(seconds(30));
  desk.put(Tick{});
  desk.turn();
  EXPECT_EQ(desk.launches.size(), 1u);
}

TEST(Controller, NodeLossNeverStartsASecondAttemptTooEarly) {
  Desk desk;
  desk.node_up("n1", 1);
  const JobId id = desk.accept(Desk::spec());
  const Launch first = desk.launches[0];
  desk.put(NodeDown{first.node, first.session});
  desk.turn();
  desk.node_up("n2", 1);
  desk.pass(seconds(3600));
  desk.put(Tick{});
  desk.turn();
  EXPECT_EQ(desk.launches.size(), 1u) << "silence was taken for death";
  EXPECT_EQ(desk.table.tasks.begin()->second.reason, Reason::NodeUnavailable);

  desk.node_up("n1", 1);  // the launch never arrived: the same attempt is sent again
  ASSERT_EQ(desk.launches.size(), 2u);
  EXPECT_EQ(desk.launches[1].id, first.id);
  EXPECT_NE(desk.launches[1].session, first.session);
  desk.node_up("n1", 1, "b1", {{first.id, true}});
  EXPECT_EQ(desk.state(id), JobState::Running);
  desk.node_up("n1", 1, "b2");  // booted: now it is gone for certain
  ASSERT_EQ(desk.launches.size(), 3u);
  EXPECT_EQ(raw(desk.launches[2].id.number), 2u);
}

TEST(Controller, ARunningAttemptThatNobodyReportsEndsUnknown) {
  Desk desk;
  desk.node_up("n1", 1);
  const JobId id = desk.accept(Desk::spec());
  desk.started(desk.launches[0]);
  desk.node_up("n1", 1);
  EXPECT_EQ(desk.launches.size(), 1u) << "it had started: launching it again may start it twice";
  desk.pass(desk.config.node_timeout);
  desk.put(Tick{});
  desk.turn();
  EXPECT_EQ(desk.state(id), JobState::Failed);
  EXPECT_EQ(desk.reason(id), Reason::ExitUnknown);
}

TEST(Controller, GivesUpAfterTooManyLosses) {
  Desk desk;
  desk.node_up("n1", 1, "boot0");
  const JobId id = desk.accept(Desk::spec());
  for (int boot = 1; boot <= 3; ++boot) desk.node_up("n1", 1, "boot" + std::to_string(boot));
  EXPECT_EQ(desk.state(id), JobState::Failed);
  EXPECT_EQ(desk.reason(id), Reason::NodeLost);
  JobSpec once = Desk::spec();
  once.requeue = false;
  const JobId other = desk.accept(once);
  desk.node_up("n1", 1, "boot4");
  EXPECT_EQ(desk.state(other), JobState::Failed);
}

TEST(Controller, AKillIsRepeatedWhenTheNodeIsBack) {
  Desk desk;
  desk.node_up("n1", 1);
  const JobId id = desk.accept(Desk::spec());
  desk.started(desk.launches[0]);
  desk.put(NodeDown{desk.launches[0].node, desk.launches[0].session});
  EXPECT_EQ(desk.command(Verb::Cancel, id)->touched, 1u);
  EXPECT_TRUE(desk.kills.empty()) << "nobody could hear it";
  desk.node_up("n1", 1, "b1", {{desk.launches[0].id, true}});
  ASSERT_EQ(desk.kills.size(), 1u);
  EXPECT_EQ(desk.kills[0].id, desk.launches[0].id);
}

TEST(Controller, EveryEndOfAnUnknownAttemptIsAcknowledged) {
  Desk desk;
  desk.node_up("n1", 1);
  TaskEnded end;
  end.node = NodeId{1};
  end.session = SessionId{desk.sessions};
  end.id = {{JobId{9}, TaskIndex{0}}, AttemptNo{1}, Epoch{1}};
  desk.put(end);
  desk.put(end);
  desk.turn();
  EXPECT_EQ(desk.acks.size(), 2u);
}

TEST(Controller, KillsWhatItDoesNotKnow) {
  Desk desk;
  const AttemptId stranger{{JobId{9}, TaskIndex{0}}, AttemptNo{1}, Epoch{1}};
  desk.node_up("n1", 1, "b1", {{stranger, true}});
  ASSERT_EQ(desk.kills.size(), 1u);
  EXPECT_EQ(desk.kills[0].id, stranger);
}

TEST(Controller, AForeignSessionChangesNothing) {
  Desk desk;
  desk.node_up("n1", 1);
  const JobId id = desk.accept(Desk::spec());
  Launch foreign = desk.launches[0];
  foreign.session = SessionId{99};
  desk.started(foreign);
  desk.ended(foreign);
  EXPECT_EQ(desk.state(id), JobState::Scheduled);
  EXPECT_EQ(desk.controller.stats().stale_messages, 2u);
  EXPECT_TRUE(desk.acks.empty()) << "acknowledged, the end would be lost for good";
}

TEST(Controller, DrainedNodesTakeNothingNew) {
  Desk desk;
  desk.node_up("n1", 2);
  desk.put(ServeNode{ReplyToken{1}, {5, false}, "n1", Service::Draining, "disk"});
  desk.turn();
  EXPECT_EQ(desk.last_reply().error().code, Errc::Denied);
  desk.put(ServeNode{ReplyToken{1}, {0, true}, "n1", Service::Draining, "disk"});
  desk.turn();
  desk.accept(Desk::spec());
  EXPECT_TRUE(desk.launches.empty());
  EXPECT_EQ(desk.table.nodes.begin()->second.reason, "disk");
  desk.put(ServeNode{ReplyToken{1}, {0, true}, "n1", Service::InService, {}});
  desk.turn();
  EXPECT_EQ(desk.launches.size(), 1u);
}

JobSpec gang(std::int64_t nodes, std::int64_t cpus) {
  JobSpec spec = Desk::spec("ann", cpus);
  spec.request.nodes = nodes;
  spec.ntasks = std::int32_t(nodes);
  return spec;
}

TEST(Gang, StartsOnItsHeadAndHoldsEveryNode) {
  Desk desk;
  for (const char* name : {"n1", "n2", "n3"}) desk.node_up(name, 2);
  const JobId job = desk.accept(gang(3, 2));
  ASSERT_EQ(desk.launches.size(), 1u);
  EXPECT_EQ(desk.launches[0].nodes, "n[1-3]");
  EXPECT_EQ(desk.table.tasks.at({job, TaskIndex{0}}).node, "n[1-3]");
  const JobId next = desk.accept(gang(2, 1));
  const auto why = desk.controller.why(next, {}, desk.now);
  ASSERT_TRUE(why);
  EXPECT_EQ(why->text.substr(0, 6), "0 of 2") << why->text;
  desk.started(desk.launches[0]);
  desk.ended(desk.launches[0]);
  EXPECT_EQ(desk.state(job), JobState::Succeeded);
  EXPECT_EQ(desk.launches.size(), 2u);
}

TEST(Gang, ALostNodeEndsItAndTheHeadIsSeenToEndFirst) {
  for (const bool again : {true, false}) {
    Desk desk;
    for (const char* name : {"n1", "n2", "n3"}) desk.node_up(name, 2);
    JobSpec spec = gang(3, 2);
    spec.requeue = again;
    const JobId job = desk.accept(spec);
    const Launch first = desk.launches.at(0);
    desk.started(first);
    desk.node_up("n2", 2, "booted again");
    ASSERT_EQ(desk.kills.size(), 1u);
    EXPECT_EQ(desk.kills[0].node, first.node);
    EXPECT_EQ(desk.launches.size(), 1u) << "started again while the head still runs";
    desk.restart();
    desk.node_up("n1", 2, "b1", {{first.id, true}});
    desk.node_up("n3", 2);
    desk.node_up("n2", 2, "booted again");
    ASSERT_EQ(desk.kills.size(), 2u) << "the kill is repeated to a head that comes back";
    Launch head = first;
    head.session = desk.kills[1].session;
    desk.ended(head, 0, EndCause::Killed);
    if (again) {
      EXPECT_EQ(desk.launches.size(), 2u);
    } else {
      EXPECT_EQ(desk.state(job), JobState::Failed);
      EXPECT_EQ(desk.reason(job), Reason::NodeLost);
    }
  }
}

TEST(Gang, ANodeThatStaysSilentEndsIt) {
  Desk desk;
  for (const char* name : {"n1", "n2"}) desk.node_up(name, 2);
  desk.accept(gang(2, 2));
  const Launch first = desk.launches.at(0);
  desk.started(first);
  desk.put(NodeDown{first.lease.more[0].node, SessionId{2}});
  desk.turn();
  EXPECT_TRUE(desk.kills.empty());
  desk.pass(desk.config.node_timeout);
  desk.pass(seconds(1));
  desk.put(Tick{});
  desk.turn();
  ASSERT_EQ(desk.kills.size(), 1u);
  EXPECT_EQ(desk.kills[0].node, first.node);
}

TEST(ServeNode, DownEndsAttemptsOnlyOnTheOperatorsWord) {
  for (const bool in_contact : {true, false}) {
    Desk desk;
    desk.node_up("n1", 2);
    desk.accept(Desk::spec());
    const Launch first = desk.launches.at(0);
    desk.started(first);
    if (!in_contact) {
      desk.put(NodeDown{first.node, first.session});
      desk.turn();
    }
    desk.put(ServeNode{ReplyToken{1}, {0, true}, "n1", Service::Down, "smoke"});
    desk.turn();
    EXPECT_TRUE(desk.last_reply());
    EXPECT_EQ(desk.controller.resources().node(first.node)->state, rm::NodeState::Down);
    EXPECT_EQ(desk.controller.resources().node(first.node)->leases, 1u);
    EXPECT_TRUE(desk.kills.empty());
    desk.node_up("n2", 2);
    EXPECT_EQ(desk.launches.size(), 1u);
    desk.put(ServeNode{ReplyToken{1}, {0, true}, "n1", Service::Down, "smoke", true});
    desk.turn();
    if (in_contact) {  // it is asked to end it, and believed when it did
      ASSERT_EQ(desk.kills.size(), 1u);
      EXPECT_EQ(desk.launches.size(), 1u);
      desk.ended(first, 0, EndCause::Killed);
    }
    ASSERT_EQ(desk.launches.size(), 2u);
    EXPECT_NE(desk.launches[1].node, first.node);
    desk.restart();
    EXPECT_EQ(desk.controller.resources().node(first.node)->state, rm::NodeState::Down);
  }
}

TEST(ServeNode, LabelsAreEditedLiveAndKept) {
  Desk desk;
  desk.node_up("n1", 2);
  JobSpec spec = Desk::spec();
  spec.request.constraint = "disk=ssd&!old";
  desk.put(LabelNode{ReplyToken{1}, {0, true}, "n1", {{{"disk", "ssd"}, {"old", ""}}, {}}});
  desk.turn();
  EXPECT_TRUE(desk.last_reply());
  EXPECT_FALSE(desk.submit(spec)) << "no node matches";
  desk.put(LabelNode{ReplyToken{1}, {0, true}, "n1", {{}, {"old"}}});
  desk.turn();
  desk.accept(spec);
  EXPECT_EQ(desk.launches.size(), 1u);
  desk.restart();
  desk.node_up("n1", 2);
  const auto node = desk.controller.resources().node(desk.launches[0].node);
  EXPECT_EQ(node->spec->labels, (rm::Labels{{"disk", "ssd"}}));
  desk.put(LabelNode{ReplyToken{1}, {1000, false}, "n1", {{{"disk", "hdd"}}, {}}});
  desk.turn();
  EXPECT_EQ(desk.last_reply().error().code, Errc::Denied);
}

}  // namespace
}  // namespace drover::sched
