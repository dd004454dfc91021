// tests/unit/sched/may_preempt_test.cpp - who is only weighed is told whom the job may preempt.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "desk.hpp"
#include "sched/policy_book.hpp"

namespace drover::sched {
namespace {

// A node of four CPUs with two jobs of class low, two CPUs each; urgent goes over low.
class MayPreempt : public testing::TestWithParam<Backfill> {
 protected:
  MayPreempt() {
    desk.node_up("n1", 4);
    for (int i = 0; i < 2; ++i) {
      desk.accept(job("eve", "low", 2));
      desk.started(desk.launches.back());
    }
  }
  static std::shared_ptr<const PolicyBook> book() {
    PolicyBook made;
    QosSpec urgent, low, calm;
    urgent.name = "urgent";
    urgent.priority = 100;
    urgent.preempts = {"low"};
    low.name = "low";
    low.preempt_mode = PreemptMode::Requeue;
    low.preempt_grace = seconds(300);
    calm.name = "calm";
    calm.priority = 50;
    made.qos = QosTable::make({urgent, low, calm}, "calm").value();
    return std::make_shared<const PolicyBook>(complete(made).value());
  }
  static ControllerConfig config(std::shared_ptr<const PolicyBook> policy, Backfill backfill) {
    ControllerConfig with;
    with.book = std::move(policy);
    with.policy.backfill = backfill;
    return with;
  }
  JobSpec job(std::string user, std::string qos, std::int64_t cpus) const {
    JobSpec spec = Desk::spec(std::move(user), cpus);
    spec.ntasks = std::int32_t(cpus);
    spec.time_limit = seconds(100'000);
    spec.labels["qos"] = std::move(qos);
    EXPECT_TRUE(apply_policy(spec, *policy));
    return spec;
  }
  std::string ask(const JobSpec& spec) {
    const auto said = desk.controller.weigh(
        Submit{ReplyToken{1}, std::make_shared<const JobSpec>(spec), {}}, desk.now);
    EXPECT_TRUE(said && desk.controller.check().empty()) << "nothing of the question stays";
    return said ? said->why.text : "";
  }
  std::shared_ptr<const PolicyBook> policy = book();
  Desk desk{config(policy, GetParam())};
};

// Who goes leaves n1 and n3, which are no neighbours: n2 is with who gives way to nobody.
TEST_P(MayPreempt, NeighboursKillNobodyInVain) {
  for (const bool contiguous : {true, false}) {
    Desk row{config(policy, GetParam())};
    for (const char* node : {"n1", "n2", "n3"}) row.node_up(node, 4);
    for (const char* qos : {"low", "calm", "low"}) {
      row.accept(job("eve", qos, 4));
      row.started(row.launches.back());
    }
    JobSpec gang = job("ann", "urgent", 4);
    gang.request.nodes = 2;
    gang.request.contiguous = contiguous;
    row.accept(gang);
    EXPECT_EQ(row.kills.empty(), contiguous);
  }
}

TEST_P(MayPreempt, WhomItNamesIsWhoGoes) {
  const std::string all = ask(job("ann", "urgent", 4));
  EXPECT_TRUE(all.ends_with("; it may preempt job 1, job 2, and start sooner")) << all;
  const std::string one = ask(job("ann", "urgent", 2));
  EXPECT_TRUE(one.ends_with("; it may preempt job 1, and start sooner")) << one;
  EXPECT_EQ(ask(job("ann", "calm", 4)).find("preempt"), std::string::npos);
  desk.accept(job("ann", "calm", 4));
  const std::string behind = ask(job("ann", "urgent", 4));
  EXPECT_TRUE(
      behind.ends_with("; once it is the first in its queue it may preempt job 1, job 2, "
                       "and start sooner"))
      << behind;
  EXPECT_TRUE(desk.kills.empty());
  desk.accept(job("ann", "urgent", 4));
  EXPECT_EQ(desk.kills.size(), 2u);
}

TEST_P(MayPreempt, NobodyForAWholeNodeBeyondAQuota) {
  JobSpec whole = job("ann", "urgent", 1);
  whole.request.exclusive = true;
  EXPECT_NE(ask(whole).find("it may preempt job 1, job 2"), std::string::npos);
  EditQuotas edit{{}, {0, true}, {}};
  edit.edit.put.emplace_back().match = {{"qos", "urgent"}};
  edit.edit.put.back().max[rm::Kind::CpuMilli] = 3000;
  desk.put(edit);
  desk.turn();
  EXPECT_EQ(ask(whole).find("preempt"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Backfills, MayPreempt,
                         testing::Values(Backfill::None, Backfill::Easy, Backfill::Conservative));

}  // namespace
}  // namespace drover::sched
