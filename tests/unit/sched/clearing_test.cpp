// tests/unit/sched/clearing_test.cpp - notice, grace, promised room, and guarantees given back.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "tests/unit/sched/desk.hpp"
#include "tests/unit/sched/sized_jobs.hpp"

namespace drover::sched {
namespace {

constexpr Duration kGrace = seconds(300);
Duration grace_and(std::int64_t s) { return seconds(300 + s); }
constexpr Actor kOperator{0, true};

// urgent over low, whose jobs have five minutes; calm may be preempted by nobody.
std::shared_ptr<PolicyBook> book(PreemptMode mode = PreemptMode::Requeue) {
  auto book = std::make_shared<PolicyBook>();
  QosSpec urgent, low, calm;
  urgent.name = "urgent";
  urgent.priority = 100;
  urgent.preempts = {"low"};
  low.name = "low";
  low.preempt_mode = mode;
  low.preempt_grace = kGrace;
  calm.name = "calm";
  calm.priority = 50;
  book->qos = QosTable::make({urgent, low, calm}, "calm").value();
  *book = complete(*book).value();
  return book;
}

JobSpec job(const PolicyBook& policy, std::string user, std::string qos, std::int64_t cpus) {
  JobSpec spec = Desk::spec(std::move(user), cpus);
  spec.ntasks = std::int32_t(cpus);
  spec.time_limit = seconds(100'000);
  spec.labels["qos"] = std::move(qos);
  EXPECT_TRUE(apply_policy(spec, policy));
  return spec;
}

ControllerConfig with(std::shared_ptr<const PolicyBook> policy, Backfill backfill) {
  ControllerConfig config;
  config.book = std::move(policy);
  config.policy.backfill = backfill;
  return config;
}

// A node of four CPUs with two jobs of class low, two CPUs each.
class Grace : public testing::TestWithParam<Backfill> {
 protected:
  explicit Grace(PreemptMode mode = PreemptMode::Requeue) : policy(book(mode)) {
    desk.node_up("n1", 4);
    for (int i = 0; i < 2; ++i) {
      JobSpec spec = job(*policy, "eve", "low", 2);
      if (i == 0) spec.warn.signal = 10;
      low.push_back(desk.accept(spec));
      desk.started(desk.launches.back());
    }
  }
  JobId urgent(std::int64_t cpus = 4) { return desk.accept(job(*policy, "ann", "urgent", cpus)); }
  const TaskRecord& task(JobId id) { return desk.table.tasks.at({id, TaskIndex{0}}); }
  std::string why(JobId id) { return desk.controller.why(id, {}, desk.now)->text; }

  std::shared_ptr<PolicyBook> policy;
  Desk desk{with(policy, GetParam())};
  std::vector<JobId> low;
};

TEST_P(Grace, TheVictimHearsItsSignalAndIsEndedWhenItsGraceIsOver) {
  const JobId id = urgent();
  ASSERT_EQ(desk.kills.size(), 2u);
  EXPECT_EQ(desk.kills[0].signal, 10) << "the one it asked for";
  EXPECT_EQ(desk.kills[1].signal, 15);
  EXPECT_EQ(task(low[0]).state, TaskState::Running);
  EXPECT_EQ(task(low[0]).preempted_by, id);
  EXPECT_EQ(desk.reason(id), Reason::Preempting);
  EXPECT_NE(why(id).find("waits for 2 jobs to be preempted, until"), std::string::npos) << why(id);
  EXPECT_NE(why(low[0]).find("gives way to job 3"), std::string::npos) << why(low[0]);
  ASSERT_TRUE(desk.controller.next_timer(desk.now));
  EXPECT_LE(*desk.controller.next_timer(desk.now), desk.now.mono + kGrace);
  desk.pass(grace_and(-1));
  desk.turn();
  EXPECT_EQ(desk.kills.size(), 2u);
  desk.pass(seconds(1));
  desk.turn();
  ASSERT_EQ(desk.kills.size(), 4u);
  EXPECT_EQ(desk.kills[2].signal, 0) << "now it is ended";
  desk.ended(desk.launches[0], 0, EndCause::Killed);
  EXPECT_EQ(desk.launches.size(), 2u);
  desk.ended(desk.launches[1], 0, EndCause::Killed);
  ASSERT_EQ(desk.launches.size(), 3u);
  EXPECT_EQ(desk.launches[2].id.task.job, id);
  EXPECT_EQ(desk.state(low[0]), JobState::Scheduled) << "queued again";
}

TEST_P(Grace, WhoGoesEarlyFreesTheRoomAtOnceAndNobodyElseTakesIt) {
  const JobId id = urgent();
  desk.ended(desk.launches[0], 143);
  EXPECT_EQ(desk.state(low[0]), JobState::Scheduled) << "it gave way, so it is queued again";
  JobSpec quick = job(*policy, "ann", "calm", 1);
  quick.time_limit = seconds(10);
  const JobId other = desk.accept(quick);
  EXPECT_EQ(desk.launches.size(), 2u) << "two CPUs are idle, and promised";
  desk.ended(desk.launches[1], 1, EndCause::Signalled);
  ASSERT_EQ(desk.launches.size(), 3u);
  EXPECT_EQ(desk.launches[2].id.task.job, id);
  desk.started(desk.launches[2]);
  desk.ended(desk.launches[2]);
  EXPECT_EQ(desk.launches.at(3).id.task.job, other);
}

TEST_P(Grace, WhoIsDoneBeforeItsEndHasSucceeded) {
  urgent();
  desk.ended(desk.launches[0], 0);
  EXPECT_EQ(desk.state(low[0]), JobState::Succeeded);
}

TEST_P(Grace, WhenTheClaimantGoesNobodyIsEndedForIt) {
  const JobId id = urgent();
  ASSERT_TRUE(desk.command(Verb::Cancel, id));
  EXPECT_EQ(desk.state(id), JobState::Cancelled);
  EXPECT_EQ(task(low[0]).preempted_by, JobId{0});
  desk.pass(grace_and(10));
  desk.turn();
  EXPECT_EQ(desk.kills.size(), 2u);
  // It heard the signal all the same, and may leave because of it.
  desk.ended(desk.launches[0], 0, EndCause::Signalled);
  EXPECT_NE(desk.state(low[0]), JobState::Failed);
  EXPECT_EQ(desk.launches.at(2).id.task.job, low[0]) << "and runs again at once";
}

TEST_P(Grace, HoldingOrRequeueingTheClaimantSparesThemToo) {
  const JobId id = urgent();
  ASSERT_TRUE(desk.command(Verb::Hold, id));
  EXPECT_EQ(task(low[1]).preempted_by, JobId{0});
  ASSERT_TRUE(desk.command(Verb::Release, id));
  EXPECT_EQ(task(low[1]).preempted_by, id) << "told again";
  EXPECT_EQ(desk.kills.size(), 4u);
}

TEST_P(Grace, RoomElsewhereSparesThem) {
  const JobId id = urgent();
  desk.node_up("n2", 4);
  ASSERT_EQ(desk.launches.size(), 3u);
  EXPECT_EQ(desk.launches[2].id.task.job, id);
  EXPECT_EQ(task(low[0]).preempted_by, JobId{0});
  desk.pass(grace_and(10));
  desk.turn();
  EXPECT_EQ(desk.kills.size(), 2u);
}

TEST_P(Grace, ARestartKeepsThePromise) {
  const JobId id = urgent();
  desk.pass(seconds(100));
  desk.restart();
  desk.node_up("n1", 4, "b1", {{desk.launches[0].id, true}, {desk.launches[1].id, true}});
  EXPECT_EQ(task(low[0]).preempted_by, id);
  const std::size_t before = desk.kills.size();
  desk.pass(grace_and(-100));
  desk.turn();
  ASSERT_EQ(desk.kills.size(), before + 2);
  for (std::size_t i = before; i < desk.kills.size(); ++i) EXPECT_EQ(desk.kills[i].signal, 0);
}

TEST_P(Grace, ARestartWithoutTheClaimantSparesThem) {
  const JobId id = urgent();
  auto gone = desk.table.jobs.at(id);
  gone.state = JobState::Cancelled;
  desk.table.jobs[id] = gone;
  desk.restart();
  desk.node_up("n1", 4, "b1", {{desk.launches[0].id, true}, {desk.launches[1].id, true}});
  EXPECT_EQ(task(low[0]).preempted_by, JobId{0});
  desk.pass(grace_and(10));
  desk.turn();
  for (const Kill& kill : desk.kills) EXPECT_NE(kill.signal, 0);
}

TEST_P(Grace, ANodeThatIsDrainedKeepsNoPromise) {
  urgent();
  desk.put(ServeNode{ReplyToken{1}, kOperator, "n1", Service::Draining, "broken", false});
  desk.turn();
  EXPECT_EQ(task(low[0]).preempted_by, JobId{0});
}

TEST_P(Grace, WhoHasNotStartedYetHasNothingToSave) {
  ASSERT_TRUE(desk.command(Verb::Cancel, low[0], kOperator));
  desk.ended(desk.launches[0], 0, EndCause::Killed);
  desk.pass(seconds(10));
  desk.accept(job(*policy, "eve", "low", 2));
  ASSERT_EQ(desk.launches.size(), 3u);
  desk.kills.clear();
  urgent(2);
  ASSERT_EQ(desk.kills.size(), 1u);
  EXPECT_EQ(desk.kills[0].signal, 0);
  EXPECT_EQ(desk.kills[0].id.task.job, desk.launches[2].id.task.job);
}

INSTANTIATE_TEST_SUITE_P(Backfills, Grace,
                         testing::Values(Backfill::None, Backfill::Easy, Backfill::Conservative,
                                         Backfill::DepthK));

class GraceThenCancel : public Grace {
 protected:
  GraceThenCancel() : Grace(PreemptMode::Cancel) {}
};

TEST_P(GraceThenCancel, IsCancelledHoweverItEnds) {
  urgent();
  desk.ended(desk.launches[0], 9);
  EXPECT_EQ(desk.state(low[0]), JobState::Cancelled);
  EXPECT_EQ(task(low[0]).reason, Reason::Preempted);
  desk.pass(kGrace);
  desk.turn();
  desk.ended(desk.launches[1], 0, EndCause::Killed);
  EXPECT_EQ(task(low[1]).reason, Reason::Preempted);
  EXPECT_EQ(desk.launches.size(), 3u);
}

INSTANTIATE_TEST_SUITE_P(Backfills, GraceThenCancel,
                         testing::Values(Backfill::None, Backfill::Easy));

// ---- what else a node must have

void put_node(Desk& desk, const std::string& name, rm::Labels labels,
              const std::vector<std::string>& gpus) {
  NodeUp up;
  up.spec.name = name;
  up.spec.labels = std::move(labels);
  up.spec.topology = rm::make_topology(1, 1, 4, 1, 1000);
  for (std::size_t i = 0; i < gpus.size(); ++i)
    up.spec.topology.gpus.push_back({gpus[i], "", std::uint16_t(i), 0});
  up.boot_id = "b1";
  up.session = SessionId{++desk.sessions};
  desk.put(std::move(up));
  desk.turn();
}

TEST(Preempt, TakesGpusOfTheModelThatIsAskedFor) {
  const auto policy = book();
  Desk desk(with(policy, Backfill::Easy));
  put_node(desk, "n1", {}, {"a100", "h100"});
  std::map<std::string, JobId> holder;
  for (const char* model : {"a100", "h100"}) {
    JobSpec spec = job(*policy, "eve", "low", 1);
    spec.request.gpus = 1;
    spec.request.gpu_model = model;
    holder[model] = desk.accept(spec);
    desk.started(desk.launches.back());
  }
  JobSpec spec = job(*policy, "ann", "urgent", 1);
  spec.request.gpus = 1;
  spec.request.gpu_model = "a100";
  desk.accept(spec);
  ASSERT_EQ(desk.kills.size(), 1u);
  EXPECT_EQ(desk.kills[0].id.task.job, holder["a100"]) << "though the other is younger";
}

TEST(Preempt, LooksOnlyWhereTheConstraintAllows) {
  const auto policy = book();
  Desk desk(with(policy, Backfill::Easy));
  std::vector<JobId> on;
  for (const char* rack : {"r1", "r2", "r2", "r3"}) {
    put_node(desk, "n" + std::to_string(on.size() + 1), {{"rack", rack}}, {});
    on.push_back(desk.accept(job(*policy, "eve", "low", 4)));
    desk.started(desk.launches.back());
  }
  JobSpec one = job(*policy, "ann", "urgent", 4);
  one.request.constraint = "rack=r3";
  const JobId first = desk.accept(one);
  ASSERT_EQ(desk.kills.size(), 1u);
  EXPECT_EQ(desk.kills[0].id.task.job, on[3]);
  ASSERT_TRUE(desk.command(Verb::Cancel, first));
  desk.kills.clear();
  JobSpec same = job(*policy, "ann", "urgent", 4);
  same.request.nodes = 2;
  same.request.constraint = "[rack=r1|rack=r2|rack=r3]";
  const JobId second = desk.accept(same);
  std::vector<JobId> went;
  for (const Kill& kill : desk.kills) went.push_back(kill.id.task.job);
  EXPECT_EQ(went, (std::vector<JobId>{on[1], on[2]})) << "both in one rack";
  ASSERT_TRUE(desk.command(Verb::Cancel, second));
  desk.kills.clear();
  JobSpec mixed = job(*policy, "ann", "urgent", 4);
  mixed.request.nodes = 2;
  mixed.request.constraint = "rack=r1*1&rack=r3*1";
  desk.accept(mixed);
  went.clear();
  for (const Kill& kill : desk.kills) went.push_back(kill.id.task.job);
  EXPECT_EQ(went, (std::vector<JobId>{on[0], on[3]}));
}

// ---- guarantees

rm::QuotaRule rule(rm::Labels match, std::int64_t max, std::int64_t guaranteed) {
  rm::QuotaRule rule;
  rule.match = std::move(match);
  rule.max.of.fill(-1);
  if (max >= 0) rule.max[rm::Kind::CpuMilli] = max * 1000;
  rule.guaranteed[rm::Kind::CpuMilli] = guaranteed * 1000;
  if (guaranteed > 0) rule.reclaim = rm::Reclaim::Preempt;
  return rule;
}

// Eight CPUs in all. ann is guaranteed four, eve two; bob and eve have borrowed what ann has idle.
struct Borrowed {
  explicit Borrowed(PreemptMode mode = PreemptMode::Requeue, Backfill backfill = Backfill::Easy,
                    std::int64_t ann_runs = -1)
      : policy(book(mode)), desk([&] {
          ControllerConfig config = with(policy, backfill);
          config.quota_tree = rm::QuotaTree::make({"partition", "user"}, {}).value();
          config.quotas = {rule({{"partition", "main"}}, 8, 0),
                           rule({{"partition", "main"}, {"user", "ann"}}, -1, 4),
                           rule({{"partition", "main"}, {"user", "eve"}}, -1, 2)};
          config.quotas[1].max[rm::Kind::RunningJobs] = ann_runs;
          return config;
        }()) {}
  std::shared_ptr<PolicyBook> policy;
  Desk desk;
  std::vector<JobId> jobs;
  JobId add(const std::string& user, std::int64_t cpus, const char* qos = "low") {
    JobSpec spec = job(*policy, user, qos, cpus);
    spec.labels["partition"] = "main";
    if (user == "bob") spec.owner.uid = 1002;
    const std::size_t launched = desk.launches.size();
    const JobId id = desk.accept(spec);
    if (desk.launches.size() > launched) desk.started(desk.launches.back());
    return id;
  }
};

TEST(Reclaim, TheGuaranteeComesBackFromThoseWhoBorrowedItWithinTheirGrace) {
  Borrowed all;
  Desk& desk = all.desk;
  desk.node_up("n1", 16);
  const JobId own = all.add("eve", 2);
  const JobId borrowed = all.add("bob", 4);
  const JobId small = all.add("bob", 2);
  ASSERT_EQ(desk.launches.size(), 3u);
  const JobId ann = all.add("ann", 4, "calm");
  ASSERT_EQ(desk.kills.size(), 1u) << "as few as are enough";
  EXPECT_EQ(desk.kills[0].id.task.job, borrowed);
  EXPECT_EQ(desk.kills[0].signal, 15) << "with its grace";
  EXPECT_NE(desk.controller.why(ann, {}, desk.now)->text.find("waits for 1 job to be preempted"),
            std::string::npos);
  desk.pass(kGrace);
  desk.turn();
  ASSERT_EQ(desk.kills.size(), 2u);
  desk.ended(desk.launches[1], 0, EndCause::Killed);
  ASSERT_EQ(desk.launches.size(), 4u);
  EXPECT_EQ(desk.launches[3].id.task.job, ann);
  desk.pass(seconds(10));
  desk.turn();
  EXPECT_EQ(desk.kills.size(), 2u);
  EXPECT_EQ(desk.state(own), JobState::Running);
  EXPECT_EQ(desk.state(small), JobState::Running);
  EXPECT_EQ(desk.reason(borrowed), Reason::Quota) << "it waits, and takes nothing back";
}

TEST(Reclaim, NobodyLosesWhatIsWithinTheirOwnGuarantee) {
  Borrowed all;
  Desk& desk = all.desk;
  desk.node_up("n1", 16);
  all.add("eve", 2);
  const JobId more = all.add("eve", 6);
  ASSERT_EQ(desk.launches.size(), 2u);
  const JobId ann = all.add("ann", 4, "calm");
  ASSERT_EQ(desk.kills.size(), 1u);
  EXPECT_EQ(desk.kills[0].id.task.job, more) << "without it she still has her two";
  desk.ended(desk.launches[1], 1);
  EXPECT_EQ(desk.launches.at(2).id.task.job, ann);
}

TEST(Reclaim, TakesThoseWhoseEndMakesRoomOnANode) {
  Borrowed all;
  Desk& desk = all.desk;
  desk.node_up("n1", 4);
  all.add("bob", 2);
  all.add("bob", 2);
  desk.node_up("n2", 4);
  all.add("bob", 4);
  ASSERT_EQ(desk.launches.size(), 3u);
  const JobId ann = all.add("ann", 3, "calm");
  ASSERT_EQ(desk.kills.size(), 1u) << "two from n1 would be enough, too; one is fewer";
  EXPECT_EQ(desk.kills[0].node, desk.launches[2].node);
  desk.ended(desk.launches[2], 1);
  EXPECT_EQ(desk.launches.at(3).id.task.job, ann);
  EXPECT_EQ(desk.launches.at(3).node, desk.launches[2].node);
}

TEST(Reclaim, WhoAsksForMoreThanTheGuaranteeWaits) {
  Borrowed all;
  all.desk.node_up("n1", 16);
  all.add("bob", 8);
  all.add("ann", 5, "calm");
  EXPECT_TRUE(all.desk.kills.empty());
}

// ---- guarantees given back by those who only stand still: nothing that follows is an event

class Standing : public testing::TestWithParam<Backfill> {};

TEST_P(Standing, TheGuaranteeIsUsedInTheSameTurn) {
  Borrowed all(PreemptMode::Suspend, GetParam());
  Desk& desk = all.desk;
  desk.node_up("n1", 16);
  const JobId bob = all.add("bob", 8);
  const JobId ann = all.add("ann", 4, "calm");
  ASSERT_EQ(desk.launches.size(), 2u);
  EXPECT_EQ(desk.launches[1].id.task.job, ann);
  ASSERT_EQ(desk.pauses.size(), 1u);
  EXPECT_EQ(desk.state(bob), JobState::Suspended);
  const JobId next = all.add("ann", 4, "calm");
  desk.ended(desk.launches[1]);
  ASSERT_EQ(desk.launches.size(), 3u);
  EXPECT_EQ(desk.launches[2].id.task.job, next);
  EXPECT_EQ(desk.pauses.size(), 1u) << "it does not go on for a moment";
  desk.started(desk.launches[2]);
  desk.ended(desk.launches[2]);
  EXPECT_EQ(desk.state(bob), JobState::Running);
  EXPECT_EQ(desk.pauses.size(), 2u);
}

TEST_P(Standing, WhomAnotherQuotaStopsLetsThemGoOnAtOnce) {
  Borrowed all(PreemptMode::Suspend, GetParam(), 1);
  Desk& desk = all.desk;
  desk.node_up("n1", 16);
  all.add("ann", 2, "calm");
  const JobId bob = all.add("bob", 6);
  const JobId ann = all.add("ann", 2, "calm");
  ASSERT_EQ(desk.launches.size(), 2u) << "one job at a time";
  EXPECT_EQ(desk.state(bob), JobState::Running);
  EXPECT_EQ(desk.pauses.size() % 2, 0u);
  const std::size_t before = desk.pauses.size();
  for (int turn = 0; turn < 3; ++turn) desk.turn();
  EXPECT_EQ(desk.pauses.size(), before) << "and nobody is stopped again for nothing";
  desk.ended(desk.launches[0]);
  ASSERT_EQ(desk.launches.size(), 3u);
  EXPECT_EQ(desk.launches[2].id.task.job, ann);
}

INSTANTIATE_TEST_SUITE_P(Backfills, Standing,
                         testing::Values(Backfill::None, Backfill::Easy, Backfill::Conservative,
                                         Backfill::DepthK));

class StandingInTheWay : public Standing {};

TEST_P(StandingInTheWay, WhoWantsANodeAloneHasThemRequeued) {
  Borrowed all(PreemptMode::Suspend, GetParam());
  Desk& desk = all.desk;
  desk.node_up("n1", 4);
  desk.node_up("n2", 4);
  const JobId bob = all.add("bob", 4);
  all.add("bob", 4);
  JobSpec alone = job(*all.policy, "ann", "calm", 1);
  alone.labels["partition"] = "main";
  alone.request.exclusive = true;
  const JobId ann = desk.accept(alone);
  EXPECT_TRUE(desk.pauses.empty()) << "they would be in the way as they stand";
  ASSERT_EQ(desk.kills.size(), 1u);
  EXPECT_EQ(desk.kills[0].id.task.job, bob);
  desk.pass(kGrace);
  desk.turn();
  desk.ended(desk.launches[0], 0, EndCause::Killed);
  EXPECT_EQ(desk.launches.at(2).id.task.job, ann);
}

INSTANTIATE_TEST_SUITE_P(Backfills, StandingInTheWay,
                         testing::Values(Backfill::None, Backfill::Easy, Backfill::DepthK));

// ---- promises that are given up when others have been served

// Partition one is served first. `still` of it stands still for a job of two, which waits for
// `slow` as well; then a quota stops that job, and nobody else moves.
TEST(Promise, WhoStandsStillGoesOnWhenItIsGivenUpLater) {
  for (const Backfill backfill :
       {Backfill::None, Backfill::Easy, Backfill::Conservative, Backfill::DepthK}) {
    SCOPED_TRACE(int(backfill));
    auto policy = std::make_shared<PolicyBook>();
    QosSpec urgent, still, slow;
    urgent.name = "urgent";
    urgent.priority = 100;
    urgent.preempts = {"still", "slow"};
    still.name = "still";
    still.preempt_mode = PreemptMode::Suspend;
    slow.name = "slow";
    slow.preempt_mode = PreemptMode::Cancel;
    slow.preempt_grace = kGrace;
    policy->qos = QosTable::make({urgent, still, slow}).value();
    PartitionSpec one, two;
    one.name = "one";
    two.name = "two";
    one.policy.backfill = two.policy.backfill = backfill;
    policy->partitions = PartitionTable::make({one, two}).value();
    *policy = complete(*policy).value();
    Desk desk(with(policy, backfill));
    desk.node_up("n1", 4);
    const auto add = [&](const char* user, const char* qos, const char* where, std::int64_t cpus) {
      JobSpec spec = Desk::spec(user, cpus);
      spec.ntasks = std::int32_t(cpus);
      spec.time_limit = seconds(100'000);
      spec.labels["qos"] = qos;
      spec.labels["partition"] = where;
      EXPECT_TRUE(apply_policy(spec, *policy));
      return desk.accept(spec);
    };
    const JobId sleeper = add("eve", "still", "one", 2);
    desk.started(desk.launches.back());
    add("eve", "slow", "one", 2);
    desk.started(desk.launches.back());
    ASSERT_EQ(desk.launches.size(), 2u);
    const JobId winner = add("ann", "urgent", "two", 4);
    ASSERT_EQ(desk.state(sleeper), JobState::Suspended);
    EditQuotas edit;
    edit.actor = kOperator;
    edit.edit.put = {rule({{"user", "ann"}}, 2, 0)};
    desk.put(edit);
    desk.turn();
    desk.ended(desk.launches[1], 1);
    EXPECT_EQ(desk.reason(winner), Reason::Quota);
    EXPECT_EQ(desk.launches.size(), 2u);
    EXPECT_EQ(desk.state(sleeper), JobState::Running);
    EXPECT_EQ(desk.controller.resources().holds(), 0u);
  }
}

// A quota would stop it as soon as they had gone.
TEST(Promise, WhomAQuotaStopsMakesNobodyGo) {
  const auto policy = book();
  ControllerConfig config = with(policy, Backfill::Easy);
  config.quotas = {rule({{"user", "ann"}}, 4, 0)};
  Desk desk(config);
  desk.node_up("n1", 2);
  const JobId calm = desk.accept(job(*policy, "eve", "calm", 1));
  desk.accept(job(*policy, "eve", "low", 1));
  desk.node_up("n2", 2);
  desk.accept(job(*policy, "eve", "low", 2));
  ASSERT_EQ(desk.launches.size(), 3u);
  JobSpec gang = job(*policy, "ann", "urgent", 2);
  gang.ntasks = 4;
  gang.request.nodes = 2;
  desk.accept(gang);
  EXPECT_TRUE(desk.kills.empty()) << "calm stays, so it is no use";
  desk.node_up("n3", 1);
  const JobId quick = desk.accept(job(*policy, "ann", "calm", 1));
  ASSERT_EQ(desk.launches.size(), 4u);
  EXPECT_EQ(desk.launches[3].id.task.job, quick);
  EXPECT_EQ(desk.launches[0].id.task.job, calm);
  desk.ended(desk.launches[0]);
  EXPECT_TRUE(desk.kills.empty());
  desk.ended(desk.launches[3]);
  EXPECT_EQ(desk.kills.size(), 2u);
}

// A whole node is more than its quota allows: nobody is sent away for a job that could never start.
TEST(GraceAndQuotas, NobodyGivesWayToWhoIsBeyondAQuota) {
  for (const Backfill backfill : {Backfill::None, Backfill::Easy, Backfill::Conservative}) {
    const auto policy = book();
    ControllerConfig config = with(policy, backfill);
    config.quotas = {at_most({{"user", "ann"}}, 3)};
    Desk desk(config);
    desk.node_up("n1", 4);
    desk.accept(job(*policy, "eve", "low", 4));
    desk.started(desk.launches.back());
    JobSpec alone = job(*policy, "ann", "urgent", 2);
    alone.request.exclusive = true;
    desk.accept(alone);
    desk.pass(seconds(1'000));
    EXPECT_TRUE(desk.kills.empty()) << int(backfill);
  }
}

}  // namespace
}  // namespace drover::sched
