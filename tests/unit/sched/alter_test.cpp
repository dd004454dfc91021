// tests/unit/sched/alter_test.cpp - accepted jobs become others, entirely or not at all.
// SPDX-License-Identifier: Apache-2.0
#include <functional>

#include "tests/unit/sched/desk.hpp"

namespace drover::sched {
namespace {

constexpr Actor kOperator{0, true};

struct Alters : testing::Test {
  Desk desk;

  Result<Done> alter(JobId id, const std::function<void(JobSpec&)>& edit,
                     Actor actor = {1000, false}, bool dry_run = false) {
    Alter in;
    in.dry_run = dry_run;
    in.reply = ReplyToken{1};
    in.actor = actor;
    in.job = id;
    in.revision = desk.table.jobs.at(id).revision;
    in.before = desk.table.specs.at(id);
    JobSpec after = *in.before;
    edit(after);
    in.after = std::make_shared<const JobSpec>(std::move(after));
    desk.put(std::move(in));
    desk.turn();
    return desk.last_reply();
  }
  JobId accept(std::int64_t cpus = 1, std::int64_t limit = 1000) {
    JobSpec spec = Desk::spec("ann", cpus);
    spec.ntasks = std::int32_t(cpus);
    spec.time_limit = seconds(limit);
    return desk.accept(spec);
  }
};

TEST_F(Alters, ARequestThatDidNotFitStartsWhenItDoes) {
  desk.node_up("n1", 2);
  const JobId first = accept(2);
  const JobId waits = accept(2);
  ASSERT_EQ(desk.launches.size(), 1u);
  desk.node_up("n2", 1);
  const auto done = alter(waits, [](JobSpec& spec) { spec.ntasks = 1, spec.request.cpus = 1; });
  ASSERT_TRUE(done);
  EXPECT_EQ(done->touched, 1u);
  ASSERT_EQ(desk.launches.size(), 2u);
  EXPECT_EQ(desk.launches[1].id.task.job, waits);
  EXPECT_EQ(desk.table.jobs.at(waits).revision, 1u);
  EXPECT_EQ(desk.table.specs.at(waits)->ntasks, 1);
  EXPECT_EQ(desk.state(first), JobState::Scheduled);
  desk.restart();
  desk.node_up("n1", 2);
  EXPECT_TRUE(desk.controller.check().empty());
}

TEST_F(Alters, ADryRunSaysTheSameAndChangesNothing) {
  desk.node_up("n1", 2);
  accept(2);
  const JobId waits = accept(2);
  const auto smaller = [](JobSpec& spec) { spec.ntasks = 1, spec.request.cpus = 1; };
  const JobRecord before = *desk.controller.job(waits);
  const std::size_t events = desk.table.events.size();
  EXPECT_EQ(alter(waits, smaller, {1000, false}, true)->touched, 1u);
  EXPECT_EQ(*desk.controller.job(waits), before);
  EXPECT_EQ(desk.table.events.size(), events);
  const auto larger = [](JobSpec& spec) { spec.ntasks = 9, spec.request.cpus = 9; };
  EXPECT_FALSE(alter(waits, larger, {1000, false}, true));
  EXPECT_FALSE(alter(waits, smaller, {1001, false}, true)) << "it is not his";
  EXPECT_EQ(alter(waits, smaller)->touched, 1u);
}

TEST_F(Alters, WhatNoNodeHasIsRefusedAndNothingChanges) {
  desk.node_up("n1", 2);
  accept(2);
  const JobId waits = accept(1);
  const auto done = alter(waits, [](JobSpec& spec) {
    spec.comment = "new";
    spec.ntasks = 3, spec.request.cpus = 3;
  });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Errc::Limit);
  EXPECT_EQ(desk.table.specs.at(waits)->comment, "");
  EXPECT_EQ(desk.table.jobs.at(waits).revision, 0u);
}

TEST_F(Alters, PriorityMovesItAheadInItsGroup) {
  desk.node_up("n1", 1);
  accept();
  const JobId second = accept(), third = accept();
  ASSERT_TRUE(alter(third, [](JobSpec& spec) { spec.priority = 5; }));
  desk.started(desk.launches[0]);
  desk.ended(desk.launches[0]);
  ASSERT_EQ(desk.launches.size(), 2u);
  EXPECT_EQ(desk.launches[1].id.task.job, third);
  EXPECT_NE(desk.state(second), JobState::Running);
}

TEST_F(Alters, OnANodeOnlyALittleChanges) {
  desk.node_up("n1", 2);
  const JobId job = accept();
  desk.started(desk.launches.at(0));
  const auto refused = alter(job, [](JobSpec& spec) { spec.request.cpus = 2, spec.ntasks = 2; });
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("is on a node: ntasks"), std::string::npos);
  ASSERT_TRUE(alter(job, [](JobSpec& spec) { spec.time_limit = seconds(500); }));
  ASSERT_EQ(desk.relimits.size(), 1u);
  EXPECT_EQ(desk.relimits[0].time_limit, seconds(500));
  const auto raised = alter(job, [](JobSpec& spec) { spec.time_limit = seconds(2000); });
  ASSERT_FALSE(raised);
  EXPECT_EQ(raised.error().code, Errc::Denied);
  ASSERT_TRUE(alter(
      job, [](JobSpec& spec) { spec.time_limit = seconds(2000); }, kOperator));
  EXPECT_EQ(desk.relimits.size(), 2u);
  desk.node_up("n1", 2, "b1", {{desk.launches[0].id, true}});
  ASSERT_EQ(desk.relimits.size(), 3u) << "said again: the first word may be lost";
}

TEST_F(Alters, ARaisedLimitKeepsOthersAway) {
  desk.node_up("n1", 2);
  const JobId job = accept(1, 100);
  desk.started(desk.launches.at(0));
  const JobId wide = accept(2, 100);
  ASSERT_TRUE(alter(
      job, [](JobSpec& spec) { spec.time_limit = seconds(1000); }, kOperator));
  const auto when = desk.controller.when(wide, desk.now);
  ASSERT_TRUE(when);
  EXPECT_EQ(when->start, desk.now.wall + seconds(1000));
  accept(1, 900);
  EXPECT_EQ(desk.launches.size(), 2u) << "it ends before the wide one starts";
}

TEST_F(Alters, ALostRaceIsAConflict) {
  const JobId job = accept();
  Alter in;
  in.reply = ReplyToken{1};
  in.actor = {1000, false};
  in.job = job;
  in.before = in.after = desk.table.specs.at(job);
  ASSERT_TRUE(alter(job, [](JobSpec& spec) { spec.comment = "a"; }));
  desk.put(std::move(in));
  desk.turn();
  EXPECT_EQ(desk.last_reply().error().code, Errc::Conflict);
}

TEST_F(Alters, StrangersAreRefused) {
  const JobId job = accept();
  EXPECT_EQ(alter(job, [](JobSpec& spec) { spec.comment = "a"; }, {1001, false}).error().code,
            Errc::Denied);
  EXPECT_TRUE(alter(
      job, [](JobSpec& spec) { spec.comment = "a"; }, kOperator));
}

TEST_F(Alters, DependenciesBeginAndDeadlineAreSetAnew) {
  desk.node_up("n1", 1);
  const JobId first = accept(1, 100);
  desk.started(desk.launches.at(0));
  const JobId job = accept(1, 100);
  ASSERT_TRUE(alter(job, [&](JobSpec& spec) {
    spec.dependencies = {{DependencyKind::AfterOk, first, 0}};
  }));
  EXPECT_EQ(desk.state(job), JobState::Inited);
  EXPECT_EQ(desk.reason(job), Reason::Dependency);
  ASSERT_TRUE(alter(job, [&](JobSpec& spec) {
    spec.dependencies.clear();
    spec.begin = desk.now.wall + seconds(50);
  }));
  EXPECT_EQ(desk.reason(job), Reason::BeginTime);
  desk.ended(desk.launches[0]);
  EXPECT_EQ(desk.launches.size(), 1u);
  ASSERT_TRUE(alter(job, [&](JobSpec& spec) { spec.begin = {}; }));
  EXPECT_EQ(desk.launches.size(), 2u);
  const JobId late = accept(1, 100);
  const auto never =
      alter(late, [&](JobSpec& spec) { spec.deadline = desk.now.wall + seconds(50); });
  ASSERT_FALSE(never);
  ASSERT_TRUE(alter(late, [&](JobSpec& spec) { spec.deadline = desk.now.wall + seconds(150); }));
  desk.pass(seconds(60));
  desk.turn();
  EXPECT_EQ(desk.state(late), JobState::Cancelled);
  EXPECT_EQ(desk.reason(late), Reason::Deadline);
}

TEST_F(Alters, ACircleIsRefusedAndPrinted) {
  const JobId a = accept(), b = accept(), c = accept();
  const auto waits_for = [&](JobId id, JobId target) {
    return alter(id, [&](JobSpec& spec) {
      spec.dependencies = {{DependencyKind::AfterAny, target, 0}};
    });
  };
  ASSERT_TRUE(waits_for(b, a));
  ASSERT_TRUE(waits_for(c, b));
  const auto circle = waits_for(a, c);
  ASSERT_FALSE(circle);
  EXPECT_EQ(circle.error().message,
            "the jobs would wait for each other: job 1 waits for job 3, which waits for job 2, "
            "which waits for job 1");
  const auto self = waits_for(a, a);
  ASSERT_FALSE(self);
  EXPECT_NE(self.error().message.find("job 1 waits for itself"), std::string::npos);
}

TEST_F(Alters, ASingletonThatWaitsForItIsPartOfTheCircle) {
  const JobId first = accept();
  JobSpec spec = Desk::spec("ann");
  spec.singleton = true;
  const JobId single = desk.accept(spec);
  const auto circle = alter(first, [&](JobSpec& altered) {
    altered.dependencies = {{DependencyKind::AfterAny, single, 0}};
  });
  ASSERT_FALSE(circle);
  EXPECT_NE(circle.error().message.find("job 1 waits for job 2, which waits for job 1"),
            std::string::npos);
}

// A new name puts it before those that wait for all of that name.
TEST_F(Alters, ANewNameMakesNoCircle) {
  JobSpec spec = Desk::spec("ann");
  spec.name = "s";
  spec.hold = true;
  (void)desk.accept(spec);
  const JobId renamed = accept();
  spec.hold = false;
  spec.singleton = true;
  const JobId single = desk.accept(spec);
  ASSERT_TRUE(alter(renamed, [&](JobSpec& altered) {
    altered.dependencies = {{DependencyKind::AfterAny, single, 0}};
  }));
  const auto circle = alter(renamed, [](JobSpec& altered) { altered.name = "s"; });
  ASSERT_FALSE(circle);
  EXPECT_NE(circle.error().message.find("job 2 waits for job 3, which waits for job 2"),
            std::string::npos);
  EXPECT_TRUE(alter(renamed, [](JobSpec& altered) { altered.name = "t"; }));
}

// Nor does it where a singleton comes behind one that waits for it.
TEST_F(Alters, ANewNameOfASingletonMakesNoCircle) {
  JobSpec spec = Desk::spec("ann");
  spec.name = "s";
  const JobId first = desk.accept(spec);
  spec.name = "t";
  spec.singleton = spec.hold = true;
  const JobId single = desk.accept(spec);
  ASSERT_TRUE(alter(first, [&](JobSpec& altered) {
    altered.dependencies = {{DependencyKind::AfterAny, single, 0}};
  }));
  const auto circle = alter(single, [](JobSpec& altered) { altered.name = "s"; });
  ASSERT_FALSE(circle);
  EXPECT_NE(circle.error().message.find("job 2 waits for job 1, which waits for job 2"),
            std::string::npos);
}

// A start that was waited for has come, and stays so when the job is back in the queue: only so is
// there no circle after the restart either.
TEST_F(Alters, ARestartMakesNoCircleOfAStartThatHasCome) {
  desk.node_up("n1", 1);
  const JobId started = accept();
  JobSpec spec = Desk::spec("bob");
  spec.hold = true;
  const JobId held = desk.accept(spec);
  spec.hold = false;
  spec.dependencies = {{DependencyKind::After, started, 0}, {DependencyKind::AfterAny, held, 0}};
  const JobId both = desk.accept(spec);
  desk.started(desk.launches[0]);
  desk.compiles = false;  // or it would start again at once
  ASSERT_EQ(desk.command(Verb::Requeue, started)->touched, 1u);
  desk.ended(desk.launches[0], 0, EndCause::Killed);
  ASSERT_TRUE(alter(started, [&](JobSpec& altered) {
    altered.dependencies = {{DependencyKind::AfterAny, both, 0}};
  }));
  ASSERT_EQ(desk.state(started), JobState::Inited);
  desk.restart();
  EXPECT_TRUE(desk.controller.check().empty());
  EXPECT_EQ(desk.controller.why(both, {}, desk.now)->text, "waits for the end of job 2");
  EXPECT_EQ(desk.controller.job(both), desk.table.jobs.at(both));
}

// A start that has not come is waited for after a restart too.
TEST_F(Alters, AStartThatHasNotComeIsWaitedForAfterARestart) {
  JobSpec spec = Desk::spec("bob");
  spec.hold = true;
  const JobId first = desk.accept(spec), second = desk.accept(spec);
  spec.hold = false;
  spec.dependencies = {{DependencyKind::After, first, 0}, {DependencyKind::After, second, 0}};
  const JobId both = desk.accept(spec);
  desk.restart();
  EXPECT_EQ(desk.controller.why(both, {}, desk.now)->text,
            "waits for the start of job 1, the start of job 2");
  EXPECT_EQ(desk.controller.job(both), desk.table.jobs.at(both));
}

// Who was the first of his name waits for nobody who gets that name later: nor after a restart.
TEST_F(Alters, ARestartMakesNoCircleOfANewName) {
  const JobId renamed = accept();
  JobSpec spec = Desk::spec("ann");
  spec.name = "s";
  spec.singleton = spec.hold = true;
  const JobId single = desk.accept(spec);
  desk.table.jobs.at(single).singleton_met = false;  // as in an old store
  ASSERT_TRUE(alter(renamed, [&](JobSpec& altered) {
    altered.name = "s";
    altered.dependencies = {{DependencyKind::AfterAny, single, 0}};
  }));
  desk.restart();
  EXPECT_TRUE(desk.controller.check().empty());
  EXPECT_EQ(desk.controller.job(single), desk.table.jobs.at(single));
  desk.node_up("n1", 1);
  ASSERT_EQ(desk.command(Verb::Release, single)->touched, 1u);
  ASSERT_EQ(desk.launches.size(), 1u);
  EXPECT_EQ(desk.launches[0].id.task.job, single);
}

// A singleton between two of its elements goes back into its queue, where its new name counts.
TEST_F(Alters, ASingletonThatGoesBackMakesNoCircle) {
  JobSpec spec = Desk::spec("ann");
  spec.name = "s";
  spec.hold = true;
  const JobId first = desk.accept(spec);
  spec = Desk::array(1, 1);
  spec.name = "t";
  spec.singleton = true;
  const JobId single = desk.accept(spec);
  ASSERT_EQ(desk.state(single), JobState::Scheduled);
  ASSERT_TRUE(alter(first, [&](JobSpec& altered) {
    altered.dependencies = {{DependencyKind::AfterAny, single, 0}};
  }));
  const auto circle = alter(single, [&](JobSpec& altered) {
    altered.name = "s";
    altered.begin = desk.now.wall + seconds(5);
  });
  ASSERT_FALSE(circle);
  EXPECT_NE(circle.error().message.find("job 2 waits for job 1, which waits for job 2"),
            std::string::npos);
  EXPECT_TRUE(alter(single, [](JobSpec& altered) { altered.name = "s"; }));
}

TEST_F(Alters, ANameLetsASingletonGo) {
  desk.node_up("n1", 2);
  const JobId first = accept();
  JobSpec spec = Desk::spec("ann");
  spec.singleton = true;
  const JobId single = desk.accept(spec);
  EXPECT_EQ(desk.launches.size(), 1u);
  ASSERT_TRUE(alter(first, [](JobSpec& altered) { altered.name = "other"; }));
  ASSERT_EQ(desk.launches.size(), 2u);
  EXPECT_EQ(desk.launches[1].id.task.job, single);
}

TEST_F(Alters, AnArraysThrottleIsRaisedWhileItRuns) {
  desk.node_up("n1", 4);
  const JobId array = desk.accept(Desk::array(5, 1));
  EXPECT_EQ(desk.launches.size(), 1u);
  ASSERT_TRUE(alter(array, [](JobSpec& spec) { spec.array_throttle = 3; }));
  EXPECT_EQ(desk.launches.size(), 3u);
  const JobId job = accept();
  EXPECT_FALSE(alter(job, [](JobSpec& spec) { spec.array_throttle = 3; }));
}

TEST(AlterQuota, ItMovesToAnotherGroupAndQuotaOrStays) {
  ControllerConfig config;
  config.group_by = {"user", "team"};
  rm::QuotaRule rule;
  rule.match = {{"account", "small"}};
  rule.max[rm::Kind::QueuedJobs] = 1;
  config.quotas = {rule};
  Desk desk(config);
  JobSpec spec = Desk::spec("ann");
  spec.labels["account"] = "small";
  const JobId full = desk.accept(spec);
  const JobId job = desk.accept(Desk::spec("ann"));
  const auto alter = [&](JobId id, const rm::Labels& more) {
    Alter in;
    in.reply = ReplyToken{1};
    in.actor = {1000, false};
    in.job = id;
    in.revision = desk.table.jobs.at(id).revision;
    in.before = desk.table.specs.at(id);
    JobSpec after = *in.before;
    for (const auto& [key, value] : more) after.labels[key] = value;
    in.after = std::make_shared<const JobSpec>(std::move(after));
    desk.put(std::move(in));
    desk.turn();
    return desk.last_reply();
  };
  const auto refused = alter(job, {{"account", "small"}, {"team", "red"}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::Limit);
  ASSERT_TRUE(alter(full, {{"account", "large"}})) << "its own place is no obstacle";
  ASSERT_TRUE(alter(job, {{"account", "small"}, {"team", "red"}}));
  EXPECT_EQ(desk.controller.groups(0, 10).size(), 2u);
  desk.node_up("n1", 4);
  EXPECT_EQ(desk.launches.size(), 2u);
}

}  // namespace
}  // namespace drover::sched
